//! An event as an OTLP log record.
//!
//! Pure. Names follow OpenTelemetry's semantic conventions where there are any, and `twilio.` where there are none; what is
//! unknown is absent, never empty.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/logs/data-model/>

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::catalogue::{About, Catalogue};
use crate::error_code::ErrorCode;
use crate::event::DebuggerEvent;
use crate::level::Level;
use crate::sid::resource_type;

/// The event name of every record.
const EVENT_NAME: &str = "twilio.debugger.event";

/// The most bytes of `twilio.payload`.
///
/// With the few other attributes, none above 4 KiB, a record stays below the 128 attributes and 64 KiB that Loki takes.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

const PAYLOAD: &str = "twilio.payload";
const PAYLOAD_TRUNCATED: &str = "twilio.payload.truncated";

/// What every record is sent under: the resource that it is about, and the scope that it comes from.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    resource: Resource,
    scope: InstrumentationScope,
}

impl Envelope {
    /// An envelope for a resource of these attributes, in this order.
    pub(super) fn new(resource: &[(String, String)]) -> Self {
        let attributes = resource.iter().map(|(key, value)| text(key, value.clone())).collect();
        let scope = InstrumentationScope {
            name: "twilio.debugger".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        Self { resource: Resource { attributes, ..Resource::default() }, scope }
    }

    /// A request with these records. Without any it names resource and scope all the same: an empty message has no body, and
    /// some servers ask for one.
    pub(super) fn request(&self, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
        let scope_logs = vec![ScopeLogs { scope: Some(self.scope.clone()), log_records, ..ScopeLogs::default() }];
        let resource = Some(self.resource.clone());
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }],
        }
    }
}

/// Maps an event. `catalogue` adds what it knows of the code, and takes the place of nothing that the event says itself.
pub(super) fn log_record(event: &DebuggerEvent, catalogue: &Catalogue) -> LogRecord {
    let (severity_number, severity_text) = severity(event.level);
    let about = catalogue.about(event.error_code);
    let body = event.message.clone().unwrap_or_else(|| match about.title {
        Some(title) => format!("{} {title}", event.error_code),
        None => event.error_code.to_string(),
    });
    let mut record = LogRecord {
        time_unix_nano: nanoseconds(event.occurred_at),
        observed_time_unix_nano: nanoseconds(event.received_at),
        severity_number,
        severity_text: severity_text.to_owned(),
        event_name: EVENT_NAME.to_owned(),
        body: Some(text_value(body)),
        attributes: attributes(event, about),
        ..LogRecord::default()
    };
    if let Some(trace) = event.trace {
        record.trace_id = trace.trace_id.to_vec();
        record.span_id = trace.span_id.to_vec();
        record.flags = trace.flags.into();
    }
    record
}

/// Makes a record that was too large smaller, by halving its payload; false when there is none left.
pub(super) fn shrink(record: &mut LogRecord) -> bool {
    let Some(index) = record.attributes.iter().position(|attribute| attribute.key == PAYLOAD) else {
        return false;
    };
    let half = match &record.attributes[index].value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) if text.len() >= 512 => {
            Some(text[..text.floor_char_boundary(text.len() / 2)].to_owned())
        }
        _ => None,
    };
    match half {
        Some(half) => record.attributes[index].value = Some(text_value(half)),
        None => drop(record.attributes.remove(index)),
    }
    if !record.attributes.iter().any(|attribute| attribute.key == PAYLOAD_TRUNCATED) {
        record.attributes.push(flag(PAYLOAD_TRUNCATED));
    }
    true
}

fn attributes(event: &DebuggerEvent, about: About<'_>) -> Vec<KeyValue> {
    let exchange = event.exchange.as_ref();
    let resource_type = event.resource_sid.as_deref().and_then(resource_type);
    let code = Some(event.error_code).filter(|code| *code != ErrorCode::Absent);
    let texts = [
        ("log.record.uid", Some(event.sid.to_string())),
        ("twilio.error_code", code.map(|code| code.to_string())),
        ("twilio.level", Some(event.level.as_str().to_owned())),
        ("twilio.source", Some(event.source.as_str().to_owned())),
        ("twilio.account_sid", Some(event.account_sid.to_string())),
        ("twilio.parent_account_sid", event.parent_account_sid.as_ref().map(ToString::to_string)),
        ("twilio.resource_sid", event.resource_sid.clone()),
        ("twilio.resource_type", resource_type.map(str::to_owned)),
        ("twilio.service_sid", event.service_sid.clone()),
        ("twilio.product", event.product.as_deref().or(about.product).map(str::to_owned)),
        ("twilio.docs_url", about.docs_url),
        ("http.request.method", exchange.and_then(|exchange| exchange.method.clone())),
        ("url.full", exchange.and_then(|exchange| exchange.url.clone())),
    ];
    let mut attributes: Vec<_> = texts.into_iter().filter_map(|(key, value)| Some(text(key, value?))).collect();
    if let Some(status) = exchange.and_then(|exchange| exchange.status) {
        attributes.push(attribute("http.response.status_code", Value::IntValue(status.into())));
    }
    if event.occurred_at_assumed {
        attributes.push(flag("twilio.timestamp_assumed"));
    }
    let payload = event.payload.as_ref().map_or("", |payload| payload.get());
    let kept = &payload[..payload.floor_char_boundary(PAYLOAD_BYTES_MAX)];
    if !kept.is_empty() {
        attributes.push(text(PAYLOAD, kept.to_owned()));
    }
    if kept.len() < payload.len() || event.payload_trimmed {
        attributes.push(flag(PAYLOAD_TRUNCATED));
    }
    attributes
}

/// Source: <https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber>
fn severity(level: Level) -> (i32, &'static str) {
    match level {
        Level::Error => (17, "ERROR"),
        Level::Warning => (13, "WARN"),
        Level::Info => (9, "INFO"),
        Level::Debug => (5, "DEBUG"),
        Level::Other => (0, ""),
    }
}

/// Nanoseconds since 1970; 0, which OTLP reads as unknown, for anything before.
fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or(0)
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, value: String) -> KeyValue {
    attribute(key, Value::StringValue(value))
}

fn text_value(text: String) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text)) }
}

fn flag(key: &str) -> KeyValue {
    attribute(key, Value::BoolValue(true))
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use serde_json::json;

    use super::{PAYLOAD_BYTES_MAX, log_record, shrink};
    use crate::catalogue::Catalogue;
    use crate::event::DebuggerEvent;

    fn event(changes: &serde_json::Value) -> DebuggerEvent {
        let mut document = json!({
            "sid": "NO1", "account_sid": "AC1", "level": "error", "error_code": "11200", "source": "webhook",
            "occurred_at": "2026-01-02T03:04:05.678Z", "received_at": "2026-01-02T03:04:06Z",
        });
        let object = document.as_object_mut().expect("an object");
        object.extend(changes.as_object().expect("an object").clone());
        serde_json::from_value(document).expect("an event")
    }

    fn record_of(event: &DebuggerEvent) -> LogRecord {
        log_record(event, &Catalogue::default())
    }

    fn attribute<'a>(record: &'a LogRecord, key: &str) -> Option<&'a Value> {
        let attribute = record.attributes.iter().find(|attribute| attribute.key == key)?;
        attribute.value.as_ref()?.value.as_ref()
    }

    fn is_text(record: &LogRecord, key: &str, text: &str) -> bool {
        attribute(record, key) == Some(&Value::StringValue(text.to_owned()))
    }

    #[test]
    fn every_known_field_is_mapped() {
        let record = record_of(&event(&json!({
            "message": "Bad Gateway", "parent_account_sid": "AC2", "resource_sid": "SM1", "service_sid": "MG1",
            "exchange": {"method": "POST", "url": "https://h/p", "status": 502},
            "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        })));
        assert_eq!(record.event_name, "twilio.debugger.event");
        assert_eq!((record.severity_number, record.severity_text.as_str()), (17, "ERROR"));
        assert_eq!(record.time_unix_nano, 1_767_323_045_678_000_000);
        assert_eq!(record.observed_time_unix_nano, 1_767_323_046_000_000_000);
        assert_eq!(
            record.body.as_ref().and_then(|body| body.value.clone()),
            Some(Value::StringValue("Bad Gateway".into()))
        );
        assert_eq!((record.trace_id[0], record.span_id[1], record.flags), (0x4b, 0xf0, 1));
        for (key, value) in [
            ("log.record.uid", "NO1"),
            ("twilio.error_code", "11200"),
            ("twilio.level", "error"),
            ("twilio.source", "webhook"),
            ("twilio.account_sid", "AC1"),
            ("twilio.parent_account_sid", "AC2"),
            ("twilio.resource_sid", "SM1"),
            ("twilio.resource_type", "message"),
            ("twilio.service_sid", "MG1"),
            ("twilio.product", "Webhooks"),
            ("http.request.method", "POST"),
            ("url.full", "https://h/p"),
        ] {
            assert!(is_text(&record, key, value), "{key}");
        }
        assert_eq!(attribute(&record, "http.response.status_code"), Some(&Value::IntValue(502)));
    }

    #[test]
    fn a_catalogue_names_the_code_and_takes_nothing_from_the_event() {
        let list =
            r#"[{"code": 11200, "message": "HTTP retrieval failure", "product": "Platform", "log_level": "WARNING"}]"#;
        let catalogue = Catalogue::parse(list).expect("a list");
        let body = |record: &LogRecord| record.body.as_ref().and_then(|body| body.value.clone());
        let bare = log_record(&event(&json!({})), &catalogue);
        assert_eq!(body(&bare), Some(Value::StringValue("11200 HTTP retrieval failure".into())));
        assert!(is_text(&bare, "twilio.docs_url", "https://www.twilio.com/docs/api/errors/11200"));
        assert!(is_text(&bare, "twilio.product", "Platform") && is_text(&bare, "twilio.level", "error"));
        let own = log_record(&event(&json!({"message": "Bad Gateway", "product": "Event Streams"})), &catalogue);
        assert_eq!(body(&own), Some(Value::StringValue("Bad Gateway".into())));
        assert!(is_text(&own, "twilio.product", "Event Streams"));
        let unlisted = log_record(&event(&json!({"error_code": "90001"})), &catalogue);
        assert_eq!(body(&unlisted), Some(Value::StringValue("90001".into())));
        assert_eq!((attribute(&unlisted, "twilio.product"), attribute(&unlisted, "twilio.docs_url")), (None, None));
    }

    #[test]
    fn what_is_unknown_is_absent() {
        let record = record_of(&event(&json!({"error_code": "none", "level": "other"})));
        let keys: Vec<_> = record.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        assert_eq!(keys, ["log.record.uid", "twilio.level", "twilio.source", "twilio.account_sid"]);
        assert_eq!((record.severity_number, record.severity_text.as_str()), (0, ""));
        assert!(record.trace_id.is_empty());
    }

    #[test]
    fn a_long_payload_is_cut_and_flagged() {
        let at_limit = "é".repeat(PAYLOAD_BYTES_MAX / 2 - 1);
        let record = record_of(&event(&json!({ "payload": at_limit })));
        assert!(is_text(&record, "twilio.payload", &format!("\"{at_limit}\"")));
        assert_eq!(attribute(&record, "twilio.payload.truncated"), None);
        let record = record_of(&event(&json!({ "payload": "é".repeat(PAYLOAD_BYTES_MAX) })));
        let Some(Value::StringValue(kept)) = attribute(&record, "twilio.payload") else { panic!("a text") };
        assert_eq!(kept.len(), PAYLOAD_BYTES_MAX - 1, "cut between characters");
        assert_eq!(attribute(&record, "twilio.payload.truncated"), Some(&Value::BoolValue(true)));
    }

    #[test]
    fn a_record_can_be_made_to_fit() {
        let mut record = log_record(&event(&json!({ "payload": "x".repeat(2000) })), &Catalogue::default());
        let mut steps = 0;
        while shrink(&mut record) {
            steps += 1;
        }
        assert_eq!(steps, 3, "2002, 1001, 500 bytes, none");
        assert_eq!(attribute(&record, "twilio.payload"), None);
        assert_eq!(attribute(&record, "twilio.payload.truncated"), Some(&Value::BoolValue(true)));
    }
}
