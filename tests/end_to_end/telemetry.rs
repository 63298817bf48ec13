//! The telemetry listener as Prometheus, Kubernetes and people see it.

use std::io::Read as _;

use reqwest::{Method, Response};

use test_support::certificate::Certificate;
use test_support::{Event, Exporter, Scrape, TOKEN};

async fn get(exporter: &Exporter, path: &str, headers: &[(&str, &str)]) -> Response {
    send(exporter, Method::GET, path, headers).await
}

async fn send(exporter: &Exporter, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = exporter.client.request(method, format!("http://{}{path}", exporter.telemetry));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("ASCII"))
}

/// A Prometheus that offers OpenMetrics or protobuf must be told what it gets, or it reads it as something else.
#[tokio::test]
async fn the_content_type_is_right_whatever_was_asked_for() {
    let exporter = Exporter::start().await;
    for accept in [
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        "text/html,application/xhtml+xml",
        "application/json",
        "*/*",
        "nonsense",
        "",
    ] {
        let answer = get(&exporter, "/metrics", &[("accept", accept)]).await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type")),
            (200, "text/plain; version=0.0.4; charset=utf-8"),
            "{accept}"
        );
        assert_eq!(header(&answer, "content-encoding"), "");
        let text = answer.text().await.expect("text");
        assert!(text.ends_with('\n') && text.contains("# TYPE twilio_debugger_exporter_build_info gauge"), "{text}");
    }
}

#[tokio::test]
async fn a_scrape_is_compressed_for_those_who_ask() {
    let exporter = Exporter::start().await;
    let answer = get(&exporter, "/metrics", &[("accept-encoding", "gzip")]).await;
    assert_eq!((header(&answer, "content-encoding"), header(&answer, "vary")), ("gzip", "Accept-Encoding"));
    let bytes = answer.bytes().await.expect("a body");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("gzip");
    assert_eq!(
        Scrape::parse(&text).get("twilio_debugger_exporter_otlp_up"),
        exporter.metrics().await.get("twilio_debugger_exporter_otlp_up")
    );
    assert!(bytes.len() * 3 < text.len(), "{} of {}", bytes.len(), text.len());
    for refused in ["gzip;q=0", "identity", "br"] {
        assert_eq!(header(&get(&exporter, "/metrics", &[("accept-encoding", refused)]).await, "content-encoding"), "");
    }
}

#[tokio::test]
async fn each_page_answers_to_its_methods_alone() {
    let exporter = Exporter::start().await;
    for path in ["/metrics", "/", "/-/healthy", "/-/ready"] {
        let whole = get(&exporter, path, &[]).await;
        let head = send(&exporter, Method::HEAD, path, &[]).await;
        assert_eq!(
            (head.status(), header(&head, "content-type")),
            (whole.status(), header(&whole, "content-type")),
            "{path}"
        );
        assert!(head.bytes().await.expect("no body").is_empty(), "{path}");
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let refused = send(&exporter, method.clone(), path, &[]).await;
            assert_eq!(refused.status(), 405, "{method} {path}");
            assert!(header(&refused, "allow").contains("GET"), "{method} {path}");
        }
    }
    assert_eq!(get(&exporter, "/-/reload", &[]).await.status(), 405);
    for path in ["/twilio", "/metrics/", "/nowhere", "/debug/pprof"] {
        assert_eq!(get(&exporter, path, &[]).await.status(), 404, "{path}");
    }
    assert_eq!(get(&exporter, "/-/healthy", &[]).await.text().await.expect("text"), "healthy\n");
    assert_eq!(get(&exporter, "/-/ready", &[]).await.text().await.expect("text"), "ready\n");
}

/// The same file as for every other exporter on the machine. A probe that needs a password fails at the worst moment, so that
/// health never does.
#[tokio::test]
async fn a_web_config_guards_everything_but_health() {
    let certificate = Certificate::new();
    let hash = bcrypt::hash("open sesame", 4).expect("a hash");
    let web = format!(
        "tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nbasic_auth_users: {{prometheus: '{hash}'}}\n\
         http_server_config: {{headers: {{X-Frame-Options: deny}}}}\n"
    );
    let exporter = Exporter::with("telemetry: {web_config_file: DIR/web.yml}").file("web.yml", &web);
    let exporter = exporter.file("cert.pem", &certificate.cert).file("key.pem", &certificate.key).start().await;
    let client = certificate.client();
    let get = async |path: &str, password: Option<&str>| {
        let request = client.get(format!("https://{}{path}", exporter.telemetry));
        let request =
            if let Some(password) = password { request.basic_auth("prometheus", Some(password)) } else { request };
        request.send().await.expect("an answer")
    };
    for path in ["/", "/metrics"] {
        let challenge = get(path, None).await;
        assert_eq!(challenge.status(), 401, "{path}");
        assert!(header(&challenge, "www-authenticate").starts_with("Basic realm="), "{path}");
        assert_eq!(get(path, Some("wrong")).await.status(), 401, "{path}");
        let open = get(path, Some("open sesame")).await;
        assert_eq!((open.status().as_u16(), header(&open, "x-frame-options")), (200, "deny"), "{path}");
    }
    let reload = client.post(format!("https://{}/-/reload", exporter.telemetry)).send().await.expect("an answer");
    assert_eq!(reload.status(), 401, "a stranger must not reload");
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(get(path, None).await.status(), 200, "{path}");
    }
    exporter.client.get(format!("http://{}/-/healthy", exporter.telemetry)).send().await.expect_err("plain HTTP");
    let output = exporter.process.output();
    assert!(!output.contains("open sesame") && !output.contains(&hash), "{output}");
}

/// The page answers the first question of whoever sets this up: which URL, and why is it refused.
#[tokio::test]
async fn the_landing_page_says_what_to_paste_and_why_requests_were_refused() {
    let urls =
        "[https://hooks.example.com/twilio, 'https://user:pass-word@b.example.com/<b>#rc=5']".replace("<b>", "b");
    let exporter = test_support::exporter::Setup::default().public_url(&urls).start().await;
    let page = async || get(&exporter, "/", &[]).await.text().await.expect("text");
    let fresh = page().await;
    for text in [
        env!("CARGO_PKG_VERSION"),
        "https://hooks.example.com/twilio<",
        "https://b.example.com/b<",
        "Nothing since the start",
        "metrics",
    ] {
        assert!(fresh.contains(text), "{text} in {fresh}");
    }
    assert!(!fresh.contains("pass-word"), "{fresh}");

    let event = Event::new(1, "11200");
    let forged = event.clone().with("Level", "WARNING").with("Evil", "<script>alert(1)</script>");
    for _ in 0..3 {
        assert_eq!(exporter.post_signed(&forged, &event.signature()).await, Some(403));
    }
    let stranger = event.clone().with("AccountSid", "AC00000000000000000000000000000009");
    assert_eq!(exporter.post(&stranger).await, Some(403));
    let scanner = exporter.client.get(format!("http://{}/<script>", exporter.webhook)).send().await.expect("an answer");
    assert_eq!(scanner.status(), 404);
    let refused = page().await;
    for text in [
        "<td>bad_signature</td><td>3</td>",
        "Compare public_url with Twilio's console",
        "<td>unknown_account</td><td>1</td>",
        "<td>not_found</td><td>1</td>",
    ] {
        assert!(refused.contains(text), "{text} in {refused}");
    }
    for secret in [TOKEN, "script", &event.signature(), event.get("Payload"), "Got HTTP 502", "pass-word"] {
        assert!(!refused.contains(secret), "{secret} in {refused}");
    }
    assert!(header(&get(&exporter, "/", &[]).await, "content-type").starts_with("text/html"));
    exporter.metrics().await.assert_adds_up();
}
