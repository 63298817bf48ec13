//! What Loki answers, by the limits that it has unless told otherwise: for a [`Scripted`](crate::scripted::Scripted) collector.
//!
//! Loki is under the AGPL, and so nothing of it is built or run here. The words are its own, as it said them to the exporter and
//! as its documentation has them.
//!
//! Source: <https://grafana.com/docs/loki/latest/operations/troubleshooting/troubleshoot-ingest/>

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use crate::scripted::{Received, Reply};

/// `reject_old_samples_max_age`.
const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// `max_line_size`.
const LINE_BYTES_MAX: usize = 256 << 10;

/// `max_structured_metadata_entries_count`.
pub const ATTRIBUTES_MAX: usize = 128;

/// `max_structured_metadata_size`.
pub const ATTRIBUTES_BYTES_MAX: usize = 64 << 10;

/// What Loki adds to a record's attributes of its own accord: severity, time observed, trace, scope, the resource's version.
const ATTRIBUTES_OF_ITS_OWN: usize = 10;

const NO_RECORD: Reply = Reply::Page(422, None, "error at least one valid stream is required for ingestion");
const TOO_OLD: Reply = Reply::Page(
    400,
    None,
    "entry for stream '{service_name=\"twilio-debugger-exporter\"}' has timestamp too old: 2020-01-02T03:04:05Z, oldest \
     acceptable timestamp is: 2026-11-14T10:00:00Z",
);
const LINE_TOO_LONG: Reply = Reply::Page(
    400,
    None,
    "Max entry size '262144' bytes exceeded for stream '{service_name=\"twilio-debugger-exporter\"}' while adding an entry with \
     length '300000' bytes",
);
const TOO_MANY_ATTRIBUTES: Reply = Reply::Page(
    400,
    None,
    "stream '{service_name=\"twilio-debugger-exporter\"}' has too many structured metadata labels: '150', limit: '128'. Please \
     see `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it.",
);
const ATTRIBUTES_TOO_LARGE: Reply = Reply::Page(
    400,
    None,
    "stream '{service_name=\"twilio-debugger-exporter\"}' has structured metadata too large: '70000' bytes, limit: '65536' \
     bytes. Please see `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it.",
);

/// Answers as Loki does. It has no word for a request in which nothing is left to be stored but that nothing is.
pub fn answer(request: &Received) -> Reply {
    if request.sids.is_empty() {
        return NO_RECORD;
    }
    request.records().find_map(refusal_of).unwrap_or(Reply::Ok)
}

fn refusal_of(record: &LogRecord) -> Option<Reply> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let time = Duration::from_nanos(record.time_unix_nano);
    let body = record.body.as_ref().and_then(|body| body.value.as_ref());
    [
        (now.saturating_sub(time) > AGE_MAX, TOO_OLD),
        (body.is_some_and(|body| bytes_of(body) > LINE_BYTES_MAX), LINE_TOO_LONG),
        (record.attributes.len() + ATTRIBUTES_OF_ITS_OWN > ATTRIBUTES_MAX, TOO_MANY_ATTRIBUTES),
        (attributes_bytes(record) > ATTRIBUTES_BYTES_MAX, ATTRIBUTES_TOO_LARGE),
    ]
    .into_iter()
    .find_map(|(is_so, refusal)| is_so.then_some(refusal))
}

/// How long the names and values of a record's attributes are together.
pub fn attributes_bytes(record: &LogRecord) -> usize {
    let bytes = |attribute: &KeyValue| {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
        attribute.key.len() + value.map_or(0, bytes_of)
    };
    record.attributes.iter().map(bytes).sum()
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::StringValue(text) => text.len(),
        other => format!("{other:?}").len(),
    }
}
