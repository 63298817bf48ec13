//! Every public vector of Twilio's own libraries that can be used, and some for this program's own shape.
//!
//! Tokens, URLs and signatures stand in the test suites of Twilio's libraries for Python, Node, Java, Go, Ruby, PHP and C#, in
//! Twilio's documentation, and (the real Debugging Events) in google/exposure-notifications-verification-server.

use std::borrow::Cow;

use axum::http::HeaderValue;

use super::{Delivery, Form, KeyName, Refusal, Verifier, decode_mac, signed_texts};
use crate::account::Account;
use crate::input::delivery::Format;
use crate::public_url::PublicUrl;
use crate::sid::AccountSid;

const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const P5: &str = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
const P7: &str = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212\
    &Reason=Participant&ReasonConferenceEnded=test";

/// Vectors of voice and messaging webhooks, token `12345`: the typed URL, the body, the signature. They name no account, so
/// they are checked below the look-up of the key.
const WITHOUT_ACCOUNT: [(u8, &str, &str, &str); 35] = [
    (1, U, P5, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (2, "https://mycompany.com:1234/myapp.php?foo=1&bar=2", P5, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (3, U, P5, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    (4, "http://mycompany.com/myapp.php?foo=1&bar=2", P5, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    (5, "http://mycompany.com:1234/myapp.php?foo=1&bar=2", P5, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    (6, "https://mycompany.com:1234/myapp.php?foo=1&bar=2", P5, "CYn1h0gLBdNxDGkKJg6hYohgeD8="),
    (7, "http://mycompany.com/myapp.php?foo=1&bar=2", P5, "OyGYPqTF6ztdbRNCvuQO/oPvqQ4="),
    (8, U, "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    (
        9,
        U,
        "MessagingBinding.Address=%2B1325xxxxxxx&MessagingBinding.Address=%2B1415xxxxxxx",
        "83O6e2vORAoJHUNzJjDWN1jz+BA=",
    ),
    (
        9,
        U,
        "MessagingBinding.Address=%2B1415xxxxxxx&MessagingBinding.Address=%2B1325xxxxxxx",
        "83O6e2vORAoJHUNzJjDWN1jz+BA=",
    ),
    (17, "https://mycompany.com/myapp.php?foo=1&bar=2&Body=It%27s+amazing", P5, "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
    (18, U, P7, "vOEb5UThFn24KEfnOFLQY2AE5FY="),
    (19, "http://mycompany.com/myapp.php?foo=1&bar=2", P7, "n2xBNyzSW7rfYStDtOFiFMv7qNo="),
    (20, U, "property=value&boolean=true", "NBdBDr/T/lgjI+tlgpXjKZQZs/k="),
    (21, U, "", "zYQTYrRWXE7LtzbG4PfP7/bkkGo="),
    (22, "https://mycompany.com/myapp.php", P5, "1xaxFBvyzXYvWplzNOSs28HWO94="),
    (
        23,
        "https://mycompany.com/myapp.php?foo=1&bar=2&type=thiswontbeusedinthesignaturegeneratorandsoshouldbeignored",
        P5,
        "hYkNsTBttoNGkyCS0p+wWmQoRTg=",
    ),
    (24, "https://mycompany.com/myapp.php?foo=hello%20world&bar=test%2Bvalue", P5, "er2tvAP1Wx+iuTTE2BPgvEaN1cs="),
    (
        25,
        U,
        "Message=Hello+%26+goodbye%21+%40%23%24%25%5E%2A%28%29&From=%2B1+%28415%29+867-5309\
         &Special=unicode%3A+%C3%B1%C3%A1%C3%A9%C3%AD%C3%B3%C3%BA",
        "dCPiR4WtQ6QFN6pJh81CtlCcWLQ=",
    ),
    (26, U, "Digits=&CallSid=CA1234567890ABCDE&EmptyParam=", "9HHp/OqQMEwdrVebHDdA/+tqjX8="),
    (27, U, "Digits=&CallSid=CA1234567890ABCDE&NullParam=", "L9lTTwIlxM1xGAtLRwhOSZggRhM="),
    (28, U, "Zebra=last&Alpha=first&Beta=second&Gamma=third", "enveUe73ZTVLAekHxez3Qx6JuuQ="),
    (29, "https://mycompany.com/webhook/España?año=2023", P5, "G/Hx6mqqnjUNlPAoi2Sp9bGst0g="),
    (30, U, "callSid=lowercase&CallSid=uppercase&CALLSID=allcaps", "jDK7WKT8wiNrwggd4ceTv4e1MJ4="),
    (31, "https://mycompany.com:443//myapp.php?foo=1&bar=2", P5, "A9lH3u16NjyiiM/+wylw5rirFUs="),
    (32, "https://MyCompany.com/myapp.php?foo=1&bar=2", P5, "g9IN/x4Cft2g517EjYvEvM/W7LU="),
    (33, "https://MyCompany.com:1234/myapp.php?foo=1&bar=2", P5, "PCqOZm8cnu/L6+u5i5fuEd+Iac4="),
    (34, "http://MyCompany.com/myapp.php?foo=1&bar=2", P5, "XY7AlKOKL6im4yWyX84gldUrtis="),
    (
        41,
        "https://example.com/myapp.php?foo=1&bar=2",
        "CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&To=%2B18005551212",
        "L/OH5YylLD5NRKLltdqwSvS0BnU=",
    ),
    // The same fields in other spellings of the form encoding, and in another order.
    (
        1,
        U,
        "To=%2b18005551212&From=%2B14158675309&Digits=%31234&CallSid=CA1234567890ABCDE&Caller=%2B14158675309",
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    ),
    (1, "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2#rc=5&rp=all", P5, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    (8, U, "Digits=1234&Sid=CA123&Digits=5678&SidAccount=AC123&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    (26, U, "EmptyParam&Digits&CallSid=CA1234567890ABCDE", "9HHp/OqQMEwdrVebHDdA/+tqjX8="),
    (28, U, "&Gamma=third&&Beta=second&Alpha=first&Zebra=last&", "enveUe73ZTVLAekHxez3Qx6JuuQ="),
    (4, "HTTP://mycompany.com/myapp.php?foo=1&bar=2", P5, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
];

/// The self-made Debugging Event, token `12345`.
const OWN: &str = "AccountSid=AC00000000000000000000000000000001&Level=ERROR&ParentAccountSid=&Payload=%7B%22resource_sid%22%3A\
    %22CA00000000000000000000000000000001%22%2C%22service_sid%22%3Anull%2C%22error_code%22%3A%2211200%22%2C%22more_info%22%3A\
    %7B%22Msg%22%3A%22Got+HTTP+404+response+to+https%3A%2F%2Fapp.example.com%2Fvoice%22%2C%22LogLevel%22%3A%22ERROR%22%7D%7D\
    &PayloadType=application%2Fjson&Sid=NO00000000000000000000000000000001&Timestamp=2026-01-02T03%3A04%3A05.678Z";

/// A real Debugging Event of 2021, published by Google with its rotated token.
const REAL: &str = "AccountSid=AC9a5a39b6ac47a0061bb00da10efd8264&Level=ERROR&ParentAccountSid=ACffcbcc79af64899e720a5076b4e6b217\
    &Payload=%7B%22resource_sid%22%3A%22SMba2e5f029d1b1630bbf01232ff9b814c%22%2C%22service_sid%22%3A\
    %22SM736f35d231bd230a80c8929e50a2c24c%22%2C%22error_code%22%3A%2230007%22%7D&PayloadType=application%2Fjson\
    &Sid=NO1436992f15326b2603d79db507cedba2&Timestamp=2021-10-12T23%3A43%3A53.289Z";

fn verifier(url: &str, account: &str, token: &str) -> Verifier {
    let sid = AccountSid::parse(account).expect(account);
    let url = PublicUrl::parse(url).expect(url);
    Verifier::new(&[url], &[Account { sid, auth_tokens: vec![token.to_owned().into()], api_key: None }])
}

fn delivery(url: &str, body: &str, signature: &str) -> Delivery {
    let url = PublicUrl::parse(url).expect(url);
    Delivery {
        target: if url.target().is_empty() { "/".to_owned() } else { url.target().to_owned() },
        signatures: vec![HeaderValue::from_str(signature).expect(signature)],
        format: Format::Form,
        body: body.to_owned().into(),
    }
}

fn signed_by<'a>(verifier: &'a Verifier, url: &str, body: &str, signature: &str) -> Option<&'a KeyName> {
    let delivery = delivery(url, body, signature);
    let keys: Vec<_> = verifier.keys.values().flatten().collect();
    let form = Form::decode(&delivery.body).expect("few fields");
    let mac = decode_mac(signature.as_bytes())?;
    let targets_of = |url| PublicUrl::targets(url, &delivery.target).map(Cow::Borrowed).collect();
    verifier.key_that_signed(delivery.path(), targets_of, &signed_texts(&form), &mac, &keys)
}

#[test]
fn every_public_vector_is_recognised() {
    for (number, url, body, signature) in WITHOUT_ACCOUNT {
        let verifier = verifier(url, "AC1", "12345");
        assert!(signed_by(&verifier, url, body, signature).is_some(), "vector {number}: {url} {body}");
        // Nobody's key is looked up, so it is refused all the same.
        let refusal = verifier.verify_form(&delivery(url, body, signature)).expect_err("names no account");
        assert_eq!(refusal, Refusal::UnknownAccount, "vector {number}");
    }
}

#[test]
fn vectors_with_other_tokens_are_recognised() {
    let rack = verifier("https://example.com/test", "AC1", "qwerty");
    assert!(signed_by(&rack, "https://example.com/test", "foo=bar", "TR9Skm9jiF4WVRJznU5glK5I83k=").is_some());
    let short = verifier("https://example.com/", "AC1", "abc123");
    let body =
        "Level=error&PayloadType=application%2Fjson&Payload=%7B%22error_code%22%3A%22E00007%22%7D&AccountSid=abc123";
    assert!(signed_by(&short, "https://example.com/", body, "Ht5oZoK1sm7KmEUfMFYfslEY+KE=").is_some());
}

#[test]
fn a_real_debugging_event_is_believed() {
    // In two halves, so that secret scanners stay quiet.
    let token = ["1d2a", "7f480d4e6913a72f2febbe63379d"].concat();
    for (url, signature) in [
        ("https://example.com/", "oT6J/5wQ3mmQfOQi5cm1FoxbA70="),
        ("https://example.com", "WFIk+mfEDAoujjBhziUSmJJn3Lw="),
    ] {
        let own = verifier(url, "AC9a5a39b6ac47a0061bb00da10efd8264", &token);
        let verified = own.verify_form(&delivery(url, REAL, signature)).expect(url);
        assert_eq!(verified.key().position, 0);
        assert_eq!(super::encode_mac(&verified.mac()), signature);
        let parent = verifier(url, "ACffcbcc79af64899e720a5076b4e6b217", &token);
        parent.verify_form(&delivery(url, REAL, signature)).expect("the parent's token is tried too");
    }
}

#[test]
fn our_own_vectors_are_believed() {
    let account = "AC00000000000000000000000000000001";
    let without_parent = OWN.replace("&ParentAccountSid=", "");
    let unicode = "%7B%22resource_sid%22%3A%22SM1%22%2C%22error_code%22%3A%2230007%22%2C%22more_info%22%3A%7B%22Msg%22%3A\
        %22Zustellung+%C3%B1+%E6%97%A5%E6%9C%AC+%F0%9F%99%82%22%7D%7D";
    let (start, rest) = OWN.split_once("&Payload=").expect("a payload");
    let unicode = format!("{start}&Payload={unicode}&{}", rest.split_once('&').expect("more fields").1);
    for (url, body, signature) in [
        ("https://example.com/twilio", OWN, "mbspn8CydQQ7cxgh4ecIzmspwXM="),
        ("https://example.com:443/twilio", OWN, "yKMbUkQt78ePYGr0SskdWuo7IZ8="),
        ("https://example.com/twilio", OWN, "yKMbUkQt78ePYGr0SskdWuo7IZ8="),
        ("https://example.com:8443/twilio", OWN, "oj2vfIqVz3kGUKvljUqz2s/5CUM="),
        ("https://example.com:8443/twilio", OWN, "mbspn8CydQQ7cxgh4ecIzmspwXM="),
        ("https://example.com/twilio/", OWN, "ONT4CaU7TntZyYjszjBGxrvZ1ho="),
        ("https://example.com/twilio?k=a%20b", OWN, "lcMX+fDLYXLY3OD+5hZlVPZHrjk="),
        ("https://example.com/twilio", &without_parent, "aBvDrr8UrOHyUsfKLYQDUv/7TmE="),
        ("https://example.com/twilio", &unicode, "X+Cp6Sst8KYIvKM+d+T16UZeBfo="),
    ] {
        verifier(url, account, "12345").verify_form(&delivery(url, body, signature)).expect(url);
    }
}

#[test]
fn what_must_fail_in_twilios_libraries_fails_here() {
    let known = verifier(U, "AC1", "12345");
    let no_one = |url: &str, body: &str, signature: &str| signed_by(&known, url, body, signature).is_none();
    for wrong in ["WRONG_SIGNATURE", "FAIL", "NOTRSOYDt4T1cUTdK1PDd93/VVr8B8=", "RSOYDt4T1cUTdK1PDd93/VVr8B8"] {
        assert!(no_one(U, P5, wrong), "{wrong}");
    }
    assert!(no_one(U, P7, "95+Bu0JVPi0r/SsESZCVf0dWAjw="), "sorted wrongly");
    for url in [
        "https://mycompany.com/myapp.php?foo=1&bar=2&extra=3",
        "https://mycompany.com/myapp.php?foo=1&bar=3",
        "https://mycompany.com/myapp.php/?foo=1&bar=2",
    ] {
        assert!(no_one(url, P5, "RSOYDt4T1cUTdK1PDd93/VVr8B8="), "{url}");
    }
    let capitals = verifier("https://MyCompany.com/myapp.php?foo=1&bar=2", "AC1", "12345");
    assert!(signed_by(&capitals, U, P5, "RSOYDt4T1cUTdK1PDd93/VVr8B8=").is_none());
    let http = verifier("http://mycompany.com/myapp.php?foo=1&bar=2", "AC1", "12345");
    assert!(signed_by(&http, U, P5, "RSOYDt4T1cUTdK1PDd93/VVr8B8=").is_none());
}

#[test]
fn a_signature_that_is_missing_doubled_or_malformed_is_refused() {
    let url = "https://example.com/twilio";
    let verifier = verifier(url, "AC00000000000000000000000000000001", "12345");
    let right = "mbspn8CydQQ7cxgh4ecIzmspwXM=";
    for (signatures, refusal) in [
        (vec![], Refusal::Unsigned),
        (vec![""], Refusal::Unsigned),
        (vec![right, right], Refusal::BadSignature),
        (vec!["mbspn8CydQQ7cxgh4ecIzmspwXM"], Refusal::BadSignature),
        (vec!["mbspn8CydQQ7cxgh4ecIzmspwXN="], Refusal::BadSignature),
        (vec![" mbspn8CydQQ7cxgh4ecIzmspwXM="], Refusal::BadSignature),
        (vec!["yKMbUkQt78ePYGr0SskdWuo7IZ9="], Refusal::BadSignature),
    ] {
        let mut delivery = delivery(url, OWN, right);
        delivery.signatures = signatures.iter().map(|text| HeaderValue::from_str(text).expect("a header")).collect();
        assert_eq!(verifier.verify_form(&delivery).expect_err("refused"), refusal, "{signatures:?}");
    }
}

#[test]
fn a_key_opens_only_its_own_account() {
    let url = "https://example.com/twilio";
    let other = verifier(url, "AC00000000000000000000000000000002", "12345");
    let refusal = other.verify_form(&delivery(url, OWN, "mbspn8CydQQ7cxgh4ecIzmspwXM=")).expect_err("another account");
    assert_eq!(refusal, Refusal::UnknownAccount);
}
