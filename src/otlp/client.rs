//! Speaks OTLP to one collector, by gRPC or by HTTP, and reads its answer.
//!
//! Built without a collector: connections are made when there is something to send.

use std::io::Write as _;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::answer::{self, SendError, Verdict};
use super::record::Envelope;
use super::settings::{Protocol, Settings};
use crate::causes::with_causes;
use crate::http_client::{self, ClientPem, IdentityPem, TlsFileError};
use crate::metrics::OtlpFailure;

/// The most bytes of a collector's answer that are read.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A collector, and how to speak to it.
pub struct Client {
    transport: Transport,
    envelope: Envelope,
    timeout: Duration,
    /// The most records in one request.
    pub batch_records_max: usize,
    /// The most bytes in one request, before compression.
    pub batch_bytes_max: usize,
}

impl std::fmt::Debug for Client {
    /// Without headers, which hold credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

enum Transport {
    Grpc { client: Box<LogsServiceClient<Channel>>, metadata: MetadataMap },
    Http { client: reqwest::Client, url: String, gzip: bool },
}

/// A reason why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file of the TLS settings that is of no use.
    #[error(transparent)]
    File(#[from] TlsFileError),
    /// An endpoint that is no URL, or TLS material that is none.
    #[error("endpoint {endpoint} cannot be used")]
    Grpc {
        /// Which endpoint.
        endpoint: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// TLS material that is none.
    #[error("endpoint {endpoint} cannot be used")]
    Http {
        /// Which endpoint.
        endpoint: String,
        /// Why.
        source: reqwest::Error,
    },
    /// A header that HTTP does not allow.
    #[error("header {name} cannot be sent")]
    Header {
        /// Its name; the value is a secret.
        name: String,
    },
}

impl Client {
    /// Builds a client; must be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ClientError`], which names the setting's file, endpoint or header.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        let transport = match settings.protocol {
            Protocol::Grpc => {
                let mut client = LogsServiceClient::new(channel(settings)?);
                if settings.gzip {
                    client = client.send_compressed(CompressionEncoding::Gzip);
                }
                let client =
                    client.accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(ANSWER_BYTES_MAX);
                Transport::Grpc {
                    client: Box::new(client),
                    metadata: MetadataMap::from_headers(headers(&settings.headers)?),
                }
            }
            Protocol::HttpProtobuf => {
                Transport::Http { client: http_client(settings)?, url: settings.endpoint.clone(), gzip: settings.gzip }
            }
        };
        Ok(Self {
            transport,
            envelope: Envelope::new(&settings.resource),
            timeout: settings.timeout,
            batch_records_max: settings.batch_records_max,
            batch_bytes_max: settings.batch_bytes_max,
        })
    }

    /// Sends records in one request and reads the answer. A request without records asks whether the collector is there: most
    /// take it, Loki answers that there is nothing in it.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the answer, or its absence, says nothing of the records: they may be sent again.
    pub async fn send(&self, records: Vec<LogRecord>) -> Result<Verdict, SendError> {
        let sent = records.len() as u64;
        let request = self.envelope.request(records);
        let answer = async {
            match &self.transport {
                Transport::Grpc { client, metadata } => {
                    self.send_grpc((**client).clone(), metadata.clone(), request).await
                }
                Transport::Http { client, url, gzip } => send_http(client, url, *gzip, &request).await,
            }
        };
        let timed_out =
            |_| SendError::Later { class: OtlpFailure::Timeout, after: None, detail: "no answer in time".into() };
        Ok(match tokio::time::timeout(self.timeout, answer).await.map_err(timed_out)?? {
            // No more can have been dropped than were sent; the number is the collector's, and it is counted.
            Verdict::Partial { message, .. } if sent == 0 => Verdict::Delivered { warning: Some(message) },
            Verdict::Partial { rejected, message } => Verdict::Partial { rejected: rejected.min(sent), message },
            verdict => verdict,
        })
    }

    async fn send_grpc(
        &self,
        mut client: LogsServiceClient<Channel>,
        metadata: MetadataMap,
        request: ExportLogsServiceRequest,
    ) -> Result<Verdict, SendError> {
        let mut request = tonic::Request::new(request);
        *request.metadata_mut() = metadata;
        request.set_timeout(self.timeout);
        match client.export(request).await {
            Ok(response) => Ok(answer::of_response(response.into_inner())),
            Err(status) => answer::of_status(&status),
        }
    }
}

async fn send_http(
    client: &reqwest::Client,
    url: &str,
    gzip: bool,
    request: &ExportLogsServiceRequest,
) -> Result<Verdict, SendError> {
    let mut post = client.post(url).header(header::CONTENT_TYPE, "application/x-protobuf");
    let mut body = request.encode_to_vec();
    if gzip {
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
        body = encoder.write_all(&body).and_then(|()| encoder.finish()).expect("a Vec takes every write");
        post = post.header(header::CONTENT_ENCODING, "gzip");
    }
    let unavailable = |error: reqwest::Error| {
        let class = if error.is_timeout() { OtlpFailure::Timeout } else { OtlpFailure::Unavailable };
        SendError::Later { class, after: None, detail: with_causes(&error) }
    };
    let mut response = post.body(body).send().await.map_err(unavailable)?;
    let status = response.status().as_u16();
    let retry_after =
        response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while body.len() < ANSWER_BYTES_MAX {
        match response.chunk().await.map_err(unavailable)? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    answer::of_http(status, retry_after.as_deref(), &body, jiff::Timestamp::now())
}

/// A channel that connects when it is first used.
pub(crate) fn channel(settings: &Settings) -> Result<Channel, ClientError> {
    let at_endpoint = |source| ClientError::Grpc { endpoint: settings.endpoint.clone(), source };
    let mut endpoint = Endpoint::from_shared(settings.endpoint.clone()).map_err(at_endpoint)?;
    if settings.endpoint.starts_with("https://") {
        endpoint = endpoint.tls_config(tls_config(settings.tls.read()?)).map_err(at_endpoint)?;
    }
    Ok(endpoint.connect_timeout(settings.timeout).connect_lazy())
}

fn tls_config(pem: ClientPem) -> ClientTlsConfig {
    let config = match pem.authorities {
        Some(authorities) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authorities)),
        None => ClientTlsConfig::new().with_enabled_roots(),
    };
    match pem.identity {
        Some(IdentityPem { cert, key }) => config.identity(Identity::from_pem(cert, key)),
        None => config,
    }
}

/// A client that sends the configured headers with every request.
pub(crate) fn http_client(settings: &Settings) -> Result<reqwest::Client, ClientError> {
    let client = http_client::build(settings.timeout, headers(&settings.headers)?, &settings.tls.read()?);
    client.map_err(|source| ClientError::Http { endpoint: settings.endpoint.clone(), source })
}

/// The configured headers; values are marked as sensitive, so that no `Debug` shows them.
pub(crate) fn headers(headers: &[(String, SecretString)]) -> Result<HeaderMap, ClientError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let bad_header = || ClientError::Header { name: name.clone() };
        let key: HeaderName = name.parse().map_err(|_| bad_header())?;
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| bad_header())?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}
