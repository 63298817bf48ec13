//! Which key opens which account, and for which URL.

use test_support::exporter::Setup;
use test_support::post::{self, Post};
use test_support::{ACCOUNT, Event};

const PARENT: &str = "AC000000000000000000000000000000aa";
const FIRST: &str = "AC000000000000000000000000000000b1";
const SECOND: &str = "AC000000000000000000000000000000b2";
const STRANGER: &str = "AC000000000000000000000000000000cc";

/// A subaccount's token is in other hands than its neighbour's: it must not open the neighbour's events, nor the parent's.
#[tokio::test]
async fn a_key_opens_only_its_own_accounts() {
    let keys: [(&str, [&str; 2]); 3] = [
        (PARENT, ["parent-primary", "parent-secondary"]),
        (FIRST, ["first-primary", "first-secondary"]),
        (SECOND, ["second-primary", "second-secondary"]),
    ];
    let accounts: Vec<(&str, &[&str])> = keys.iter().map(|(sid, tokens)| (*sid, &tokens[..])).collect();
    let exporter = Setup::default().accounts(&accounts).start().await;
    let used = |sid: &str, key: usize| {
        format!("twilio_debugger_exporter_signing_key_used_total{{account_sid=\"{sid}\",key=\"{key}\"}}")
    };
    let events = [
        (PARENT, ""),
        (FIRST, PARENT),
        (FIRST, ""),
        (SECOND, PARENT),
        (STRANGER, PARENT),
        (STRANGER, ""),
        (STRANGER, STRANGER),
    ];
    let mut number = 0;
    let mut expected = std::collections::BTreeMap::new();
    for (account, parent) in events {
        for (owner, tokens) in keys {
            for (position, token) in tokens.into_iter().enumerate() {
                number += 1;
                let event = Event::new(number, "11200").with("AccountSid", account).with("ParentAccountSid", parent);
                let signature = event.signature_for("https://hooks.example.com/twilio", token);
                // The parent answers only for accounts that have no key of their own.
                let is_configured = accounts.iter().any(|(known, _)| *known == account);
                let opens = owner == account || (owner == parent && !is_configured);
                let status = exporter.post_signed(&event, &signature).await;
                assert_eq!(status, Some(if opens { 204 } else { 403 }), "{owner}'s key for {account} below {parent:?}");
                *expected.entry(used(owner, position)).or_insert(0.0) += if opens { 1.0 } else { 0.0 };
            }
        }
    }
    let scrape = exporter.metrics().await;
    for (series, value) in expected {
        assert_eq!(scrape.get(&series), Some(value), "{series}");
    }
    let unknown = exporter.refused("unknown_account").await;
    assert_eq!(unknown, 12.0, "two events of a stranger under six keys");
    scrape.assert_adds_up();
}

/// Two `AccountSid` fields would let one account's key speak for the other, whichever of the two a reader takes.
#[tokio::test]
async fn an_event_of_two_accounts_is_no_event() {
    let exporter = Setup::default().accounts(&[(FIRST, &["first"]), (SECOND, &["second"])]).start().await;
    let mut event = Event::new(1, "11200").with("AccountSid", FIRST);
    event.fields.insert(0, ("AccountSid".to_owned(), SECOND.to_owned()));
    let signature = event.signature_for("https://hooks.example.com/twilio", "first");
    assert_eq!(exporter.post_signed(&event, &signature).await, Some(204));
    let scrape = exporter.metrics().await;
    assert_eq!(
        scrape.get("twilio_debugger_exporter_quarantined_total{reason=\"bad_grammar\",source=\"webhook\"}"),
        Some(1.0)
    );
    assert_eq!(scrape.sum("twilio_debugger_events_total"), 0.0);
    scrape.assert_adds_up();
}

/// Nobody knows in advance when the token in Twilio's console becomes the new one.
#[tokio::test]
async fn every_key_of_an_account_opens_it() {
    let tokens = ["one", "two", "three"];
    let exporter = Setup::default().accounts(&[(ACCOUNT, &tokens)]).start().await;
    for (number, token) in (1..).zip(tokens) {
        let event = Event::new(number, "11200");
        let signature = event.signature_for("https://hooks.example.com/twilio", token);
        assert_eq!(exporter.post_signed(&event, &signature).await, Some(204), "{token}");
    }
    let event = Event::new(9, "11200");
    assert_eq!(
        exporter.post_signed(&event, &event.signature_for("https://hooks.example.com/twilio", "")).await,
        Some(403)
    );
    assert_eq!(exporter.metrics().await.sum("twilio_debugger_exporter_signing_key_used_total"), 3.0);
}

/// Twilio's own documentation says that its services differ in whether they sign the port.
#[tokio::test]
async fn the_port_may_be_signed_or_not() {
    for (configured, genuine, forged) in [
        (
            "https://h.example.com/t",
            vec!["https://h.example.com/t", "https://h.example.com:443/t"],
            vec![
                "https://h.example.com:80/t",
                "http://h.example.com/t",
                "https://h.example.com:8443/t",
                "https://H.example.com/t",
                "https://h.example.com/t/",
            ],
        ),
        (
            "https://h.example.com:8443/t",
            vec!["https://h.example.com:8443/t", "https://h.example.com/t"],
            vec!["https://h.example.com:443/t", "https://h.example.com:8444/t"],
        ),
        (
            "http://h.example.com/t",
            vec!["http://h.example.com/t", "http://h.example.com:80/t"],
            vec!["https://h.example.com/t", "http://h.example.com:443/t"],
        ),
        (
            "https://user:word@H.example.com:8443/t#rc=5",
            vec!["https://H.example.com:8443/t", "https://H.example.com/t"],
            vec!["https://h.example.com/t", "https://H.example.com/t#rc=5"],
        ),
    ] {
        let exporter = Setup::default().public_url(configured).accounts(&[(ACCOUNT, &["12345"])]).start().await;
        let genuine = genuine.into_iter().map(|url| (url, 204));
        for (number, (url, status)) in (1..).zip(genuine.chain(forged.into_iter().map(|url| (url, 403)))) {
            let event = Event::new(number, "11200");
            let post = Post { target: "/t".to_owned(), ..Post::signed(&event, event.signature_for(url, "12345")) };
            assert_eq!(
                post::all(exporter.webhook, vec![post]).await,
                [Some(status)],
                "{url} where {configured} is configured"
            );
        }
        exporter.metrics().await.assert_adds_up();
    }
}

/// Several URLs are several doors, each with its own lock: a signature for one must not open another.
#[tokio::test]
async fn a_signature_opens_the_url_that_was_signed() {
    let urls = [
        "https://a.example.com/one",
        "https://a.example.com/two",
        "https://b.example.com:8443/two?k=a%20b",
        "https://c.example.com",
    ];
    let exporter = Setup::default().public_url(&format!("[{}]", urls.map(|url| format!("\"{url}\"")).join(", ")));
    let exporter = exporter.start().await;
    let mut number = 0;
    for (signed, opened) in
        [(urls[0], vec!["/one"]), (urls[1], vec!["/two"]), (urls[2], vec!["/two?k=a%20b"]), (urls[3], vec!["/"])]
    {
        for target in ["/one", "/two", "/two?k=a%20b", "/two?k=a+b", "/"] {
            number += 1;
            let event = Event::new(number, "11200");
            let signature = event.signature_for(signed, test_support::TOKEN);
            let post = Post { target: target.to_owned(), ..Post::signed(&event, signature) };
            let status = if opened.contains(&target) { 204 } else { 403 };
            assert_eq!(post::all(exporter.webhook, vec![post]).await, [Some(status)], "{signed} at {target}");
        }
    }
    exporter.metrics().await.assert_adds_up();
}

/// A real event, published with its token, which has been rotated since.
/// Source: <https://github.com/google/exposure-notifications-verification-server>
#[tokio::test]
async fn a_published_real_event_is_accepted() {
    // In two parts, so that nobody takes it for a token in use.
    let token = ["1d2a", "7f480d4e6913a72f2febbe63379d"].concat();
    for (url, signature) in [
        ("https://example.com/", "oT6J/5wQ3mmQfOQi5cm1FoxbA70="),
        ("https://example.com", "WFIk+mfEDAoujjBhziUSmJJn3Lw="),
    ] {
        let account = "AC9a5a39b6ac47a0061bb00da10efd8264";
        let exporter = Setup::default().public_url(url).accounts(&[(account, &[&token])]).start().await;
        let event = Event::of(&[
            ("AccountSid", account),
            ("Level", "ERROR"),
            ("ParentAccountSid", "ACffcbcc79af64899e720a5076b4e6b217"),
            (
                "Payload",
                r#"{"resource_sid":"SMba2e5f029d1b1630bbf01232ff9b814c","service_sid":"SM736f35d231bd230a80c8929e50a2c24c","error_code":"30007"}"#,
            ),
            ("PayloadType", "application/json"),
            ("Sid", "NO1436992f15326b2603d79db507cedba2"),
            ("Timestamp", "2021-10-12T23:43:53.289Z"),
        ]);
        let post = Post { target: "/".to_owned(), ..Post::signed(&event, signature.to_owned()) };
        assert_eq!(post::all(exporter.webhook, vec![post]).await, [Some(204)], "{url}");
        let scrape = exporter.metrics().await;
        assert_eq!(scrape.get("twilio_debugger_events_total{error_code=\"30007\",level=\"error\"}"), Some(1.0));
        scrape.assert_adds_up();
    }
}
