//! A running exporter, from the last line of the start to the end of the process.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::store::{self, Store};

/// How long requests under way may take to finish once the process is told to end.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often retention, the dedupe window and the limits are applied.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(30);

/// A running exporter.
#[derive(Debug)]
pub struct Running {
    /// The webhook listener's address.
    pub webhook_address: SocketAddr,
    /// The telemetry listener's address.
    pub telemetry_address: SocketAddr,
    pub(super) store: Store,
    pub(super) writer: std::thread::JoinHandle<()>,
    pub(super) stops: Stops,
    pub(super) webhook: JoinHandle<bool>,
    pub(super) telemetry: JoinHandle<bool>,
    pub(super) delivery: Option<JoinHandle<()>>,
}

/// What ends, in this order.
#[derive(Debug, Clone, Default)]
pub(super) struct Stops {
    /// The webhook listener: what comes now is refused.
    pub(super) drain: CancellationToken,
    /// Everything else.
    pub(super) end: CancellationToken,
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
        self.stops.drain.cancel();
        if told {
            tracing::info!("draining");
        }
        let drained = self.webhook.await.unwrap_or(false);
        self.stops.end.cancel();
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

/// Applies the limits now and then, and new ones at once.
pub(super) async fn maintain(store: Store, mut limits: watch::Receiver<store::Settings>, stop: CancellationToken) {
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
