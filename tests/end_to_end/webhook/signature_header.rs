//! One header, 28 characters of canonical base64: everything else is no signature.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use test_support::raw::{exchange, headers_of, replaced, request, signature_header};
use test_support::{Event, Exporter};

/// A signature with several spellings would be several signatures to whoever remembers them as text.
#[tokio::test]
async fn a_signature_has_one_spelling() {
    let exporter = Exporter::start().await;
    let post = |headers: &[String], event: &Event| {
        let mut all = replaced(headers_of(event), "X-Twilio-Signature", "");
        all.extend_from_slice(headers);
        exchange(exporter.webhook, request("POST /twilio HTTP/1.1", &all, &event.body())).map(|answer| answer.status)
    };
    // A signature with a character that the URL alphabet spells otherwise.
    let event =
        (1..1000).map(|number| Event::new(number, "11200")).find(|event| event.signature().contains(['+', '/']));
    let event = event.expect("soon");
    let signature = event.signature();
    let mac = STANDARD.decode(&signature).expect("base64");
    let hex = mac.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let last_of = |padding_bits: u8| {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letter = ALPHABET.iter().position(|letter| *letter == signature.as_bytes()[26]).expect("base64");
        format!("{}{}=", &signature[..26], char::from(ALPHABET[letter | usize::from(padding_bits)]))
    };
    let header = signature_header;
    let wrong = [
        ("none", vec![]),
        ("empty", vec![header("")]),
        ("white space", vec![header("   ")]),
        ("without padding", vec![header(signature.trim_end_matches('='))]),
        ("more padding", vec![header(&format!("{signature}="))]),
        ("a padding bit", vec![header(&last_of(1))]),
        ("the other padding bit", vec![header(&last_of(2))]),
        ("the URL alphabet", vec![header(&URL_SAFE.encode(&mac))]),
        ("hexadecimal", vec![header(&hex)]),
        ("another case", vec![header(&signature.to_lowercase())]),
        ("quoted", vec![header(&format!("\"{signature}\""))]),
        ("a list", vec![header(&format!("{signature}, {signature}"))]),
        ("two equal headers", vec![header(&signature), header(&signature)]),
        ("a wrong and a right header", vec![header(&STANDARD.encode([0; 20])), header(&signature)]),
        ("a byte less", vec![header(&STANDARD.encode(&mac[..19]))]),
        ("a byte more", vec![header(&STANDARD.encode([&mac[..], &[0]].concat()))]),
        ("no ASCII", vec![header("ñ")]),
        ("long", vec![header(&"A".repeat(8192))]),
    ];
    let count = wrong.len() as f64;
    for (form, headers) in wrong {
        assert_eq!(post(&headers, &event), Some(403), "{form}");
    }
    let unsigned = exporter.refused("unsigned").await;
    assert_eq!((unsigned, exporter.refused("bad_signature").await), (3.0, count - 3.0));
    // A header's name has no case, and white space around its value is not part of it.
    assert_eq!(post(&[format!("x-twilio-SIGNATURE:   {signature}  ")], &event), Some(204));
    exporter.metrics().await.assert_adds_up();
}
