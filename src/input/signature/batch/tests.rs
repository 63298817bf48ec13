use axum::http::HeaderValue;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::ACCOUNTS_TRIED_MAX;
use crate::account::{Account, KeyName};
use crate::input::delivery::{Delivery, Format};
use crate::input::signature::{Refusal, Verifier, encode_mac, sign};
use crate::public_url::PublicUrl;
use crate::sid::AccountSid;

const URL: &str = "https://example.com/twilio";

fn account(number: usize) -> String {
    format!("AC{number:032}")
}

fn sid(number: usize) -> AccountSid {
    AccountSid::parse(&account(number)).expect("valid")
}

/// Accounts of these numbers, each with the token `token-N`.
fn verifier(url: &str, numbers: impl Iterator<Item = usize>) -> Verifier {
    let accounts: Vec<_> = numbers
        .map(|number| Account { sid: sid(number), auth_tokens: vec![format!("token-{number}").into()], api_key: None })
        .collect();
    Verifier::new(&[PublicUrl::parse(url).expect(url)], &accounts)
}

fn hash(body: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(body))
}

/// A request to `target`, whose URL `signed` was signed with `token`.
fn delivery(target: &str, body: &str, signed: &str, token: &str) -> Delivery {
    let signature = encode_mac(&sign(token, signed, b""));
    Delivery {
        target: target.to_owned(),
        signatures: vec![HeaderValue::from_str(&signature).expect("a header")],
        format: Format::Json,
        body: body.to_owned().into(),
    }
}

/// As Twilio sends it.
fn signed(body: &str, token: &str) -> Delivery {
    let query = format!("?bodySHA256={}", hash(body));
    delivery(&format!("/twilio{query}"), body, &format!("{URL}{query}"), token)
}

#[test]
fn a_batch_is_believed_for_hash_and_signature_together() {
    let body = format!(r#"[{{"data":{{"account_sid":"{}"}}}}]"#, account(1));
    let verifier = verifier(URL, 1..=1);
    let believed = verifier.verify_body(&signed(&body, "token-1")).expect("genuine");
    assert_eq!(believed.body(), &body);
    assert_eq!(believed.key(), &KeyName { account_sid: sid(1), position: 0 });

    let query = format!("?bodySHA256={}", hash(&body));
    let of_url = |url: &str| delivery(&format!("/twilio{query}"), &body, &format!("{url}{query}"), "token-1");
    verifier.verify_body(&of_url("https://example.com:443/twilio")).expect("the port may be signed");
    for (what, tampered) in [
        ("another body", Delivery { body: body.replace("data", "date").into(), ..signed(&body, "token-1") }),
        ("no hash", delivery("/twilio", &body, URL, "token-1")),
        ("a wrong hash", delivery(&format!("/twilio?bodySHA256={}", hash("")), &body, URL, "token-1")),
        ("a hash cut short", delivery(&format!("/twilio{}", &query[..70]), &body, &format!("{URL}{query}"), "token-1")),
        (
            "two hashes",
            delivery(&format!("/twilio{query}&{}", &query[1..]), &body, &format!("{URL}{query}"), "token-1"),
        ),
        (
            "the hash of another name",
            delivery(&format!("/twilio{}", query.replace("body", "Body")), &body, URL, "token-1"),
        ),
        ("another token", signed(&body, "token-2")),
        ("another URL", of_url("https://example.com/other")),
        ("another scheme", of_url("http://example.com/twilio")),
        ("signed as a form", {
            let mut delivery = signed(&body, "token-1");
            let signature = encode_mac(&sign("token-1", &format!("{URL}{query}"), body.as_bytes()));
            delivery.signatures = vec![HeaderValue::from_str(&signature).expect("a header")];
            delivery
        }),
    ] {
        assert_eq!(verifier.verify_body(&tampered).expect_err(what), Refusal::BadSignature, "{what}");
    }
    let unsigned = Delivery { signatures: Vec::new(), ..signed(&body, "token-1") };
    assert_eq!(verifier.verify_body(&unsigned).expect_err("nothing to check"), Refusal::Unsigned);
}

/// A URL that was typed without a path is requested with one, and signed without it.
#[test]
fn the_parameter_is_added_to_what_was_typed() {
    let body = format!(r#"{{"account_sid":"{}"}}"#, account(1));
    let hash = hash(&body);
    for (typed, target, signed) in [
        ("https://example.com", format!("/?bodySHA256={hash}"), format!("https://example.com?bodySHA256={hash}")),
        ("https://example.com", format!("/?bodySHA256={hash}"), format!("https://example.com/?bodySHA256={hash}")),
        (
            "https://example.com/twilio?a=b'c",
            format!("/twilio?a=b%27c&bodySHA256={hash}"),
            format!("https://example.com/twilio?a=b'c&bodySHA256={hash}"),
        ),
    ] {
        verifier(typed, 1..=1).verify_body(&delivery(&target, &body, &signed, "token-1")).expect(&signed);
    }
}

#[test]
fn the_account_is_found_wherever_it_stands_and_in_whatever_shape() {
    let verifier = verifier(URL, 1..=3);
    let account = account(3);
    for body in [
        format!(r#"[{{"data":"{{\"account_sid\":\"{account}\"}}"}}]"#),
        format!(r#"{{"data":{{"accountSid":"{account}"}}}}"#),
        format!("not JSON, but of {account}"),
        format!(r#"[{{"account_sid":"AC9","master_account_sid":"{account}"}}]"#),
    ] {
        verifier.verify_body(&signed(&body, "token-3")).expect(&body);
    }
    let stranger = format!(r#"[{{"account_sid":"{}"}}]"#, self::account(9));
    assert_eq!(verifier.verify_body(&signed(&stranger, "token-3")).expect_err("not ours"), Refusal::UnknownAccount);
}

/// The test event of a sink names no account.
#[test]
fn a_body_that_names_no_account_is_checked_with_the_first_ones() {
    let verifier = verifier(URL, 1..=ACCOUNTS_TRIED_MAX + 1);
    let body = r#"[{"type":"com.twilio.eventstreams.test-event","data":{"test_id":"ACTIVE-ACCOUNT"}}]"#;
    for number in 1..=ACCOUNTS_TRIED_MAX {
        verifier.verify_body(&signed(body, &format!("token-{number}"))).expect("among the first");
    }
    let beyond = signed(body, &format!("token-{}", ACCOUNTS_TRIED_MAX + 1));
    assert_eq!(verifier.verify_body(&beyond).expect_err("beyond the limit"), Refusal::BadSignature);
}

/// A stranger must not choose how much is computed.
#[test]
fn the_keys_of_so_many_accounts_are_tried_and_no_more() {
    let verifier = verifier(URL, 1..=ACCOUNTS_TRIED_MAX + 1);
    let body = (1..=ACCOUNTS_TRIED_MAX + 1).map(|number| format!("\"{}\"", account(number))).collect::<Vec<_>>();
    let body = format!("[{}]", body.join(","));
    verifier.verify_body(&signed(&body, &format!("token-{ACCOUNTS_TRIED_MAX}"))).expect("the last that is tried");
    let beyond = signed(&body, &format!("token-{}", ACCOUNTS_TRIED_MAX + 1));
    assert_eq!(verifier.verify_body(&beyond).expect_err("one too many"), Refusal::BadSignature);
}

#[test]
fn a_key_opens_its_own_account_and_subaccounts_without_a_key() {
    let verifier = verifier(URL, 1..=2);
    let key = KeyName { account_sid: sid(1), position: 0 };
    assert!(verifier.opens(&key, &sid(1), None));
    assert!(verifier.opens(&key, &sid(7), Some(&sid(1))));
    assert!(!verifier.opens(&key, &sid(7), None));
    assert!(!verifier.opens(&key, &sid(7), Some(&sid(2))));
    assert!(!verifier.opens(&key, &sid(2), Some(&sid(1))), "it has a key of its own");
}
