//! Counters over crashes, as Prometheus sees them.

use super::{events, increase};
use test_support::prometheus::with_each_release;
use test_support::{Event, Exporter, Prometheus, Release};

with_each_release!(
    over_crashes_nothing_is_counted_twice_and_nothing_is_missing,
    what_was_accepted_just_before_a_crash_is_an_increase_after_it,
    a_crash_between_the_zero_and_the_truth_loses_neither,
);

/// The exporter is killed several times between events; Prometheus must find one line that rises by what happened.
async fn over_crashes_nothing_is_counted_twice_and_nothing_is_missing(release: Release) {
    let mut exporter = Exporter::start().await;
    let prometheus = Prometheus::of(release).scraping(&exporter).await;
    prometheus.scrapes(1).await;
    let mut number = 0;
    for round in 1..=4 {
        for _ in 0..10 {
            number += 1;
            assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204));
        }
        // Every other time Prometheus has been by between the events and the crash.
        if round % 2 == 0 {
            prometheus.scrapes(1).await;
        }
        exporter.process.kill();
        exporter.start_again().await;
        // Twilio, without an answer or with one, sends some of them again.
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204));
    }
    prometheus.sees(&events("11200"), 40).await;
    prometheus.scrapes(2).await;
    assert_eq!(prometheus.rise(&events("11200")).await, Some(40.0));
    assert!(prometheus.ask(&increase("11200")).await.is_some_and(|increase| increase > 0.0));
}

/// Events are answered 204, the process dies, and no scrape lay between: they are on disk and must still be an increase.
async fn what_was_accepted_just_before_a_crash_is_an_increase_after_it(release: Release) {
    let mut exporter = Exporter::start().await;
    let prometheus = Prometheus::of(release).scraping(&exporter).await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    prometheus.sees(&events("11200"), 1).await;
    prometheus.freeze();
    // One more of a code that Prometheus knows, and three of one that it has never heard of.
    assert_eq!(exporter.post(&Event::new(2, "11200")).await, Some(204));
    for number in 3..=5 {
        assert_eq!(exporter.post(&Event::new(number, "30007")).await, Some(204));
    }
    exporter.process.kill();
    exporter.start_again().await;
    prometheus.thaw();
    prometheus.until(&increase("30007"), |increase| increase > 0.0).await;
    prometheus.sees(&events("11200"), 2).await;
    assert_eq!(prometheus.rise(&events("30007")).await, Some(3.0));
    assert_eq!(prometheus.rise(&events("11200")).await, Some(2.0));
}

/// The process dies after Prometheus was shown the zero and before it was shown the truth.
async fn a_crash_between_the_zero_and_the_truth_loses_neither(release: Release) {
    let mut exporter = Exporter::start().await;
    let prometheus = Prometheus::of(release).scraping(&exporter).await;
    prometheus.scrapes(1).await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    prometheus.until(&format!("min_over_time({}[1h])", events("11200")), |value| value == 0.0).await;
    exporter.process.kill();
    exporter.start_again().await;
    prometheus.until(&increase("11200"), |increase| increase > 0.0).await;
    prometheus.scrapes(2).await;
    assert_eq!(prometheus.rise(&events("11200")).await, Some(1.0));
}
