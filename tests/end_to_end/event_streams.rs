//! Event Streams on the webhook's path: what is signed is taken, event by event, and meets the webhook's events under one Sid.

mod signed;

use std::collections::BTreeSet;

use serde_json::json;

use test_support::batch::error_log;
use test_support::post::{self, Post};
use test_support::scripted::{Protocol, Reply, Scripted};
use test_support::{ACCOUNT, Batch, Event, Exporter, wait};

/// The events that come in both ways.
const BOTH_WAYS: u64 = 1_000;

async fn posted(exporter: &Exporter, batch: &Batch) -> Option<u16> {
    post::all(exporter.webhook, vec![batch.post()]).await[0]
}

/// One that is not understood must not hold up its neighbours: Twilio would send all of them again for four hours, and then none.
#[tokio::test]
async fn of_a_batch_of_two_hundred_all_but_three_are_counted_and_shipped() {
    let collector = Scripted::start(Protocol::Grpc, |_| Reply::Ok);
    let exporter = Exporter::with(&format!("otlp: {{endpoint: '{}'}}", collector.endpoint())).start().await;
    let mut events: Vec<_> = (1..=200).map(|number| error_log(number, "11200")).collect();
    events[7] = json!("an event?");
    events[77]["data"]["sid"] = json!("MM1");
    events[177]["data"]["account_sid"] = json!("AC00000000000000000000000000000009");
    assert_eq!(posted(&exporter, &Batch::of(&events)).await, Some(204));
    wait::until("197 records", || async { (collector.taken().len() == 197).then_some(()) }).await;
    let scrape = exporter.metrics().await;
    let value = |series: &str| scrape.get(&format!("twilio_debugger_{series}"));
    assert_eq!(value(r#"events_total{error_code="11200",level="error"}"#), Some(197.0));
    assert_eq!(value(r#"accepted_events_total{level="error",source="event_streams"}"#), Some(197.0));
    assert_eq!(value(r#"exporter_quarantined_total{reason="bad_grammar",source="event_streams"}"#), Some(2.0));
    assert_eq!(value(r#"exporter_quarantined_total{reason="foreign_account",source="event_streams"}"#), Some(1.0));
    assert_eq!(value(r#"exporter_requests_total{code="204"}"#), Some(1.0));
    assert_eq!(value(&format!(r#"exporter_signing_key_used_total{{account_sid="{ACCOUNT}",key="0"}}"#)), Some(1.0));
    scrape.assert_adds_up();
    let record = collector.received().iter().flat_map(|request| request.records().cloned()).next().expect("a record");
    assert!(format!("{record:?}").contains("event_streams"), "{record:?}");

    // Twilio sends a batch again that was not answered in time.
    assert_eq!(posted(&exporter, &Batch::of(&events)).await, Some(204));
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total"), 197.0);
    assert_eq!(scrape.sum("twilio_debugger_exporter_duplicates_total"), 200.0);
    scrape.assert_adds_up();
}

/// Both feeds tell of the same events. Whichever is first counts, whatever crashes in between.
#[tokio::test]
async fn what_comes_as_a_webhook_and_in_a_stream_is_counted_once_under_kills() {
    let collector = Scripted::start(Protocol::Grpc, |_| Reply::Ok);
    let mut exporter = Exporter::with(&format!("otlp: {{endpoint: '{}'}}", collector.endpoint())).start().await;
    let forms = (1..=BOTH_WAYS).map(|number| Post::of(&Event::new(number, "11200")));
    let mut numbers: Vec<u64> = (1..=BOTH_WAYS).collect();
    fastrand::shuffle(&mut numbers);
    // Batches overlap each other too.
    let batches =
        numbers.windows(60).step_by(25).chain([&numbers[960..]]).map(|numbers| {
            Batch::of(&numbers.iter().map(|number| error_log(*number, "11200")).collect::<Vec<_>>()).post()
        });
    let mut pending: Vec<Post> = forms.chain(batches).collect();
    fastrand::shuffle(&mut pending);
    let all = pending.len();
    for kill_after in [250.0, 600.0, 900.0] {
        let sender = tokio::spawn(post::all(exporter.webhook, pending.clone()));
        wait::until("some of them to be counted", || async {
            (exporter.try_metrics().await?.sum("twilio_debugger_events_total") >= kill_after).then_some(())
        })
        .await;
        exporter.process.kill();
        let statuses = sender.await.expect("no panic");
        exporter.start_again().await;
        pending = pending
            .into_iter()
            .zip(statuses)
            .filter(|(_, status)| *status != Some(204))
            .map(|(post, _)| post)
            .collect();
    }
    assert!(!pending.is_empty() && pending.len() < all, "the crashes came too late");
    assert!(post::all(exporter.webhook, pending).await.into_iter().all(|status| status == Some(204)));
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total"), BOTH_WAYS as f64);
    let sources: BTreeSet<_> = ["webhook", "event_streams"]
        .into_iter()
        .filter(|source| {
            scrape.sum_where("twilio_debugger_accepted_events_total", |series| series.contains(source)) > 0.0
        })
        .collect();
    assert_eq!(sources.len(), 2, "either was first now and then");
    scrape.assert_adds_up();
    wait::until("every event at the collector", || async {
        (collector.taken().len() as u64 == BOTH_WAYS).then_some(())
    })
    .await;
}

/// A 4xx would be the end of a genuine batch, and an event of every log line would be the end of the store.
#[tokio::test]
async fn what_is_not_for_keeping_is_answered_204_and_counted_as_ignored() {
    let mut exporter = Exporter::start().await;
    let mut info = error_log(1, "82001");
    info["data"]["level"] = json!("INFO");
    let message = json!({"type": "com.twilio.messaging.message.delivered", "data": {"accountSid": ACCOUNT}});
    assert_eq!(posted(&exporter, &Batch::of(&[info, message, error_log(2, "11200")])).await, Some(204));
    let test = json!({"type": "com.twilio.eventstreams.test-event", "data": {"test_id": "f00-ba5"}});
    assert_eq!(posted(&exporter, &Batch::of(&[test])).await, Some(204));
    let line = exporter.process.line_with("the test event of an Event Streams sink").await;
    assert!(line.contains("f00-ba5"), "{line}");
    let page = exporter.client.get(format!("http://{}/", exporter.telemetry)).send().await.expect("an answer");
    assert!(page.text().await.expect("text").contains("<code>f00-ba5</code>"));
    let check = |scrape: &test_support::Scrape| {
        for reason in ["level", "event_type", "test_event"] {
            let series =
                format!("twilio_debugger_exporter_ignored_total{{reason=\"{reason}\",source=\"event_streams\"}}");
            assert_eq!(scrape.get(&series), Some(1.0), "{reason}");
        }
        assert_eq!(scrape.sum("twilio_debugger_events_total"), 1.0);
        scrape.assert_adds_up();
    };
    check(&exporter.metrics().await);
    // What a scrape has shown is on disk.
    exporter.process.kill();
    exporter.start_again().await;
    check(&exporter.metrics().await);

    let chosen = Exporter::with("event_streams: {levels: [info]}").start().await;
    let mut info = error_log(1, "82001");
    info["data"]["level"] = json!("INFO");
    assert_eq!(posted(&chosen, &Batch::of(&[info, error_log(2, "11200")])).await, Some(204));
    let scrape = chosen.metrics().await;
    assert_eq!(scrape.get(r#"twilio_debugger_events_total{error_code="82001",level="info"}"#), Some(1.0));
    assert_eq!(scrape.sum("twilio_debugger_events_total"), 1.0);
}
