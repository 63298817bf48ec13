//! Where records and spans go, and how.

use std::time::Duration;

use secrecy::SecretString;

use crate::http_client::ClientTls;

/// `otlp`, or the standard `OTEL_EXPORTER_OTLP_*` variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// gRPC: scheme, host and port. HTTP: the whole URL, `/v1/logs` or `/v1/traces` included.
    pub endpoint: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Sent with every request; values are secrets.
    pub headers: Vec<(String, SecretString)>,
    /// gzip, or nothing.
    pub gzip: bool,
    /// How long one request may take.
    pub timeout: Duration,
    /// Trust and identity.
    pub tls: ClientTls,
    /// The most records in one request.
    pub batch_records_max: usize,
    /// The most bytes in one request, before compression.
    pub batch_bytes_max: usize,
    /// `service.name` and the other attributes of the resource, in order.
    pub resource: Vec<(String, String)>,
}

/// The two encodings that collectors take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// `grpc`.
    #[default]
    Grpc,
    /// `http/protobuf`.
    HttpProtobuf,
}

impl Settings {
    /// Everything at its default, but for the endpoint.
    #[must_use]
    pub fn to(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            protocol: Protocol::default(),
            headers: Vec::new(),
            gzip: false,
            timeout: Duration::from_secs(10),
            tls: ClientTls::default(),
            batch_records_max: 512,
            batch_bytes_max: 3 << 20,
            resource: Vec::new(),
        }
    }
}
