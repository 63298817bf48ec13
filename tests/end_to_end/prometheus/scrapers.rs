//! Several Prometheus servers, each with an address and a moment of its own.

use std::time::Duration;

use super::{events, increase};
use test_support::exporter::Setup;
use test_support::prometheus::with_each_release;
use test_support::{Event, Exporter, Prometheus, Release, wait};

with_each_release!(
    two_replicas_both_see_the_first_event,
    a_new_prometheus_beside_an_old_one_sees_no_burst,
    a_gap_between_scrapes_fires_nothing,
);

/// A highly available pair: whichever comes first must not use up the other's zero.
async fn two_replicas_both_see_the_first_event(release: Release) {
    let exporter = Setup::default().telemetry_everywhere().start().await;
    let first = Prometheus::of(release).replica("a").at_its_own_address().scraping(&exporter).await;
    let second = Prometheus::of(release).replica("b").at_its_own_address().scraping(&exporter).await;
    for replica in [&first, &second] {
        replica.scrapes(2).await;
    }
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    for replica in [&first, &second] {
        replica.until(&increase("11200"), |increase| increase > 0.0).await;
        replica.scrapes(2).await;
        assert_eq!(replica.rise(&events("11200")).await, Some(1.0));
    }
}

/// A Prometheus is added, or comes back with an empty disk, when the counter stands at 500: history is not a burst.
async fn a_new_prometheus_beside_an_old_one_sees_no_burst(release: Release) {
    let mut exporter = Setup::default().telemetry_everywhere().start().await;
    let first = Prometheus::of(release).replica("a").at_its_own_address().scraping(&exporter).await;
    let second = Prometheus::of(release).replica("b").at_its_own_address().scraping(&exporter).await;
    for number in 1..=500 {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204));
    }
    for replica in [&first, &second] {
        replica.sees(&events("11200"), 500).await;
        assert_eq!(replica.rise(&events("11200")).await, Some(500.0));
    }
    // A series born in a process younger than five minutes starts at 0 for everybody; one from before does not.
    assert_eq!(exporter.terminate().await.code(), Some(0));
    exporter.start_again().await;
    let third = Prometheus::of(release).replica("c").at_its_own_address().scraping(&exporter).await;
    third.scrapes(6).await;
    assert_eq!(third.ask(&format!("min_over_time({}[1h])", events("11200"))).await, Some(500.0));
    assert_eq!(third.ask(&increase("11200")).await, Some(0.0));
    assert_eq!(third.ask(&format!("changes({}[1h])", events("11200"))).await, Some(0.0));
    // It is a full member from now on: the next event, and the next new code, are increases for all three.
    assert_eq!(exporter.post(&Event::new(501, "11200")).await, Some(204));
    assert_eq!(exporter.post(&Event::new(502, "30007")).await, Some(204));
    for replica in [&first, &second, &third] {
        replica.until(&increase("11200"), |increase| increase > 0.0).await;
        replica.until(&increase("30007"), |increase| increase > 0.0).await;
        assert_eq!(replica.rise(&events("30007")).await, Some(1.0));
    }
    assert_eq!(third.rise(&events("11200")).await, Some(1.0));
    assert_eq!(first.rise(&events("11200")).await, Some(501.0));
}

/// Prometheus is down for an upgrade, or its machine is suspended, and comes back to the samples it had.
async fn a_gap_between_scrapes_fires_nothing(release: Release) {
    let exporter = Exporter::start().await;
    let mut prometheus = Prometheus::of(release).scraping(&exporter).await;
    prometheus.scrapes(2).await;
    for number in 1..=5 {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204));
    }
    prometheus.sees(&events("11200"), 5).await;
    let changes = format!("changes({}[1h])", events("11200"));
    let before = prometheus.ask(&changes).await;

    prometheus.stop().await;
    prometheus.start_again().await;
    prometheus.scrapes(3).await;
    prometheus.freeze();
    // What happens meanwhile is not lost: a new code arrives while nobody scrapes.
    assert_eq!(exporter.post(&Event::new(6, "30007")).await, Some(204));
    prometheus.thaw();
    prometheus.until(&increase("30007"), |increase| increase > 0.0).await;
    prometheus.scrapes(2).await;

    assert_eq!(prometheus.ask(&changes).await, before, "the old series has not moved");
    assert_eq!(prometheus.rise(&events("11200")).await, Some(5.0));
    assert_eq!(prometheus.rise(&events("30007")).await, Some(1.0));
}

/// The same without a restart, in a process that is old enough to know that a stranger is one.
#[tokio::test]
#[ignore = "takes five minutes, the age from which the process takes an unknown scraper for a new one"]
async fn a_new_prometheus_beside_an_old_process_sees_no_burst() {
    let exporter = Setup::default().telemetry_everywhere().start().await;
    let first = Prometheus::of(Release::Three).replica("a").at_its_own_address().scraping(&exporter).await;
    for number in 1..=500 {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204));
    }
    first.sees(&events("11200"), 500).await;
    let old = || async {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let started = exporter.metrics().await.get("process_start_time_seconds")?;
        (now.as_secs_f64() - started > 303.0).then_some(())
    };
    wait::until_within(Duration::from_mins(6), "the process to be five minutes old", old).await;
    let second = Prometheus::of(Release::Two).replica("b").at_its_own_address().scraping(&exporter).await;
    second.scrapes(6).await;
    assert_eq!(second.ask(&format!("min_over_time({}[1h])", events("11200"))).await, Some(500.0));
    assert_eq!(second.ask(&increase("11200")).await, Some(0.0));
    assert_eq!(first.rise(&events("11200")).await, Some(500.0));
}
