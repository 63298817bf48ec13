//! What push has not brought is fetched from Twilio's list of alerts: all of it, once, whatever happens meanwhile.

mod command;
mod faults;
mod identity;
mod outage;

use jiff::{SignedDuration, Timestamp};
use test_support::exporter::Setup;
use test_support::{ACCOUNT, Alert, Clock, Event, Exporter, Monitor, Scrape};

const ACCEPTED: &str = "twilio_debugger_accepted_events_total{level=\"error\",source=\"alerts_api\"}";
const KNOWN: &str = "twilio_debugger_exporter_duplicates_total{source=\"alerts_api\"}";
const MISSED: &str = "twilio_debugger_missed_events_total{level=\"error\"}";
const COUNTED: &str = "twilio_debugger_events_total";

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

/// A whole second, so that an alert's time is that of the event.
fn noon() -> Timestamp {
    "2026-01-02T12:00:00Z".parse().expect("a time")
}

/// An exporter that asks `monitor` every second.
fn following(monitor: &Monitor) -> Setup {
    Exporter::with(&format!("backfill: {{enabled: true, url: '{}', interval: 1s}}", monitor.url()))
}

fn failures(class: &str) -> String {
    format!("twilio_debugger_exporter_backfill_failures_total{{account_sid=\"{ACCOUNT}\",class=\"{class}\"}}")
}

/// The event of the same number as [`Alert::new`], as push brings it.
fn pushed(number: u64, at: Timestamp) -> Event {
    Event::new(number, "11200").with("Timestamp", &at.to_string())
}

/// A page with every counter on it; one that could not be written down in time has none.
async fn page_of(exporter: &Exporter) -> Scrape {
    test_support::wait::until("a whole page", || async {
        exporter.try_metrics().await.filter(|page| page.get(MISSED).is_some())
    })
    .await
}

/// Waits until every alert up to the margin before `now` has been read.
async fn read_through(exporter: &Exporter, now: Timestamp) {
    let series =
        format!("twilio_debugger_exporter_backfill_last_success_timestamp_seconds{{account_sid=\"{ACCOUNT}\"}}");
    // Ten thousand rows take a busy machine a while.
    test_support::wait::until_within(2 * test_support::wait::DEADLINE, &format!("{series} to be {now}"), || async {
        (exporter.try_metrics().await?.get(&series) == Some(now.as_second() as f64)).then_some(())
    })
    .await;
}

/// Without a mark there is nothing that could have been missed; with one, nothing that happened since may be left out, whatever ended
/// the process.
#[tokio::test]
async fn reading_begins_with_the_first_start_and_goes_on_where_it_ended() {
    let clock = Clock::at(noon());
    let monitor = Monitor::start();
    monitor.add([Alert::new(1, "11200", noon() - minutes(5))]);
    let mut exporter = clock.under(following(&monitor)).start().await;
    read_through(&exporter, noon()).await;

    monitor.add([1_u64, 9].map(|after| Alert::new(1 + after, "11200", noon() + minutes(after.cast_signed()))));
    let now = clock.advance(minutes(10));
    read_through(&exporter, now).await;
    assert_eq!(page_of(&exporter).await.get(ACCEPTED), Some(1.0), "the first is older, the last too young");

    exporter.process.kill();
    let now = clock.advance(minutes(60));
    monitor.add([Alert::new(4, "30007", noon() + minutes(40))]);
    exporter.start_again().await;
    read_through(&exporter, now).await;
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.get(MISSED)), (Some(3.0), Some(0.0)), "nothing was ever pushed");
    assert_eq!(page.get("twilio_debugger_late_events_total{error_code=\"30007\",level=\"error\"}"), Some(1.0));
    assert!(page.get(KNOWN) >= Some(1.0), "the last minutes are read again");
    page.assert_adds_up();

    assert_eq!(exporter.terminate().await.code(), Some(0));
    clock.advance(minutes(1));
    exporter.start_again().await;
    read_through(&exporter, clock.now()).await;
    assert_eq!(page_of(&exporter).await.get(ACCEPTED), Some(3.0));
}

/// Twilio lists thirty days. What was not read for longer is gone, and must not be taken for read.
#[tokio::test]
async fn a_mark_that_is_too_old_is_a_gap_that_is_said_and_counted() {
    let clock = Clock::at(noon());
    let monitor = Monitor::start();
    let mut exporter = clock.under(following(&monitor)).start().await;
    read_through(&exporter, noon()).await;
    exporter.process.kill();

    let now = clock.advance(SignedDuration::from_hours(40 * 24));
    monitor.add([Alert::new(1, "11200", noon() + minutes(60)), Alert::new(2, "11200", now - minutes(60))]);
    exporter.start_again().await;
    exporter.process.line_with("nothing was read for so long").await;
    read_through(&exporter, now).await;
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.get(&failures("gap"))), (Some(1.0), Some(1.0)));
    let oldest = monitor.asked().iter().find_map(|asked| asked.query.get("StartDate").cloned());
    assert!(oldest >= Some((now - SignedDuration::from_hours(30 * 24)).to_string()), "{oldest:?}");
}

/// It may be turned on, told how far back to begin, or given another key while the exporter runs.
#[tokio::test]
async fn a_reload_turns_it_on_and_off() {
    let clock = Clock::at(noon());
    let monitor = Monitor::start();
    monitor.add([Alert::new(1, "11200", noon() - minutes(30))]);
    let mut exporter = clock.under(Exporter::with("")).start().await;
    let config = exporter.folder().join("config.yml");
    let off = std::fs::read_to_string(&config).expect("written");
    let on = format!("{off}\nbackfill: {{enabled: true, url: '{}', interval: 1s, first: 1h}}", monitor.url());
    std::fs::write(&config, on).expect("writable");
    exporter.process.signal("HUP");
    exporter.metric_is(ACCEPTED, 1.0).await;

    std::fs::write(&config, off).expect("writable");
    exporter.process.signal("HUP");
    exporter.process.line_with("configuration reloaded").await;
    test_support::wait::until("no more requests", || async {
        let before = monitor.asked().len();
        // Longer than the interval.
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        (monitor.asked().len() == before).then_some(())
    })
    .await;
    assert_eq!(exporter.terminate().await.code(), Some(0));
}
