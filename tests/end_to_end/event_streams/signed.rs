//! What Twilio's own SDKs sign by its hash is accepted, and nothing one bit away from it.

use fastrand::Rng;
use serde_json::Value;

use test_support::batch::{JSON, error_log};
use test_support::event::PUBLIC_URL;
use test_support::exporter::Setup;
use test_support::post::{self, Post};
use test_support::sdk::{Sdk, SignedBody};
use test_support::{ACCOUNT, Batch, TOKEN, random};

/// As many as keep the test within seconds.
const RANDOM_BATCHES: u64 = 200;

/// The documented batch, and random ones with texts of all planes, written in different ways.
fn batches(rng: &mut Rng) -> Vec<String> {
    let documented = include_str!("../../feeds/event-streams-batch.json");
    let mut batches = vec![documented.to_owned()];
    for number in 1..=RANDOM_BATCHES {
        let mut event = error_log(0xe000 + number, "11200");
        event["data"]["product_name"] = Value::String(random::noise(rng.usize(..40)) + "é\u{1f642}\u{2028}+%");
        batches.push(match rng.u8(..3) {
            0 => event.to_string(),
            1 => format!("[{event:#}]\n"),
            _ => Batch::of(&[event]).body,
        });
    }
    batches
}

#[tokio::test]
async fn what_twilios_python_sdk_signs_by_its_hash_is_accepted() {
    what_an_sdk_signs_by_its_hash_is_accepted(Sdk::Python).await;
}

#[tokio::test]
async fn what_twilios_node_sdk_signs_by_its_hash_is_accepted() {
    what_an_sdk_signs_by_its_hash_is_accepted(Sdk::Node).await;
}

async fn what_an_sdk_signs_by_its_hash_is_accepted(sdk: Sdk) {
    let mut rng = random::rng();
    let exporter = Setup::default().start().await;
    let bodies = batches(&mut rng);
    let genuine = |body: &String, SignedBody { signature, hash }: &SignedBody| Post {
        target: format!("/twilio?bodySHA256={hash}"),
        signature: signature.clone(),
        content_type: JSON,
        body: body.clone(),
    };
    let signed = sdk.sign_bodies(TOKEN, bodies.iter().map(|body| (PUBLIC_URL, body.as_str())));
    let other_token = sdk.sign_bodies(&TOKEN.replace('0', "1"), bodies.iter().map(|body| (PUBLIC_URL, body.as_str())));
    let other_url = "https://hooks.example.com/twilia";
    let other_urls = sdk.sign_bodies(TOKEN, bodies.iter().map(|body| (other_url, body.as_str())));

    // The forgeries first: had one been taken, the genuine event would be its duplicate.
    let mut forged = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        let genuine = genuine(body, &signed[index]);
        let hash = &signed[index].hash;
        let wrong_hash = with_a_digit_changed(&mut rng, hash);
        let wrong_body = with_a_letter_changed(&mut rng, body);
        let signed_wrongly = sdk_free_hash(&wrong_body);
        forged.extend([
            Post { body: wrong_body.clone(), ..genuine.clone() },
            // The hash is the body's, and nobody has signed it.
            Post { body: wrong_body, target: format!("/twilio?bodySHA256={signed_wrongly}"), ..genuine.clone() },
            Post { target: format!("/twilio?bodySHA256={wrong_hash}"), ..genuine.clone() },
            Post { target: format!("/twilio?bodySHA256={}", &hash[1..]), ..genuine.clone() },
            Post { target: "/twilio".to_owned(), ..genuine.clone() },
            Post { signature: other_token[index].signature.clone(), ..genuine.clone() },
            Post { signature: other_urls[index].signature.clone(), ..genuine.clone() },
            // As a form there is something else to sign.
            Post { content_type: post::FORM, ..genuine },
        ]);
    }
    let count = forged.len();
    for (index, status) in post::all(exporter.webhook, forged.clone()).await.into_iter().enumerate() {
        // A text with many `&` is a form of too many fields, which is nobody's.
        assert!(matches!(status, Some(403 | 400)), "{status:?}: {:#?}", forged[index]);
    }
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_exporter_received_total"), 0.0);
    assert_eq!(scrape.sum("twilio_debugger_exporter_rejected_total") as usize, count);

    // The configured URL with the body's hash is what was signed; what a proxy adds to the query changes nothing.
    let added = |(index, post): (usize, Post)| match index % 2 {
        0 => post,
        _ => Post { target: post.target.replace('?', "?added=1&"), ..post },
    };
    let posts = bodies.iter().zip(&signed).map(|(body, signed)| genuine(body, signed)).enumerate().map(added).collect();
    for (index, status) in post::all(exporter.webhook, posts).await.into_iter().enumerate() {
        assert_eq!(status, Some(204), "{}", bodies[index]);
    }
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total") as u64, RANDOM_BATCHES + 1);
    let key = format!("twilio_debugger_exporter_signing_key_used_total{{account_sid=\"{ACCOUNT}\",key=\"0\"}}");
    assert_eq!(scrape.get(&key), Some((RANDOM_BATCHES + 1) as f64));
    scrape.assert_adds_up();
}

/// The hash of a body, by our own signer.
fn sdk_free_hash(body: &str) -> String {
    let post = Batch { body: body.to_owned() }.post();
    post.target.rsplit_once('=').expect("a query").1.to_owned()
}

fn with_a_digit_changed(rng: &mut Rng, hash: &str) -> String {
    let at = rng.usize(..hash.len());
    let digit = if hash.as_bytes()[at] == b'0' { "1" } else { "0" };
    format!("{}{digit}{}", &hash[..at], &hash[at + 1..])
}

/// Another text of the same length: the documented batch and ours hold letters throughout.
fn with_a_letter_changed(rng: &mut Rng, body: &str) -> String {
    let letters: Vec<usize> =
        body.char_indices().filter(|(_, c)| c.is_ascii_lowercase() && *c != 'z').map(|(at, _)| at).collect();
    let at = rng.choice(letters).expect("a letter");
    let next = char::from(body.as_bytes()[at] + 1);
    format!("{}{next}{}", &body[..at], &body[at + 1..])
}
