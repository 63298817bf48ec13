//! The webhook listener's answers, row by row.

use crate::support::{Event, Exporter};

#[tokio::test]
async fn a_signed_event_is_accepted_and_counted() {
    let mut exporter = Exporter::start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.get("twilio_debugger_events_total{error_code=\"11200\",level=\"error\"}"), Some(1.0));
    scrape.assert_adds_up();
    assert_eq!(exporter.terminate().await.code(), Some(0));
}
