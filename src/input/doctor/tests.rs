//! One test a known mistake: the name it gets, and the setting that mends it.

mod json;

use axum::http::HeaderValue;

use super::mistake::Mistake;
use super::{Case, Explanation, Finding, NotASignature, examine, hint};
use crate::account::Account;
use crate::input::delivery::{Delivery, Format};
use crate::input::form::Form;
use crate::input::signature::{encode_mac, sign, signed_texts};
use crate::public_url::PublicUrl;
use crate::sid::AccountSid;

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const OTHER: &str = "AC00000000000000000000000000000002";
const URL: &str = "https://example.com/twilio";
const BODY: &str = "AccountSid=AC00000000000000000000000000000001&Level=ERROR&ParentAccountSid=&PayloadType=application%2Fjson\
    &Payload=%7B%22error_code%22%3A%2211200%22%2C%22more_info%22%3A%7B%22Msg%22%3A%22a+b%22%7D%7D&Sid=NO01\
    &Timestamp=2026-01-02T03%3A04%3A05.678Z";
const P5: &str = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";

fn accounts(tokens: &[(&str, &str)]) -> Vec<Account> {
    let account = |(sid, token): &(&str, &str)| Account {
        sid: AccountSid::parse(sid).expect(sid),
        auth_tokens: vec![(*token).to_owned().into()],
        api_key: None,
    };
    tokens.iter().map(account).collect()
}

fn text_of(body: &str) -> Vec<u8> {
    signed_texts(&Form::decode(body.as_bytes()).expect("few fields")).remove(0)
}

/// What the doctor says of `body`, requested at `url`, when `signature` came with it.
fn found(url: &str, body: &str, signature: &str) -> Finding {
    let public = [PublicUrl::parse(url).expect(url)];
    let accounts = accounts(&[(ACCOUNT, "12345"), (OTHER, "67890")]);
    let body = body.as_bytes();
    examine(&Case { urls: &public, typed: Some(url), accounts: &accounts, target: None, host: None, body, signature })
}

fn explained(finding: Finding) -> Explanation {
    match finding {
        Finding::Explained(explanation) => explanation,
        other => panic!("not explained: {other:?}"),
    }
}

/// Asserts that a signature over `signed_url` and `text` under `token` is explained by `mistake`, and returns the setting.
#[track_caller]
fn assert_named(url: &str, signed_url: &str, text: &[u8], token: &str, mistake: Mistake) -> String {
    let explanation = explained(found(url, BODY, &encode_mac(&sign(token, signed_url, text))));
    assert_eq!(explanation.mistakes, [mistake], "{explanation:?}");
    explanation.setting()
}

#[test]
fn what_verifies_says_with_which_key_and_which_form_of_the_url() {
    let Finding::Verifies { key, signed_url } =
        found(URL, BODY, &encode_mac(&sign("12345", "https://example.com:443/twilio", &text_of(BODY))))
    else {
        panic!("does not verify");
    };
    assert_eq!((key.account_sid.as_str(), key.position), (ACCOUNT, 0));
    assert_eq!(signed_url, "https://example.com:443/twilio");
}

#[test]
fn every_mistake_in_the_url_is_named_with_the_url_to_set() {
    for (url, signed_url, mistake) in [
        ("http://example.com/twilio", URL, Mistake::Scheme),
        (URL, "http://example.com/twilio", Mistake::Scheme),
        (URL, "https://example.com:8443/twilio", Mistake::Port),
        ("https://example.com:8443/twilio", "https://example.com:443/twilio", Mistake::Port),
        (URL, "http://example.com:8080/twilio", Mistake::SchemeAndPort),
        ("https://Example.com/twilio", URL, Mistake::HostCase),
        (URL, "https://www.example.com/twilio", Mistake::Host),
        (URL, "https://example.com/twilio/", Mistake::TrailingSlash),
        ("https://example.com/twilio/", URL, Mistake::TrailingSlash),
        ("https://example.com/", "https://example.com", Mistake::TrailingSlash),
        (URL, "https://example.com/twilio/index.php", Mistake::PathIndex),
        ("https://example.com/twilio/index.php", URL, Mistake::PathIndex),
        ("https://example.com/api/twilio", URL, Mistake::PathPrefix),
        ("https://example.com//twilio", URL, Mistake::PathRewritten),
        (URL, "https://example.com//twilio", Mistake::PathRewritten),
        ("https://example.com/%7Etwilio", "https://example.com/~twilio", Mistake::PathEncoding),
        ("https://example.com/twilio?a=1", URL, Mistake::QueryAdded),
        ("https://example.com/twilio?a=1&b=2", "https://example.com/twilio?a=1", Mistake::QueryAdded),
        ("https://example.com/twilio?b=2&a=1", "https://example.com/twilio?a=1&b=2", Mistake::QueryOrder),
        ("https://example.com/twilio?a=it's", "https://example.com/twilio?a=it%27s", Mistake::QueryEncoding),
        ("https://example.com/twilio?a=it%27s", "https://example.com/twilio?a=it's", Mistake::QueryEncoding),
        ("https://example.com/twilio?a=b%40c", "https://example.com/twilio?a=b@c", Mistake::QueryEncoding),
        ("https://example.com/twilio?a=sip:b", "https://example.com/twilio?a=sip%3Ab", Mistake::QueryEncoding),
        ("https://example.com/twilio?a=b%20c", "https://example.com/twilio?a=b+c", Mistake::QueryEncoding),
        ("https://example.com/twilio?a=b+c", "https://example.com/twilio?a=b%20c", Mistake::QueryEncoding),
    ] {
        let setting = assert_named(url, signed_url, &text_of(BODY), "12345", mistake);
        assert_eq!(setting, format!("set public_url: {signed_url}"));
    }
}

#[test]
fn userinfo_and_fragment_are_taken_out_of_the_console() {
    let text = text_of(BODY);
    for (url, mistake) in [
        ("https://user:pass@example.com/twilio", Mistake::Userinfo),
        ("https://example.com/twilio#rc=5", Mistake::Fragment),
    ] {
        assert!(assert_named(url, url, &text, "12345", mistake).contains("Twilio's console"));
    }
    let url = "https://user:s3cret@example.com/twilio";
    let explanation = explained(found(url, BODY, &encode_mac(&sign("12345", url, &text))));
    assert_eq!(explanation.signed_url, "https://user:***@example.com/twilio");
}

#[test]
fn a_url_without_its_host_is_the_senders_mistake() {
    assert!(assert_named(URL, "/twilio", &text_of(BODY), "12345", Mistake::HostMissing).contains("program that signs"));
}

#[test]
fn every_mistake_in_the_fields_is_named() {
    let changed = |from: &str, to: &str| text_of(&BODY.replace(from, to));
    let form = Form::decode(BODY.as_bytes()).expect("few fields");
    let unsorted: Vec<u8> = form.fields().flat_map(|(name, value)| [name, value]).flatten().copied().collect();
    let cases = [
        (changed("&ParentAccountSid=", ""), Mistake::EmptyField),
        (changed("ERROR", "ERROR%0A"), Mistake::FieldsTrimmed),
        (changed("a+b", "a%2Bb"), Mistake::PlusDecoding),
        (changed("%2C", "%2C+"), Mistake::PayloadReserialised),
        (changed("%22%3A", "%22%3A+"), Mistake::PayloadReserialised),
        (unsorted, Mistake::FieldOrder),
        (Vec::new(), Mistake::FieldsUnsigned),
    ];
    for (text, mistake) in cases {
        let setting = match mistake {
            // Python's spaces follow commas and colons; one of the two alone is nobody's habit.
            Mistake::PayloadReserialised => {
                let python = BODY.replace("%2C", "%2C+").replace("%22%3A", "%22%3A+");
                assert_named(URL, URL, &text_of(&python), "12345", mistake)
            }
            _ => assert_named(URL, URL, &text, "12345", mistake),
        };
        assert!(setting.contains("byte for byte") || setting.contains("program that signs"), "{setting}");
    }
}

#[test]
fn fields_that_lost_something_on_the_way_are_named() {
    for (signed, arrived, mistake) in [
        (BODY.to_owned(), BODY.replace("&ParentAccountSid=", ""), Mistake::EmptyField),
        (BODY.replace("b%22", "b+%22"), BODY.replace("b%22", "b+%22") + "\n", Mistake::BodyNewline),
        (format!("{BODY}+"), BODY.to_owned(), Mistake::FieldsTrimmed),
        (format!("{BODY}&X=a%0Db"), format!("{BODY}&X=a%0D%0Db").replace("%0D%0D", "%0D"), Mistake::LineBreaks),
        (format!("{BODY}&X=a%0Ab"), format!("{BODY}&X=a%0D%0Ab"), Mistake::LineBreaks),
        (format!("{BODY}&X=1"), format!("{BODY}&X=1&X=2"), Mistake::RepeatedFields),
        (format!("{BODY}&X=2"), format!("{BODY}&X=1&X=2"), Mistake::RepeatedFields),
        (format!("{BODY}&X=1%2C2"), format!("{BODY}&X=1&X=2"), Mistake::RepeatedFields),
        (format!("{BODY}&X=%2541"), format!("{BODY}&X=%25%32%35%34%31"), Mistake::PercentDecoding),
        (format!("{BODY}&X=A"), format!("{BODY}&X=%2541"), Mistake::PercentDecoding),
    ] {
        let signature = encode_mac(&sign("12345", URL, &text_of(&signed)));
        match found(URL, &arrived, &signature) {
            Finding::Explained(explanation) => assert_eq!(explanation.mistakes, [mistake], "{arrived}"),
            Finding::Verifies { .. } => assert_eq!(text_of(&signed), text_of(&arrived), "{arrived}"),
            other => panic!("{arrived}: {other:?}"),
        }
    }
}

#[test]
fn another_order_of_payloads_keys_is_named() {
    let arrived =
        BODY.replace("%7B%22error_code%22%3A%2211200%22%2C", "%7B%22z%22%3A1%2C%22error_code%22%3A%2211200%22%2C");
    let signed =
        arrived.replace("%22z%22%3A1%2C%22error_code", "%22error_code").replace("%7D%7D", "%7D%2C%22z%22%3A1%7D");
    let explanation = explained(found(URL, &arrived, &encode_mac(&sign("12345", URL, &text_of(&signed)))));
    assert_eq!(explanation.mistakes, [Mistake::PayloadReserialised]);
}

#[test]
fn every_mistake_with_the_token_is_named() {
    let text = text_of(BODY);
    let sid = ACCOUNT;
    for (token, mistake, place) in [
        ("67890", Mistake::OtherAccount, OTHER),
        ("12345\n", Mistake::TokenSpace, "accounts[].auth_token_files"),
        ("MTIzNDU=", Mistake::TokenEncoded, "accounts[].auth_token_files"),
        (sid, Mistake::SidAsToken, "program that signs"),
    ] {
        let setting = assert_named(URL, URL, &text, token, mistake);
        assert!(setting.contains(place), "{setting}");
        assert!(!setting.contains(token) || token == sid, "{setting}");
    }
    for (stored, signed, mistake) in [
        (" 12345", "12345", Mistake::TokenSpace),
        ("\"12345\"", "12345", Mistake::TokenSpace),
        ("MTIzNDU=", "12345", Mistake::TokenEncoded),
        ("ABCDEF", "abcdef", Mistake::TokenCase),
    ] {
        let accounts = accounts(&[(ACCOUNT, stored)]);
        let urls = [PublicUrl::parse(URL).expect(URL)];
        let signature = encode_mac(&sign(signed, URL, &text));
        let (body, signature) = (BODY.as_bytes(), signature.as_str());
        let case = Case { urls: &urls, typed: None, accounts: &accounts, target: None, host: None, body, signature };
        assert_eq!(explained(examine(&case)).mistakes, [mistake], "{stored}");
    }
}

#[test]
fn a_signature_in_another_spelling_is_named() {
    let right = encode_mac(&sign("12345", "https://example.com:443/twilio", &text_of(BODY)));
    let mac = sign("12345", "https://example.com:443/twilio", &text_of(BODY));
    let (high, low) = mac.split_at(16);
    let hex = format!(
        "{:032x}{:08x}",
        u128::from_be_bytes(high.try_into().expect("16 bytes")),
        u32::from_be_bytes(low.try_into().expect("4 bytes"))
    );
    for (written, mistake) in [
        (right.trim_end_matches('=').to_owned(), Mistake::SignatureBase64Url),
        (hex, Mistake::SignatureHex),
        (format!("\"{right}\""), Mistake::SignatureWrapped),
        (format!("sha1={right}"), Mistake::SignatureWrapped),
    ] {
        let explanation = explained(found(URL, BODY, &written));
        assert_eq!(explanation.mistakes, [mistake], "{written}");
        assert!(explanation.setting().contains("X-Twilio-Signature"));
    }
    for (written, fault) in [
        ("", NotASignature::Empty),
        (" ", NotASignature::Empty),
        ("WRONG_SIGNATURE", NotASignature::Shape),
        ("NOTRSOYDt4T1cUTdK1PDd93/VVr8B8=", NotASignature::Shape),
        ("n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", NotASignature::Sha256),
    ] {
        assert_eq!(found(URL, BODY, written), Finding::NotASignature(fault), "{written:?}");
    }
}

#[test]
fn two_and_three_mistakes_at_once_are_named() {
    let signature = encode_mac(&sign("12345", "http://example.com/twilio/", &text_of(BODY)));
    assert_eq!(explained(found(URL, BODY, &signature)).mistakes, [Mistake::Scheme, Mistake::TrailingSlash]);
    let dropped = BODY.replace("&ParentAccountSid=", "");
    let signature = encode_mac(&sign("67890", "http://example.com/twilio", &text_of(BODY)));
    let explanation = explained(found(URL, &dropped, &signature));
    assert_eq!(explanation.mistakes, [Mistake::Scheme, Mistake::EmptyField, Mistake::OtherAccount]);
    assert!(explanation.setting().starts_with("set public_url: http://example.com/twilio; have proxies"));
}

#[test]
fn a_body_that_names_no_account_is_said_to_be_no_debugging_event() {
    let explanation =
        explained(found("https://mycompany.com/myapp.php?foo=1&bar=2", P5, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
    assert_eq!(explanation.mistakes, [Mistake::NoAccount]);
    // The signature of vector 1 against a host in capitals, which C#'s suite refuses.
    let finding = found("https://MyCompany.com/myapp.php?foo=1&bar=2", P5, "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    assert_eq!(explained(finding).mistakes, [Mistake::HostCase, Mistake::NoAccount]);
}

#[test]
fn vectors_with_userinfo_are_explained() {
    for (number, url, signature) in [
        (13, "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", "CukzLTc1tT5dXEDIHm/tKBanW10="),
        (14, "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
        (15, "https://user@mycompany.com/myapp.php?foo=1&bar=2", "2YRLlVAflCqxaNicjMpJcSTgzSs="),
        (16, "https://user@mycompany.com/myapp.php?foo=1&bar=2", "aZfj4hyX1MLZhSS6QIL18Vn2/RA="),
        (35, "http://username:password@MyCompany.com/myapp.php?foo=1&bar=2", "PJ08CxXr7KLPjEQCTc8LkUSMwSM="),
        (36, "HTTP://username:password@MyCompany.com/myapp.php?foo=1&bar=2", "hy/l8pca+LFms4cvRdv8uiP6NGc="),
        (37, "http://Username:Password@MyCompany.com/myapp.php?foo=1&bar=2", "SkTSKyDJH9kUlhItI0slbgZ1UsI="),
    ] {
        let explanation = explained(found(url, P5, signature));
        assert_eq!(explanation.mistakes, [Mistake::Userinfo, Mistake::NoAccount], "vector {number}");
    }
}

#[test]
fn the_raw_apostrophe_of_vector_17_is_explained() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2&Body=It's+amazing";
    let explanation = explained(found(url, P5, "TfZzewPq8wqrGlMfyAud8+/IvJ0="));
    assert_eq!(explanation.mistakes, [Mistake::QueryEncoding, Mistake::NoAccount]);
}

#[test]
fn a_stranger_is_told_nothing() {
    let signature = encode_mac(&sign("no token of ours", URL, &text_of(BODY)));
    assert_eq!(found(URL, BODY, &signature), Finding::Unexplained);
}

fn hinted(target: &str, signed_url: &str, host: Option<&'static str>) -> Option<String> {
    let delivery = Delivery {
        target: target.to_owned(),
        signatures: vec![
            HeaderValue::from_str(&encode_mac(&sign("12345", signed_url, &text_of(BODY)))).expect("a header"),
        ],
        format: Format::Form,
        body: BODY.into(),
    };
    hint(
        &[PublicUrl::parse(URL).expect(URL)],
        &accounts(&[(ACCOUNT, "12345")]),
        &delivery,
        host.map(HeaderValue::from_static).as_ref(),
    )
}

#[test]
fn a_refusal_is_hinted_at_in_one_line() {
    let hint = hinted("/twilio", "http://example.com/twilio", None).expect("a hint");
    assert_eq!(
        hint,
        "Twilio signed the other scheme, as when a proxy or tunnel turns https into http; \
         set public_url: http://example.com/twilio"
    );
    let tunnel = hinted("/twilio", "https://a1b2.tunnel.example/twilio", Some("a1b2.tunnel.example")).expect("a hint");
    assert!(tunnel.ends_with("set public_url: https://a1b2.tunnel.example/twilio"), "{tunnel}");
    assert_eq!(hinted("/twilio", "https://a1b2.tunnel.example/twilio", None), None);
    let stripped = hinted("/twilio", "https://example.com/api/twilio", None);
    assert_eq!(stripped, None, "a prefix that nobody has typed cannot be guessed");
    let slash = hinted("/twilio/", "https://example.com/twilio", None).expect("a hint");
    assert!(slash.contains("differs by a slash") && slash.contains("have the proxy pass path and query on"), "{slash}");
    assert_eq!(hinted("/twilio", URL, None), None, "what verifies needs no hint");
}
