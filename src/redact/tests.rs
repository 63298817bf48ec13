use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::keys::{CREDENTIAL_PARTS, has_credential_part};
use super::{Masks, REDACTED, Redaction, mask, mask_url};

fn redact_json(text: &str) -> Result<String, serde_json::Error> {
    super::redact_json(text, &Masks::new(Redaction::Standard))
}

fn redacted(payload: &Value) -> Value {
    let text = redact_json(&payload.to_string()).expect("JSON");
    serde_json::from_str(&text).expect("JSON again")
}

#[test]
fn numbers_addresses_and_credentials_are_masked_in_running_text() {
    for (text, masked) in [
        ("call +15550100001 now", "call +1***01 now"),
        ("call (415) 867-5309 or 800-421-9004", "call ***09 or ***04"),
        ("00491701234567", "***67"),
        ("write to jane.doe+x@mail.example.com", "write to ***@***"),
        ("sip:desk@example.sip.twilio.com", "sip:***@***"),
        (
            "Got HTTP 502 response to http://u:p@10.0.0.5:8080/ivr?stanza=menu&x",
            "Got HTTP 502 response to http://10.0.0.5:8080/ivr?stanza=",
        ),
        ("see x_https://u:p@h/a?b=c, <1ftp://u:p@h> and ://h?x", "see x_https://h/a?b= <1ftp://h> and ://h?"),
        ("Authorization: Bearer abcdef.123456", "Authorization: Bearer [redacted]"),
        ("password=hunter2 token: abc", "password=[redacted] token: [redacted]"),
    ] {
        assert_eq!(mask(text), masked);
    }
}

#[test]
fn ids_codes_and_times_stay_readable() {
    for text in [
        "SM00000000000000000000000000000003",
        "Account SID: AC00000000000000000000000000000001",
        "11200",
        "2026-01-02T03:04:05.678Z",
        "11203 HTTP communication total time out triggered",
        "Configured tt is 15000ms and we attempted 1 time(s)",
        "10.0.0.5:8080",
    ] {
        assert_eq!(mask(text), text);
    }
}

#[test]
fn a_url_keeps_its_place_and_loses_its_values() {
    assert_eq!(
        mask_url("http://twimlets.com/forward?PhoneNumber=800-421-9004"),
        "http://twimlets.com/forward?PhoneNumber="
    );
    assert_eq!(mask_url("https://u:p@h/a?x=1&+15550100001&y=#z"), "https://h/a?x=&y=");
    assert_eq!(mask_url("/relative?x=1"), "/relative?x=");
    assert_eq!(mask_url("https://h/?=&<=1&\"b\"=2&c=3"), "https://h/?=&c=");
}

#[test]
fn an_sms_loses_its_text_and_its_people() {
    let payload = redacted(&json!({
        "error_code": "11200",
        "more_info": {"Msg": "Bad Gateway", "To": "client:alice", "ErrorCode": "11200"},
        "webhook": {
            "request": {
                "url": "https://app.example.com/sms?user=jane",
                "headers": {"Cookie": "a=b", "X-Twilio-Signature": "s", "Accept": "*/*"},
                "parameters": {"From": "+15550100001", "To": "", "Body": "Stop", "FromCity": "ALHAMBRA", "SmsStatus": "received", "MessageSid": "SM1"}
            },
            "response": {"status_code": null, "headers": {"Set-Cookie": "c"}, "body": "<html>secret page</html>"}
        }
    }));
    assert_eq!(
        payload,
        json!({
            "error_code": "11200",
            "more_info": {"Msg": "Bad Gateway", "To": REDACTED, "ErrorCode": "11200"},
            "webhook": {
                "request": {
                    "url": "https://app.example.com/sms?user=",
                    "headers": {"Cookie": REDACTED, "X-Twilio-Signature": REDACTED, "Accept": "*/*"},
                    "parameters": {"From": "+1***01", "To": "", "Body": REDACTED, "FromCity": REDACTED, "SmsStatus": "received", "MessageSid": "SM1"}
                },
                "response": {"status_code": null, "headers": {"Set-Cookie": REDACTED}, "body": REDACTED}
            }
        })
    );
}

/// Places where a person or a secret may stand, each with the canary in it.
fn with_canaries(number: &str, word: &str) -> Value {
    json!({
        "more_info": {
            "Msg": format!("could not reach {number} or {word}@example.com"),
            "url": format!("https://{word}:x@app.example.com/p?q={word}#{word}"),
            "phonenumber": number,
            "From": word,
        },
        "webhook": {
            "request": {
                "url": format!("https://app.example.com/{number}?{word}"),
                "headers": {"Authorization": format!("Basic {word}"), "cookie": word, "X-Auth-Token": word},
                "parameters": {"Body": word, "From": number, "Called": format!("client:{word}"), "Digits": word, number: "x",
                               "nested": {"deep": [word, {"Body": number}]}},
            },
            "response": {"body": word, "headers": {"Set-Cookie": word, "Location": format!("/next?x={word}#y")}},
        },
        "numeric": number.trim_start_matches('+').parse::<u64>().expect("digits"),
    })
}

#[test]
fn an_address_that_is_no_number_is_dropped_whatever_a_mask_makes_of_it() {
    assert_eq!(
        redacted(&json!({"From": "/#?", "To": "whatsapp:+15550100001"})),
        json!({"From": REDACTED, "To": "whatsapp:+1***01"})
    );
}

#[test]
fn odd_shapes_hide_nothing() {
    for (payload, hidden) in [
        (
            json!({"url": "https://h/cb?name=O'Brien&city=Paris France&pin=1234"}),
            vec!["Brien", "Paris", "France", "1234"],
        ),
        (json!({"Msg": "got https://h/cb?name=O'Brien&city=Paris"}), vec!["Brien", "Paris"]),
        (json!({"url": "https://user:pa'ss@host/"}), vec!["user", "pa'ss"]),
        (json!({"url": "https://user:pa#ss@host/", "Url": "https://user:pa?ss@host/"}), vec!["user", "pa"]),
        (
            json!({"url": "https://h/c/%2B15550100001/alice%40example.com/user_15550100002"}),
            vec!["0100001", "alice", "0100002"],
        ),
        (
            json!({"headers": [{"name": "Set-Cookie", "value": "s3cr3t"}], "Msg": "Cookie: a=s3cr3t; b=c"}),
            vec!["s3cr3t", "b=c"],
        ),
        (json!({"parameters": "Body=my+PIN", "x": {"parameters": ["my PIN"]}}), vec!["PIN"]),
        (json!({"detail": "{\"password\":\"hunter2\"}"}), vec!["hunter2"]),
        (
            json!({"Api-Key": "k1", "X-ApiKey": "k2", "pwd": "k3", "jwt": "k4", "X-Session-Id": "k5"}),
            vec!["k1", "k2", "k3", "k4", "k5"],
        ),
        (json!({"From": "Alice Smith +15550100001", "To": ["+15550100001"]}), vec!["Alice", "0100001"]),
    ] {
        let text = redacted(&payload).to_string();
        for canary in hidden {
            assert!(!text.contains(canary), "{canary} in {text}");
        }
    }
    let escaped = r#"{"From":"\u002b15550100001","m":"alice\u0040example.com"}"#;
    let text = redact_json(escaped).expect("JSON");
    assert_eq!(text, r#"{"From":"+1***01","m":"***@***"}"#);
}

#[test]
fn a_mask_is_used_again_only_for_what_it_was_made_of() {
    let text = "/call +15550100001?x=1&y";
    let payload =
        json!({"m": text, "url": text, "more": [text, {"To": text}], "other": format!("{text}z")}).to_string();
    let mut masks = Masks::new(Redaction::Standard);
    let (of_text, of_url) = (masks.of_text(text).to_owned(), masks.of_url(text).to_owned());
    assert_eq!((of_text, of_url), (mask(text).into_owned(), super::masked_url(text)));
    let again = super::redact_json(&payload, &masks).expect("JSON");
    assert_eq!(again, redact_json(&payload).expect("JSON"));
    assert_eq!(Masks::new(Redaction::None).of_text(text), text);
}

#[test]
fn the_shape_stays_and_the_order_too() {
    let text = r#"{"z":[],"a":{},"n":[1,-2,2.5,true,null,"x",[{}]],"webhook":{"request":{"parameters":{"x":{"y":[1]},"MessageSid":"SM1"}}}}"#;
    let kept = r#"{"z":[],"a":{},"n":[1,-2,2.5,true,null,"x",[{}]],"webhook":{"request":{"parameters":{"x":"[redacted]","MessageSid":"SM1"}}}}"#;
    assert_eq!(redact_json(text).expect("JSON"), kept);
    for broken in ["", "{", "[1,]", "{} x", "\"\\ud800\""] {
        redact_json(broken).expect_err(broken);
    }
}

proptest! {
    #[test]
    fn no_canary_leaves(number in "\\+1[2-9][0-9]{9}", word in "[g-z]{12}") {
        let text = redacted(&with_canaries(&number, &word)).to_string();
        prop_assert!(!text.contains(&number[2..9]), "{text}");
        prop_assert!(!text.contains(&word), "{text}");
    }

    #[test]
    fn redacting_twice_is_redacting_once(number in "\\+[1-9][0-9]{7,14}", word in "[ -~]{0,40}") {
        let mut object = Map::new();
        object.insert("more_info".into(), json!({"Msg": word, "To": number, "From": word}));
        object.insert("webhook".into(), json!({"request": {"url": format!("https://h/{word}"), "parameters": {"To": word, "x": number}}}));
        let once = redacted(&Value::Object(object));
        prop_assert_eq!(redacted(&once), once);
    }
}

proptest! {
    /// Wherever in a key it stands, and however it is written.
    #[test]
    fn no_part_of_a_key_is_overlooked(before in ".{0,6}", part in 0..CREDENTIAL_PARTS.len(), upper: bool, after in ".{0,6}") {
        let part = CREDENTIAL_PARTS[part];
        let part = if upper { part.to_uppercase() } else { part.to_owned() };
        let key = format!("{before}{part}{after}");
        prop_assert!(has_credential_part(&key), "{}", key);
    }
}
