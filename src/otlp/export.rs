//! Carries events to the collector, whatever it answers.
//!
//! One request at a time, in order. After each answer the part of the batch that is settled is settled durably before anything
//! else is sent, so that a crash repeats at most one request.
//!
//! It never gives up and never drops: what the collector cannot take now waits in the store, and what it will never take goes to
//! quarantine, one record at a time. `ship` and `replay` differ in where the events come from and in who is told what became of
//! them, which is what [`Settle`] is for.

mod batch;

use std::time::Duration;

use jiff::Timestamp;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tokio_util::sync::CancellationToken;

use self::batch::{Batch, split_by_bytes};
use super::answer::{SendError, Verdict};
use super::client::Client;
use crate::catalogue::InForce;
use crate::http_client::Backoff;
use crate::metrics::OtlpFailure;
use crate::store::{PartialDelivery, Settlement, StoreGone, StoredEvent};

/// How long an [`Exporter`] waits between two tries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// The bound of the first wait after a failure.
    pub(super) retry_min: Duration,
    /// The bound of the longest.
    pub(super) retry_max: Duration,
    /// Between two tries at a destination that is at fault.
    pub(super) probe_interval: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self { retry_min: Duration::from_millis(200), retry_max: minute, probe_interval: minute }
    }
}

/// Who is told what becomes of the events.
pub(super) trait Settle {
    /// Writes down what became of a stretch of events. Nothing else is sent before it returns.
    fn settle(&mut self, settlement: Settlement) -> impl Future<Output = Result<(), StoreGone>> + Send;

    /// Hears of failed requests; for [`OtlpFailure::PartialSuccess`], of records.
    fn failed(&self, class: OtlpFailure, count: u64);

    /// Hears whether the destination takes records.
    fn up(&self, up: bool);
}

/// Why exporting ends before the last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The process is ending.
    ShuttingDown,
    /// The store is gone.
    StoreGone,
}

impl From<StoreGone> for Stopped {
    fn from(_: StoreGone) -> Self {
        Self::StoreGone
    }
}

/// One destination, and who is told of its answers.
pub(super) struct Exporter<'a, S> {
    client: &'a Client,
    catalogue: InForce,
    pub(super) settle: S,
    patience: Patience,
    stop: CancellationToken,
    held: bool,
}

impl<'a, S: Settle> Exporter<'a, S> {
    pub(super) fn new(
        client: &'a Client,
        catalogue: InForce,
        settle: S,
        patience: Patience,
        stop: CancellationToken,
    ) -> Self {
        Self { client, catalogue, settle, patience, stop, held: false }
    }

    /// Asks the destination how it is until it answers, so that it is known to be up before the first event.
    pub(super) async fn probe_until_answered(&self) {
        let mut first = true;
        // Whatever it says of a request without records, it is there, and nothing has failed.
        while let Err(error) = self.client.send(Vec::new()).await {
            self.note_failure(&error);
            if first {
                tracing::warn!(detail = %error, "the otlp endpoint does not answer yet; events wait in the store");
                first = false;
            }
            tokio::time::sleep(self.patience.probe_interval).await;
        }
        self.settle.up(true);
    }

    /// Exports `events`, in order, to the last one.
    pub(super) async fn export(&mut self, events: Vec<StoredEvent>) -> Result<(), Stopped> {
        let mut batches = split_by_bytes(events, &self.catalogue.borrow(), self.client.batch_bytes_max);
        batches.reverse();
        while let Some(mut batch) = batches.pop() {
            let mut verdict = self.send_until_judged(|| batch.records()).await?;
            if batch.len() == 1 && verdict.is_refusal() {
                self.wait_for_a_good_destination(&verdict).await?;
                verdict = self.send_until_judged(|| batch.records()).await?;
            }
            match verdict {
                Verdict::Delivered { warning } => {
                    if let Some(warning) = warning {
                        tracing::warn!(warning, "the otlp endpoint took the records with a warning");
                    }
                    self.settle_delivered(&batch, None).await?;
                }
                Verdict::Partial { rejected, message } => {
                    tracing::warn!(rejected, message, "the otlp endpoint dropped records of a request it took");
                    self.settle_delivered(&batch, Some((rejected, message))).await?;
                }
                Verdict::TooLarge { .. } if batch.len() == 1 && batch.shrink() => batches.push(batch),
                Verdict::Rejected { detail } | Verdict::TooLarge { detail } if batch.len() == 1 => {
                    self.settle_refused(batch, detail).await?;
                }
                Verdict::Rejected { .. } | Verdict::TooLarge { .. } => {
                    let (first, second) = batch.halves();
                    batches.extend([second, first]);
                }
            }
        }
        Ok(())
    }

    /// Sends records until there is a verdict on them; waits out what is the moment's fault or the destination's.
    async fn send_until_judged(&mut self, records: impl Fn() -> Vec<LogRecord>) -> Result<Verdict, Stopped> {
        let mut backoff = Backoff::new(self.patience.retry_min, self.patience.retry_max);
        loop {
            if self.stop.is_cancelled() {
                return Err(Stopped::ShuttingDown);
            }
            let error = match self.client.send(records()).await {
                Ok(verdict) => {
                    self.note_verdict(&verdict, !backoff.is_first());
                    return Ok(verdict);
                }
                Err(error) => error,
            };
            self.note_failure(&error);
            match error {
                SendError::Later { after, detail, .. } => {
                    if backoff.is_first() {
                        tracing::warn!(detail, "the otlp endpoint cannot take records now; they wait in the store");
                    }
                    self.wait(backoff.next(after)).await?;
                }
                SendError::Destination { detail } => self.hold(&detail).await?,
            }
        }
    }

    /// Waits until the destination takes a request without records, or refuses it for a reason of its own.
    ///
    /// One that answers it with the words of `refusal` has a fault that is no record's, a quota that is used up or a compression
    /// it cannot read: what it says of a lone record proves nothing. So a record is judged only by an answer that comes after
    /// this. Loki refuses every request without records, but says that this is why.
    async fn wait_for_a_good_destination(&mut self, refusal: &Verdict) -> Result<(), Stopped> {
        loop {
            let verdict = self.send_until_judged(Vec::new).await?;
            match &verdict {
                Verdict::Rejected { detail } | Verdict::TooLarge { detail }
                    if verdict.finds_the_same_fault_as(refusal) =>
                {
                    self.hold(detail).await?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Waits out a fault of the destination: everything is kept, and one line says so.
    async fn hold(&mut self, detail: &str) -> Result<(), Stopped> {
        self.settle.up(false);
        if !self.held {
            self.held = true;
            tracing::error!(
                detail,
                "the otlp endpoint or its settings are at fault: everything is held and tried again each minute"
            );
        }
        self.wait(self.patience.probe_interval).await
    }

    pub(super) async fn wait(&mut self, wait: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.stop.cancelled() => Err(Stopped::ShuttingDown),
        }
    }

    async fn settle_delivered(&mut self, batch: &Batch, partial: Option<(u64, String)>) -> Result<(), Stopped> {
        let dropped = partial.as_ref().map_or(0, |(rejected, _)| *rejected);
        let delivered = (batch.len() as u64).saturating_sub(dropped);
        let partial = partial.map(|(rejected, message)| PartialDelivery {
            at: Timestamp::now(),
            rejected,
            message,
            sids: batch.sids(),
        });
        let settlement = Settlement { through: batch.last_seq(), delivered, refused: Vec::new(), partial };
        Ok(self.settle.settle(settlement).await?)
    }

    async fn settle_refused(&mut self, batch: Batch, detail: String) -> Result<(), Stopped> {
        let through = batch.last_seq();
        let refused = batch.into_events().map(|event| (event, detail.clone())).collect();
        Ok(self.settle.settle(Settlement { through, refused, ..Settlement::default() }).await?)
    }

    fn note_verdict(&mut self, verdict: &Verdict, after_failures: bool) {
        if let Some((class, count)) = verdict.failure() {
            self.settle.failed(class, count);
        }
        // With a refusal too: it comes from a destination that is up.
        self.settle.up(true);
        if !verdict.is_refusal() && (after_failures || self.held) {
            tracing::info!("the otlp endpoint takes records again");
            self.held = false;
        }
    }

    fn note_failure(&self, error: &SendError) {
        self.settle.failed(error.class(), 1);
        self.settle.up(false);
    }
}

#[cfg(test)]
mod tests;
