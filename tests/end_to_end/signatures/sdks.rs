//! What Twilio's own SDKs sign is accepted, and nothing one bit away from it.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use serde_json::Value;

use test_support::event::PUBLIC_URL;
use test_support::exporter::Setup;
use test_support::post::{self, Post, form_of};
use test_support::random;
use test_support::sdk::{Sdk, Signed};
use test_support::{ACCOUNT, Event, Exporter, TOKEN};

/// The account of the sample in Twilio's documentation.
const DOCUMENTED_ACCOUNT: &str = "ACxxxxxxxxxxxxxxxxxxxxxxxx";

/// As many as keep the test within seconds.
const RANDOM_EVENTS: u64 = 1_000;

async fn exporter() -> Exporter {
    // The second URL has a query, so that there is something in it to change.
    let urls = format!("[{PUBLIC_URL}, {PUBLIC_URL}?tenant=Zebra09]");
    let accounts: &[(&str, &[&str])] = &[(ACCOUNT, &[TOKEN]), (DOCUMENTED_ACCOUNT, &[TOKEN])];
    Setup::default().public_url(&urls).accounts(accounts).start().await
}

/// The fields of a file of `tests/payloads`.
fn payload(name: &str) -> Event {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads").join(name);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let form = file["form"].as_object().expect("a form");
    Event::of(&form.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect::<Vec<_>>())
}

/// Every file of `tests/payloads`, in order.
fn payloads() -> BTreeMap<String, Event> {
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads")).expect("a folder");
    let names = folder.map(|file| file.expect("readable").file_name().into_string().expect("UTF-8"));
    names.map(|name| (name.clone(), payload(&name))).collect()
}

#[tokio::test]
async fn what_twilios_python_sdk_signs_is_accepted_and_nothing_one_bit_away() {
    what_an_sdk_signs_is_accepted_and_nothing_one_bit_away(Sdk::Python).await;
}

#[tokio::test]
async fn what_twilios_node_sdk_signs_is_accepted_and_nothing_one_bit_away() {
    what_an_sdk_signs_is_accepted_and_nothing_one_bit_away(Sdk::Node).await;
}

/// A verifier that agrees only with itself would refuse the real Twilio: an empty field, a `+` or a name beyond the basic
/// plane is enough. And one that leaves anything out of the signature lets it be forged.
async fn what_an_sdk_signs_is_accepted_and_nothing_one_bit_away(sdk: Sdk) {
    let mut rng = random::rng();
    let mut exporter = exporter().await;
    let mut events: Vec<Event> = payloads().into_values().collect();
    assert_eq!(events.len(), 10);
    events.extend((1..=RANDOM_EVENTS).map(|number| random::event(&mut rng, 0xf000 + number)));
    let target = |index: usize| if index.is_multiple_of(2) { "/twilio" } else { "/twilio?tenant=Zebra09" };
    let urls: Vec<_> = (0..events.len()).map(|index| format!("https://hooks.example.com{}", target(index))).collect();
    let signed = sdk.sign(TOKEN, urls.iter().map(String::as_str).zip(&events));
    let wrong_urls: Vec<_> = urls.iter().map(|url| with_a_bit_of_text_changed(&mut rng, url)).collect();
    let signed_for_wrong_urls = sdk.sign(TOKEN, wrong_urls.iter().map(String::as_str).zip(&events));

    // The forgeries first: had one been taken, the genuine event would be its duplicate.
    let mut forged = Vec::new();
    for (index, (event, Signed { signature, body })) in events.iter().zip(&signed).enumerate() {
        let genuine = Post {
            target: target(index).to_owned(),
            signature: signature.clone(),
            content_type: post::FORM,
            body: body.clone(),
        };
        forged.push(Post { body: with_a_bit_of_a_field_changed(&mut rng, event), ..genuine.clone() });
        forged.push(Post { signature: with_a_bit_of_the_mac_changed(&mut rng, signature), ..genuine.clone() });
        forged.push(Post { signature: signed_for_wrong_urls[index].signature.clone(), ..genuine.clone() });
        let wrong_query = format!("/twilio?{}", with_a_letter_changed(&mut rng, "tenant=Zebra09"));
        forged.push(Post { target: wrong_query, ..genuine });
    }
    let count = forged.len();
    for (index, status) in post::all(exporter.webhook, forged.clone()).await.into_iter().enumerate() {
        assert_eq!(status, Some(403), "{:#?}, made of {:#?}", forged[index], events[index / 4]);
    }
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_accepted_events_total"), 0.0);
    assert_eq!(scrape.sum("twilio_debugger_exporter_requests_total") as usize, count);

    let post = |(index, Signed { signature, body })| Post {
        target: target(index).to_owned(),
        signature,
        content_type: post::FORM,
        body,
    };
    let genuine = signed.into_iter().enumerate().map(post).collect();
    for (index, status) in post::all(exporter.webhook, genuine).await.into_iter().enumerate() {
        assert_eq!(status, Some(204), "for {}: {:#?}", urls[index], events[index]);
    }
    let scrape = exporter.metrics().await;
    let quarantined = |reason| {
        scrape.get(&format!("twilio_debugger_exporter_quarantined_total{{reason=\"{reason}\",source=\"webhook\"}}"))
    };
    // Of the files, the one whose Payload is no JSON; a random event is always an event.
    assert_eq!((quarantined("bad_payload"), quarantined("bad_grammar")), (Some(1.0), Some(0.0)));
    assert_eq!(scrape.sum("twilio_debugger_events_total") as u64, RANDOM_EVENTS + 9);
    assert_eq!(scrape.sum("twilio_debugger_exporter_signing_key_used_total") as u64, RANDOM_EVENTS + 10);
    scrape.assert_adds_up();
    assert_eq!(exporter.terminate().await.code(), Some(0));
}

/// Whoever signs must sign every byte: one that is left out could be changed by anybody on the way.
#[tokio::test]
async fn no_bit_of_a_documented_event_can_be_changed() {
    let exporter = exporter().await;
    let event = payload("01-documented.json");
    let signature = event.signature();
    let mut forged = Vec::new();
    let fields = bytes_of(&event);
    for field in 0..fields.len() {
        for byte in 0..fields[field].0.len() + fields[field].1.len() {
            let mut fields = fields.clone();
            flip(&mut fields[field], byte, byte % 8);
            forged.push(Post { body: form_of(&fields), ..Post::signed(&event, signature.clone()) });
        }
    }
    for bit in 0..28 * 6 {
        let signature = with_the_bit_of_base64_changed(&signature, bit);
        forged.push(Post::signed(&event, signature));
    }
    for status in post::all(exporter.webhook, forged).await {
        assert_eq!(status, Some(403));
    }
    assert_eq!(exporter.post(&event).await, Some(204));
    exporter.metrics().await.assert_adds_up();
}

/// It is the first thing a newcomer posts, and its Sids are shortened.
#[tokio::test]
async fn the_documented_sample_is_counted_as_it_stands() {
    let exporter = exporter().await;
    let event = payload("01-documented.json");
    // As curl --data-urlencode writes it.
    assert_eq!(exporter.post(&event).await, Some(204));
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.get("twilio_debugger_events_total{error_code=\"11200\",level=\"error\"}"), Some(1.0));
    scrape.assert_adds_up();
}

fn bytes_of(event: &Event) -> Vec<(Vec<u8>, Vec<u8>)> {
    event.fields.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes())).collect()
}

fn flip((name, value): &mut (Vec<u8>, Vec<u8>), byte: usize, bit: usize) {
    let name_length = name.len();
    let half = if byte < name_length { &mut name[byte] } else { &mut value[byte - name_length] };
    *half ^= 1 << bit;
}

fn with_a_bit_of_a_field_changed(rng: &mut Rng, event: &Event) -> String {
    let mut fields = bytes_of(event);
    let changeable: Vec<_> = (0..fields.len()).filter(|field| fields[*field] != (vec![], vec![])).collect();
    let field = rng.choice(changeable).expect("a field with a byte");
    let byte = rng.usize(..fields[field].0.len() + fields[field].1.len());
    flip(&mut fields[field], byte, rng.usize(..8));
    form_of(&fields)
}

fn with_a_bit_of_the_mac_changed(rng: &mut Rng, signature: &str) -> String {
    let mut mac = STANDARD.decode(signature).expect("base64");
    mac[rng.usize(..20)] ^= 1 << rng.usize(..8);
    STANDARD.encode(mac)
}

/// Changes one of the six bits that a character stands for; those of the padding are a change to `A` or `B`.
fn with_the_bit_of_base64_changed(signature: &str, bit: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = signature.to_owned().into_bytes();
    let value = ALPHABET.iter().position(|letter| *letter == text[bit / 6]).unwrap_or(0);
    text[bit / 6] = ALPHABET[value ^ (1 << (bit % 6))];
    String::from_utf8(text).expect("ASCII")
}

/// ASCII stays ASCII, so that the SDK can be told to sign it.
fn with_a_bit_of_text_changed(rng: &mut Rng, text: &str) -> String {
    let mut text = text.to_owned().into_bytes();
    let byte = rng.usize(..text.len());
    text[byte] ^= 1 << rng.usize(..7);
    String::from_utf8(text).expect("ASCII")
}

/// A letter or digit becomes another by one bit, so that the request can be sent.
fn with_a_letter_changed(rng: &mut Rng, text: &str) -> String {
    loop {
        let changed = with_a_bit_of_text_changed(rng, text);
        if changed.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'=') {
            return changed;
        }
    }
}
