//! The webhook listener: the one thing that faces the internet.
//!
//! `receive` is the story of a request; each line is a stage, and whatever stops it is a [`Rejection`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use prometheus::IntGauge;
use tokio_util::sync::CancellationToken;
use tracing::field;

use super::delivery::{Delivery, Format};
use super::framing::{self, SIGNATURE_HEADER};
use super::recent_rejections::RecentRejections;
use super::reception::Reception;
use super::rejection::Rejection;
use super::signature::{Refusal, Verifier};
use super::sink_test::SinkTests;
use super::{debugger_form, doctor, event_streams};
use crate::account::Account;
use crate::listener::{Answers, BasicAuth, Malformed, ServerTls};
use crate::log::current_trace;
use crate::metrics::{Metrics, RejectionReason};
use crate::public_url::PublicUrl;
use crate::redact::Redaction;
use crate::store::Store;

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
    rejections: RecentRejections,
    sink_tests: SinkTests,
    draining: CancellationToken,
}

/// What a reload replaces as a whole, so that no request sees half of it.
#[derive(Debug)]
pub struct Rules {
    verifier: Verifier,
    public_urls: Vec<PublicUrl>,
    accounts: Vec<Account>,
    body_bytes_max: usize,
    reading: Reading,
    basic_auth: Option<BasicAuth>,
}

/// How what is genuine is read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// `redaction`.
    pub redaction: Redaction,
    /// `late_after`.
    pub late_after: Duration,
    /// `event_streams`.
    pub event_streams: event_streams::Settings,
}

impl Rules {
    /// Takes what the webhook needs of the settings.
    #[must_use]
    pub fn new(
        public_urls: Vec<PublicUrl>,
        accounts: Vec<Account>,
        body_bytes_max: usize,
        reading: Reading,
        basic_auth: Option<BasicAuth>,
    ) -> Self {
        let verifier = Verifier::new(&public_urls, &accounts);
        Self { verifier, public_urls, accounts, body_bytes_max, reading, basic_auth }
    }
}

impl Receiver {
    /// Starts with `rules`; refuses new requests once `draining` is cancelled.
    #[must_use]
    pub fn new(rules: Rules, store: Store, metrics: Arc<Metrics>, draining: CancellationToken) -> Self {
        Self {
            rules: ArcSwap::from_pointee(rules),
            store,
            metrics,
            rejections: RecentRejections::default(),
            sink_tests: SinkTests::default(),
            draining,
        }
    }

    /// Replaces the rules; requests under way finish under the old ones.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// The tests of Event Streams sinks that have come.
    #[must_use]
    pub fn sink_tests(&self) -> &SinkTests {
        &self.sink_tests
    }

    /// What has been refused lately.
    #[must_use]
    pub fn rejections(&self) -> &RecentRejections {
        &self.rejections
    }
}

/// Every request comes to one handler, which counts what it answers. A router would box each request and each answer to find out
/// that there is nothing to choose between.
impl Answers for Arc<Receiver> {
    const SHORT: bool = true;

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        receive(self, request, peer).await
    }

    fn malformed(&self, malformed: Malformed) {
        match malformed {
            Malformed::Syntax => self.metrics.answered("400", Some(RejectionReason::Framing)),
            Malformed::HeaderTooLarge => self.metrics.answered("431", Some(RejectionReason::TooLarge)),
        }
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
    let (answer, reason) = match receiver.take(request, peer).await {
        Ok(()) => (StatusCode::NO_CONTENT.into_response(), None),
        Err(rejection) => (rejection.clone().into_response(), Some(rejection.reason())),
    };
    drop(under_way);
    receiver.metrics.answered(answer.status().as_str(), reason);
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
        let host = head.headers.get(header::HOST);
        let delivery = match self.frame(&rules, &head, body).await {
            Ok(delivery) => delivery,
            Err(rejection) => {
                self.note(rules, host, None, &rejection, peer);
                return Err(rejection);
            }
        };
        let kept = self.keep(&rules, &delivery).await;
        if let Err(rejection) = &kept {
            self.note(rules, host, Some(delivery), rejection, peer);
        }
        kept
    }

    /// What anyone can send: asked for from the cheapest to the dearest, so that a stranger costs little.
    async fn frame(&self, rules: &Rules, head: &Parts, body: Incoming) -> Result<Delivery, Rejection> {
        let bytes_max = rules.body_bytes_max;
        let format = framing::check(head, |path| rules.verifier.has_path(path), bytes_max)?;
        framing::check_signed(&head.headers)?;
        rules.check_user(&head.headers).await?;
        self.check_open()?;
        read(head, body, format, bytes_max).await
    }

    /// What only the holder of a token can send.
    async fn keep(&self, rules: &Rules, delivery: &Delivery) -> Result<(), Rejection> {
        match delivery.format {
            Format::Form => {
                let verified = rules.verifier.verify_form(delivery)?;
                self.store.accept(debugger_form::intake(&verified, &rules.reception())).await?;
            }
            Format::Json => {
                let verified = rules.verifier.verify_body(delivery)?;
                let settings = &rules.reading.event_streams;
                let batch = event_streams::read(&verified, &rules.verifier, settings, &rules.reception());
                self.store.accept(batch.intake).await?;
                if let Some(id) = batch.test_id {
                    self.sink_tests.note(id);
                }
            }
        }
        Ok(())
    }

    /// Whether anything can be taken now; asked before the body, which could be large.
    fn check_open(&self) -> Result<(), Rejection> {
        if self.draining.is_cancelled() {
            return Err(Rejection::ShuttingDown);
        }
        Ok(self.store.check_room()?)
    }

    /// Remembers a refusal for the landing page, and logs it if it is its turn.
    fn note(
        self: &Arc<Self>,
        rules: Arc<Rules>,
        host: Option<&HeaderValue>,
        delivery: Option<Delivery>,
        rejection: &Rejection,
        peer: SocketAddr,
    ) {
        let Some(turn) = self.rejections.note(rejection.reason(), peer.ip()) else {
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
    fn reception(&self) -> Reception {
        let Reading { redaction, late_after, .. } = self.reading;
        Reception { redaction, late_after, at: Timestamp::now(), request_trace: current_trace() }
    }

    async fn check_user(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        match &self.basic_auth {
            Some(users) if !users.check(headers.get(header::AUTHORIZATION)).await => Err(Rejection::Unauthenticated),
            _ => Ok(()),
        }
    }
}

/// Reads the body within its limits of size and time.
async fn read(head: &Parts, body: Incoming, format: Format, bytes_max: usize) -> Result<Delivery, Rejection> {
    let body = match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Rejection::TooLarge { bytes_max }),
        Ok(Err(_)) => return Err(Rejection::Framing("body ends before its length")),
        Err(_) => return Err(Rejection::Framing("body does not arrive in time")),
    };
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let signatures = head.headers.get_all(SIGNATURE_HEADER).iter().cloned().collect();
    Ok(Delivery { target, signatures, format, body })
}
