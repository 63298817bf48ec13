//! What cannot be stored now is refused with 503, so that nobody believes it safe.

use test_support::batch::error_log;
use test_support::post::{self, Post};
use test_support::random::noise;
use test_support::raw::{Connection, headers_of, request};
use test_support::{Batch, Event, Exporter};

/// The store is bounded: with the collector gone for days it must refuse, and say so, rather than fill the disk or drop.
#[tokio::test]
async fn a_full_store_answers_503_and_is_not_ready() {
    // Nobody listens there, so that nothing is delivered and nothing may go.
    let exporter = Exporter::with("store: {bytes_max: 16MiB}\nredaction: none\notlp: {endpoint: 'http://127.0.0.1:1'}");
    let exporter = exporter.start().await;
    let large = |number: u64| {
        let payload = format!(r#"{{"error_code":"11200","more_info":{{"Msg":"{}"}}}}"#, noise(60_000));
        Post::of(&Event::new(number, "11200").with("Payload", &payload))
    };
    let (mut number, mut accepted) = (0, 0);
    while number < 40_000 {
        let statuses = post::all(exporter.webhook, (number..number + 500).map(large).collect()).await;
        assert!(statuses.iter().all(|status| matches!(status, Some(204 | 503))), "{statuses:?}");
        accepted += statuses.iter().filter(|status| **status == Some(204)).count();
        number += 500;
        if statuses.contains(&Some(503)) {
            break;
        }
    }
    let event = Event::new(99_999, "11200");
    let mut connection = Connection::open(exporter.webhook);
    connection.send(request("POST /twilio HTTP/1.1", &headers_of(&event), &event.body()));
    let answer = connection.answer().expect("an answer");
    assert_eq!(answer.status, 503, "after {number} events");
    assert!(answer.head.contains("retry-after: 5"), "{}", answer.head);
    // Twilio sends a batch again for four hours, and only after a 5xx.
    let batch = Batch::of(&[error_log(99_998, "11200")]).post();
    assert_eq!(post::all(exporter.webhook, vec![batch]).await, [Some(503)]);
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total") as usize, accepted);
    assert!(exporter.refused("store_full").await >= 2.0);
    let held = scrape.get("twilio_debugger_exporter_store_bytes").expect("a gauge");
    assert!(held <= 1.2 * 16.0 * 1024.0 * 1024.0, "{held} bytes");
    let ready = exporter.client.get(format!("http://{}/-/ready", exporter.telemetry)).send().await.expect("an answer");
    assert_eq!(
        (ready.status().as_u16(), ready.text().await.expect("text").as_str()),
        (503, "not ready: store is full\n")
    );
    scrape.assert_adds_up();
}

/// A request whose header comes after the order to end must not be taken, nor left without a word.
#[tokio::test]
async fn a_request_that_comes_while_draining_is_refused() {
    let mut exporter = Exporter::start().await;
    let (first, second) = (Event::new(1, "11200"), Event::new(2, "11200"));
    let whole = |event: &Event| request("POST /twilio HTTP/1.1", &headers_of(event), &event.body());
    // One request holds the drain open, the other has begun its header.
    let (held, late) = (whole(&first), whole(&second));
    let mut holding = Connection::open(exporter.webhook);
    holding.send(&held[..held.len() - 5]);
    let mut arriving = Connection::open(exporter.webhook);
    arriving.send(&late[..30]);
    exporter.metric_is("twilio_debugger_exporter_requests_in_flight", 1.0).await;
    exporter.process.signal("TERM");
    exporter.process.line_with("draining").await;
    arriving.send(&late[30..]);
    if let Some(answer) = arriving.answer() {
        assert_eq!(answer.status, 503);
        assert!(answer.head.contains("retry-after: 5"), "{}", answer.head);
        assert_eq!(exporter.refused("shutting_down").await, 1.0);
    }
    holding.send(&held[held.len() - 5..]);
    assert_eq!(holding.answer().map(|answer| answer.status), Some(204));
    assert_eq!(exporter.process.ended().await.code(), Some(0));
    exporter.start_again().await;
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total"), 1.0);
    scrape.assert_adds_up();
}
