//! Build, announce, run, drain: the exporter as a whole.

mod announce;
mod backfill;
mod control;
mod seen_lately;
mod reload;
mod running;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

pub use self::backfill::{BackfillError, backfill};
use self::reload::Reloader;
use self::running::Stops;
pub use self::running::{DRAIN_TIMEOUT, Ended, Running};
use crate::catalogue::Catalogue;
use crate::causes::with_causes;
use crate::config::{Loaded, Settings, Sources, load_everything};
use crate::input::alerts;
use crate::input::webhook::{Reading, Receiver, Rules};
use crate::listener::{BasicAuth, Controls, Server};
use crate::log;
use crate::metrics::{Metrics, seconds};
use crate::otlp;
use crate::store::{self, Backlog, OpenError, Store};
use crate::telemetry::{self, Reload, Shown, Telemetry};

/// The most connections of the telemetry listener.
const TELEMETRY_CONNECTIONS_MAX: usize = 256;

/// How long scrapes under way may take to finish once nothing else runs.
const TELEMETRY_DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The most reloads that wait for the one under way; one more waits to ask.
const RELOADS_MAX: usize = 16;

/// The exit code after a failed write or sync: `EX_IOERR` of sysexits.h.
pub const EXIT_STORE_FAILED: u8 = 74;

/// A reason why the exporter cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// An address cannot be bound.
    #[error("cannot listen on {address} ({setting})")]
    Bind {
        /// The setting it comes from.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The OTLP client cannot be built.
    #[error("cannot export log records")]
    Otlp(#[from] otlp::ClientError),
}

/// Starts everything; returns once both listeners are bound.
///
/// # Errors
///
/// [`StartError`]. Nothing is left running.
pub async fn start(loaded: Loaded, sources: Sources) -> Result<Running, StartError> {
    let exporter = Exporter::build(&loaded)?;
    let listeners = exporter.bind(&loaded.settings).await?;
    // Whoever reads that it listens may send one at once.
    let hangups = reload::hangups();
    announce::started(&loaded, listeners.addresses(), exporter.moved_aside.as_deref());
    Ok(exporter.spawn(loaded.settings, (sources, hangups), listeners))
}

/// Everything that runs, built and not yet running, but for the thread that writes the store.
struct Exporter {
    metrics: Arc<Metrics>,
    store: Store,
    writer: std::thread::JoinHandle<()>,
    moved_aside: Option<PathBuf>,
    backlog: Backlog,
    client: Option<otlp::Client>,
    receiver: Arc<Receiver>,
    page: Arc<Telemetry>,
    reload_requests: mpsc::Receiver<Reload>,
    controls: AllControls,
    /// A reload puts another one there.
    catalogues: watch::Sender<Arc<Catalogue>>,
    stops: Stops,
}

/// Of both listeners.
struct AllControls {
    webhook: Arc<Controls>,
    telemetry: Arc<Controls>,
}

/// Everything that listens, bound.
struct Listeners {
    webhook: Server,
    telemetry: Server,
    /// None where the data directory takes no socket.
    control: Option<UnixListener>,
}

impl Exporter {
    fn build(loaded: &Loaded) -> Result<Self, StartError> {
        let Loaded { settings, catalogue, webhook_guard, telemetry_guard, .. } = loaded;
        let client = settings.otlp.as_ref().map(otlp::Client::new).transpose()?;
        let mut opened = store::open(&settings.store)?;
        let restored = std::mem::take(&mut opened.restored);
        let moved_aside = opened.moved_aside.clone();
        let (metrics, admission) = Metrics::new(&settings.metrics, &settings.accounts, client.is_some(), restored);
        let metrics = Arc::new(metrics);
        let (store, backlog, writer) =
            opened.start(metrics.clone(), admission, settings.store.clone(), client.is_some());
        note_loaded(&metrics);

        let stops = Stops::default();
        let catalogues = watch::Sender::new(catalogue.clone().unwrap_or_default());
        let rules = rules_of(settings, webhook_guard.basic_auth.clone());
        let receiver = Arc::new(Receiver::new(rules, store.clone(), metrics.clone(), stops.drain.clone()));
        let (reloads, reload_requests) = mpsc::channel(RELOADS_MAX);
        let page = Arc::new(Telemetry::new(
            metrics.clone(),
            store.clone(),
            receiver.clone(),
            stops.drain.clone(),
            reloads,
            (shown_of(settings), telemetry_guard.clone()),
            catalogues.subscribe(),
        ));
        let controls = AllControls {
            webhook: Arc::new(Controls::new(webhook_guard.tls.clone(), settings.webhook.connections_max)),
            telemetry: Arc::new(Controls::new(telemetry_guard.tls.clone(), TELEMETRY_CONNECTIONS_MAX)),
        };
        Ok(Self {
            metrics,
            store,
            writer,
            moved_aside,
            backlog,
            client,
            receiver,
            page,
            reload_requests,
            controls,
            catalogues,
            stops,
        })
    }

    async fn bind(&self, settings: &Settings) -> Result<Listeners, StartError> {
        Ok(Listeners {
            webhook: bind("webhook.listen", settings.webhook.listen, &self.controls.webhook).await?,
            telemetry: bind("telemetry.listen", settings.telemetry.listen, &self.controls.telemetry).await?,
            control: control::open(&settings.store.dir)
                .inspect_err(|error| tracing::warn!(%error, "the command backfill cannot be answered while this runs"))
                .ok(),
        })
    }

    /// Follows alerts, and answers the command; both end first, with what comes by itself.
    fn spawn_backfill(&self, settings: &Settings, control: Option<UnixListener>) -> watch::Sender<alerts::Rules> {
        let (rules, in_force) = watch::channel(backfill::rules_of(settings));
        let backfill = alerts::Backfill { store: self.store.clone(), metrics: self.metrics.clone() };
        let stop = &self.stops.drain;
        tokio::spawn(backfill.clone().follow(in_force.clone(), stop.clone()));
        if let Some(control) = control {
            tokio::spawn(control::answer(control, backfill, in_force, stop.clone()));
        }
        rules
    }

    fn spawn(self, settings: Settings, (sources, hangups): (Sources, Option<Signal>), listeners: Listeners) -> Running {
        let (webhook_address, telemetry_address) = listeners.addresses();
        let backfill = self.spawn_backfill(&settings, listeners.control);
        let Self { metrics, store, receiver, page, catalogues, stops, .. } = self;
        let (limits, limits_in_force) = watch::channel(settings.store.clone());
        let webhook = listeners.webhook.serve(receiver.clone(), stops.drain.clone(), DRAIN_TIMEOUT);
        let telemetry_router = telemetry::router(page.clone());
        let telemetry = listeners.telemetry.serve(telemetry_router, stops.end.clone(), TELEMETRY_DRAIN_TIMEOUT);
        let names = catalogues.subscribe();
        let ship = |client| otlp::ship(self.backlog, client, names, metrics.clone(), stops.end.clone());
        let delivery = self.client.map(ship).map(tokio::spawn);
        tokio::spawn(running::maintain(store.clone(), limits_in_force, stops.end.clone()));
        let reloader = Reloader {
            sources,
            settings,
            receiver,
            metrics,
            page,
            controls: self.controls,
            limits,
            catalogues,
            backfill,
        };
        tokio::spawn(reloader.run(hangups, self.reload_requests, stops.end.clone()));
        Running {
            webhook_address,
            telemetry_address,
            store,
            writer: self.writer,
            stops,
            webhook: tokio::spawn(webhook),
            telemetry: tokio::spawn(telemetry),
            delivery,
        }
    }
}

impl Listeners {
    fn addresses(&self) -> (SocketAddr, SocketAddr) {
        (self.webhook.address(), self.telemetry.address())
    }
}

async fn bind(setting: &'static str, address: SocketAddr, controls: &Arc<Controls>) -> Result<Server, StartError> {
    Server::bind(address, controls.clone()).await.map_err(|source| StartError::Bind { setting, address, source })
}

fn rules_of(settings: &Settings, basic_auth: Option<BasicAuth>) -> Rules {
    let Settings { public_urls, accounts, webhook, redaction, late_after, event_streams, .. } = settings;
    let reading = Reading { redaction: *redaction, late_after: *late_after, event_streams: event_streams.clone() };
    Rules::new(public_urls.to_vec(), accounts.to_vec(), webhook.body_bytes_max, reading, basic_auth)
}

fn shown_of(settings: &Settings) -> Shown {
    let endpoint = settings.otlp.as_ref().map(|otlp| otlp.endpoint.clone());
    Shown { public_urls: settings.public_urls.to_vec(), otlp_endpoint: endpoint }
}

fn note_loaded(metrics: &Metrics) {
    metrics.families().reload_successful.set(1);
    metrics.families().reload_success_time.set(seconds(jiff::Timestamp::now()));
}

/// `serve`: reads the configuration, runs until a signal, and gives the exit code.
///
/// 2 for a faulty configuration, 1 for a failed start, [`EXIT_STORE_FAILED`], or 0 after a clean drain.
#[must_use]
pub fn serve(sources: Sources) -> ExitCode {
    let loaded = match load_everything(&sources) {
        Ok(loaded) => loaded,
        Err(faults) => return fail(&faults.to_string(), 2),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}"), 1),
    };
    runtime.block_on(async {
        let spans = match log::start(&loaded.settings.log, loaded.settings.traces.as_ref()) {
            Ok(spans) => spans,
            Err(error) => return fail(&with_causes(&error), 2),
        };
        let running = match start(loaded, sources).await {
            Ok(running) => running,
            Err(error) => return fail(&with_causes(&error), 1),
        };
        let ended = running.until(stop_signal()).await;
        if let Some(spans) = spans {
            spans.shut_down().await;
        }
        match ended {
            Ended::Drained => ExitCode::SUCCESS,
            Ended::StoreFailed => ExitCode::from(EXIT_STORE_FAILED),
        }
    })
}

/// Completes at SIGTERM or SIGINT.
pub async fn stop_signal() {
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signals) => drop(signals.recv().await),
            // A process that cannot be told to stop can still be killed, and loses nothing by it.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    eprintln!("twilio-debugger-exporter: {message}");
    ExitCode::from(code)
}
