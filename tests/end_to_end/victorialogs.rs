//! Log export into a real VictoriaLogs: what a log store makes of the records.

use serde_json::Value;

use crate::collector::{Sample, samples, setup};
use test_support::victorialogs::{Fields, VictoriaLogs};
use test_support::{Event, Exporter};

#[tokio::test]
async fn every_field_of_a_record_can_be_asked_for() {
    for compression in ["none", "gzip"] {
        let logs = VictoriaLogs::of_all_times().await;
        let exporter = setup()
            .yaml("redaction: none")
            .yaml(&format!(
                "otlp: {{endpoint: '{}', protocol: http/protobuf, compression: {compression}}}",
                logs.endpoint()
            ))
            .start()
            .await;
        let samples = samples();
        for sample in &samples {
            assert_eq!(exporter.post(&sample.event).await, Some(204), "{}", sample.name);
        }
        exporter.metric_is("twilio_debugger_exporter_otlp_records_total", samples.len() as f64).await;
        assert_eq!(logs.query("*", None).await.expect("an answer").len(), samples.len());
        for sample in samples {
            let query = format!("log.record.uid:={:?}", sample.event.get("Sid"));
            let found = logs.query(&query, None).await.expect("an answer");
            assert_eq!(found.len(), 1, "{}", sample.name);
            compare(&sample, found[0].clone());
        }
    }
}

/// Compares what was found with the record that a person wrote down.
fn compare(sample: &Sample, mut found: Fields) {
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let payload = found.remove("twilio.payload").expect("a payload");
    assert_eq!(json(&payload), json(sample.event.get("Payload")), "{}", sample.name);
    for of_victorialogs in ["_stream", "_stream_id"] {
        found.remove(of_victorialogs);
    }
    assert_eq!(found, expected(&sample.record), "{}", sample.name);
}

fn expected(record: &Value) -> Fields {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let nanoseconds = text(&record["timeUnixNano"]).parse().expect("nanoseconds");
    let time = jiff::Timestamp::from_nanosecond(nanoseconds).expect("a time");
    let version = env!("CARGO_PKG_VERSION");
    let mut fields = Fields::from(
        [
            ("_time", time.to_string()),
            ("_msg", text(&record["body"]["stringValue"])),
            ("service.name", "twilio-debugger-exporter".to_owned()),
            ("service.version", version.to_owned()),
            ("scope.name", "twilio.debugger".to_owned()),
            ("scope.version", version.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    for (name, key) in [
        ("event_name", "eventName"),
        ("severity_number", "severityNumber"),
        ("severity_text", "severityText"),
        ("trace_id", "traceId"),
        ("span_id", "spanId"),
    ] {
        fields.extend(record.get(key).map(|value| (name.to_owned(), text(value))));
    }
    let attributes = record["attributes"].as_object().expect("an object");
    fields.extend(attributes.iter().map(|(name, value)| (name.clone(), text(value))));
    fields
}

/// VictoriaLogs takes what is older than it keeps anything, and drops it without a word to the sender. That is for its operator
/// to see, in its own metric: the exporter has no refusal to count, and what came beside it is there.
#[tokio::test]
async fn an_event_that_is_too_old_for_victorialogs_holds_up_no_other() {
    let logs = VictoriaLogs::start().await;
    let exporter = Exporter::with(&format!("otlp: {{endpoint: '{}', protocol: http/protobuf}}", logs.endpoint()));
    let exporter = exporter.start().await;
    exporter.metric_is("twilio_debugger_exporter_otlp_up", 1.0).await;
    assert_eq!(exporter.metrics().await.sum("twilio_debugger_exporter_otlp_failures_total"), 0.0);

    exporter.post_three_of_now_and_one_of_years_ago().await;
    exporter.metric_is("twilio_debugger_exporter_otlp_records_total", 4.0).await;
    let found = logs.query("* | fields log.record.uid", None).await.expect("an answer");
    let mut found: Vec<_> = found.iter().map(|fields| fields["log.record.uid"].as_str()).collect();
    found.sort_unstable();
    let sids = [1, 3, 4].map(|number| Event::new(number, "11200").get("Sid").to_owned());
    assert_eq!(found, sids);
    assert_eq!(logs.metrics().await.get("vl_rows_dropped_total{reason=\"too_small_timestamp\"}"), Some(1.0));
    let exporter = exporter.metrics().await;
    assert_eq!(
        exporter.get("twilio_debugger_exporter_quarantined_total{reason=\"otlp_rejected\",source=\"webhook\"}"),
        Some(0.0)
    );
    assert_eq!(exporter.get("twilio_debugger_exporter_otlp_up"), Some(1.0));
}
