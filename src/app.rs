//! Build, announce, run, drain: the exporter as a whole.

mod announce;
mod refusals;
mod reload;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::reload::Reloader;
use crate::causes::with_causes;
use crate::config::{Loaded, Settings, Sources, load_everything};
use crate::input::webhook::{Receiver, Rules};
use crate::listener::{BasicAuth, Controls, Server};
use crate::log;
use crate::metrics::{Metrics, seconds};
use crate::otlp;
use crate::store::{self, OpenError, Store};
use crate::telemetry::{self, Shown, Telemetry};

/// How long requests under way may take to finish once the process is told to end.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often retention, the dedupe window and the limits are applied.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(30);

/// The most connections of the telemetry listener.
const TELEMETRY_CONNECTIONS_MAX: usize = 256;

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

/// How the exporter ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Told to, and drained.
    Drained,
    /// The store failed.
    StoreFailed,
}

impl Ended {
    /// Asked when nothing writes any more: the last write may fail after the store was told to close, and a writer that has
    /// panicked has told nobody.
    fn of(store_failed: bool, writer_returned: bool) -> Self {
        if store_failed || !writer_returned { Self::StoreFailed } else { Self::Drained }
    }
}

/// A running exporter.
#[derive(Debug)]
pub struct Running {
    /// The webhook listener's address.
    pub webhook_address: SocketAddr,
    /// The telemetry listener's address.
    pub telemetry_address: SocketAddr,
    store: Store,
    writer: std::thread::JoinHandle<()>,
    /// Ends the webhook listener: what comes now is refused.
    drain: CancellationToken,
    /// Ends everything else.
    end: CancellationToken,
    webhook: JoinHandle<bool>,
    telemetry: JoinHandle<bool>,
    delivery: Option<JoinHandle<()>>,
}

/// Starts everything; returns once both listeners are bound.
///
/// # Errors
///
/// [`StartError`]. Nothing is left running.
pub async fn start(loaded: Loaded, sources: Sources) -> Result<Running, StartError> {
    let Loaded { settings, webhook_guard, telemetry_guard, warnings } = loaded;
    let client = settings.otlp.as_ref().map(otlp::Client::new).transpose()?;
    let mut opened = store::open(&settings.store)?;
    let restored = std::mem::take(&mut opened.restored);
    let moved_aside = opened.moved_aside.clone();
    let (metrics, admission) = Metrics::new(&settings.metrics, &settings.accounts, client.is_some(), restored);
    let metrics = Arc::new(metrics);
    let (store, backlog, writer) = opened.start(metrics.clone(), admission, settings.store.clone(), client.is_some());
    note_loaded(&metrics);

    let webhook_controls = Arc::new(Controls::new(webhook_guard.tls.clone(), settings.webhook.connections_max));
    let telemetry_controls = Arc::new(Controls::new(telemetry_guard.tls.clone(), TELEMETRY_CONNECTIONS_MAX));
    let webhook = bind("webhook.listen", settings.webhook.listen, &webhook_controls).await?;
    let telemetry = bind("telemetry.listen", settings.telemetry.listen, &telemetry_controls).await?;
    let (webhook_address, telemetry_address) = (webhook.address(), telemetry.address());

    let (drain, end) = (CancellationToken::new(), CancellationToken::new());
    let rules = rules_of(&settings, webhook_guard.basic_auth.clone());
    let receiver = Arc::new(Receiver::new(rules, store.clone(), metrics.clone(), drain.clone()));
    let (reloads, reload_requests) = mpsc::channel(RELOADS_MAX);
    let page = Arc::new(Telemetry::new(
        metrics.clone(),
        store.clone(),
        receiver.clone(),
        drain.clone(),
        reloads,
        (shown_of(&settings), telemetry_guard),
    ));
    let (limits, limits_in_force) = watch::channel(settings.store.clone());
    let webhook = tokio::spawn(webhook.serve(receiver.clone(), drain.clone(), DRAIN_TIMEOUT));
    let telemetry_router = telemetry::router(page.clone());
    let telemetry = tokio::spawn(telemetry.serve(telemetry_router, end.clone(), Duration::from_secs(1)));
    tokio::spawn(maintain(store.clone(), limits_in_force, end.clone()));
    let delivery = client.map(|client| tokio::spawn(otlp::ship(backlog, client, metrics.clone(), end.clone())));
    announce::started(&settings, webhook_address, telemetry_address, &warnings, moved_aside.as_deref());
    let reloader = Reloader {
        sources,
        settings,
        receiver: receiver.clone(),
        metrics,
        page,
        webhook_controls,
        telemetry_controls,
        limits,
    };
    tokio::spawn(reloader.run(reload_requests, end.clone()));
    Ok(Running { webhook_address, telemetry_address, store, writer, drain, end, webhook, telemetry, delivery })
}

async fn bind(setting: &'static str, address: SocketAddr, controls: &Arc<Controls>) -> Result<Server, StartError> {
    Server::bind(address, controls.clone()).await.map_err(|source| StartError::Bind { setting, address, source })
}

fn rules_of(settings: &Settings, basic_auth: Option<BasicAuth>) -> Rules {
    let Settings { public_urls, accounts, webhook, redaction, .. } = settings;
    Rules::new(public_urls.to_vec(), accounts.to_vec(), webhook.body_bytes_max, *redaction, basic_auth)
}

fn shown_of(settings: &Settings) -> Shown {
    let endpoint = settings.otlp.as_ref().map(|otlp| otlp.endpoint.clone());
    Shown { public_urls: settings.public_urls.to_vec(), otlp_endpoint: endpoint }
}

fn note_loaded(metrics: &Metrics) {
    metrics.families().reload_successful.set(1);
    metrics.families().reload_success_time.set(seconds(jiff::Timestamp::now()));
}

/// Applies the limits now and then, and new ones at once.
async fn maintain(store: Store, mut limits: watch::Receiver<store::Settings>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(MAINTENANCE_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Ok(()) = limits.changed() => {}
            () = stop.cancelled() => return,
        }
        let limits = limits.borrow_and_update().clone();
        store.maintain(limits).await;
    }
}

impl Running {
    /// Runs until `stop` completes or the store fails, then drains within [`DRAIN_TIMEOUT`] and ends.
    pub async fn until(self, stop: impl Future<Output = ()>) -> Ended {
        let mut failed = self.store.failed();
        let told = tokio::select! {
            () = stop => true,
            // The writer holds the sender until it ends, and it ends without a failure only when told to.
            _ = failed.wait_for(|failed| *failed) => false,
        };
        let deadline = tokio::time::Instant::now() + DRAIN_TIMEOUT;
        self.drain.cancel();
        if told {
            tracing::info!("draining");
        }
        let drained = self.webhook.await.unwrap_or(false);
        self.end.cancel();
        if let Some(delivery) = self.delivery {
            // What is in flight may still be acknowledged; what is not stays in the store.
            let _ = tokio::time::timeout_at(deadline, delivery).await;
        }
        let _ = self.telemetry.await;
        self.store.close().await;
        let writer = tokio::task::spawn_blocking(move || self.writer.join()).await;
        if !drained {
            tracing::warn!("some requests did not finish in time; their senders have no answer");
        }
        let ended = Ended::of(*failed.borrow(), matches!(writer, Ok(Ok(()))));
        if ended == Ended::Drained {
            tracing::info!("drained");
        }
        ended
    }
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

#[cfg(test)]
mod tests {
    use super::Ended;

    #[test]
    fn a_writer_that_fails_last_or_panics_is_no_clean_end() {
        let panicked = std::thread::spawn(|| panic!("on purpose")).join();
        assert_eq!(Ended::of(false, panicked.is_ok()), Ended::StoreFailed);
        assert_eq!(Ended::of(true, true), Ended::StoreFailed);
        assert_eq!(Ended::of(false, true), Ended::Drained);
    }
}
