//! The webhook listener: the one thing that faces the internet.
//!
//! `receive` is the story of a request; each line is a stage, and whatever stops it is a [`Rejection`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use prometheus::IntGauge;
use tracing::field;

use super::delivery::Delivery;
use super::framing::{self, SIGNATURE_HEADER};
use super::rejection::Rejection;
use super::rejections::Rejections;
use super::signature::{Refusal, Verified, Verifier};
use super::{debugger_form, doctor};
use crate::account::Account;
use crate::listener::{Answers, BasicAuth, Malformed, ServerTls};
use crate::log::current_trace;
use crate::metrics::{Metrics, RejectionReason};
use crate::public_url::PublicUrl;
use crate::redact::Redaction;
use crate::store::{AcceptError, Arrival, Pressure, Store};

/// How long a client may take for a request's body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// `webhook`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address of the listener.
    pub listen: SocketAddr,
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// The most connections at one time.
    pub connections_max: usize,
    /// Certificate and key, for those without a proxy.
    pub tls: Option<ServerTls>,
    /// An htpasswd file of `name:bcrypt` lines.
    pub basic_auth_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: ([0, 0, 0, 0], 8080).into(),
            body_bytes_max: 512 << 10,
            connections_max: 1024,
            tls: None,
            basic_auth_file: None,
        }
    }
}

/// The webhook listener's state.
#[derive(Debug)]
pub struct Receiver {
    rules: ArcSwap<Rules>,
    store: Store,
    metrics: Arc<Metrics>,
    rejections: Rejections,
    draining: AtomicBool,
}

/// What a reload replaces as a whole, so that no request sees half of it.
#[derive(Debug)]
pub struct Rules {
    verifier: Verifier,
    public_urls: Vec<PublicUrl>,
    accounts: Vec<Account>,
    body_bytes_max: usize,
    redaction: Redaction,
    basic_auth: Option<BasicAuth>,
}

impl Rules {
    /// Takes what the webhook needs of the settings.
    #[must_use]
    pub fn new(
        public_urls: Vec<PublicUrl>,
        accounts: Vec<Account>,
        body_bytes_max: usize,
        redaction: Redaction,
        basic_auth: Option<BasicAuth>,
    ) -> Self {
        let verifier = Verifier::new(&public_urls, &accounts);
        Self { verifier, public_urls, accounts, body_bytes_max, redaction, basic_auth }
    }
}

impl Receiver {
    /// Starts with `rules`.
    #[must_use]
    pub fn new(rules: Rules, store: Store, metrics: Arc<Metrics>) -> Self {
        Self {
            rules: ArcSwap::from_pointee(rules),
            store,
            metrics,
            rejections: Rejections::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// Replaces the rules; requests under way finish under the old ones.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// Refuses new requests from now on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether new requests are refused.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// What has been refused lately.
    #[must_use]
    pub fn rejections(&self) -> &Rejections {
        &self.rejections
    }

    /// Counts a request that hyper has answered by itself.
    pub fn count_malformed(metrics: &Metrics, malformed: Malformed) {
        match malformed {
            Malformed::Syntax => metrics.refused(400, RejectionReason::Framing),
            Malformed::HeaderTooLarge => metrics.refused(431, RejectionReason::TooLarge),
        }
    }
}

/// Every request comes to one handler, which counts what it answers. A router would box each request and each answer to find out
/// that there is nothing to choose between.
impl Answers for Arc<Receiver> {
    const SHORT: bool = true;

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        receive(self, request, peer).await
    }
}

#[tracing::instrument(
    name = "POST webhook",
    level = "debug",
    skip_all,
    fields(otel.kind = "server", http.request.method = "POST", http.response.status_code = field::Empty)
)]
async fn receive(receiver: &Arc<Receiver>, request: Request<Incoming>, peer: SocketAddr) -> Response {
    let families = receiver.metrics.families();
    let started = Instant::now();
    let under_way = UnderWay::new(&families.requests_in_flight);
    let answer = match receiver.take(request, peer).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(rejection) => rejection.into_response(),
    };
    drop(under_way);
    tracing::Span::current().record("http.response.status_code", answer.status().as_u16());
    families.request_duration.observe(started.elapsed().as_secs_f64());
    answer
}

/// One more on the gauge for as long as it lives. hyper drops the handler when the sender hangs up before the answer, so the
/// gauge cannot be left to the line after it.
struct UnderWay<'a>(&'a IntGauge);

impl<'a> UnderWay<'a> {
    fn new(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Receiver {
    async fn take(self: &Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Result<(), Rejection> {
        let rules = self.rules.load_full();
        let (head, body) = request.into_parts();
        let mut delivery = None;
        let result = self.stages(&rules, &head, body, &mut delivery).await;
        if let Err(rejection) = &result {
            self.note(rules, head.headers.get(header::HOST), delivery, rejection, peer);
        }
        result
    }

    async fn stages(
        &self,
        rules: &Rules,
        head: &Parts,
        body: Incoming,
        delivery: &mut Option<Delivery>,
    ) -> Result<(), Rejection> {
        framing::check(head, |path| rules.verifier.has_path(path), rules.body_bytes_max)?;
        rules.check_user(&head.headers).await?;
        framing::check_signed(&head.headers)?;
        self.check_open()?;
        let delivery = delivery.insert(read(head, body, rules.body_bytes_max).await?);
        let verified = rules.verifier.verify(delivery)?;
        let arrival = self.arrival_of(&verified, rules.redaction);
        self.store.accept(arrival, verified.mac(), verified.key().clone()).await?;
        Ok(())
    }

    /// Whether anything can be taken now; asked before the body, which could be large.
    fn check_open(&self) -> Result<(), Rejection> {
        if self.is_draining() {
            return Err(Rejection::ShuttingDown);
        }
        match self.store.pressure() {
            Pressure::Full => Err(AcceptError::Full.into()),
            Pressure::Normal | Pressure::High => Ok(()),
        }
    }

    fn arrival_of(&self, verified: &Verified, redaction: Redaction) -> Arrival {
        match debugger_form::read(verified, redaction, Timestamp::now(), current_trace()) {
            Ok(mut event) => {
                if self.store.pressure() != Pressure::Normal {
                    event.trim();
                }
                Arrival::Event(Box::new(event))
            }
            Err(entry) => Arrival::Quarantined(entry),
        }
    }

    /// Counts a refusal, and logs it if it is its turn.
    fn note(
        self: &Arc<Self>,
        rules: Arc<Rules>,
        host: Option<&HeaderValue>,
        delivery: Option<Delivery>,
        rejection: &Rejection,
        peer: SocketAddr,
    ) {
        let Some(reason) = rejection.reason() else {
            return;
        };
        self.metrics.refused(rejection.status().as_u16(), reason);
        let Some(turn) = self.rejections.note(reason, peer.ip()) else {
            return;
        };
        let unexplained = matches!(rejection, Rejection::Unbelieved(Refusal::BadSignature | Refusal::UnknownAccount));
        let Some(delivery) = delivery.filter(|_| unexplained) else {
            return self.rejections.log(&turn, &rejection.to_string(), peer.ip(), None);
        };
        // After the answer: how long the doctor takes depends on the tokens, and is nobody's business.
        let (receiver, host, detail) = (self.clone(), host.cloned(), rejection.to_string());
        tokio::task::spawn_blocking(move || {
            let hint = doctor::hint(&rules.public_urls, &rules.accounts, &delivery, host.as_ref());
            receiver.rejections.log(&turn, &detail, peer.ip(), hint);
        });
    }
}

impl Rules {
    async fn check_user(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        match &self.basic_auth {
            Some(users) if !users.check(headers.get(header::AUTHORIZATION)).await => Err(Rejection::Unauthenticated),
            _ => Ok(()),
        }
    }
}

/// Reads the body within its limits of size and time.
async fn read(head: &Parts, body: Incoming, bytes_max: usize) -> Result<Delivery, Rejection> {
    let body = match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Rejection::TooLarge { bytes_max }),
        Ok(Err(_)) => return Err(Rejection::Framing("body ends before its length")),
        Err(_) => return Err(Rejection::Framing("body does not arrive in time")),
    };
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let signatures = head.headers.get_all(SIGNATURE_HEADER).iter().cloned().collect();
    Ok(Delivery { target, signatures, body })
}
