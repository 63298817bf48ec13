//! Another program that holds the store's write lock: an operator's shell, a backup.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use test_support::{Event, Exporter};

const REFUSED: &str = "twilio_debugger_exporter_rejected_total{reason=\"timeout\"}";

/// A minute is longer than anybody's patience. It is ours to survive: nothing that was answered 204 is missing afterwards, and nothing
/// that was answered 503 was stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_held_for_a_minute_costs_503s_and_nothing_else() {
    let mut exporter = Exporter::start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    let other = Connection::open(exporter.data().join("events.db")).expect("a database");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    let held = Instant::now();
    let mut refused = 0;
    while held.elapsed() < Duration::from_secs(60) {
        assert_eq!(exporter.post(&Event::new(100 + refused, "11200")).await, Some(503));
        refused += 1;
        assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204), "what is known is answered");
    }
    drop(other);
    assert!(refused >= 8, "{refused} requests in a minute, each refused after five seconds");
    assert_eq!(exporter.post(&Event::new(100, "11200")).await, Some(204), "sent again");
    exporter.metric_is("twilio_debugger_events_total{error_code=\"11200\",level=\"error\"}", 2.0).await;
    let page = exporter.metrics().await;
    assert_eq!(page.get(REFUSED), Some(refused as f64));
    page.assert_adds_up();
    assert_eq!(exporter.terminate().await.code(), Some(0));
    assert!(exporter.process.output().contains("another program has locked the store"));
}
