//! The loop against real servers on loopback, over both protocols.

mod answers;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Exporter, Patience, Settle, Stopped};
use crate::catalogue::Catalogue;
use crate::metrics::OtlpFailure;
use crate::otlp::{self, Client, Settings};
use crate::store::{Settlement, StoreGone, StoredEvent};
use test_support::scripted::{Protocol, Scripted};

/// Short enough for a test, long enough to be told from no wait at all.
const SHORT: Patience = Patience {
    retry_min: Duration::from_millis(5),
    retry_max: Duration::from_millis(20),
    probe_interval: Duration::from_millis(20),
};

/// Writes settlements down in memory.
#[derive(Debug, Default)]
struct Ledger(Vec<Settlement>);

impl Settle for Ledger {
    async fn settle(&mut self, settlement: Settlement) -> Result<(), StoreGone> {
        self.0.push(settlement);
        Ok(())
    }

    fn failed(&self, _class: OtlpFailure, _count: u64) {}

    fn up(&self, _up: bool) {}
}

impl Ledger {
    fn delivered(&self) -> u64 {
        self.0.iter().map(|settlement| settlement.delivered).sum()
    }

    fn refused(&self) -> Vec<u64> {
        self.0.iter().flat_map(|settlement| &settlement.refused).map(|(stored, _)| stored.seq).collect()
    }

    /// Where the cursor stands; panics if it ever went back.
    fn cursor(&self) -> u64 {
        self.0.iter().fold(0, |cursor, settlement| {
            assert!(settlement.through > cursor, "the cursor goes from {cursor} to {}", settlement.through);
            settlement.through
        })
    }
}

fn settings(protocol: Protocol, collector: &Scripted) -> Settings {
    let (protocol, endpoint) = match protocol {
        Protocol::Grpc => (otlp::Protocol::Grpc, collector.endpoint()),
        Protocol::Http => (otlp::Protocol::HttpProtobuf, format!("{}/v1/logs", collector.endpoint())),
    };
    Settings { protocol, ..Settings::to(endpoint) }
}

fn sid(seq: u64) -> String {
    format!("NO{seq:032x}")
}

/// Events numbered from 1, each with a payload of so many bytes.
fn events(count: u64, payload_bytes: usize) -> Vec<StoredEvent> {
    let event = |seq| {
        let document = json!({
            "sid": sid(seq), "account_sid": "AC1", "level": "error", "error_code": "11200", "source": "webhook",
            "occurred_at": "2026-01-02T03:04:05Z", "received_at": "2026-01-02T03:04:06Z",
            "payload": "x".repeat(payload_bytes),
        });
        StoredEvent { seq, event: serde_json::from_value(document).expect("an event") }
    };
    (1..=count).map(event).collect()
}

/// Delivers everything to `collector` with short patience, and gives what was settled.
async fn export(settings: &Settings, events: Vec<StoredEvent>) -> Ledger {
    export_until(settings, events, SHORT, CancellationToken::new()).await.expect("nobody stops it")
}

async fn export_until(
    settings: &Settings,
    events: Vec<StoredEvent>,
    patience: Patience,
    stop: CancellationToken,
) -> Result<Ledger, Stopped> {
    // Another test may have done so already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(settings).expect("a client");
    let mut exporter =
        Exporter::new(&client, Arc::<Catalogue>::default().in_force(), Ledger::default(), patience, stop);
    for batch in events.chunks(client.batch_records_max) {
        exporter.export(batch.to_vec()).await?;
    }
    Ok(exporter.settle)
}
