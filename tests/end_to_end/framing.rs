//! Requests that two programs in a row could read in two ways, or that no sender of ours would send.
//!
//! Where the end of a body or the address is open to reading, a proxy in front and the exporter may disagree, and a stranger
//! can hide one request in another.

use crate::webhook::nothing_leaked;
use test_support::raw::{Answer, Connection, exchange, headers_of, replaced, request, signature_header};
use test_support::{Event, Exporter};

const POST: &str = "POST /twilio HTTP/1.1";

/// A genuine request with `line` in the place of the header called `name`.
fn bent(event: &Event, name: &str, line: &str) -> String {
    request(POST, &replaced(headers_of(event), name, line), &event.body())
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused() {
    let exporter = Exporter::start().await;
    let event = Event::new(1, "11200");
    let length = event.body().len();
    let add = |header: &str| request(POST, &[headers_of(&event), vec![header.to_owned()]].concat(), &event.body());
    let replace = |name: &str, line: &str| bent(&event, name, line);
    let line = |line: &str| request(line, &headers_of(&event), &event.body());
    let rows = [
        ("length and transfer encoding", add("Transfer-Encoding: chunked")),
        ("transfer encoding alone", replace("Content-Length", "Transfer-Encoding: chunked")),
        ("transfer encoding of another kind", replace("Content-Length", "Transfer-Encoding: gzip, chunked")),
        ("odd transfer encoding", add("Transfer-Encoding: xchunked")),
        ("transfer encoding with a tab", add("Transfer-Encoding:\tchunked")),
        ("two differing lengths", add("Content-Length: 0")),
        ("a list of lengths", replace("Content-Length", &format!("Content-Length: {length}, {length}"))),
        ("a signed length", replace("Content-Length", &format!("Content-Length: +{length}"))),
        ("a negative length", replace("Content-Length", "Content-Length: -1")),
        ("a hexadecimal length", replace("Content-Length", "Content-Length: 0x10")),
        ("an empty length", replace("Content-Length", "Content-Length: ")),
        ("a space before the colon", replace("Content-Length", &format!("Content-Length : {length}"))),
        (
            "HTTP/1.0 with transfer encoding",
            line("POST /twilio HTTP/1.0").replacen("Content-Length", "Transfer-Encoding: chunked\r\nContent-Length", 1),
        ),
        (
            "a folded header",
            replace("Content-Type", "Content-Type: application/x-www-form-urlencoded;\r\n charset=utf-8"),
        ),
        ("NUL in a header", add("X-A: a\0b")),
        ("CR in a header", add("X-A: a\rb")),
        ("two hosts", add("Host: hooks.example.com")),
        ("no host", replace("Host", "")),
        ("an absolute target", line("POST http://hooks.example.com/twilio HTTP/1.1")),
        ("an authority as target", line("CONNECT hooks.example.com:443 HTTP/1.1")),
        ("a star as target", line("OPTIONS * HTTP/1.1")),
        ("no version", line("POST /twilio")),
        ("another version", line("POST /twilio HTTP/2.0")),
        ("an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("a TLS hello", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned()),
        ("noise", "\0\0\0\0\r\n\r\n".to_owned()),
    ];
    let count = rows.len() as f64;
    for (case, request) in rows {
        let mut connection = Connection::open(exporter.webhook);
        // A second request behind it: whoever disagrees about the end of the first would serve it.
        connection.send(request + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
        let expected = match case {
            // Closed at once: who speaks HTTP/2 would not understand an answer in HTTP/1.1.
            "an HTTP/2 preface" => None,
            // The star is a target of its own form, and of no path.
            "a star as target" => Some(404),
            _ => Some(400),
        };
        assert_eq!(connection.answer().map(|answer| answer.status), expected, "{case}");
        let (said, _) = connection.closed();
        assert!(!said.contains("HTTP/1.1"), "{case}: a second answer: {said}");
    }
    let scrape_adds_up = async || {
        let scrape = exporter.metrics().await;
        scrape.assert_adds_up();
        scrape.sum("twilio_debugger_exporter_requests_total")
    };
    exporter.metric_is("twilio_debugger_exporter_rejected_total{reason=\"framing\"}", count - 1.0).await;
    assert_eq!(scrape_adds_up().await, count, "each counts once, and what was hidden in it not at all");
    assert_eq!(exporter.metrics().await.sum("twilio_debugger_accepted_events_total"), 0.0);
    nothing_leaked(&exporter, &["Got HTTP 502", &event.signature()]);
}

/// Not pretty, and open to one reading only.
#[tokio::test]
async fn what_can_be_read_in_one_way_is_taken() {
    let exporter = Exporter::start().await;
    let genuine = |number| {
        let event = Event::new(number, "11200");
        (request(POST, &headers_of(&event), &event.body()), event)
    };
    let (bare, event) = genuine(1);
    let bare = bare.replace("\r\n", "\n");
    assert!(bare.ends_with(&event.body()));
    let rows = [
        ("bare line feeds", bare),
        // nginx speaks it to its upstreams unless told otherwise.
        ("HTTP/1.0 with a length", genuine(2).0.replacen("HTTP/1.1", "HTTP/1.0", 1)),
        ("names in any case", genuine(3).0.replacen("Content-Length", "CONTENT-length", 1)),
        ("an empty line before", format!("\r\n{}", genuine(4).0)),
        ("another type parameter", genuine(5).0.replacen("; charset=UTF-8", " ;x=\"y\"", 1)),
    ];
    for (case, request) in rows {
        assert_eq!(exchange(exporter.webhook, request).map(|answer| answer.status), Some(204), "{case}");
    }
    exporter.metrics().await.assert_adds_up();
}

/// A client that waits for `100 Continue` gets its answer; what would be refused anyway is refused before the body.
#[tokio::test]
async fn a_client_that_asks_first_is_told_first() {
    let exporter = Exporter::start().await;
    let event = Event::new(1, "11200");
    let ask = |name: &str, line: &str| {
        let mut headers = replaced(headers_of(&event), name, line);
        headers.push("Expect: 100-continue".to_owned());
        let mut connection = Connection::open(exporter.webhook);
        connection.send(request(POST, &headers, ""));
        let answer = connection.answer().map(|answer| answer.status);
        (connection, answer)
    };
    let (_, unsigned) = ask("X-Twilio-Signature", "");
    assert_eq!(unsigned, Some(403));
    let (_, too_large) = ask("Content-Length", "Content-Length: 600000");
    assert_eq!(too_large, Some(413));
    let (mut genuine, answer) = ask("", "");
    assert_eq!(answer, Some(100));
    genuine.send(event.body());
    assert_eq!(genuine.answer().map(|answer| answer.status), Some(204));
    exporter.metrics().await.assert_adds_up();
}

/// One request after the other on one connection, also when they come at once: proxies keep theirs for days.
#[tokio::test]
async fn a_kept_connection_serves_many_and_a_refusal_by_signature_keeps_it() {
    let exporter = Exporter::start().await;
    let mut connection = Connection::open(exporter.webhook);
    let events: Vec<_> = (1..=20).map(|number| Event::new(number, "11200")).collect();
    let forged = |event: &Event| bent(event, "X-Twilio-Signature", &signature_header(&format!("{}A=", "A".repeat(26))));
    let genuine = |event: &Event| request(POST, &headers_of(event), &event.body());
    connection.send(events.iter().map(|event| forged(event) + &genuine(event)).collect::<String>());
    for event in &events {
        let mut status = || connection.answer().map(|Answer { status, .. }| status);
        assert_eq!((status(), status()), (Some(403), Some(204)), "{}", event.get("Sid"));
    }
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total"), 20.0);
    scrape.assert_adds_up();
}

/// Half a request and a hang-up is what a killed proxy leaves behind.
#[tokio::test]
async fn a_sender_that_hangs_up_is_counted_and_harms_nobody() {
    let exporter = Exporter::start().await;
    let event = Event::new(1, "11200");
    let whole = request(POST, &headers_of(&event), &event.body());
    for length in [0, 1, 30, whole.len() - event.body().len(), whole.len() - 1] {
        let mut connection = Connection::open(exporter.webhook);
        connection.send(&whole[..length]);
    }
    assert_eq!(exporter.post(&event).await, Some(204));
    // Those that had a whole header and lost their body; a header that never came is no request.
    exporter.metric_is("twilio_debugger_exporter_rejected_total{reason=\"framing\"}", 2.0).await;
    exporter.metric_is("twilio_debugger_exporter_requests_in_flight", 0.0).await;
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total"), 1.0);
    scrape.assert_adds_up();
    nothing_leaked(&exporter, &["Got HTTP 502"]);
}

/// A sender with a short time-out is gone before the disk has synced. Its event is stored all the same, and the request must
/// not stand on the page as under way for ever.
#[tokio::test]
async fn a_sender_that_does_not_wait_for_the_answer_is_counted_and_forgotten() {
    let exporter = Exporter::start().await;
    for number in 1..=200 {
        let event = Event::new(number, "11200");
        Connection::open(exporter.webhook).send(request(POST, &headers_of(&event), &event.body()));
    }
    exporter.metric_is("twilio_debugger_exporter_requests_in_flight", 0.0).await;
    assert_eq!(exporter.post(&Event::new(201, "11200")).await, Some(204));
    let scrape = exporter.metrics().await;
    let counted = scrape.sum("twilio_debugger_events_total");
    assert!((1.0..=201.0).contains(&counted), "{counted}");
    scrape.assert_adds_up();
}

/// The form is anybody's bytes until the signature is checked, and the payload is a stranger's text even after it.
#[tokio::test]
async fn no_signed_nonsense_makes_a_500() {
    let exporter = Exporter::start().await;
    let deep = "[".repeat(100_000);
    let payloads = [
        "",
        "null",
        "[]",
        "7",
        "\"a\"",
        "{",
        "{}",
        "{\"error_code\":{}}",
        "{\"error_code\":1e999}",
        "{\"error_code\":-1}",
        "{\"error_code\":\"1\",\"error_code\":\"2\"}",
        "{\"webhook\":7,\"more_info\":[],\"resource_sid\":{}}",
        "\u{feff}{}",
        "{\"more_info\":{\"Msg\":\"\\ud800\"}}",
        "{\"a\":\"\0\"}",
        "{\"error_code\":\"99999999999999999999\"}",
        &deep,
        "{\"webhook\":{\"request\":{\"url\":\"\\u0000\"},\"response\":{\"status_code\":1e400}}}",
    ];
    for (number, payload) in (1..).zip(payloads) {
        let event = Event::new(number, "11200").with("Payload", payload);
        assert_eq!(exporter.post(&event).await, Some(204), "{payload:.60}");
    }
    let fields: [(&str, &str); 9] = [
        ("Sid", ""),
        ("Sid", "NO"),
        ("Sid", "CA1"),
        ("Sid", "NO\n"),
        ("PayloadType", "application/JSON"),
        ("Level", "a level longer than any"),
        ("ParentAccountSid", "x"),
        ("Level", "\0\u{1b}[2J\u{202e}"),
        ("Timestamp", "9999999-99-99"),
    ];
    for (number, (name, value)) in (100..).zip(fields) {
        let event = Event::new(number, "11200").with(name, value);
        assert_eq!(exporter.post(&event).await, Some(204), "{name}={value:?}");
    }
    for name in ["Sid", "Payload", "PayloadType", "Timestamp"] {
        let event = Event::new(200, "11200").without(name);
        assert_eq!(exporter.post(&event).await, Some(204), "without {name}");
    }
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.get("twilio_debugger_exporter_requests_total{code=\"204\"}"), Some(18.0 + 9.0 + 4.0));
    assert_eq!(scrape.sum("twilio_debugger_exporter_requests_total"), 31.0);
    scrape.assert_adds_up();
    let output = exporter.process.output();
    assert!(!output.contains('\u{1b}') && !output.contains('\0') && !output.contains("panicked"), "{output:?}");
}
