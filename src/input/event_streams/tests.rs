use axum::http::HeaderValue;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Batch, EVENTS_MAX, Settings, read};
use crate::account::Account;
use crate::error_code::ErrorCode;
use crate::event::{DebuggerEvent, Source};
use crate::input::delivery::{Delivery, Format};
use crate::input::reception::{LATE_AFTER, Reception};
use crate::input::signature::{Verified, Verifier, encode_mac, sign};
use crate::intake::{Arrival, Ignored};
use crate::level::Level;
use crate::public_url::PublicUrl;
use crate::quarantine::{QuarantineReason, Quarantined};
use crate::redact::Redaction;
use crate::sid::AccountSid;

const URL: &str = "https://example.com/twilio";
const ACCOUNT: &str = "AC00000000000000000000000000000001";

fn verifier() -> Verifier {
    let sid = AccountSid::parse(ACCOUNT).expect("valid");
    Verifier::new(
        &[PublicUrl::parse(URL).expect(URL)],
        &[Account { sid, auth_tokens: vec!["12345".to_owned().into()], api_key: None }],
    )
}

fn signed(verifier: &Verifier, body: &[u8]) -> Verified<Bytes> {
    let query = format!("?bodySHA256={}", HEXLOWER.encode(&Sha256::digest(body)));
    let signature = encode_mac(&sign("12345", &format!("{URL}{query}"), b""));
    let delivery = Delivery {
        target: format!("/twilio{query}"),
        signatures: vec![HeaderValue::from_str(&signature).expect("a header")],
        format: Format::Json,
        body: Bytes::copy_from_slice(body),
    };
    verifier.verify_body(&delivery).expect("genuine")
}

fn reception() -> Reception {
    let at: Timestamp = "2026-01-01T00:00:05Z".parse().expect("a time");
    Reception { redaction: Redaction::Standard, late_after: LATE_AFTER, at, request_trace: None }
}

fn batch_of(body: impl AsRef<[u8]>) -> Batch {
    let verifier = verifier();
    read(&signed(&verifier, body.as_ref()), &verifier, &Settings::default(), &reception())
}

/// The documented event.
fn sample() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/feeds/event-streams-batch.json");
    let text = std::fs::read_to_string(file).expect("it is there");
    serde_json::from_str::<Value>(&text).expect("JSON")[0].clone()
}

/// The sample with `value` at `pointer`.
fn with(pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let mut sample = sample();
    sample.pointer_mut(parent).expect(parent)[key] = value;
    sample
}

fn event(value: &Value) -> DebuggerEvent {
    let batch = batch_of(value.to_string());
    match <[Arrival; 1]>::try_from(batch.intake.arrivals) {
        Ok([Arrival::Event(event)]) => *event,
        other => panic!("no event: {other:?} of {value}"),
    }
}

fn entry(body: impl AsRef<[u8]>) -> Quarantined {
    match <[Arrival; 1]>::try_from(batch_of(body).intake.arrivals) {
        Ok([Arrival::Quarantined(entry)]) => *entry,
        other => panic!("not in quarantine: {other:?}"),
    }
}

#[test]
fn the_documented_event_is_read() {
    let event = event(&json!([sample()]));
    assert_eq!(event.sid.as_str(), "NO00000000000000000000000000000021");
    assert_eq!(event.account_sid.as_str(), ACCOUNT);
    assert_eq!(event.parent_account_sid, None.or(AccountSid::parse(ACCOUNT).ok()));
    assert_eq!((event.level, event.error_code), (Level::Error, ErrorCode::Code(93101)));
    assert_eq!(event.occurred_at.to_string(), "2026-01-01T00:00:00Z");
    assert_eq!((event.source, event.late, event.occurred_at_assumed), (Source::EventStreams, false, false));
    assert_eq!(event.product.as_deref(), Some("Event Streams"));
    assert_eq!(event.message.as_deref(), Some("Error delivering event to webhook: 500 Internal Server Error"));
    assert_eq!(event.resource_sid.as_deref(), Some("ZE00000000000000000000000000000001"));
    assert_eq!(event.service_sid.as_deref(), Some("ZH00000000000000000000000000000001"));
    let payload: Value = serde_json::from_str(event.payload.expect("kept").get()).expect("JSON");
    assert_eq!(payload["error_code"], 93101);
}

#[test]
fn every_shape_that_is_known_to_come_is_read_the_same() {
    let plain = event(&sample());
    let mut as_text = sample();
    as_text["data"] = json!(as_text["data"].to_string());
    let mut without_time = sample();
    without_time.as_object_mut().expect("an object").remove("time");
    for (what, value) in [
        ("an array", json!([sample()])),
        ("data as a text", as_text),
        ("no time", without_time),
        ("a time for a content type", with("/datacontenttype", json!("2025-10-08T07:17:02.363Z"))),
        ("schema 1", with("/dataschema", json!("https://events-schemas.twilio.com/ErrorLogs.Error/1"))),
        ("a numeric code", with("/data/error_code", json!(93101))),
        ("the code in the payload alone", with("/data/error_code", Value::Null)),
        ("another case", with("/data/level", json!("error"))),
        ("the Sid in the envelope alone", with("/data/sid", Value::Null)),
        ("the time in the envelope alone", with("/data/date_created", Value::Null)),
        ("the payload as an object", with("/data/payload", json!({"error_code": 93101, "message": plain.message}))),
    ] {
        let event = event(&value);
        assert_eq!(
            (&event.sid, event.error_code, event.level, event.occurred_at, &event.message),
            (&plain.sid, plain.error_code, plain.level, plain.occurred_at, &plain.message),
            "{what}"
        );
    }
}

#[test]
fn what_is_absent_or_odd_costs_nothing_else() {
    for payload in [json!(null), json!("null"), json!({})] {
        assert_eq!(event(&with("/data/payload", payload)).message, None);
    }
    let words = event(&with("/data/payload", json!("call +14155550100")));
    assert_eq!(words.message.as_deref(), words.payload.as_ref().map(|raw| raw.get().trim_matches('"')));
    assert!(!words.message.expect("words").contains("4155550100"), "redacted like any other text");
    assert_eq!(event(&with("/data/error_code", json!("E7"))).error_code, ErrorCode::Invalid);
    assert_eq!(event(&with("/data/level", json!("NOTICE"))).level, Level::Other, "kept, whatever was chosen");
    let mut timeless = with("/data/date_created", json!("yesterday"));
    timeless["time"] = Value::Null;
    let timeless = event(&timeless);
    assert!(timeless.occurred_at_assumed);
    assert_eq!(timeless.occurred_at, reception().at);
}

#[test]
fn an_event_of_the_day_before_is_late() {
    assert!(event(&with("/data/date_created", json!("2025-12-31T00:00:00Z"))).late);
}

/// One that is not understood must not take its neighbours with it.
#[test]
fn a_batch_is_understood_event_by_event() {
    let other = |number: usize| with("/data/sid", json!(format!("NO{number:032}")));
    let mut foreign = with("/data/account_sid", json!("AC00000000000000000000000000000009"));
    foreign["data"]["master_account_sid"] = Value::Null;
    let mut odd = vec![
        (json!(7), QuarantineReason::BadGrammar, None),
        (with("/data", json!("{")), QuarantineReason::BadGrammar, None),
        (with("/type", json!(1)), QuarantineReason::BadGrammar, None),
        (with("/data/sid", json!("SM1")), QuarantineReason::BadGrammar, Some("SM1")),
        (
            with("/data/account_sid", json!({})),
            QuarantineReason::BadGrammar,
            Some("NO00000000000000000000000000000021"),
        ),
        (foreign, QuarantineReason::ForeignAccount, Some("NO00000000000000000000000000000021")),
    ];
    let mut body: Vec<_> = (0..194).map(other).collect();
    for (at, (value, ..)) in odd.iter().enumerate() {
        body.insert(at * 30, value.clone());
    }
    let batch = batch_of(json!(body).to_string());
    assert_eq!(batch.intake.arrivals.len(), 200);
    let quarantined = batch.intake.arrivals.iter().filter_map(|arrival| match arrival {
        Arrival::Quarantined(entry) => Some(entry),
        Arrival::Event(_) => None,
    });
    for (entry, (value, reason, sid)) in quarantined.zip(odd.drain(..)) {
        assert_eq!((entry.reason, entry.sid.as_deref()), (reason, sid), "{value}: {}", entry.detail);
        assert_eq!(entry.source, Source::EventStreams);
    }
}

/// What Twilio signs and is no batch at all has been answered 2xx, so it must stand somewhere.
#[test]
fn a_body_that_is_no_json_is_kept_whole() {
    let text = format!("[{{\"account_sid\":\"{ACCOUNT}\"}}");
    let cut = entry(&text);
    assert_eq!((cut.reason, cut.content), (QuarantineReason::BadPayload, json!(format!("{} bytes", text.len()))));
    assert_eq!(entry([b'\xff', b'"']).detail, "the body is not UTF-8");
    assert_eq!(batch_of("[]").intake.arrivals.len(), 0);
}

#[test]
fn so_many_events_are_told_apart_and_no_more() {
    let body = |events: usize| json!(vec![json!({}); events]).to_string();
    assert_eq!(batch_of(body(EVENTS_MAX)).intake.arrivals.len(), EVENTS_MAX);
    assert_eq!(entry(body(EVENTS_MAX + 1)).reason, QuarantineReason::BadGrammar);
}

#[test]
fn what_is_not_for_keeping_is_ignored_by_reason() {
    let message = json!({"type": "com.twilio.messaging.message.delivered", "data": {"accountSid": ACCOUNT}});
    let odd = json!({"type": "com.twilio.something", "data": [ACCOUNT]});
    let test = json!({"type": "com.twilio.eventstreams.test-event", "data": {"test_id": "a1-B_2"}});
    let info = with("/data/level", json!("INFO"));
    let batch = batch_of(json!([message, test, info, odd, sample()]).to_string());
    assert_eq!(batch.intake.ignored, [Ignored::EventType, Ignored::TestEvent, Ignored::Level, Ignored::EventType]);
    assert_eq!(batch.intake.arrivals.len(), 1);
    assert_eq!(batch.test_id.as_deref(), Some("a1-B_2"));
    for id in ["<script>", &"a".repeat(65)] {
        let test = json!({"type": "test", "data": {"test_id": id}});
        assert_eq!(batch_of(test.to_string()).test_id.as_deref(), Some(""), "{id}");
    }
}

#[test]
fn chosen_levels_are_kept() {
    let verifier = verifier();
    let body = json!([with("/data/level", json!("INFO")), sample()]).to_string();
    let settings = Settings { levels: vec![Level::Info] };
    let batch = read(&signed(&verifier, body.as_bytes()), &verifier, &settings, &reception());
    assert_eq!((batch.intake.arrivals.len(), batch.intake.ignored), (1, vec![Ignored::Level]));
}

/// JSON inside JSON hides numbers behind escapes; quarantine must not show what an event would not.
#[test]
fn quarantine_is_redacted_inside_nested_texts() {
    let payload = json!({"message": "to \u{2b}14155550100", "password": "hunter2"}).to_string();
    let mut value = with("/data/payload", json!(payload));
    value["data"]["sid"] = json!(1);
    value["data"] = json!(value["data"].to_string());
    let mut value_without_id = value.clone();
    value_without_id["id"] = json!(1);
    let entry = entry(value_without_id.to_string());
    let content = entry.content.to_string();
    assert!(!content.contains("4155550100") && !content.contains("hunter2"), "{content}");
    assert!(content.contains("com.twilio.error-logs.error.logged"), "{content}");
}
