//! Our own request spans, through `tracing-opentelemetry` and `opentelemetry-otlp`.
//!
//! Spans may be lost, so the SDK's batch processor is right for them where it would be wrong for events.

use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tonic::metadata::MetadataMap;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, layer};

use super::StartError;
use crate::event::TraceContext;
use crate::otlp::{Protocol, Settings, channel, headers, http_client};

/// How long the last spans may take to go out.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// The exporter of spans; to be shut down at the end.
#[derive(Debug)]
pub struct Spans(SdkTracerProvider);

impl Spans {
    /// Sends what is left, for at most three seconds.
    pub async fn shut_down(self) {
        // The processor's thread waits for the runtime, so the runtime must not wait for it.
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(SHUTDOWN_TIMEOUT)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// Builds the exporter and the layer that feeds it; must be called inside a tokio runtime.
///
/// # Errors
///
/// [`StartError::Collector`] or [`StartError::Exporter`].
pub(super) fn start<S>(settings: &Settings) -> Result<(Spans, impl Layer<S> + use<S>), StartError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let exporter = match settings.protocol {
        Protocol::Grpc => SpanExporter::builder()
            .with_tonic()
            .with_channel(channel(settings)?)
            .with_metadata(MetadataMap::from_headers(headers(&settings.headers)?))
            .with_timeout(settings.timeout)
            .build(),
        Protocol::HttpProtobuf => SpanExporter::builder()
            .with_http()
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_endpoint(settings.endpoint.clone())
            .with_timeout(settings.timeout)
            .with_http_client(OnTokio { handle: tokio::runtime::Handle::current(), client: http_client(settings)? })
            .build(),
    };
    let exporter = exporter?;
    let attributes =
        settings.resource.iter().map(|(key, value)| opentelemetry::KeyValue::new(key.clone(), value.clone()));
    let resource = Resource::builder_empty().with_attributes(attributes).build();
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    let layer = layer::Identity::new().and_then(
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_location(false)
            .with_threads(false)
            // Sending a span must not make one.
            .with_filter(filter_fn(|metadata| {
                metadata.is_span() && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
            })),
    );
    Ok((Spans(provider), layer))
}

/// The trace of the request being answered; none unless traces are exported.
#[must_use]
pub fn current_trace() -> Option<TraceContext> {
    let context = tracing::Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| TraceContext {
        trace_id: span.trace_id().to_bytes(),
        span_id: span.span_id().to_bytes(),
        flags: span.trace_flags().to_u8(),
    })
}

/// Sends from the batch processor's own thread, which has no runtime, on ours.
#[derive(Debug)]
struct OnTokio {
    handle: tokio::runtime::Handle,
    client: reqwest::Client,
}

#[async_trait::async_trait]
impl HttpClient for OnTokio {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.handle.spawn(async move {
            let (head, body) = request.into_parts();
            let request = client.request(head.method, head.uri.to_string()).headers(head.headers).body(body);
            let response = request.send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        });
        let (status, body) = sent.await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}
