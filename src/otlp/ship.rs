//! Ships the store's backlog as long as the process runs: what is settled moves the cursor, and is counted.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::export::{Exporter, Patience, Settle, Stopped};
use crate::catalogue::InForce;
use crate::metrics::{Metrics, OtlpFailure};
use crate::store::{Backlog, Settlement, StoreGone};

/// How long to wait between two tries at a store that cannot be read.
const STORE_INTERVAL: Duration = Duration::from_secs(5);

/// Ships everything the store has and will have, until `stop` is cancelled.
///
/// Codes have the names of the catalogue in force. A store that cannot be read is tried again: while it cannot, `otlp_up` is 0 and nothing is lost.
pub async fn ship(
    backlog: Backlog,
    client: Client,
    catalogue: InForce,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let records_max = client.batch_records_max;
    let mut exporter =
        Exporter::new(&client, catalogue, Counted { backlog, metrics }, Patience::default(), stop.clone());
    let mut answered = false;
    loop {
        let events = tokio::select! {
            events = exporter.settle.backlog.unsent(records_max) => events,
            () = stop.cancelled() => return,
            () = exporter.probe_until_answered(), if !answered => {
                answered = true;
                continue;
            }
        };
        let outcome = match events {
            Ok(events) => exporter.export(events).await,
            Err(gone) => Err(gone.into()),
        };
        match outcome {
            Ok(()) => answered = true,
            Err(Stopped::ShuttingDown) => return,
            Err(Stopped::StoreGone) => {
                exporter.settle.up(false);
                // The error has been logged where it was met. If the writer is what is gone, the process ends and so does this
                // wait.
                if exporter.wait(STORE_INTERVAL).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Moves the store's cursor, and counts what it has moved over.
struct Counted {
    backlog: Backlog,
    metrics: Arc<Metrics>,
}

impl Settle for Counted {
    async fn settle(&mut self, settlement: Settlement) -> Result<(), StoreGone> {
        let delivered = settlement.delivered;
        let refused: Vec<_> =
            settlement.refused.iter().map(|(stored, detail)| (stored.event.sid.clone(), detail.clone())).collect();
        self.backlog.settle(settlement).await?;
        for (sid, detail) in refused {
            tracing::warn!(%sid, detail, "the otlp endpoint refuses this record: it is in quarantine");
        }
        if delivered > 0 {
            self.metrics.otlp_delivered(delivered);
        }
        Ok(())
    }

    fn failed(&self, class: OtlpFailure, count: u64) {
        self.metrics.otlp_failed(class, count);
    }

    fn up(&self, up: bool) {
        self.metrics.otlp_up(up);
    }
}
