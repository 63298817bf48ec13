//! An OTLP log record in JSON that people read: names instead of numbers, times as times, attributes as one object.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde::Serialize;
use serde_json::{Map, Value};

/// The most characters of a text that are shown.
const TEXT_CHARS_MAX: usize = 160;

/// A record in the order in which it is read.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Readable {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_time: Option<String>,
    severity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    event_name: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    body: Value,
    #[serde(skip_serializing_if = "String::is_empty")]
    trace_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    span_id: String,
    attributes: Map<String, Value>,
    scope: String,
    resource: Map<String, Value>,
}

impl Readable {
    /// Every record of a request.
    pub(super) fn all(request: &ExportLogsServiceRequest) -> Vec<Self> {
        let mut records = Vec::new();
        for resource in &request.resource_logs {
            let attributes =
                resource.resource.as_ref().map(|resource| object(&resource.attributes)).unwrap_or_default();
            for scope in &resource.scope_logs {
                let name = scope.scope.as_ref().map(|scope| format!("{} {}", scope.name, scope.version));
                let name = name.unwrap_or_default();
                records.extend(scope.log_records.iter().map(|record| Self::one(record, &name, &attributes)));
            }
        }
        records
    }

    fn one(record: &LogRecord, scope: &str, resource: &Map<String, Value>) -> Self {
        Self {
            time: time(record.time_unix_nano),
            observed_time: time(record.observed_time_unix_nano),
            severity: format!("{} ({})", record.severity_text, record.severity_number),
            event_name: record.event_name.clone(),
            body: record.body.as_ref().map_or(Value::Null, value),
            trace_id: HEXLOWER.encode(&record.trace_id),
            span_id: HEXLOWER.encode(&record.span_id),
            attributes: object(&record.attributes),
            scope: scope.to_owned(),
            resource: resource.clone(),
        }
    }

    /// The event's Sid.
    pub(super) fn sid(&self) -> Option<&str> {
        self.attributes.get("log.record.uid")?.as_str()
    }
}

/// None for 0, which means that there is no time.
fn time(nanoseconds: u64) -> Option<String> {
    let time = Timestamp::from_nanosecond(i128::from(nanoseconds)).ok().filter(|_| nanoseconds > 0)?;
    Some(format!("{time:.3}"))
}

fn object(attributes: &[KeyValue]) -> Map<String, Value> {
    attributes.iter().map(|pair| (pair.key.clone(), pair.value.as_ref().map_or(Value::Null, value))).collect()
}

fn value(any: &AnyValue) -> Value {
    match &any.value {
        Some(Any::StringValue(text)) => cut(text).into(),
        Some(Any::BoolValue(truth)) => (*truth).into(),
        Some(Any::IntValue(number)) => (*number).into(),
        Some(Any::DoubleValue(number)) => (*number).into(),
        Some(Any::ArrayValue(array)) => array.values.iter().map(value).collect(),
        Some(Any::KvlistValue(list)) => object(&list.values).into(),
        Some(Any::BytesValue(bytes)) => HEXLOWER.encode(bytes).into(),
        _ => Value::Null,
    }
}

fn cut(text: &str) -> String {
    let mut characters = text.chars();
    let mut cut: String = characters.by_ref().take(TEXT_CHARS_MAX).collect();
    if characters.next().is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::Readable;
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};

    #[test]
    fn numbers_become_names_and_times() {
        let text = |text: &str| Some(AnyValue { value: Some(Any::StringValue(text.into())) });
        let record = LogRecord {
            time_unix_nano: 1_767_323_045_678_000_000,
            severity_number: 17,
            severity_text: "ERROR".into(),
            body: text(&"x".repeat(200)),
            trace_id: vec![0x4b; 16],
            attributes: vec![KeyValue { key: "log.record.uid".into(), value: text("NO1"), ..KeyValue::default() }],
            ..LogRecord::default()
        };
        let scope = ScopeLogs { log_records: vec![record], ..ScopeLogs::default() };
        let resource = ResourceLogs { scope_logs: vec![scope], ..ResourceLogs::default() };
        let records = Readable::all(&ExportLogsServiceRequest { resource_logs: vec![resource] });
        assert_eq!(records[0].sid(), Some("NO1"));
        let json = serde_json::to_string(&records[0]).expect("JSON");
        let body = "x".repeat(160);
        let trace = "4b".repeat(16);
        assert_eq!(
            json,
            format!(
                "{{\"time\":\"2026-01-02T03:04:05.678Z\",\"severity\":\"ERROR (17)\",\"body\":\"{body}…\",\
                 \"trace_id\":\"{trace}\",\"attributes\":{{\"log.record.uid\":\"NO1\"}},\"scope\":\"\",\"resource\":{{}}}}"
            )
        );
    }
}
