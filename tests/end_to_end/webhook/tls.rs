//! TLS on the webhook listener, for those without a proxy.

use test_support::certificate::Certificate;
use test_support::raw::{Connection, headers_of, request};
use test_support::{Event, Exporter, wait};

async fn post(exporter: &Exporter, client: &reqwest::Client, event: &Event) -> Result<u16, reqwest::Error> {
    let post = client
        .post(format!("https://{}/twilio", exporter.webhook))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", event.signature())
        .body(event.body());
    post.send().await.map(|answer| answer.status().as_u16())
}

/// Certificates live for weeks now: a renewal that needs a restart is an outage every few of them.
#[tokio::test]
async fn a_renewed_certificate_is_served_after_sighup() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let exporter = Exporter::with("webhook: {tls: {cert_file: DIR/cert.pem, key_file: DIR/key.pem}}");
    let exporter = exporter.file("cert.pem", &old.cert).file("key.pem", &old.key).start().await;
    assert_eq!(post(&exporter, &old.client(), &Event::new(1, "11200")).await.ok(), Some(204));
    post(&exporter, &new.client(), &Event::new(2, "11200")).await.expect_err("another certificate");

    // Half a renewal keeps the old certificate, and says so.
    std::fs::write(exporter.folder().join("cert.pem"), &new.cert).expect("writable");
    exporter.process.signal("HUP");
    exporter.metric_is("twilio_debugger_exporter_config_last_reload_successful", 0.0).await;
    assert_eq!(post(&exporter, &old.client(), &Event::new(3, "11200")).await.ok(), Some(204));

    std::fs::write(exporter.folder().join("key.pem"), &new.key).expect("writable");
    exporter.process.signal("HUP");
    exporter.metric_is("twilio_debugger_exporter_config_last_reload_successful", 1.0).await;
    wait::until("the new certificate", || async {
        post(&exporter, &new.client(), &Event::new(4, "11200")).await.ok().filter(|status| *status == 204)
    })
    .await;
    post(&exporter, &old.client(), &Event::new(5, "11200")).await.expect_err("the old certificate");
    exporter.metrics().await.assert_adds_up();
}

/// Plain HTTP on a TLS port must not reach the handler, and a handshake that never comes must not stay.
#[tokio::test]
async fn what_cannot_shake_hands_is_closed_without_an_answer() {
    let certificate = Certificate::new();
    let exporter = Exporter::with("webhook: {tls: {cert_file: DIR/cert.pem, key_file: DIR/key.pem}}");
    let exporter = exporter.file("cert.pem", &certificate.cert).file("key.pem", &certificate.key).start().await;
    let event = Event::new(1, "11200");
    let mut plain = Connection::open(exporter.webhook);
    plain.send(request("POST /twilio HTTP/1.1", &headers_of(&event), &event.body()));
    let (said, _) = plain.closed();
    assert!(!said.contains("HTTP"), "{said:?}");
    let (said, took) = Connection::open(exporter.webhook).closed();
    assert!(said.is_empty() && took.as_secs() < 8, "{took:?}");
    assert_eq!(post(&exporter, &certificate.client(), &event).await.ok(), Some(204));
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_exporter_requests_total"), 1.0);
    scrape.assert_adds_up();
}
