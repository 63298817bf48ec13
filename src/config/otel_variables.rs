//! OpenTelemetry's environment variables, as the keys of our `otlp` section that they stand for.
//!
//! The specification asks to warn of a value that is not understood and to ignore it. Here it is a fault like any other: an
//! exporter that starts without its headers fails later, and elsewhere.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::environment::Environment;
use super::fault::Report;
use super::layers::set;
use super::signal::Signal;

/// The end of a variable's name, and the path in the `otlp` section.
const TEXTS: &[(&str, &str)] = &[
    ("ENDPOINT", "endpoint"),
    ("PROTOCOL", "protocol"),
    ("COMPRESSION", "compression"),
    ("CERTIFICATE", "tls.ca_file"),
    ("CLIENT_CERTIFICATE", "tls.cert_file"),
    ("CLIENT_KEY", "tls.key_file"),
];

/// The variable of this signal, or the general one: its name and its value.
pub(super) fn variable<'a>(end: &str, signal: Signal, environment: &'a Environment) -> Option<(String, &'a str)> {
    let names = [format!("OTEL_EXPORTER_OTLP_{}_{end}", signal.infix()), format!("OTEL_EXPORTER_OTLP_{end}")];
    names.into_iter().find_map(|name| environment.get(&name).map(|value| (name, value)))
}

/// The variables of `signal` as an `otlp` section, and their names as the origin of each value not set by `above`.
pub(super) fn layer(
    signal: Signal,
    environment: &Environment,
    above: &Map<String, Value>,
    report: &mut Report,
) -> Map<String, Value> {
    report.forget_origins("OTEL_");
    let mut section = Map::new();
    let mut put = |path: &str, value: Value, name: &str, report: &mut Report| {
        set(&mut section, path, value);
        if !holds(above, path) {
            report.came_from(&format!("otlp.{path}"), name);
        }
    };
    for (end, path) in TEXTS {
        if let Some((name, value)) = variable(end, signal, environment) {
            put(path, json!(value), &name, report);
        }
    }
    if let Some((name, value)) = variable("TIMEOUT", signal, environment) {
        if value.bytes().all(|byte| byte.is_ascii_digit()) {
            put("timeout", json!(format!("{value}ms")), &name, report);
        } else {
            report.fault(name, "must be a number of milliseconds, without a unit");
        }
    }
    if let Some((name, _)) = variable("HEADERS", signal, environment) {
        let headers = pairs(&name, environment, report).into_iter();
        let headers = headers.map(|(header, value)| (header.to_ascii_lowercase(), Value::String(value)));
        put("headers", Value::Object(headers.collect()), &name, report);
    }
    let own_endpoint = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").map(|_| "otlp");
    for (name, exporter) in [
        ("OTEL_LOGS_EXPORTER", environment.get("OTEL_LOGS_EXPORTER")),
        ("OTEL_TRACES_EXPORTER", environment.get("OTEL_TRACES_EXPORTER").or(own_endpoint)),
    ] {
        match exporter {
            Some("otlp" | "none") if name == "OTEL_LOGS_EXPORTER" => {}
            Some(exporter @ ("otlp" | "none")) => put("traces", json!(exporter == "otlp"), name, report),
            Some(_) => report.fault(name, "must be otlp or none: nothing else is built in"),
            None => {}
        }
    }
    section
}

/// `name=value` pairs with commas between, both percent-decoded: the list form of W3C baggage.
pub(super) fn pairs(name: &str, environment: &Environment, report: &mut Report) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let list = environment.get(name).unwrap_or_default();
    for (index, member) in list.split(',').map(str::trim).enumerate() {
        if member.is_empty() {
            continue;
        }
        let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8().ok().map(Cow::into_owned);
        let pair = member.split_once('=').and_then(|(key, value)| Some((decoded(key)?, decoded(value)?)));
        match pair {
            Some((key, value)) if !key.is_empty() => pairs.push((key, value)),
            // The member may be a secret and is not repeated.
            _ => report
                .fault(name, format!("must be name=value pairs with commas between; number {} is none", index + 1)),
        }
    }
    pairs
}

fn holds(tree: &Map<String, Value>, path: &str) -> bool {
    match path.split_once('.') {
        None => tree.contains_key(path),
        Some((section, rest)) => tree.get(section).and_then(Value::as_object).is_some_and(|tree| holds(tree, rest)),
    }
}
