//! The first event of an error code, which is the one that matters most, and which `increase()` does not see by itself.

use super::{events, increase};
use test_support::prometheus::with_each_release;
use test_support::{Event, Exporter, Prometheus, Release};

with_each_release!(
    a_single_first_ever_event_is_an_increase,
    an_event_before_the_very_first_scrape_is_an_increase,
    a_person_at_the_page_takes_nobodys_zero,
    without_the_rule_a_first_event_is_no_increase,
    a_configured_code_stands_at_zero_from_the_first_scrape,
    each_of_many_new_codes_is_an_increase,
);

/// A code that comes up for the first time, once, and never again: without the rule no alert would ever fire for it.
async fn a_single_first_ever_event_is_an_increase(release: Release) {
    let exporter = Exporter::start().await;
    let prometheus = Prometheus::of(release).scraping(&exporter).await;
    prometheus.scrapes(2).await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    prometheus.until(&increase("11200"), |increase| increase > 0.0).await;
    prometheus.scrapes(2).await;
    assert_eq!(prometheus.rise(&events("11200")).await, Some(1.0));
}

/// A restart under fire: events are waiting at the door, and arrive before Prometheus has come by for the first time.
async fn an_event_before_the_very_first_scrape_is_an_increase(release: Release) {
    let exporter = Exporter::start().await;
    for number in 1..=3 {
        assert_eq!(exporter.post(&Event::new(number, "11200")).await, Some(204));
    }
    let prometheus = Prometheus::of(release).scraping(&exporter).await;
    prometheus.until(&increase("11200"), |increase| increase > 0.0).await;
    assert_eq!(prometheus.rise(&events("11200")).await, Some(3.0));
}

/// Somebody looks with curl, or a probe fetches the page, between the event and the scrape.
async fn a_person_at_the_page_takes_nobodys_zero(release: Release) {
    let exporter = Exporter::start().await;
    let prometheus = Prometheus::of(release).scraping(&exporter).await;
    prometheus.scrapes(2).await;
    prometheus.freeze();
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    for _ in 0..3 {
        // The truth at once, every time.
        assert_eq!(exporter.metrics().await.sum("twilio_debugger_events_total"), 1.0);
    }
    prometheus.thaw();
    prometheus.until(&increase("11200"), |increase| increase > 0.0).await;
}

/// Whoever switches the rule off gets what every other exporter does: the first event is there and no increase.
async fn without_the_rule_a_first_event_is_no_increase(release: Release) {
    let exporter = Exporter::with("metrics: {zero_first: false}").start().await;
    let prometheus = Prometheus::of(release).scraping(&exporter).await;
    prometheus.scrapes(2).await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    prometheus.sees(&events("11200"), 1).await;
    prometheus.scrapes(3).await;
    assert_eq!(prometheus.ask(&increase("11200")).await, Some(0.0));
    // The second event is one, which shows that the first was not merely late.
    assert_eq!(exporter.post(&Event::new(2, "11200")).await, Some(204));
    prometheus.until(&increase("11200"), |increase| increase > 0.0).await;
}

/// Operators name the codes they alert on, and dashboards show 0 for them and not "no data".
async fn a_configured_code_stands_at_zero_from_the_first_scrape(release: Release) {
    let exporter = Exporter::with("metrics: {codes: [\"11200\", \"30007\"]}").start().await;
    let prometheus = Prometheus::of(release).scraping(&exporter).await;
    prometheus.scrapes(1).await;
    for code in ["11200", "30007"] {
        let first = format!("min_over_time({}[1h])", events(code).replace('}', ",level=\"error\"}"));
        assert_eq!(prometheus.ask(&first).await, Some(0.0), "{code}");
    }
    let scrapes = "sum_over_time(up[1h]) - on(instance) count_over_time(\
                   twilio_debugger_events_total{error_code=\"30007\",level=\"warning\"}[1h])";
    assert_eq!(prometheus.ask(scrapes).await, Some(0.0), "there in every scrape");
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    let series = "twilio_debugger_events_total{error_code=\"11200\",level=\"error\"}";
    prometheus.until(&format!("increase({series}[5m])"), |increase| increase > 0.0).await;
    assert_eq!(prometheus.rise(series).await, Some(1.0));
}

/// An outage brings dozens of codes within one scrape interval and between scrapes.
async fn each_of_many_new_codes_is_an_increase(release: Release) {
    let exporter = Exporter::start().await;
    let prometheus = Prometheus::of(release).scraping(&exporter).await;
    for number in 0..60 {
        assert_eq!(exporter.post(&Event::new(number, &(20_000 + number).to_string())).await, Some(204));
    }
    let increased = "count(increase(twilio_debugger_events_total[5m]) > 0)";
    prometheus.until(increased, |codes| codes == 60.0).await;
    let exact =
        "count(max_over_time(twilio_debugger_events_total[1h]) - min_over_time(twilio_debugger_events_total[1h]) == 1)";
    assert_eq!(prometheus.ask(exact).await, Some(60.0));
    assert_eq!(prometheus.ask("sum(resets(twilio_debugger_events_total[1h]))").await, Some(0.0));
}
