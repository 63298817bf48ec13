//! The URL of an OTLP endpoint, by the rules of OpenTelemetry's specification.
//!
//! The same text means different things: over HTTP a general endpoint is a base to which `/v1/logs` is appended and a signal's
//! own variable is taken as it stands; over gRPC only scheme, host and port count, and the scheme may be missing.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp>

use axum::http::Uri;

use super::environment::Environment;
use super::fault::Report;
use super::otel_variables::variable;
use super::signal::Signal;
use crate::otlp::Protocol;

const PLACE: &str = "otlp.endpoint";

/// The endpoint as the client dials it; none, and a fault, for one that cannot be dialled.
pub(super) fn read(
    typed: &str,
    protocol: Protocol,
    signal: Signal,
    environment: &Environment,
    report: &mut Report,
) -> Option<String> {
    let with_scheme = match protocol {
        Protocol::Grpc if !typed.contains("://") => {
            let insecure = variable("INSECURE", signal, environment);
            let plain = insecure.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
            format!("{}://{typed}", if plain { "http" } else { "https" })
        }
        _ => typed.to_owned(),
    };
    let uri = match parse(&with_scheme) {
        Ok(uri) => uri,
        Err(sentence) => {
            report.fault(PLACE, sentence);
            return None;
        }
    };
    warn_of_the_other_port(&uri, protocol, report);
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    if protocol == Protocol::Grpc {
        return Some(origin);
    }
    let own =
        report.origin(PLACE).is_some_and(|origin| origin == format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.infix()));
    if own {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        return Some(format!("{origin}{target}"));
    }
    if uri.query().is_some() {
        report.fault(PLACE, "has a query, which cannot stand before the /v1/logs that is appended");
        return None;
    }
    let base = uri.path().trim_end_matches('/');
    if base.ends_with("/v1/logs") || base.ends_with("/v1/traces") {
        report.warn(format!("{PLACE}: ends in {base}, and /{} is appended to that", signal.path()));
    }
    Some(format!("{origin}{base}/{}", signal.path()))
}

fn parse(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "is no URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("must start with http:// or https://");
    }
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    if authority.contains('@') {
        // It would be logged with the endpoint.
        return Err("holds a user name or a password; send them as a header, from otlp.headers_files");
    }
    if uri.host().is_none_or(str::is_empty) || authority.ends_with(':') {
        return Err("has no host, or no port after the colon");
    }
    Ok(uri)
}

fn warn_of_the_other_port(uri: &Uri, protocol: Protocol, report: &mut Report) {
    let other = match (protocol, uri.port_u16()) {
        (Protocol::Grpc, Some(4318)) => "4318 is the port of OTLP over HTTP; set otlp.protocol to http/protobuf",
        (Protocol::HttpProtobuf, Some(4317)) => "4317 is the port of OTLP over gRPC; set otlp.protocol to grpc",
        _ => return,
    };
    report.warn(format!("{PLACE}: {other}, unless your collector differs"));
}
