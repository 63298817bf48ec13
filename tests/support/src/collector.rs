//! A real OpenTelemetry collector: OTLP in, files of JSON out.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

use crate::port::Port;
use crate::process::{Process, tool};
use crate::scripted::Protocol;
use crate::wait;

/// A running collector.
#[derive(Debug)]
pub struct Collector {
    dir: TempDir,
    grpc: SocketAddr,
    http: SocketAddr,
    scheme: &'static str,
    _process: Process,
    _ports: [Port; 2],
}

impl Collector {
    /// A collector in plain text.
    pub async fn start() -> Self {
        Self::start_with("", "http", Ipv4Addr::LOCALHOST, &[]).await
    }

    /// A collector with TLS that asks every client for a certificate.
    pub async fn start_with_tls() -> Self {
        Self::start_with(
            ", tls: {cert_file: DIR/server.pem, key_file: DIR/server.key, client_ca_file: DIR/ca.pem}",
            "https",
            Ipv4Addr::LOCALHOST,
            &[],
        )
        .await
    }

    /// A collector with TLS at another address of this machine, whose certificate is for `names`.
    pub async fn start_named(host: Ipv4Addr, names: &[&str]) -> Self {
        Self::start_with(", tls: {cert_file: DIR/server.pem, key_file: DIR/server.key}", "https", host, names).await
    }

    async fn start_with(tls: &str, scheme: &'static str, host: Ipv4Addr, names: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        certificates(dir.path(), &[&[&*host.to_string()], names].concat());
        let ports = [Port::reserve(), Port::reserve()];
        let [grpc, http] = ports.each_ref().map(|port| port.at(host));
        let config = format!(
            "receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '{grpc}'{tls}}}
      http: {{endpoint: '{http}'{tls}}}
exporters:
  file/logs: {{path: DIR/logs.json, flush_interval: 50ms}}
  file/traces: {{path: DIR/traces.json, flush_interval: 50ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    logs: {{receivers: [otlp], exporters: [file/logs]}}
    traces: {{receivers: [otlp], exporters: [file/traces]}}
"
        );
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config.replace("DIR", &dir.path().display().to_string())).expect("writable");
        let mut process = Process::start(Command::new(tool("otelcol")).arg("--config").arg(file));
        process.line_with("Everything is ready").await;
        Self { dir, grpc, http, scheme, _process: process, _ports: ports }
    }

    /// The endpoint as the configuration has it.
    pub fn endpoint(&self, protocol: Protocol) -> String {
        self.endpoint_at(&self.grpc.ip().to_string(), protocol)
    }

    /// The endpoint under a name.
    pub fn endpoint_at(&self, name: &str, protocol: Protocol) -> String {
        let address = if protocol == Protocol::Grpc { self.grpc } else { self.http };
        format!("{}://{name}:{}", self.scheme, address.port())
    }

    /// A file made for it: `ca.pem`, and `client.pem` with `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The log records so far, each an object with its `resource`, its `scope` and itself as `record`.
    pub fn records(&self) -> Vec<Value> {
        self.entries("logs.json", ["resourceLogs", "scopeLogs", "logRecords"])
    }

    /// The spans so far, in the same form.
    pub fn spans(&self) -> Vec<Value> {
        self.entries("traces.json", ["resourceSpans", "scopeSpans", "spans"])
    }

    /// Waits until there are so many log records.
    pub async fn has_records(&self, count: usize) -> Vec<Value> {
        wait::until(&format!("{count} records in the collector's file"), || async {
            Some(self.records()).filter(|records| records.len() >= count)
        })
        .await
    }

    fn entries(&self, file: &str, [resources, scopes, entries]: [&str; 3]) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file(file)).unwrap_or_default();
        let mut found = Vec::new();
        // The last line may be half written.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let line: Value = serde_json::from_str(line).expect("the collector writes JSON");
            for resource in list(&line, resources) {
                for scope in list(resource, scopes) {
                    found.extend(list(scope, entries).iter().map(|entry| {
                        serde_json::json!({"resource": resource["resource"], "scope": scope["scope"], "record": entry})
                    }));
                }
            }
        }
        found
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The attributes of a record, a span or a resource, as an object.
pub fn attributes(value: &Value) -> Value {
    let attributes = list(value, "attributes").iter();
    let plain = |value: &Value| value.as_object().and_then(|value| value.values().next().cloned()).unwrap_or_default();
    attributes.map(|one| (one["key"].as_str().expect("a key").to_owned(), plain(&one["value"]))).collect()
}

/// Writes an authority and the certificates of a server and a client, as PEM.
fn certificates(dir: &Path, names: &[&str]) {
    let write = |name: &str, pem: String| std::fs::write(dir.join(name), pem).expect("writable");
    let key = || KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = key();
    write("ca.pem", authority.self_signed(&authority_key).expect("a certificate").pem());
    let issuer = Issuer::new(authority, authority_key);
    for (name, usage) in
        [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
    {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("names");
        params.extended_key_usages = vec![usage];
        let key = key();
        write(&format!("{name}.pem"), params.signed_by(&key, &issuer).expect("a certificate").pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}
