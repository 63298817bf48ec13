use jiff::Timestamp;
use serde_json::{Value, json};

use super::arrival;
use crate::event::{DebuggerEvent, Source};
use crate::input::reception::{LATE_AFTER, Reception};
use crate::intake::Arrival;
use crate::quarantine::{QuarantineReason, Quarantined};
use crate::redact::Redaction;

fn received_at() -> Timestamp {
    "2026-01-02T03:00:00Z".parse().expect("a time")
}

fn reception(redaction: Redaction) -> Reception {
    Reception { redaction, late_after: LATE_AFTER, at: received_at(), request_trace: None }
}

/// The documented row with `changes`; a null takes a key away.
fn row(changes: &Value) -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/feeds/alerts-page.json");
    let text = std::fs::read_to_string(file).expect("it is there");
    let page: Value = serde_json::from_str(&text).expect("JSON");
    let mut row = page["alerts"][0].clone();
    for (key, value) in changes.as_object().expect("changes") {
        row[key] = value.clone();
    }
    row.to_string()
}

fn event_with(changes: &Value, redaction: Redaction) -> DebuggerEvent {
    match arrival(&row(changes), &reception(redaction)) {
        Arrival::Event(event) => *event,
        Arrival::Quarantined(entry) => panic!("{}", entry.detail),
    }
}

fn event(changes: &Value) -> DebuggerEvent {
    event_with(changes, Redaction::Standard)
}

fn entry(text: &str) -> Quarantined {
    match arrival(text, &reception(Redaction::Standard)) {
        Arrival::Quarantined(entry) => *entry,
        Arrival::Event(event) => panic!("{} is an event", event.sid),
    }
}

#[test]
fn the_documented_row_is_read() {
    let event = event(&json!({}));
    assert_eq!(event.sid.as_str(), "NO00000000000000000000000000000031");
    assert_eq!(event.account_sid.as_str(), "AC00000000000000000000000000000001");
    assert_eq!((event.level.as_str(), event.error_code.to_string().as_str()), ("error", "11200"));
    assert_eq!((event.occurred_at.to_string().as_str(), event.occurred_at_assumed), ("2026-01-01T02:34:21Z", false));
    assert_eq!((event.received_at, event.source), (received_at(), Source::AlertsApi));
    assert!(event.late, "a day old");
    assert_eq!(event.message, None, "Msg says nothing");
    assert_eq!(event.resource_sid.as_deref(), Some("CA00000000000000000000000000000031"));
    let exchange = event.exchange.expect("one failed");
    assert_eq!((exchange.method.as_deref(), exchange.status), (Some("POST"), Some(405)));
    assert_eq!(exchange.url.as_deref(), Some("https://app.example.com/x.mp3"));
    let payload: Value = serde_json::from_str(event.payload.expect("kept").get()).expect("JSON");
    assert_eq!(payload["alert_text"]["httpResponse"], "405");
    assert_eq!(payload["webhook"]["request"]["url"], "https://app.example.com/x.mp3");
}

#[test]
fn codes_levels_and_times_are_taken_as_they_are_found() {
    assert_eq!(event(&json!({"error_code": 4107})).error_code.to_string(), "4107");
    assert_eq!(event(&json!({"error_code": "00011200"})).error_code.to_string(), "invalid");
    assert_eq!(event(&json!({"error_code": null})).error_code.to_string(), "none");
    for (log_level, level) in [(json!("notice"), "other"), (json!("debug"), "debug"), (json!("warning"), "warning")] {
        assert_eq!(event(&json!({"log_level": log_level})).level.as_str(), level);
    }
    let text = "ErrorCode=11200&LogLevel=WARN";
    for absent in [json!(null), json!(""), json!(7)] {
        assert_eq!(event(&json!({"log_level": absent, "alert_text": text})).level.as_str(), "warning", "from the text");
    }
    assert_eq!(event(&json!({"log_level": null, "alert_text": ""})).level.as_str(), "other");
    let time = |changes| event(&changes).occurred_at.to_string();
    assert_eq!(time(json!({"date_generated": "2026-01-01T02:34:20Z"})), "2026-01-01T02:34:20Z");
    assert_eq!(time(json!({"date_generated": null})), "2026-01-01T02:34:21Z", "date_created");
    let none = event(&json!({"date_generated": "yesterday", "date_created": null}));
    assert_eq!((none.occurred_at, none.occurred_at_assumed), (received_at(), true));
}

#[test]
fn the_message_is_what_the_text_says_in_words() {
    let message = |text: &str| event(&json!({"alert_text": text})).message;
    assert_eq!(message("Msg=Bad+Gateway&parserMessage=&LogLevel=ERROR").as_deref(), Some("Bad Gateway"));
    assert_eq!(message("Msg=no&parserMessage=Unclosed+tag").as_deref(), Some("Unclosed tag"));
    assert_eq!(message("Call to +14155551234 failed").as_deref(), Some("Call to +1***34 failed"));
    assert_eq!(message("").as_deref(), None);
    assert_eq!(event(&json!({"alert_text": {"an": "object"}})).message, None);
}

/// An alert's text and the exchange it is about carry what the customer's own requests carried.
#[test]
fn what_escapes_hide_is_redacted_too() {
    let secrets = json!({
        "alert_text": "Msg=Call+to+%2B14155551234&Authorization=Bearer+hidden&token=hidden&From=%2B14155551234",
        "request_url": "https://user:hidden@app.example.com/x?key=hidden",
        "request_variables": "From=%2B14155551234&Body=hidden&CallStatus=ringing&CallSid=CA1",
        "request_headers": "Cookie=hidden&Accept=text%2Fxml",
        "response_headers": "Set-Cookie: hidden",
        "response_body": "hidden",
    });
    let event = event(&secrets);
    let whole = serde_json::to_string(&event).expect("JSON");
    assert!(!whole.contains("hidden") && !whole.contains("4155551234"), "{whole}");
    let payload: Value = serde_json::from_str(event.payload.expect("kept").get()).expect("JSON");
    assert_eq!(payload["webhook"]["request"]["parameters"]["CallStatus"], "ringing");
    let strict = event_with(&secrets, Redaction::Strict);
    assert!(strict.payload.is_none() && strict.message.is_none());
    let all = event_with(&secrets, Redaction::None);
    assert!(all.payload.is_some_and(|payload| payload.get().contains("response_body")), "as it came");
}

#[test]
fn a_row_that_is_no_event_goes_to_quarantine_by_itself() {
    for (changes, detail) in [
        (json!({"sid": null}), "the row has no sid"),
        (json!({"sid": 7}), "the row has no sid"),
        (json!({"sid": "CA1"}), "the row has a sid that is not NO followed by 1 to 62 letters or digits"),
        (json!({"account_sid": null}), "the row has no account_sid"),
        (json!({"account_sid": ""}), "the row has an account_sid that is not AC followed by 1 to 32 letters or digits"),
    ] {
        let entry = entry(&row(&changes));
        assert_eq!((entry.reason, entry.source), (QuarantineReason::BadGrammar, Source::AlertsApi));
        assert_eq!(entry.detail, detail);
    }
    for text in ["7", "null", "[]", "\"text\"", "{", "{\"sid\":"] {
        assert_eq!(entry(text).detail, "the row is no JSON object", "{text}");
    }
    let kept = entry(&row(&json!({"sid": "CA1", "alert_text": "Msg=x&token=hidden"})));
    assert_eq!(kept.sid.as_deref(), Some("CA1"));
    assert!(!kept.content.to_string().contains("hidden"), "{}", kept.content);
}

#[test]
fn a_row_that_is_too_big_loses_its_payload_and_nothing_else() {
    let event = event(&json!({"request_variables": "a".repeat(70_000), "more_info": "b".repeat(70_000)}));
    assert_eq!((event.payload.is_some(), event.payload_trimmed), (false, true));
    assert_eq!(event.error_code.to_string(), "11200");
}
