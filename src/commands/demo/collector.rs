//! A collector in the smallest form: takes log records over OTLP/HTTP and keeps the last ones.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::readable::Readable;

/// The most records that are kept: the demo stays up, and somebody may send to it for days.
const RECORDS_MAX: usize = 100;

/// The largest request.
const BODY_BYTES_MAX: usize = 8 << 20;

/// A running collector; it ends with the process.
#[derive(Debug)]
pub(super) struct Collector {
    url: String,
    received: Arc<Received>,
}

#[derive(Debug, Default)]
struct Received {
    records: Mutex<Vec<Readable>>,
    changed: Notify,
}

impl Collector {
    /// Listens on a free port of this machine.
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let received = Arc::new(Received::default());
        let router = Router::new()
            .route("/v1/logs", post(take))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(received.clone());
        tokio::spawn(serve(listener, router));
        Ok(Self { url, received })
    }

    /// The base URL.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// The last records, oldest first, in readable JSON.
    pub(super) fn records(&self) -> Vec<Readable> {
        self.received.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the next request, at most for `patience`.
    pub(super) async fn changed(&self, patience: Duration) {
        // A request between the caller's look and this wait is kept by the Notify.
        let _ = tokio::time::timeout(patience, self.received.changed.notified()).await;
    }
}

async fn serve(listener: TcpListener, router: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            // A connection that breaks off is the exporter's to retry.
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn take(State(received): State<Arc<Received>>, body: Bytes) -> impl IntoResponse {
    let Ok(request) = ExportLogsServiceRequest::decode(body) else {
        return (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/x-protobuf")], Vec::new());
    };
    {
        let mut records = received.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.extend(Readable::all(&request));
        let surplus = records.len().saturating_sub(RECORDS_MAX);
        records.drain(..surplus);
    }
    received.changed.notify_one();
    let answer = ExportLogsServiceResponse::default().encode_to_vec();
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/x-protobuf")], answer)
}
