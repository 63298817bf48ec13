//! The webhook listener's answers, row by row, and the `reason` that moves with each.

mod limits;
mod signature_header;
mod tls;
mod unavailable;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use test_support::exporter::Setup;
use test_support::raw::{Answer, exchange, headers_of, replaced, request, signature_header};
use test_support::{ACCOUNT, Event, Exporter, TOKEN};

#[tokio::test]
async fn a_signed_event_is_accepted_and_counted() {
    let mut exporter = Exporter::start().await;
    assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.get("twilio_debugger_events_total{error_code=\"11200\",level=\"error\"}"), Some(1.0));
    scrape.assert_adds_up();
    assert_eq!(exporter.terminate().await.code(), Some(0));
}

/// A genuine request with another first line, and with `header` in the place of that of its name; without it if this is a name alone.
fn bent(event: &Event, line: &str, header: &str) -> String {
    let (name, header) = header.split_once(':').map_or((header, ""), |(name, _)| (name, header));
    request(line, &replaced(headers_of(event), name, header), &event.body())
}

/// A status is a message to the sender's retry logic, and the label is what the operator sees: neither may drift.
#[tokio::test]
async fn every_refusal_has_its_status_and_its_reason() {
    let exporter = Exporter::start().await;
    let post = "POST /twilio HTTP/1.1";
    let event = Event::new(1, "11200");
    let stranger = Event::new(2, "11200").with("AccountSid", "AC00000000000000000000000000000009");
    let rows = [
        (bent(&event, "POST / HTTP/1.1", ""), 404, "not_found"),
        (bent(&event, "POST /twilio/ HTTP/1.1", ""), 404, "not_found"),
        (bent(&event, "POST /TWILIO HTTP/1.1", ""), 404, "not_found"),
        (bent(&event, "GET /twilio HTTP/1.1", ""), 405, "method"),
        (bent(&event, "PUT /twilio HTTP/1.1", ""), 405, "method"),
        (bent(&event, "OPTIONS /twilio HTTP/1.1", ""), 405, "method"),
        (bent(&event, "BREW /twilio HTTP/1.1", ""), 405, "method"),
        (bent(&event, post, "Content-Type: text/plain"), 415, "content_type"),
        (bent(&event, post, "Content-Type: multipart/form-data; boundary=x"), 415, "content_type"),
        (bent(&event, post, "Content-Type"), 415, "content_type"),
        (bent(&event, post, "Content-Encoding: gzip"), 415, "content_type"),
        (bent(&event, post, "Content-Encoding: br"), 415, "content_type"),
        (bent(&event, post, "Content-Length"), 400, "framing"),
        (bent(&event, post, "Host"), 400, "framing"),
        (bent(&event, post, "Content-Length: 524289"), 413, "too_large"),
        (bent(&event, post, "X-Twilio-Signature"), 403, "unsigned"),
        (bent(&stranger, post, ""), 403, "unknown_account"),
        (
            bent(&event.clone().with("Level", "WARNING"), post, &signature_header(&event.signature())),
            403,
            "bad_signature",
        ),
    ];
    for (row, (request, status, reason)) in rows.into_iter().enumerate() {
        let before = exporter.refused(reason).await;
        let answer =
            exchange(exporter.webhook, &request).unwrap_or_else(|| panic!("row {row} has no answer: {request}"));
        assert_eq!(answer.status, status, "row {row}: {request}");
        assert_eq!(exporter.refused(reason).await, before + 1.0, "row {row} counts as {reason}");
        assert!(answer.head.contains("content-type: text/plain"), "Twilio wants one: {}", answer.head);
        assert_eq!(answer.head.contains("allow: post"), status == 405, "{}", answer.head);
    }
    // Nothing of all this has used up the event.
    assert_eq!(
        exchange(exporter.webhook, bent(&event, post, "Content-Encoding: identity")).map(|a| a.status),
        Some(204)
    );
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total"), 1.0);
    for code in [204, 400, 403, 404, 405, 413, 415] {
        let series = format!("twilio_debugger_exporter_requests_total{{code=\"{code}\"}}");
        assert!(scrape.get(&series).is_some_and(|count| count > 0.0), "{series}");
    }
    scrape.assert_adds_up();
    nothing_leaked(&exporter, &[TOKEN, &event.signature(), "Got HTTP 502 response", "service_sid"]);
}

/// Whoever guesses at accounts and keys must not be told which of them is right.
#[tokio::test]
async fn the_three_ways_to_be_disbelieved_look_the_same() {
    let exporter = Exporter::start().await;
    let event = Event::new(1, "11200");
    let post = "POST /twilio HTTP/1.1";
    let stranger = event.clone().with("AccountSid", "AC00000000000000000000000000000009");
    let forged = event.clone().with("Level", "WARNING");
    let answers = [
        bent(&event, post, "X-Twilio-Signature"),
        bent(&event, post, "X-Twilio-Signature: "),
        bent(&stranger, post, ""),
        bent(&forged, post, &signature_header(&event.signature())),
    ]
    .map(|request| exchange(exporter.webhook, request).expect("an answer"));
    for answer in answers {
        let head: Vec<_> = answer.head.lines().filter(|line| !line.starts_with("date:")).map(str::to_owned).collect();
        let expected = ["http/1.1 403 forbidden", "content-type: text/plain", "content-length: 9"];
        assert_eq!((head, answer.body.as_str()), (expected.map(str::to_owned).to_vec(), "Forbidden"));
    }
    exporter.metrics().await.assert_adds_up();
}

/// The listener faces the internet: what the other one serves must not be found there.
#[tokio::test]
async fn nothing_but_the_webhook_answers_on_its_listener() {
    let exporter = Exporter::start().await;
    let paths = [
        "/",
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/-/reload",
        "/twilio/..",
        "//twilio",
        "/twilio%00",
        "/favicon.ico",
    ];
    for path in paths {
        for method in ["GET", "POST", "HEAD"] {
            let answer = exchange(exporter.webhook, format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
            let body = if method == "HEAD" { "" } else { "Not Found" };
            let answer = answer.map(|Answer { status, body, .. }| (status, body));
            assert_eq!(answer, Some((404, body.to_owned())), "{method} {path}");
        }
    }
    exporter.metrics().await.assert_adds_up();
}

/// Twilio sends name and password only after a challenge; a 403 in its place would mean that they never come.
#[tokio::test]
async fn basic_auth_challenges_first_and_then_opens() {
    let hash = bcrypt::hash("open sesame", 4).expect("a hash");
    let exporter =
        Exporter::with("webhook: {basic_auth_file: DIR/htpasswd}").file("htpasswd", &format!("twilio:{hash}\n"));
    let exporter = exporter.start().await;
    let event = Event::new(1, "11200");
    let with = |credentials: &str| {
        let credentials = BASE64_STANDARD.encode(credentials);
        exchange(
            exporter.webhook,
            bent(&event, "POST /twilio HTTP/1.1", &format!("Authorization: Basic {credentials}")),
        )
    };
    let challenge = exchange(exporter.webhook, bent(&event, "POST /twilio HTTP/1.1", "")).expect("an answer");
    assert_eq!(challenge.status, 401);
    assert!(challenge.head.contains("www-authenticate: basic realm="), "{}", challenge.head);
    assert_eq!(with("twilio:wrong").map(|answer| answer.status), Some(401));
    assert_eq!(with("stranger:open sesame").map(|answer| answer.status), Some(401));
    assert_eq!(exporter.refused("unauthenticated").await, 3.0);
    assert_eq!(with("twilio:open sesame").map(|answer| answer.status), Some(204));
    // The password is no signature.
    let forged = event.clone().with("Level", "WARNING");
    let authorization = format!("Authorization: Basic {}", BASE64_STANDARD.encode("twilio:open sesame"));
    let mut headers = replaced(headers_of(&forged), "X-Twilio-Signature", &signature_header(&event.signature()));
    headers.push(authorization);
    let answer = exchange(exporter.webhook, request("POST /twilio HTTP/1.1", &headers, &forged.body()));
    assert_eq!(answer.map(|answer| answer.status), Some(403));
    exporter.metrics().await.assert_adds_up();
    nothing_leaked(&exporter, &[TOKEN, "open sesame", &hash]);
}

/// Proxies set them and strangers forge them: what is verified stands in the configuration.
#[tokio::test]
async fn no_header_of_the_request_changes_which_url_is_verified() {
    let exporter = Setup::default().accounts(&[(ACCOUNT, &[TOKEN])]).start().await;
    let others = [
        "Host: evil.example.com",
        "X-Forwarded-Host: evil.example.com",
        "X-Forwarded-Proto: http",
        "Forwarded: host=evil.example.com;proto=http",
    ];
    for (number, header) in (1..).zip(others) {
        let event = Event::new(number, "11200");
        let genuine = bent(&event, "POST /twilio HTTP/1.1", header);
        assert_eq!(exchange(exporter.webhook, genuine).map(|answer| answer.status), Some(204), "{header}");
        let forged = signature_header(&event.signature_for("http://evil.example.com/twilio", TOKEN));
        let headers = replaced(headers_of(&event), "X-Twilio-Signature", &forged);
        let headers = replaced(headers, header.split(':').next().unwrap_or_default(), header);
        let forged = request("POST /twilio HTTP/1.1", &headers, &event.body());
        assert_eq!(exchange(exporter.webhook, forged).map(|answer| answer.status), Some(403), "{header}");
    }
    exporter.metrics().await.assert_adds_up();
}

/// Panics if the process has written one of `secrets`, or has panicked.
pub(crate) fn nothing_leaked(exporter: &Exporter, secrets: &[&str]) {
    let output = exporter.process.output();
    for secret in secrets.iter().chain(&["panicked"]) {
        assert!(!output.contains(secret), "{secret:?} in:\n{output}");
    }
}
