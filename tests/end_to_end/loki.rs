//! Log export into a real Loki, the log store most likely to be on the other end.

use test_support::loki::Loki;
use test_support::{Event, Exporter};

/// Loki refuses what is older than a week, and a request without records too. An event that comes late is one refusal, not the
/// end of log export; and asking whether Loki is there is no failure.
#[tokio::test]
async fn an_event_that_is_too_old_for_loki_holds_up_no_other() {
    let loki = Loki::start().await;
    let exporter = Exporter::with(&format!("otlp:\n  endpoint: \"{}\"\n  protocol: http/protobuf\n", loki.endpoint()))
        .start()
        .await;
    exporter.metric_is("twilio_debugger_exporter_otlp_up", 1.0).await;
    assert_eq!(exporter.metrics().await.sum("twilio_debugger_exporter_otlp_failures_total"), 0.0);

    let now = jiff::Timestamp::now().to_string();
    for number in 1..=4 {
        let time = if number == 2 { "2020-01-02T03:04:05Z" } else { &now };
        assert_eq!(exporter.post(&Event::new(number, "11200").with("Timestamp", time)).await, Some(204));
    }
    exporter.metric_is("twilio_debugger_exporter_otlp_records_total", 3.0).await;
    exporter.metric_is("twilio_debugger_exporter_quarantined_total{reason=\"otlp_rejected\"}", 1.0).await;
    exporter.metric_is("twilio_debugger_exporter_otlp_up", 1.0).await;
}
