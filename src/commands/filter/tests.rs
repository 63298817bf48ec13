use clap::{Args as _, Command, FromArgMatches as _};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::FilterArgs;
use crate::catalogue::Catalogue;
use crate::event::{DebuggerEvent, Source};
use crate::quarantine::{QuarantineReason, Quarantined};

const NOW: &str = "2026-01-02T12:00:00Z";

fn typed(arguments: &[&str]) -> Result<FilterArgs, clap::Error> {
    let command = FilterArgs::augment_args(Command::new("events").no_binary_name(true));
    FilterArgs::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

fn event(changes: &Value) -> DebuggerEvent {
    let mut document = json!({
        "sid": "NO1", "account_sid": "AC1", "level": "error", "error_code": "13224", "source": "webhook",
        "resource_sid": "CA1", "occurred_at": "2026-01-02T03:00:00Z", "received_at": "2026-01-02T03:00:01Z",
    });
    let object = document.as_object_mut().expect("an object");
    object.extend(changes.as_object().expect("an object").clone());
    serde_json::from_value(document).expect("an event")
}

fn takes(arguments: &[&str], event: &DebuggerEvent) -> bool {
    let args = typed(arguments).expect("arguments");
    args.at(time(NOW), &Catalogue::default()).expect("a time to look at").takes(event)
}

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn entry(content: Value) -> Quarantined {
    Quarantined {
        reason: QuarantineReason::BadPayload,
        detail: "Payload is no JSON".into(),
        source: Source::Webhook,
        sid: None,
        at: time("2026-01-02T03:00:01Z"),
        content,
    }
}

#[test]
fn each_filter_takes_its_own_and_leaves_the_others() {
    let one = event(&json!({}));
    for (flag, own, other) in [
        ("--level", "error", "warning"),
        ("--error-code", "13224", "13223"),
        ("--account", "AC1", "AC2"),
        ("--resource", "CA1", "CA2"),
        ("--resource", "call", "message"),
        ("--product", "voice", "Messaging"),
        ("--since", "2026-01-02T03:00:00Z", "2026-01-02T03:00:00.001Z"),
        ("--since", "9h", "539m"),
        ("--until", "2026-01-02T03:00:00.001Z", "2026-01-02T03:00:00Z"),
    ] {
        assert!(takes(&[flag, own], &one), "{flag} {own}");
        assert!(!takes(&[flag, other], &one), "{flag} {other}");
    }
    assert!(takes(&[], &one) && takes(&["--source", "webhook"], &one));
}

#[test]
fn filters_combine_and_each_may_have_several_values() {
    let one = event(&json!({}));
    assert!(takes(&["--level", "warning,error", "--error-code", "11200", "--error-code", "13224"], &one));
    assert!(!takes(&["--level", "error", "--error-code", "11200"], &one));
    let without = event(&json!({"error_code": "none", "resource_sid": null, "level": "other"}));
    assert!(takes(&["--level", "other", "--error-code", "none,invalid"], &without));
    let streamed = event(&json!({"product": "Messaging"}));
    assert!(takes(&["--product", "messaging"], &streamed) && takes(&["--product", "Voice"], &streamed), "by either");
    assert!(!takes(&["--resource", "call"], &without) && !takes(&["--product", "Voice"], &without));
}

/// Who filters by what is not there must not believe that nothing happened.
#[test]
fn a_bad_value_is_named() {
    for (flag, value) in [
        ("--level", "loud"),
        ("--level", ""),
        ("--error-code", "E7"),
        ("--error-code", "1234567"),
        ("--account", "CA1"),
        ("--resource", "ca1"),
        ("--resource", "calls"),
        ("--source", "pigeon"),
        ("--since", "yesterday"),
        ("--until", "tomorrow"),
    ] {
        let fault = typed(&[flag, value]).expect_err(value);
        let text = fault.to_string();
        assert_eq!(fault.exit_code(), 2, "{flag} {value}");
        assert!(text.contains(flag) && text.contains(&format!("'{value}'")), "{text}");
    }
}

#[test]
fn a_time_that_ends_before_it_begins_is_refused() {
    for (since, until) in [("1h", "2h"), ("1h", "1h")] {
        typed(&["--since", since, "--until", until])
            .expect("arguments")
            .at(time(NOW), &Catalogue::default())
            .expect_err(since);
    }
}

/// Without a list its names are unknown, with it they are found beside ours.
#[test]
fn a_product_is_one_of_the_catalogues() {
    let list = r#"[{"code": 13224, "message": "a", "product": "Programmable Voice"}]"#;
    let (catalogue, one) = (Catalogue::parse(list).expect("a list"), event(&json!({})));
    let args = typed(&["--product", "Messaging,programmable voice"]).expect("arguments");
    assert!(args.at(time(NOW), &catalogue).expect("known").takes(&one));
    let fault = args.at(time(NOW), &Catalogue::default()).expect_err("unknown").to_string();
    assert!(fault.starts_with("--product 'programmable voice' is none of ") && fault.contains("Voice"), "{fault}");
}

#[test]
fn an_entry_is_taken_by_the_event_it_holds() {
    let refused = entry(serde_json::to_value(event(&json!({"payload": {"a": 1}}))).expect("JSON"));
    let taken = |arguments: &[&str]| {
        typed(arguments)
            .expect("arguments")
            .at(time(NOW), &Catalogue::default())
            .expect("a time to look at")
            .takes_entry(&refused)
    };
    assert!(taken(&["--level", "error", "--resource", "call"]) && !taken(&["--level", "warning"]));
}

#[test]
fn an_entry_that_is_no_event_has_a_time_and_a_source() {
    let strange = entry(json!([["Sid", "NO1"], ["Level", "ERROR"]]));
    let taken = |arguments: &[&str]| {
        typed(arguments)
            .expect("arguments")
            .at(time(NOW), &Catalogue::default())
            .expect("a time to look at")
            .takes_entry(&strange)
    };
    assert!(taken(&[]) && taken(&["--source", "webhook", "--since", "10h"]));
    assert!(!taken(&["--level", "error"]) && !taken(&["--product", "Voice"]) && !taken(&["--since", "1h"]));
}

#[test]
fn what_arrived_long_before_cannot_be_meant() {
    let args = typed(&["--since", "2h"]).expect("arguments");
    assert_eq!(
        args.at(time(NOW), &Catalogue::default()).expect("a time").arrived_since(),
        time("2026-01-02T09:00:00Z")
    );
    assert_eq!(
        typed(&[]).expect("none").at(time(NOW), &Catalogue::default()).expect("any time").arrived_since(),
        Timestamp::MIN
    );
}
