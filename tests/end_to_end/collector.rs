//! What a real collector receives: every field of a record, over every way to send it.

use std::path::PathBuf;

use serde_json::{Value, json};

use test_support::collector::{Collector, attributes};
use test_support::exporter::Setup;
use test_support::scripted::Protocol;
use test_support::{ACCOUNT, Event, Exporter, TOKEN, wait};

/// The account of the documented sample.
const SAMPLE_ACCOUNT: &str = "ACxxxxxxxxxxxxxxxxxxxxxxxx";

/// What stands in the file of a payload, and what the collector must make of it.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) event: Event,
    pub(crate) record: Value,
}

/// The form payloads, each with its record as a person wrote it down; `twilio.payload` is not in there, it is what was posted.
pub(crate) fn samples() -> Vec<Sample> {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |folder: &str, name: &str| -> Value {
        let file = tests.join(folder).join(name);
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_str(&text).expect("JSON")
    };
    let names = std::fs::read_dir(tests.join("end_to_end/records")).expect("a folder");
    let mut names: Vec<_> =
        names.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    let sample = |name: String| {
        let form = read("payloads", &name)["form"].clone();
        let fields: Vec<_> = form
            .as_object()
            .expect("an object")
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().expect("a text")))
            .collect();
        let record = read("end_to_end/records", &name);
        Sample { event: Event::of(&fields), record, name }
    };
    names.into_iter().map(sample).collect()
}

/// An exporter for the accounts in them.
pub(crate) fn setup() -> Setup {
    Setup::default().accounts(&[(ACCOUNT, &[TOKEN]), (SAMPLE_ACCOUNT, &[TOKEN])])
}

/// Posts every sample and compares what the collector wrote, field by field.
async fn every_sample_arrives(exporter: &Exporter, collector: &Collector, service: &str) {
    let samples = samples();
    assert_eq!(samples.len(), 9);
    for sample in &samples {
        assert_eq!(exporter.post(&sample.event).await, Some(204), "{}", sample.name);
    }
    let received = collector.has_records(samples.len()).await;
    #[allow(clippy::cast_precision_loss, reason = "nine")]
    exporter.metric_is("twilio_debugger_exporter_otlp_records_total", samples.len() as f64).await;
    assert_eq!(collector.records().len(), samples.len(), "each record once");
    for (sample, received) in samples.iter().zip(received) {
        compare(sample, &received["record"]);
        let resource = attributes(&received["resource"]);
        assert_eq!(resource["service.name"], service);
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(resource["deployment.environment.name"], "test");
        assert_eq!(received["scope"], json!({"name": "twilio.debugger", "version": env!("CARGO_PKG_VERSION")}));
    }
}

fn compare(sample: &Sample, received: &Value) {
    let mut received = received.clone();
    let mut attributes = attributes(&received);
    let payload = attributes.as_object_mut().expect("an object").remove("twilio.payload").expect("a payload");
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!(json(payload.as_str().expect("a text")), json(sample.event.get("Payload")), "{}", sample.name);
    received["attributes"] = attributes;
    let observed = received["observedTimeUnixNano"].take();
    let observed: u128 = observed.as_str().expect("a text").parse().expect("nanoseconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos();
    assert!(observed <= now && observed + 60_000_000_000 > now, "{}: observed just now", sample.name);
    received.as_object_mut().expect("an object").remove("observedTimeUnixNano");
    assert_eq!(received, sample.record, "{}", sample.name);
}

#[tokio::test]
async fn every_field_arrives_over_both_protocols() {
    for protocol in Protocol::BOTH {
        for compression in ["none", "gzip"] {
            let collector = Collector::start().await;
            let exporter = setup()
                .yaml("redaction: none")
                .yaml(&format!(
                    "otlp: {{endpoint: '{}', protocol: {}, compression: {compression}, resource_attributes: {{deployment.environment.name: test}}}}",
                    collector.endpoint(protocol),
                    protocol.name()
                ))
                .start()
                .await;
            every_sample_arrives(&exporter, &collector, "twilio-debugger-exporter").await;
            exporter.metrics().await.assert_adds_up();
        }
    }
}

/// The variables that every OpenTelemetry deployment sets already are enough.
#[tokio::test]
async fn every_field_arrives_with_nothing_but_opentelemetrys_variables() {
    for protocol in Protocol::BOTH {
        let collector = Collector::start().await;
        let exporter = setup()
            .yaml("redaction: none")
            .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint(protocol))
            .variable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.name())
            .variable("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
            .variable("OTEL_SERVICE_NAME", "hooks")
            .variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
            .start()
            .await;
        every_sample_arrives(&exporter, &collector, "hooks").await;
    }
}

#[tokio::test]
async fn every_field_arrives_over_tls_with_a_client_certificate() {
    for protocol in Protocol::BOTH {
        let collector = Collector::start_with_tls().await;
        let path = |name: &str| collector.file(name).display().to_string();
        let exporter = setup()
            .yaml("redaction: none")
            .yaml(&format!(
                "otlp: {{endpoint: '{}', protocol: {}, tls: {{ca_file: {}, cert_file: {}, key_file: {}}}}}",
                collector.endpoint(protocol),
                protocol.name(),
                path("ca.pem"),
                path("client.pem"),
                path("client.key")
            ))
            .variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
            .start()
            .await;
        every_sample_arrives(&exporter, &collector, "twilio-debugger-exporter").await;
    }
}

/// TLS that is not checked protects nothing: the wrong authority, and no client certificate, each deliver nothing.
#[tokio::test]
async fn a_collector_that_cannot_be_trusted_gets_nothing() {
    let collector = Collector::start_with_tls().await;
    let other = Collector::start_with_tls().await;
    for protocol in Protocol::BOTH {
        for (trusted, identity) in [(&other, true), (&collector, false)] {
            let mut tls = format!("ca_file: {}", trusted.file("ca.pem").display());
            if identity {
                let (cert, key) = (collector.file("client.pem"), collector.file("client.key"));
                tls = format!("{tls}, cert_file: {}, key_file: {}", cert.display(), key.display());
            }
            let endpoint = collector.endpoint(protocol);
            let yaml = format!("otlp: {{endpoint: '{endpoint}', protocol: {}, tls: {{{tls}}}}}", protocol.name());
            let exporter = Exporter::with(&yaml).start().await;
            assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204), "stored all the same");
            wait::until("a failure to be counted", || async {
                (exporter.metrics().await.sum("twilio_debugger_exporter_otlp_failures_total") >= 2.0).then_some(())
            })
            .await;
            assert_eq!(exporter.metrics().await.get("twilio_debugger_exporter_otlp_up"), Some(0.0));
        }
    }
    assert!(collector.records().is_empty());
}

/// An event that brings no trace of its own is found through the request that brought it.
#[tokio::test]
async fn a_record_without_a_trace_carries_its_requests_trace() {
    for protocol in Protocol::BOTH {
        let collector = Collector::start().await;
        let endpoint = collector.endpoint(protocol);
        let yaml = format!("otlp: {{endpoint: '{endpoint}', protocol: {}, traces: true}}", protocol.name());
        let exporter = Exporter::with(&yaml).start().await;
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let payload =
            json!({"error_code": "11200", "webhook": {"response": {"headers": {"Traceparent": traceparent}}}});
        assert_eq!(exporter.post(&Event::new(1, "11200")).await, Some(204));
        assert_eq!(exporter.post(&Event::new(2, "11200").with("Payload", &payload.to_string())).await, Some(204));
        let records = collector.has_records(2).await;
        let spans =
            wait::until("two request spans", || async { Some(collector.spans()).filter(|spans| spans.len() >= 2) })
                .await;
        let (ours, theirs) = (&records[0]["record"], &records[1]["record"]);
        let span =
            spans.iter().find(|span| span["record"]["traceId"] == ours["traceId"]).expect("a span of that trace");
        assert_eq!(span["record"]["spanId"], ours["spanId"]);
        assert_eq!(span["record"]["name"], "POST webhook");
        assert_eq!(span["record"]["kind"], 2, "a server's");
        assert_eq!(attributes(&span["resource"])["service.name"], "twilio-debugger-exporter");
        assert_eq!(theirs["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(theirs["spanId"], "00f067aa0ba902b7");
    }
}

/// A log store keeps what it gets for years, and has other readers than Twilio's console.
#[tokio::test]
async fn no_phone_number_reaches_the_collector_by_default() {
    let collector = Collector::start().await;
    let exporter = setup().yaml(&format!("otlp: {{endpoint: '{}'}}", collector.endpoint(Protocol::Grpc))).start().await;
    let samples = samples();
    for sample in &samples {
        assert_eq!(exporter.post(&sample.event).await, Some(204), "{}", sample.name);
    }
    let records = Value::from(collector.has_records(samples.len()).await).to_string();
    for secret in ["+1555010", "800-421-9004", "\"Stop\"", "stanza=menu"] {
        assert!(!records.contains(secret), "{secret}");
    }
}
