//! JSON bodies: the signature covers the URL, and the URL the hash of the body.

use super::{ACCOUNT, URL, accounts, explained, found, text_of};
use crate::input::doctor::mistake::Mistake;
use crate::input::doctor::{Case, Finding, examine};
use crate::input::signature::{encode_mac, sign};
use crate::public_url::PublicUrl;

const HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const JSON: &str = r#"{"property": "value", "boolean": true}"#;

#[test]
fn json_bodies_verify_by_url_and_hash() {
    let empty_hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let ours = "d501dd03d58e0b6e72b152080145bc9f22ebb8d6bf1edd56b5b5ef8af6702585";
    for (number, url, body, signature) in [
        (
            10,
            format!("https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256={HASH}"),
            JSON,
            "a9nBmqA0ju/hNViExpshrM61xv4=",
        ),
        (11, format!("https://mycompany.com/myapp.php?bodySHA256={HASH}"), JSON, "y77kIzt2vzLz71DgmJGsen2scGs="),
        (
            12,
            format!("https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256={empty_hash}"),
            "{}",
            "Ldidvp12m26NI7eqEvxnEpkd9Hc=",
        ),
        (
            45,
            format!("https://example.com/twilio/events?bodySHA256={ours}"),
            r#"[{"specversion":"1.0","type":"com.twilio.error-logs.error.logged"}]"#,
            "UUCJ/n+hEBB9rfnD5xZw7zoyuDo=",
        ),
    ] {
        let finding = found(&url, body, signature);
        assert!(matches!(finding, Finding::Verifies { .. }), "vector {number}: {finding:?}");
    }
}

#[test]
fn json_vectors_of_the_rack_suite() {
    let accounts = accounts(&[(ACCOUNT, "qwerty")]);
    let finding = |hash: &str, body: &str, signature: &str| {
        let urls = [PublicUrl::parse(&format!("https://example.com/test?bodySHA256={hash}")).expect("a URL")];
        let body = body.as_bytes();
        examine(&Case { urls: &urls, typed: None, accounts: &accounts, target: None, host: None, body, signature })
    };
    let right = "8d90d640c6ba47d595ac56203d7f5c6b511be80fdf44a2055acca75a119b9fd2";
    let verifies = finding(right, r#"{"message": "a post body"}"#, "zR5Oq4f6cijN5oz5bisiVuxYnTU=");
    assert!(matches!(verifies, Finding::Verifies { .. }), "39: {verifies:?}");
    let wrong = "79bfb0acaf0045fd30f13d48d4fe296b393d85a3bfbee881a0172b2bd574b11e";
    let body = r#"{"message": "a post body that does not match the bodySHA256"}"#;
    let altered = explained(finding(wrong, body, "+LYlbGr/VmN84YPJQCuWs+9UA7E="));
    assert_eq!(altered.mistakes, [Mistake::BodyAltered], "40");
}

#[test]
fn every_mistake_with_a_json_body_is_named() {
    let signed_url = format!("{URL}?bodySHA256={HASH}");
    let signature = encode_mac(&sign("12345", &signed_url, b""));
    let cut = format!("{URL}?bodySHA256={}", &HASH[1..]);
    let form = text_of(JSON);
    for (url, body, signature, mistake) in [
        (&signed_url, format!("{JSON}\n"), signature.clone(), Mistake::BodyNewline),
        (&signed_url, JSON.replace("true", "false"), signature.clone(), Mistake::BodyAltered),
        (&cut, JSON.to_owned(), signature.clone(), Mistake::BodyHashReplaced),
        (&URL.to_owned(), JSON.to_owned(), signature, Mistake::QueryDropped),
        (&URL.to_owned(), JSON.to_owned(), encode_mac(&sign("12345", URL, b"")), Mistake::BodyHashMissing),
        (&signed_url, JSON.to_owned(), encode_mac(&sign("12345", &signed_url, &form)), Mistake::JsonAsForm),
    ] {
        assert_eq!(explained(found(url, &body, &signature)).mistakes, [mistake], "{url} {body}");
    }
}
