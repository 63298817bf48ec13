//! An hour without a receiver.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use test_support::batch::error_log;
use test_support::post::{self, Post};
use test_support::scripted::{Protocol, Reply, Scripted};
use test_support::{Alert, Batch, Clock, Event, Monitor, Prometheus, Release, wait};

use crate::alerting::rules;

use super::{ACCEPTED, COUNTED, KNOWN, MISSED, following, minutes, noon, page_of, pushed, read_through};

const EVENTS: u64 = 25_000;
const PUSHED: u64 = 5;

/// More events than two and a half lists hold, each of them once, and the process killed while it reads them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hours_outage_is_made_up_for_exactly() {
    let clock = Clock::at(noon());
    let monitor = Monitor::start();
    let collector = Scripted::start(Protocol::Http, |_| Reply::Ok);
    let otlp = format!("otlp: {{endpoint: '{}', protocol: http/protobuf}}", collector.endpoint());
    let mut exporter = clock.under(following(&monitor).yaml(&otlp)).start().await;
    read_through(&exporter, noon()).await;
    for number in 1..=PUSHED {
        let event = pushed(number, noon());
        assert_eq!(exporter.post(&event).await, Some(204));
        monitor.add([Alert::new(number, "11200", noon())]);
    }
    exporter.process.kill();

    let (began, now) = (noon() + minutes(1), clock.advance(minutes(65)));
    let at = |number: u64| began + SignedDuration::from_secs((number * 3_600 / EVENTS).cast_signed());
    let number_of = |number: u64| PUSHED + 1 + number;
    monitor.add(
        (0..EVENTS).map(|number| Alert::new(number_of(number), ["11200", "30007"][(number % 2) as usize], at(number))),
    );
    exporter.start_again().await;
    wait::until("the first thousands", || async {
        (exporter.try_metrics().await?.get(ACCEPTED)? > 3_000.0).then_some(())
    })
    .await;
    exporter.process.kill();
    exporter.start_again().await;
    wait::until_within(2 * wait::DEADLINE, "everything to be read", || async {
        (exporter.try_metrics().await?.get(ACCEPTED)? >= EVENTS as f64).then_some(())
    })
    .await;
    read_through(&exporter, now).await;

    let page = page_of(&exporter).await;
    let late = (0..EVENTS).filter(|number| now.duration_since(at(*number)) > minutes(15)).count();
    assert_eq!((page.get(ACCEPTED), page.get(MISSED)), (Some(EVENTS as f64), Some(EVENTS as f64)));
    assert_eq!(page.sum(COUNTED), (EVENTS + PUSHED) as f64);
    assert_eq!(page.sum("twilio_debugger_late_events_total"), late as f64);
    assert!(page.get(KNOWN) >= Some(PUSHED as f64));
    page.assert_adds_up();

    let sids: BTreeSet<String> = (1..=PUSHED + EVENTS).map(|number| format!("NO{number:032x}")).collect();
    wait::until("all of it at the collector", || async { (collector.taken().len() == sids.len()).then_some(()) }).await;
    assert!(collector.taken().keys().eq(sids.iter()));
    assert_eq!(exporter.terminate().await.code(), Some(0));
}

const ALL_WAYS: u64 = 1_000;

/// Whichever feed is first, and whatever ends the process between the one and the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_through_all_three_feeds_is_counted_and_shipped_once() {
    let happened: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
    let clock = Clock::at(happened - minutes(2));
    let monitor = Arc::new(Monitor::start());
    let collector = Scripted::start(Protocol::Http, |_| Reply::Ok);
    let otlp = format!("otlp: {{endpoint: '{}', protocol: http/protobuf}}", collector.endpoint());
    let mut exporter = clock.under(following(&monitor).yaml(&otlp)).start().await;
    read_through(&exporter, clock.now()).await;
    let now = clock.advance(minutes(12));

    let mut numbers: Vec<u64> = (1..=ALL_WAYS).collect();
    fastrand::shuffle(&mut numbers);
    let forms = numbers.iter().map(|number| Post::of(&Event::new(*number, "11200")));
    let logs = |numbers: &[u64]| numbers.iter().map(|number| error_log(*number, "11200")).collect::<Vec<_>>();
    let batches = numbers.chunks(25).map(|numbers| Batch::of(&logs(numbers)).post());
    let mut pending: Vec<Post> = forms.chain(batches).collect();
    fastrand::shuffle(&mut pending);

    // The list fills while the others come, in an order of its own.
    let mut listed = numbers.clone();
    fastrand::shuffle(&mut listed);
    let list = monitor.clone();
    let filling = tokio::spawn(async move {
        for numbers in listed.chunks(50) {
            list.add(numbers.iter().map(|number| Alert::new(*number, "11200", happened)));
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    for kill_after in [200.0, 500.0, 800.0] {
        let sender = tokio::spawn(post::all(exporter.webhook, pending.clone()));
        wait::until("some of them to be counted", || async {
            (exporter.try_metrics().await?.sum(COUNTED) >= kill_after).then_some(())
        })
        .await;
        exporter.process.kill();
        let statuses = sender.await.expect("no panic");
        exporter.start_again().await;
        let unanswered = pending.into_iter().zip(statuses).filter(|(_, status)| *status != Some(204));
        pending = unanswered.map(|(post, _)| post).collect();
    }
    assert!(post::all(exporter.webhook, pending).await.into_iter().all(|status| status == Some(204)));
    filling.await.expect("no panic");
    read_through(&exporter, now).await;

    let page = page_of(&exporter).await;
    assert_eq!(page.sum(COUNTED), ALL_WAYS as f64);
    assert_eq!(page.sum("twilio_debugger_accepted_events_total"), ALL_WAYS as f64);
    assert!(page.get(MISSED) <= page.get(ACCEPTED));
    page.assert_adds_up();
    let sids: BTreeSet<String> = (1..=ALL_WAYS).map(|number| format!("NO{number:032x}")).collect();
    wait::until("all of it at the collector", || async { (collector.taken().len() == sids.len()).then_some(()) }).await;
    assert!(collector.taken().keys().eq(sids.iter()));
    // A crash may repeat the request that was under way.
    let repeated: usize = collector.taken().values().map(|times| times - 1).sum();
    assert!(repeated <= 3 * 512, "{repeated}");
}

/// Event Streams repeats for four hours, so nothing is missed before.
#[tokio::test]
async fn where_a_stream_delivers_what_is_missed_is_judged_four_hours_later() {
    let clock = Clock::at(noon());
    let monitor = Monitor::start();
    let mut exporter = clock.under(following(&monitor)).start().await;
    read_through(&exporter, noon()).await;
    let stream = |number| post::all(exporter.webhook, vec![Batch::of(&[error_log(number, "11200")]).post()]);
    assert_eq!(stream(1).await, [Some(204)]);
    let at = noon() + minutes(1);
    let now = clock.advance(minutes(10));
    monitor.add((1..=3).map(|number| Alert::new(number, "11200", at)));
    read_through(&exporter, now).await;
    exporter.metric_is(ACCEPTED, 2.0).await;
    assert_eq!(page_of(&exporter).await.get(MISSED), Some(0.0), "it may come yet");
    assert_eq!(stream(2).await, [Some(204)]);

    exporter.process.kill();
    clock.advance(minutes(4 * 60 - 1));
    exporter.start_again().await;
    read_through(&exporter, clock.now()).await;
    assert_eq!(page_of(&exporter).await.get(MISSED), Some(0.0));
    assert_eq!(exporter.terminate().await.code(), Some(0));
    clock.advance(minutes(1));
    exporter.start_again().await;
    exporter.metric_is(MISSED, 1.0).await;
    page_of(&exporter).await.assert_adds_up();
}

/// An outage that is over is no incident of now; that push loses events is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_up_for_pages_nobody_and_is_told_as_missed() {
    let clock = Clock::at(noon());
    let monitor = Monitor::start();
    let mut exporter = clock.under(following(&monitor)).start().await;
    read_through(&exporter, noon()).await;
    let prometheus = Prometheus::of(Release::Three).evaluating(&rules()).scraping(&exporter).await;
    assert_eq!(exporter.post(&pushed(1, noon())).await, Some(204));
    monitor.add([Alert::new(1, "11200", noon())]);
    prometheus.scrapes(2).await;
    exporter.process.kill();

    let now = clock.advance(minutes(60));
    let at = |number: u64| noon() + SignedDuration::from_secs(60 + number.cast_signed());
    monitor.add((0..600).map(|number| Alert::new(2 + number, ["30007", "12345"][(number % 2) as usize], at(number))));
    exporter.start_again().await;
    read_through(&exporter, now).await;
    assert_eq!(page_of(&exporter).await.get(MISSED), Some(600.0));
    let firing = "ALERTS{alertname=\"TwilioDebuggerExporterEventsMissed\",alertstate=\"firing\"}";
    prometheus.until(firing, |firing| firing == 1.0).await;
    prometheus.scrapes(3).await;
    prometheus.evaluations(3).await;
    // What was pushed is an event of now.
    let of_now = |labels: &serde_json::Value| labels["error_code"] == "11200";
    let about_the_outage =
        |name: &str| name.starts_with("TwilioDebuggerExporter") || name == "TwilioDebuggerLateEvents";
    for alert in prometheus.alerts().await {
        let labels = &alert["labels"];
        let name = labels["alertname"].as_str().unwrap_or_default();
        assert!(of_now(labels) || about_the_outage(name), "{alert}");
    }
}
