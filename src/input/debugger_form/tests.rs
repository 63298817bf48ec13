use jiff::Timestamp;
use serde_json::json;

use super::{Fault, event_of};
use crate::event::DebuggerEvent;
use crate::input::form::Form;
use crate::input::reception::{LATE_AFTER, Reception};
use crate::quarantine::QuarantineReason;
use crate::redact::Redaction;

const SAMPLE: [(&str, &str); 7] = [
    ("AccountSid", "AC00000000000000000000000000000001"),
    ("ParentAccountSid", ""),
    ("Level", "ERROR"),
    ("PayloadType", "application/json"),
    ("Sid", "NO00000000000000000000000000000001"),
    ("Timestamp", "2026-01-02T03:04:05.678Z"),
    (
        "Payload",
        r#"{"resource_sid":"CA1","error_code":"11200","more_info":{"Msg":"Bad Gateway","LogLevel":"WARNING"}}"#,
    ),
];

fn received_at() -> Timestamp {
    "2026-01-02T03:04:06Z".parse().expect("RFC 3339")
}

fn encode(bytes: &[u8]) -> String {
    percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn read(fields: &[(&str, &str)]) -> Result<DebuggerEvent, Fault> {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    read_bytes(&fields)
}

fn read_bytes(fields: &[(&str, &[u8])]) -> Result<DebuggerEvent, Fault> {
    let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let form = Form::decode(body.join("&").as_bytes()).expect("few fields");
    let (redaction, late_after) = (Redaction::Standard, LATE_AFTER);
    event_of(&form, &Reception { redaction, late_after, at: received_at(), request_trace: None })
}

/// The sample with some fields replaced; a field of value `-` is left out.
fn with(changes: &[(&'static str, &'static str)]) -> Result<DebuggerEvent, Fault> {
    let mut fields: Vec<_> = SAMPLE.to_vec();
    for (name, value) in changes {
        fields.retain(|(found, _)| found != name);
        fields.push((name, value));
    }
    fields.retain(|(_, value)| *value != "-");
    read(&fields)
}

fn payload(payload: &serde_json::Value) -> DebuggerEvent {
    let text = payload.to_string();
    let mut fields = SAMPLE.to_vec();
    fields.retain(|(name, _)| *name != "Payload");
    fields.push(("Payload", &text));
    read(&fields).unwrap_or_else(|fault| panic!("{}", fault.detail))
}

#[test]
fn todays_form_is_read() {
    let event = with(&[]).unwrap_or_else(|fault| panic!("{}", fault.detail));
    assert_eq!(event.sid.as_str(), "NO00000000000000000000000000000001");
    assert_eq!(event.parent_account_sid, None);
    assert_eq!((event.level.as_str(), event.error_code.to_string().as_str()), ("error", "11200"));
    assert_eq!(event.message.as_deref(), Some("Bad Gateway"));
    assert_eq!(event.occurred_at.to_string(), "2026-01-02T03:04:05.678Z");
    assert!(!event.occurred_at_assumed);
}

#[test]
fn the_betas_form_is_read() {
    let event =
        with(&[("Timestamp", "-"), ("TimeStamp", "2019-05-06T07:08:09Z"), ("Level", "-"), ("ParentAccountSid", "-")])
            .unwrap_or_else(|fault| panic!("{}", fault.detail));
    assert_eq!(event.occurred_at.to_string(), "2019-05-06T07:08:09Z");
    assert_eq!(event.level.as_str(), "warning", "from more_info.LogLevel");
}

#[test]
fn an_unreadable_time_is_replaced_and_flagged() {
    let event = with(&[("Timestamp", "yesterday")]).unwrap_or_else(|fault| panic!("{}", fault.detail));
    assert_eq!(event.occurred_at, received_at());
    assert!(event.occurred_at_assumed);
}

#[test]
fn fields_that_are_no_event_go_to_quarantine() {
    for changes in [
        &[("Sid", "-")][..],
        &[("Sid", "NO1Timestamp2026-01-02")],
        &[("AccountSid", "CA1")],
        &[("ParentAccountSid", "x")],
        &[("Level", "ERRORParentAccountSid")],
        &[("PayloadType", "text/plain")],
        &[("PayloadType", "-")],
        &[("Timestamp", "-")],
        &[("TimeStamp", "2026-01-02T03:04:05Z")],
        &[("Payload", "-")],
    ] {
        let fault = with(changes).expect_err("not an event");
        assert_eq!(fault.reason, QuarantineReason::BadGrammar, "{changes:?}");
    }
    for name in ["Sid", "Level", "ParentAccountSid", "Timestamp", "Payload", "PayloadType", "AccountSid"] {
        let mut fields = SAMPLE.to_vec();
        fields.extend(SAMPLE.iter().filter(|(found, _)| *found == name));
        assert_eq!(read(&fields).expect_err(name).detail, format!("{name} is there more than once"));
    }
}

#[test]
fn a_payload_that_is_no_object_goes_to_quarantine() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in ["", "not json", "[]", "\"text\"", "{\"error_code\":\"11200\"", "{} x", &deep] {
        let mut fields = SAMPLE.to_vec();
        fields.retain(|(name, _)| *name != "Payload");
        fields.push(("Payload", text));
        assert_eq!(read(&fields).expect_err(text).reason, QuarantineReason::BadPayload, "{text:?}");
    }
}

#[test]
fn a_payload_with_bytes_that_are_no_text_is_an_event_all_the_same() {
    let mut fields: Vec<_> = SAMPLE.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    fields.retain(|(name, _)| *name != "Payload");
    fields.push(("Payload", b"{\"error_code\":\"11200\",\"more_info\":{\"msg\":\"Caf\xe9\"}}"));
    let event = read_bytes(&fields).unwrap_or_else(|fault| panic!("{}", fault.detail));
    assert_eq!((event.error_code.to_string().as_str(), event.message.as_deref()), ("11200", Some("Caf\u{fffd}")));
    assert!(event.payload.is_some_and(|payload| payload.get().contains("Caf\u{fffd}")));
}

#[test]
fn a_repeated_error_code_is_invalid() {
    let event = with(&[("Payload", r#"{"error_code":"11200","error_code":"30007"}"#)]);
    assert_eq!(event.unwrap_or_else(|fault| panic!("{}", fault.detail)).error_code.to_string(), "invalid");
}

#[test]
fn parts_of_the_wrong_type_are_absent() {
    for odd in [json!(null), json!("text"), json!(["array"]), json!(7)] {
        let event = payload(&json!({"error_code": null, "more_info": odd, "webhook": odd, "resource_sid": 7}));
        assert_eq!(event.error_code.to_string(), "none");
        assert_eq!((event.message, event.exchange, event.resource_sid), (None, None, None));
    }
}

#[test]
fn the_status_is_found_in_three_places() {
    let status = |payload_value| payload(&payload_value).exchange.and_then(|exchange| exchange.status);
    assert_eq!(
        status(json!({"webhook": {"response": {"status_code": 200}}, "more_info": {"httpResponse": "404"}})),
        Some(200)
    );
    assert_eq!(
        status(json!({"webhook": {"response": {"status_code": null}}, "more_info": {"httpResponse": "404"}})),
        Some(404)
    );
    assert_eq!(
        status(json!({"Webhook": {"response": {"headers": {"x-twilio-webhookerror": "502 Bad Gateway"}}}})),
        Some(502)
    );
    assert_eq!(
        status(json!({"webhook": {"response": {"headers": {"X-Twilio-WebhookError": "11203 total time out"}}}})),
        None
    );
}

#[test]
fn the_trace_of_the_failing_exchange_is_kept() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for place in [
        json!({"request": {"headers": {"Traceparent": parent}}}),
        json!({"request": {"parameters": {"traceparent": parent}}}),
        json!({"response": {"headers": {"traceparent": parent}}}),
    ] {
        assert_eq!(payload(&json!({"webhook": place})).trace.expect("found").to_string(), parent);
    }
}

#[test]
fn a_huge_payload_is_trimmed_and_flagged() {
    let event = payload(&json!({"error_code": 1, "webhook": {"response": {"headers": {"X": "x".repeat(70_000)}}}}));
    assert!(event.payload_trimmed);
    assert_eq!(event.payload.expect("the rest fits").get(), r#"{"error_code":1}"#);
}
