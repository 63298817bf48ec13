//! The telemetry listener: metrics for Prometheus, health for Kubernetes, a page for people.
//!
//! It never faces the internet. Health answers without credentials whatever guards the rest, because a probe that needs a
//! password fails at the worst moment; nothing on it shows a secret or a payload.

mod landing;
mod metrics;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::input::webhook::Receiver;
use crate::listener::{CHALLENGE, Guard};
use crate::metrics::Metrics;
use crate::public_url::PublicUrl;
use crate::store::{Pressure, Store};

/// The most scrapes rendered at one time; one more waits.
pub const SCRAPES_MAX: usize = 4;

/// `telemetry`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address of the listener.
    pub listen: SocketAddr,
    /// TLS and basic auth in the format of Prometheus' exporter-toolkit.
    pub web_config_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: ([127, 0, 0, 1], 9979).into(), web_config_file: None }
    }
}

/// A request to read the configuration again: what comes of it goes back through it, for the caller to see.
pub type Reload = oneshot::Sender<Result<(), Box<dyn Error + Send + Sync>>>;

/// What the page for people shows of the settings in force.
#[derive(Debug, Clone)]
pub struct Shown {
    /// What to paste into Twilio's console.
    pub public_urls: Vec<PublicUrl>,
    /// Where log records go; none when no endpoint is configured.
    pub otlp_endpoint: Option<String>,
}

/// The telemetry listener's state.
pub struct Telemetry {
    /// Every metric.
    pub metrics: Arc<Metrics>,
    /// The store, whose state decides readiness.
    pub store: Store,
    /// Cancelled when the process ends: it is not ready then.
    pub draining: CancellationToken,
    /// The webhook listener, for its last refusals.
    pub receiver: Arc<Receiver>,
    /// What the page for people shows of the settings in force.
    pub shown: ArcSwap<Shown>,
    /// Who may see the metrics and the page.
    pub guard: ArcSwap<Guard>,
    /// Takes requests to read the configuration again.
    pub reloads: mpsc::Sender<Reload>,
    /// When the process started.
    pub started: Instant,
    /// Scrapes under way.
    pub scrapes: Semaphore,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry").field("started", &self.started).finish_non_exhaustive()
    }
}

/// The listener's router.
pub fn router(telemetry: Arc<Telemetry>) -> Router {
    let guarded = Router::new()
        .route("/", get(landing::page))
        .route("/metrics", get(metrics::page))
        .route("/-/reload", post(reload).put(reload))
        .layer(middleware::from_fn_with_state(telemetry.clone(), check_user));
    let open = Router::new().route("/-/healthy", get(healthy)).route("/-/ready", get(ready));
    guarded.merge(open).layer(middleware::from_fn_with_state(telemetry.clone(), add_headers)).with_state(telemetry)
}

async fn healthy() -> &'static str {
    "healthy\n"
}

async fn ready(State(telemetry): State<Arc<Telemetry>>) -> Response {
    let reason = if telemetry.draining.is_cancelled() {
        "shutting down"
    } else if *telemetry.store.failed().borrow() {
        "store failed"
    } else if telemetry.store.pressure() == Pressure::Full {
        "store is full"
    } else {
        return "ready\n".into_response();
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response()
}

async fn reload(State(telemetry): State<Arc<Telemetry>>) -> Response {
    let (request, reloaded) = oneshot::channel();
    // A request that nobody takes any more is dropped, and that is its answer.
    let _ = telemetry.reloads.send(request).await;
    match reloaded.await {
        Ok(Ok(())) => "reloaded\n".into_response(),
        Ok(Err(faults)) => (StatusCode::INTERNAL_SERVER_ERROR, faults.to_string()).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response(),
    }
}

async fn check_user(State(telemetry): State<Arc<Telemetry>>, request: Request, next: Next) -> Response {
    let guard = telemetry.guard.load_full();
    if let Some(users) = &guard.basic_auth
        && !users.check(request.headers().get(header::AUTHORIZATION)).await
    {
        let challenge = [(header::WWW_AUTHENTICATE, CHALLENGE)];
        return (StatusCode::UNAUTHORIZED, challenge, "unauthorized\n").into_response();
    }
    next.run(request).await
}

async fn add_headers(State(telemetry): State<Arc<Telemetry>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.extend(telemetry.guard.load().headers.iter().cloned());
    response
}

/// The address of whoever is connected.
type Peer = ConnectInfo<SocketAddr>;
