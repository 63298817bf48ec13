//! The loop that carries events from the store to the collector.
//!
//! One request at a time, in order. After each answer the part of the batch that is settled is settled durably before anything
//! else is sent, so that a crash repeats at most one request.
//!
//! It never gives up and never drops: what the collector cannot take now waits in the store, and what it will never take goes to
//! quarantine, one record at a time.

mod backoff;
mod batch;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tokio::sync::watch;

use self::backoff::Backoff;
use self::batch::{Batch, split_by_bytes};
use super::answer::Answer;
use super::client::Client;
use crate::metrics::{Metrics, OtlpFailure};
use crate::store::{Backlog, Settlement, StoreGone, StoredEvent};

/// How patient the loop is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The first wait after a failure.
    pub retry_min: Duration,
    /// The longest.
    pub retry_max: Duration,
    /// Between two tries at a destination that is at fault.
    pub probe_interval: Duration,
    /// Between two tries at a store that cannot be read.
    pub store_interval: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self {
            retry_min: Duration::from_millis(200),
            retry_max: minute,
            probe_interval: minute,
            store_interval: minute / 12,
        }
    }
}

/// Where settled stretches are written down.
pub trait Settle {
    /// Writes a settlement durably.
    fn settle(&mut self, settlement: Settlement) -> impl Future<Output = Result<(), StoreGone>> + Send;
}

impl Settle for Backlog {
    async fn settle(&mut self, settlement: Settlement) -> Result<(), StoreGone> {
        Backlog::settle(self, settlement).await
    }
}

/// Why the loop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
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

/// Delivers everything the store has and will have, until `stop` is true.
///
/// A store that cannot be read is tried again: while it cannot, `otlp_up` is 0 and nothing is lost.
pub async fn deliver(backlog: Backlog, client: Client, metrics: Arc<Metrics>, mut stop: watch::Receiver<bool>) {
    let records_max = client.batch_records_max;
    let mut exporter = Exporter::new(&client, Some(metrics), backlog.clone(), Patience::default(), stop.clone());
    let mut answered = false;
    loop {
        let events = tokio::select! {
            events = backlog.unsent(records_max) => events,
            () = turned(&mut stop) => return,
            () = exporter.look_until_answered(), if !answered => {
                answered = true;
                continue;
            }
        };
        let outcome = match events {
            Ok(events) => exporter.export(events).await,
            Err(gone) => Err(gone.into()),
        };
        if outcome == Err(Stopped::StoreGone) {
            exporter.up(false);
            // The error has been logged where it was met. If the writer is what is gone, the process ends and so does this wait.
            if exporter.wait(exporter.patience.store_interval).await.is_err() {
                return;
            }
        } else if outcome.is_err() {
            return;
        }
    }
}

/// What became of replayed events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events the collector took.
    pub delivered: u64,
    /// Events the collector refused.
    pub refused: u64,
}

impl Settle for Replayed {
    async fn settle(&mut self, settlement: Settlement) -> Result<(), StoreGone> {
        self.delivered += settlement.delivered;
        self.refused += settlement.refused.len() as u64 + settlement.partial.map_or(0, |(rejected, ..)| rejected);
        Ok(())
    }
}

/// Exports events once more, for the `replay` command; waits for the collector as long as `stop` is false.
pub async fn replay(
    client: &Client,
    events: Vec<StoredEvent>,
    stop: watch::Receiver<bool>,
) -> (Replayed, Result<(), Stopped>) {
    let mut exporter = Exporter::new(client, None, Replayed::default(), Patience::default(), stop);
    let ended = exporter.export(events).await;
    (exporter.settle, ended)
}

/// One destination and where its answers are written down.
struct Exporter<'a, S> {
    client: &'a Client,
    metrics: Option<Arc<Metrics>>,
    settle: S,
    patience: Patience,
    stop: watch::Receiver<bool>,
    held: bool,
}

impl<'a, S: Settle> Exporter<'a, S> {
    fn new(
        client: &'a Client,
        metrics: Option<Arc<Metrics>>,
        settle: S,
        patience: Patience,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { client, metrics, settle, patience, stop, held: false }
    }

    /// Asks the destination how it is until it is well, so that `otlp_up` means something before the first event.
    async fn look_until_answered(&mut self) {
        let mut first = true;
        loop {
            let answer = self.client.send(Vec::new()).await;
            if answer.is_about_records() {
                // It is there; that there are no records in it is no failure of anything.
                return self.up(true);
            }
            self.note(&answer);
            let (Answer::Later { detail, .. } | Answer::Destination { detail }) = answer else { return };
            if first {
                tracing::warn!(detail, "the otlp endpoint does not answer yet; events wait in the store");
                first = false;
            }
            tokio::time::sleep(self.patience.probe_interval).await;
        }
    }

    /// Delivers `events`, in order, to the last one.
    async fn export(&mut self, events: Vec<StoredEvent>) -> Result<(), Stopped> {
        let mut batches = split_by_bytes(events, self.client.batch_bytes_max);
        batches.reverse();
        while let Some(mut batch) = batches.pop() {
            let mut answer = self.send_until_answered(|| batch.records()).await?;
            if batch.len() == 1 && answer.is_about_records() {
                self.wait_for_a_good_destination(&answer).await?;
                answer = self.send_until_answered(|| batch.records()).await?;
            }
            match answer {
                Answer::Delivered { warning } => {
                    if let Some(warning) = warning {
                        tracing::warn!(warning, "the otlp endpoint took the records with a warning");
                    }
                    self.settle_delivered(&batch, None).await?;
                }
                Answer::Partial { rejected, message } => {
                    tracing::warn!(rejected, message, "the otlp endpoint dropped records of a request it took");
                    self.settle_delivered(&batch, Some((rejected, message))).await?;
                }
                Answer::TooLarge { .. } if batch.len() == 1 && batch.shrink() => batches.push(batch),
                Answer::Refused { detail } | Answer::TooLarge { detail } if batch.len() == 1 => {
                    self.settle_refused(batch, detail).await?;
                }
                Answer::Refused { .. } | Answer::TooLarge { .. } => {
                    let (first, second) = batch.halves();
                    batches.extend([second, first]);
                }
                Answer::Later { .. } | Answer::Destination { .. } => {
                    unreachable!("send_until_answered waits these out")
                }
            }
        }
        Ok(())
    }

    /// Sends records until the answer is about them and not about the moment or the destination.
    async fn send_until_answered(&mut self, records: impl Fn() -> Vec<LogRecord>) -> Result<Answer, Stopped> {
        let mut backoff = Backoff::new(self.patience.retry_min, self.patience.retry_max);
        loop {
            if *self.stop.borrow() {
                return Err(Stopped::ShuttingDown);
            }
            let answer = self.client.send(records()).await;
            self.note(&answer);
            match answer {
                Answer::Later { after, detail, .. } => {
                    if backoff.is_first() {
                        tracing::warn!(detail, "the otlp endpoint cannot take records now; they wait in the store");
                    }
                    self.wait(backoff.next(after)).await?;
                }
                Answer::Destination { detail } => self.hold(&detail).await?,
                answer => {
                    if !answer.is_about_records() && (!backoff.is_first() || self.held) {
                        tracing::info!("the otlp endpoint takes records again");
                        self.held = false;
                    }
                    return Ok(answer);
                }
            }
        }
    }

    /// Waits until the destination takes a request without records, or refuses it for a reason of its own.
    ///
    /// One that answers it with the words of `refusal` has a fault that is no record's, a quota that is used up or a compression
    /// it cannot read: what it says of a lone record proves nothing. So a record is judged only by an answer that comes after
    /// this. Loki refuses every request without records, but says that this is why.
    async fn wait_for_a_good_destination(&mut self, refusal: &Answer) -> Result<(), Stopped> {
        loop {
            match self.send_until_answered(Vec::new).await? {
                answer if answer.finds_the_same_fault_as(refusal) => self.hold(&answer.to_string()).await?,
                _ => return Ok(()),
            }
        }
    }

    /// Waits out a fault of the destination: everything is kept, and one line says so.
    async fn hold(&mut self, detail: &str) -> Result<(), Stopped> {
        self.up(false);
        if !self.held {
            self.held = true;
            tracing::error!(
                detail,
                "the otlp endpoint or its settings are at fault: everything is held and tried again each minute"
            );
        }
        self.wait(self.patience.probe_interval).await
    }

    async fn wait(&mut self, wait: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = turned(&mut self.stop) => Err(Stopped::ShuttingDown),
        }
    }

    async fn settle_delivered(&mut self, batch: &Batch, partial: Option<(u64, String)>) -> Result<(), Stopped> {
        let dropped = partial.as_ref().map_or(0, |(rejected, _)| *rejected);
        let delivered = (batch.len() as u64).saturating_sub(dropped);
        let partial = partial.map(|(rejected, message)| (rejected, message, batch.sids()));
        let settlement = Settlement { through: batch.last_seq(), delivered, refused: Vec::new(), partial };
        self.settle.settle(settlement).await?;
        if let Some(metrics) = &self.metrics {
            metrics.otlp_delivered(delivered);
        }
        Ok(())
    }

    async fn settle_refused(&mut self, batch: Batch, detail: String) -> Result<(), Stopped> {
        let through = batch.last_seq();
        let refused: Vec<_> = batch.into_events().map(|event| (event, detail.clone())).collect();
        tracing::warn!(sid = %refused[0].0.event.sid, detail, "the otlp endpoint refuses this record: it is in quarantine");
        Ok(self.settle.settle(Settlement { through, refused, ..Settlement::default() }).await?)
    }

    fn note(&self, answer: &Answer) {
        if let (Some(metrics), Some(class)) = (&self.metrics, answer.failure()) {
            let count = if let Answer::Partial { rejected, .. } = answer { *rejected } else { 1 };
            metrics.otlp_failed(class, count);
        }
        let class = answer.failure();
        // A refused batch comes from a destination that is up.
        let up =
            matches!(class, None | Some(OtlpFailure::PartialSuccess | OtlpFailure::Rejected | OtlpFailure::TooLarge));
        self.up(up);
    }

    fn up(&self, up: bool) {
        if let Some(metrics) = &self.metrics {
            metrics.otlp_up(up);
        }
    }
}

async fn turned(flag: &mut watch::Receiver<bool>) {
    // Either way the wait is over; the value that comes with it is a lock guard, which must not be held on to.
    drop(flag.wait_for(|turned| *turned).await);
}

#[cfg(test)]
mod tests;
