//! Log export into Loki, the log store most likely to be on the other end: the limits by which it refuses records.

use test_support::loki;
use test_support::scripted::{Protocol, Scripted};
use test_support::{Event, Exporter};

/// Loki refuses what is older than a week, and a request without records too. An event that comes late is one refusal, not the
/// end of log export; and asking whether Loki is there is no failure.
#[tokio::test]
async fn an_event_that_is_too_old_for_loki_holds_up_no_other() {
    let collector = Scripted::start(Protocol::Http, loki::answer);
    let exporter = exporter_into(&collector).await;
    exporter.metric_is("twilio_debugger_exporter_otlp_up", 1.0).await;
    assert_eq!(exporter.metrics().await.sum("twilio_debugger_exporter_otlp_failures_total"), 0.0);

    exporter.post_three_of_now_and_one_of_years_ago().await;
    exporter.metric_is("twilio_debugger_exporter_otlp_records_total", 3.0).await;
    exporter
        .metric_is("twilio_debugger_exporter_quarantined_total{reason=\"otlp_rejected\",source=\"webhook\"}", 1.0)
        .await;
    exporter.metric_is("twilio_debugger_exporter_otlp_up", 1.0).await;
}

/// A record that Loki finds too large would be refused each time, and its event never be seen.
#[tokio::test]
async fn the_largest_event_is_within_lokis_limits() {
    let collector = Scripted::start(Protocol::Http, loki::answer);
    let exporter = exporter_into(&collector).await;
    let parameters: serde_json::Map<_, _> =
        (0..500).map(|n| (format!("Parameter{n}"), "x".repeat(50).into())).collect();
    let url = format!("https://app.example.com/{}", "y".repeat(60_000));
    let payload = serde_json::json!({
        "resource_sid": format!("CA{}", "0".repeat(60_000)),
        "service_sid": "s".repeat(60_000),
        "more_info": {"Msg": "m".repeat(200_000)},
        "webhook": {"request": {"method": "POST".repeat(10_000), "url": url, "parameters": parameters}},
    });
    let now = jiff::Timestamp::now().to_string();
    let event = Event::new(1, "11200").with("Timestamp", &now).with("Payload", &payload.to_string());
    assert_eq!(exporter.post(&event).await, Some(204));
    exporter.metric_is("twilio_debugger_exporter_otlp_records_total", 1.0).await;
    assert_eq!(exporter.metrics().await.sum("twilio_debugger_exporter_quarantined_total"), 0.0);
    let taken = collector.received().into_iter().find(|request| request.taken).expect("a request that was taken");
    let record = taken.records().next().expect("a record");
    let bytes = loki::attributes_bytes(record);
    assert!((16 << 10..loki::ATTRIBUTES_BYTES_MAX).contains(&bytes), "{bytes}");
}

async fn exporter_into(collector: &Scripted) -> Exporter {
    let endpoint = format!("{}/otlp", collector.endpoint());
    Exporter::with(&format!("otlp: {{endpoint: '{endpoint}', protocol: http/protobuf}}")).start().await
}
