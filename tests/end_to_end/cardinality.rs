//! How many series there can be, however many codes and accounts there are.

use test_support::{ACCOUNT, Event, Exporter, Scrape};

const OVERFLOWED: &str = "twilio_debugger_exporter_series_overflow_total";

fn codes(page: &Scrape) -> Vec<String> {
    let label = |series: &str| series.split("error_code=\"").nth(1)?.split('"').next().map(str::to_owned);
    let events = page.samples.keys().filter(|series| series.starts_with("twilio_debugger_events_total{"));
    events.filter_map(|series| label(series)).collect()
}

/// A code is the sender's choice of six digits: each as a series of its own would be a million of them.
#[tokio::test]
async fn many_codes_are_few_series_and_an_exact_sum() {
    let mut exporter = Exporter::with("metrics: {error_codes_max: 3}").start().await;
    for number in 0..50 {
        assert_eq!(exporter.post(&Event::new(number, &(20_000 + number).to_string())).await, Some(204));
    }
    let page = exporter.metrics().await;
    assert_eq!(codes(&page), ["20000", "20001", "20002", "overflow"]);
    assert_eq!(page.sum("twilio_debugger_events_total"), 50.0);
    assert_eq!(page.get("twilio_debugger_events_total{error_code=\"overflow\",level=\"error\"}"), Some(47.0));
    assert_eq!(page.get(OVERFLOWED), Some(47.0));
    assert_eq!(page.get("twilio_debugger_exporter_series"), Some(3.0));
    assert_eq!(page.get("twilio_debugger_exporter_series_limit"), Some(3.0));

    // Another three would be admitted if the set were not kept, and every one of them would be a new series.
    exporter.process.kill();
    exporter.start_again().await;
    assert_eq!(
        exporter.metrics().await.get("twilio_debugger_exporter_series"),
        Some(3.0),
        "known before the first event"
    );
    for number in 50..60 {
        assert_eq!(exporter.post(&Event::new(number, &(20_000 + number).to_string())).await, Some(204));
    }
    assert_eq!(exporter.post(&Event::new(60, "20001")).await, Some(204));
    let page = exporter.metrics().await;
    assert_eq!(codes(&page), ["20000", "20001", "20002", "overflow"]);
    assert_eq!(page.get("twilio_debugger_events_total{error_code=\"20001\",level=\"error\"}"), Some(2.0));
    assert_eq!(page.get(OVERFLOWED), Some(57.0));
    assert_eq!(page.sum("twilio_debugger_events_total"), 61.0);
    page.assert_adds_up();
}

/// Events without a code, or with one that is none, have their own series whatever the limit.
#[tokio::test]
async fn the_named_values_are_not_codes_and_do_not_use_up_the_limit() {
    let exporter = Exporter::with("metrics: {error_codes_max: 1}").start().await;
    let payload = |code: &str| format!(r#"{{"resource_sid":null,"service_sid":null{code},"more_info":{{}}}}"#);
    let none = Event::new(1, "").with("Payload", &payload(""));
    let invalid = Event::new(2, "").with("Payload", &payload(r#","error_code":"many""#));
    for event in [none, invalid, Event::new(3, "11200"), Event::new(4, "30007")] {
        assert_eq!(exporter.post(&event).await, Some(204));
    }
    let page = exporter.metrics().await;
    assert_eq!(codes(&page), ["11200", "invalid", "none", "overflow"]);
    assert_eq!(page.get("twilio_debugger_exporter_series"), Some(1.0));
    assert_eq!(page.get(OVERFLOWED), Some(1.0));
}

/// With a label per account, the limit is on pairs: a thousand subaccounts with ten codes each must not be ten thousand.
#[tokio::test]
async fn with_the_account_label_pairs_of_code_and_account_are_limited() {
    let yaml = "metrics: {error_codes_max: 2, account_label: true}";
    let exporter = Exporter::with(yaml).start().await;
    let sub = |number: u64| format!("AC{number:032x}");
    let event = |number: u64, account: u64| {
        Event::new(number, "11200").with("AccountSid", &sub(account)).with("ParentAccountSid", ACCOUNT)
    };
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    for account in 2..10 {
        assert_eq!(exporter.post(&event(account, account)).await, Some(204));
    }
    let page = exporter.metrics().await;
    let series = |account: &str, code: &str| {
        format!("twilio_debugger_events_total{{account_sid=\"{account}\",error_code=\"{code}\",level=\"error\"}}")
    };
    assert_eq!(page.get(&series(ACCOUNT, "11200")), Some(1.0));
    assert_eq!(page.get(&series(&sub(2), "11200")), Some(1.0));
    assert_eq!(page.get(&series("overflow", "overflow")), Some(7.0));
    assert_eq!(codes(&page).len(), 3);
    assert_eq!(page.sum("twilio_debugger_events_total"), 9.0);
    assert_eq!(page.get(OVERFLOWED), Some(7.0));
    page.assert_adds_up();
}
