//! Where log records and spans go: the `otlp` section and OpenTelemetry's own variables.
//!
//! The variables lie between the file and our own variables and flags, and a signal's variable lies over the general one. So
//! the section is read once for each signal, from a tree of its own.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::environment::Environment;
use super::fault::Report;
use super::layers::{Layers, overlay};
use super::otel_variables;
use super::section::Section;
use super::signal::Signal;
use super::{endpoint, headers, values};
use crate::http_client::ClientTls;
use crate::otlp::{Protocol, Settings};

/// Reads both destinations: that of log records, then that of spans.
pub(super) fn read(
    layers: &Layers,
    environment: &Environment,
    report: &mut Report,
) -> (Option<Settings>, Option<Settings>) {
    let (logs, _) = destination(Signal::Logs, layers, environment, report);
    let (traces, traces_on) = destination(Signal::Traces, layers, environment, report);
    if environment.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        report.warn("OTEL_SDK_DISABLED is true: no log record and no span is exported".into());
        return (None, None);
    }
    if traces_on && traces.is_none() {
        report.warn("otlp.traces is on, but no endpoint is configured: no span is exported".into());
    }
    let logs = logs.filter(|_| environment.get("OTEL_LOGS_EXPORTER") != Some("none"));
    (logs, traces.filter(|_| traces_on))
}

/// The destination of one signal, if it has an endpoint, and whether `traces` is on.
fn destination(
    signal: Signal,
    layers: &Layers,
    environment: &Environment,
    report: &mut Report,
) -> (Option<Settings>, bool) {
    let mut tree = match layers.tree.get("otlp") {
        Some(Value::Object(tree)) => tree.clone(),
        None | Some(Value::Null) => Map::new(),
        Some(_) => {
            report.fault("otlp", "must be a section of its own, with keys and values");
            Map::new()
        }
    };
    overlay(&mut tree, otel_variables::layer(signal, environment, &layers.otlp_above, report));
    overlay(&mut tree, layers.otlp_above.clone());
    let mut section = Section::new("otlp", tree);
    let protocols = [("grpc", Protocol::Grpc), ("http/protobuf", Protocol::HttpProtobuf)];
    let protocol = section.or(report, "protocol", Protocol::default(), values::word(&protocols));
    let typed = section.optional(report, "endpoint", values::text);
    let endpoint = typed.and_then(|typed| endpoint::read(&typed, protocol, signal, environment, report));
    let default = Settings::to(endpoint.clone().unwrap_or_default());
    let compression = values::word(&[("none", false), ("gzip", true)]);
    let timeout = values::duration(Duration::from_millis(10)..=Duration::from_mins(10));
    let batch_bytes = values::size((128 << 10)..=(64 << 20));
    let settings = Settings {
        endpoint: default.endpoint,
        protocol,
        headers: headers::read(&mut section, report),
        gzip: section.or(report, "compression", default.gzip, compression),
        timeout: section.or(report, "timeout", default.timeout, timeout),
        tls: client_tls(&mut section, report),
        batch_records_max: section.or(
            report,
            "batch_records_max",
            default.batch_records_max,
            values::count(1..=16_384),
        ),
        batch_bytes_max: section.or(report, "batch_bytes_max", default.batch_bytes_max, batch_bytes),
        resource: resource(&mut section, environment, report),
    };
    let traces_on = section.or(report, "traces", false, values::truth);
    section.finish(report);
    (endpoint.map(|_| settings), traces_on)
}

fn client_tls(section: &mut Section, report: &mut Report) -> ClientTls {
    let mut tls = section.section(report, "tls");
    let mut file = |key| tls.optional(report, key, values::readable_file);
    let files = ClientTls { ca_file: file("ca_file"), cert_file: file("cert_file"), key_file: file("key_file") };
    let missing = |file: &Option<PathBuf>, other: &Option<PathBuf>| file.is_none() && other.is_some();
    for (key, missing) in [
        ("cert_file", missing(&files.cert_file, &files.key_file)),
        ("key_file", missing(&files.key_file, &files.cert_file)),
    ] {
        // A file that cannot be read has been named already.
        if missing && !report.has_fault_at(&tls.place(key)) {
            report.fault(tls.place(key), "is missing: a client certificate needs both its files");
        }
    }
    tls.finish(report);
    files
}

/// The resource: `service.name` and `service.version` first, the rest as it came.
fn resource(section: &mut Section, environment: &Environment, report: &mut Report) -> Vec<(String, String)> {
    let mut attributes = vec![
        ("service.name".to_owned(), env!("CARGO_PKG_NAME").to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let given = section.texts(report, "resource_attributes");
    let variable = otel_variables::pairs("OTEL_RESOURCE_ATTRIBUTES", environment, report);
    let name = environment.get("OTEL_SERVICE_NAME").map(|name| ("service.name".to_owned(), name.to_owned()));
    for (key, value) in given.into_iter().chain(variable).chain(name) {
        match attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => attributes.push((key, value)),
        }
    }
    attributes
}
