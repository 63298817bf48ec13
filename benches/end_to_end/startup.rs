//! From `exec` to both listeners bound, over an empty and a full store.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use twilio_debugger_exporter::account::KeyName;
use twilio_debugger_exporter::event::DebuggerEvent;
use twilio_debugger_exporter::intake::{Arrival, Intake, Origin, Receipt};
use twilio_debugger_exporter::metrics::{self, Metrics};
use twilio_debugger_exporter::store;

use crate::server::Server;

/// How many events the full store holds.
const EVENTS: u64 = 1_000_000;

/// How many are stored at a time, so that groups are as large as under load.
const AT_ONCE: u64 = 64;

pub(crate) struct Start {
    pub(crate) millis: f64,
    pub(crate) resident_mib: f64,
}

pub(crate) fn empty(dir: &Path) -> Start {
    best((0..5).map(|round| start(&dir.join(format!("empty-{round}")))))
}

pub(crate) fn with_a_million_events(dir: &Path) -> Start {
    let dir = dir.join("full");
    fill(&dir);
    // The first start also carries the log over that the filling has left.
    start(&dir);
    best((0..5).map(|_| start(&dir)))
}

fn start(dir: &Path) -> Start {
    let from = Instant::now();
    let server = Server::exporter(dir);
    Start { millis: from.elapsed().as_secs_f64() * 1000.0, resident_mib: server.resident_mib() }
}

fn best(starts: impl Iterator<Item = Start>) -> Start {
    starts.min_by(|a, b| a.millis.total_cmp(&b.millis)).expect("several")
}

/// Stores a million events through the store itself.
fn fill(dir: &Path) {
    let settings = store::Settings { dir: dir.join("data"), bytes_max: 8 << 30, ..store::Settings::default() };
    let mut opened = store::open(&settings).expect("an empty folder");
    let restored = std::mem::take(&mut opened.restored);
    let (metrics, admission) = Metrics::new(&metrics::Settings::default(), &[], false, restored);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (store, _backlog, writer) = opened.start(Arc::new(metrics), admission, settings.clone(), false);
        let stored = (0..AT_ONCE).map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in (task..EVENTS).step_by(usize::try_from(AT_ONCE).expect("small")) {
                    let key = KeyName { account_sid: "AC1".to_owned().try_into().expect("valid"), position: 0 };
                    let mut mac = [0; 20];
                    mac[..8].copy_from_slice(&number.to_le_bytes());
                    let arrivals = vec![Arrival::Event(Box::new(event(number)))];
                    let receipts =
                        store.accept(Intake { arrivals, ignored: Vec::new(), origin: Origin::Form { mac, key } }).await;
                    assert_eq!(receipts, Ok(vec![Receipt::Stored]));
                }
            })
        });
        for task in stored.collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
        store.close().await;
        tokio::task::spawn_blocking(move || writer.join()).await.expect("joined").expect("no panic");
    });
}

fn event(number: u64) -> DebuggerEvent {
    let document = serde_json::json!({
        "sid": format!("NO{number:032x}"), "account_sid": "AC00000000000000000000000000000001", "level": "error",
        "error_code": (11200 + number % 100).to_string(), "source": "webhook", "message": "Got HTTP 502 response",
        "occurred_at": "2026-01-02T03:04:05.678Z", "received_at": "2026-01-02T03:04:06Z",
        "payload": {"resource_sid": format!("CA{number:032x}"), "error_code": "11200", "body": "x".repeat(400)},
    });
    serde_json::from_value(document).expect("an event")
}
