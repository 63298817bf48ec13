//! The telemetry listener: metrics for Prometheus, health for Kubernetes, a page for people.
//!
//! It never faces the internet. Health answers without credentials whatever guards the rest, because a probe that needs a
//! password fails at the worst moment; nothing on it shows a secret or a payload.

mod landing;
mod metrics;

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
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
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::catalogue;
use crate::listener::{CHALLENGE, Guard};
use crate::metrics::{Metrics, RejectionReason};
use crate::public_url::PublicUrl;
use crate::store::{Pressure, Store};

/// The most scrapes rendered at one time; one more waits.
const SCRAPES_MAX: usize = 4;

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

/// Knows what has come lately and a person should see.
pub trait SeenLately: Send + Sync {
    /// The last refusal for each reason, newest first.
    fn refused_lately(&self) -> Vec<Refused>;

    /// The last test event of an Event Streams sink.
    fn last_sink_test(&self) -> Option<SinkTested>;
}

/// A sink that was tested, as the page for people shows it.
#[derive(Debug, Clone)]
pub struct SinkTested {
    /// What Twilio wants to be told.
    pub id: String,
    /// When the test came.
    pub at: Timestamp,
}

/// Requests that were refused for one reason, as the page for people shows them.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub reason: RejectionReason,
    /// How many since the start.
    pub count: u64,
    /// When the last one was.
    pub last: Timestamp,
    /// Who was connected then.
    pub peer: IpAddr,
    /// What an operator can do about it.
    pub advice: &'static str,
    /// What would mend the last one, as far as that is known.
    pub hint: Option<String>,
}

/// The telemetry listener's state.
pub struct Telemetry {
    metrics: Arc<Metrics>,
    /// Its state decides readiness.
    store: Store,
    /// Cancelled when the process ends: it is not ready then.
    draining: CancellationToken,
    seen: Arc<dyn SeenLately>,
    shown: ArcSwap<Shown>,
    guard: ArcSwap<Guard>,
    catalogue: catalogue::InForce,
    reloads: mpsc::Sender<Reload>,
    started: Instant,
    scrapes: Semaphore,
}

impl Telemetry {
    /// Starts to show `metrics`, the state of `store` and what was `seen`; passes requests to reload on to `reloads`. Codes
    /// have the names that `catalogue` gives them.
    #[must_use]
    pub fn new(
        metrics: Arc<Metrics>,
        store: Store,
        seen: Arc<dyn SeenLately>,
        draining: CancellationToken,
        reloads: mpsc::Sender<Reload>,
        (shown, guard): (Shown, Guard),
        catalogue: catalogue::InForce,
    ) -> Self {
        Self {
            metrics,
            store,
            draining,
            seen,
            shown: ArcSwap::from_pointee(shown),
            guard: ArcSwap::from_pointee(guard),
            catalogue,
            reloads,
            started: Instant::now(),
            scrapes: Semaphore::new(SCRAPES_MAX),
        }
    }

    /// Replaces what the page shows of the settings, and who may see it.
    pub fn put_in_force(&self, shown: Shown, guard: Guard) {
        self.guard.store(Arc::new(guard));
        self.shown.store(Arc::new(shown));
    }
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
