//! What needs no process: retention, the dedupe window, readers beside the writer.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tempfile::TempDir;

use super::{Archive, Arrival, Backlog, Receipt, Settlement, Store, open};
use crate::account::{KeyName, Mac};
use crate::config::{self, Need, Settings, Sources, StoreSettings};
use crate::metrics::Metrics;
use crate::sid::AccountSid;

const DAY: Duration = Duration::from_hours(24);

/// A store that is running, and what it takes to end it.
struct Running {
    store: Store,
    backlog: Backlog,
    metrics: Arc<Metrics>,
    thread: std::thread::JoinHandle<()>,
}

fn settings() -> Settings {
    let environment = [
        ("TWILIO_ACCOUNT_SID", "AC1"),
        ("TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef"),
        ("PUBLIC_URL", "https://h/t"),
    ];
    let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let sources = Sources { environment, ..Sources::default() };
    config::load(&sources, Need::Everything).expect("enough").settings
}

fn limits(dir: &TempDir) -> StoreSettings {
    StoreSettings { dir: dir.path().join("data"), ..settings().store }
}

fn start(limits: &StoreSettings) -> Running {
    let mut opened = open(limits).expect("opens");
    let metrics = Arc::new(Metrics::new(&settings(), std::mem::take(&mut opened.restored)));
    let (store, backlog, thread) = opened.start(metrics.clone(), limits.clone(), true);
    Running { store, backlog, metrics, thread }
}

impl Running {
    async fn accept(&self, number: u64) -> Receipt {
        let document = json!({
            "sid": format!("NO{number}"), "account_sid": "AC1", "level": "error", "error_code": "11200",
            "source": "webhook", "occurred_at": "2026-01-02T03:04:05Z", "received_at": "2026-01-02T03:04:06Z",
        });
        let event = serde_json::from_value(document).expect("an event");
        let mut mac: Mac = [0; 20];
        mac[..8].copy_from_slice(&number.to_le_bytes());
        let key = KeyName { account_sid: AccountSid::parse("AC1").expect("valid"), position: 0 };
        self.store.accept(Arrival::Event(Box::new(event)), mac, key).await.expect("there is room")
    }

    async fn delivered(&self, through: u64) {
        let settlement = Settlement { through, delivered: through, ..Settlement::default() };
        self.backlog.settle(settlement).await.expect("the writer runs");
    }

    /// Applies `limits`, and returns once they are applied: the writer takes its commands in order.
    async fn maintain(&self, limits: &StoreSettings) {
        self.store.maintain(limits.clone()).await;
        self.store.keep_counters(Vec::new()).await.expect("the writer runs");
        self.store.keep_counters(Vec::new()).await.expect("the writer runs");
    }

    async fn close(self) {
        self.store.close().await;
        self.thread.join().expect("no panic");
    }
}

/// Makes everything in a closed store older.
fn age(limits: &StoreSettings, by: Duration) {
    let store = rusqlite::Connection::open(limits.dir.join("events.db")).expect("a database");
    let millis = i64::try_from(by.as_millis()).expect("not so long");
    for statement in ["UPDATE event_groups SET received_at = received_at - ?1", "UPDATE seen_groups SET at = at - ?1"] {
        store.execute(statement, [millis]).expect("writes");
    }
}

fn numbers(archive: &Archive) -> Vec<u64> {
    archive.events_after(0, 10_000).expect("readable").iter().map(|stored| stored.seq).collect()
}

/// Retention is for the past. What the collector has not taken is no past, however old it is.
#[tokio::test]
async fn retention_deletes_delivered_events_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = StoreSettings { retention: DAY, ..limits(&dir) };
    let running = start(&limits);
    for number in 1..=6 {
        running.accept(number).await;
    }
    running.delivered(4).await;
    running.close().await;
    age(&limits, DAY * 2);
    let running = start(&limits);
    running.accept(7).await;
    running.maintain(&limits).await;
    let archive = Archive::open(&limits.dir).expect("opens beside the writer");
    assert_eq!(numbers(&archive), [5, 6, 7]);
    assert_eq!(running.metrics.families().store_events.get(), 3);
    assert_eq!(running.accept(1).await, Receipt::Duplicate, "what is deleted is still known");
    running.delivered(7).await;
    running.maintain(&limits).await;
    assert_eq!(numbers(&archive), [7], "5 and 6 are past their time and delivered now");
    running.close().await;
}

/// A busy account makes more than a few groups between two rounds of retention; what is late must not pile up.
#[tokio::test]
async fn one_round_of_retention_deletes_more_than_one_step() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = StoreSettings { retention: DAY, dedupe_window: DAY, ..limits(&dir) };
    let running = start(&limits);
    for number in 1..=200 {
        running.accept(number).await;
    }
    running.delivered(200).await;
    running.close().await;
    age(&limits, DAY * 2);
    let running = start(&limits);
    running.maintain(&limits).await;
    assert_eq!(numbers(&Archive::open(&limits.dir).expect("opens")), [] as [u64; 0]);
    assert_eq!(running.accept(1).await, Receipt::Stored, "out of the window: a new event");
    running.close().await;
}

/// The window is what the promise is bounded by; the cap is what memory is bounded by. The oldest go first.
#[tokio::test]
async fn the_oldest_are_forgotten_when_too_many_are_remembered() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = StoreSettings { dedupe_events_max: 10, ..limits(&dir) };
    let mut running = start(&limits);
    for number in 1..=15 {
        assert_eq!(running.accept(number).await, Receipt::Stored);
    }
    for restart in [false, true] {
        if restart {
            running.close().await;
            running = start(&limits);
        }
        for number in 7..=15 {
            assert_eq!(running.accept(number).await, Receipt::Duplicate, "event {number}, restart {restart}");
        }
    }
    assert_eq!(running.accept(1).await, Receipt::Stored, "forgotten");
    assert_eq!(running.accept(15).await, Receipt::Duplicate);
    running.close().await;
}

/// A Sid inside the window is a duplicate, on its last day too, whatever happened to the event itself.
#[tokio::test]
async fn the_window_ends_when_it_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = StoreSettings { retention: Duration::ZERO, dedupe_window: DAY * 32, ..limits(&dir) };
    let running = start(&limits);
    running.accept(1).await;
    running.delivered(1).await;
    running.close().await;
    for (days, receipt) in [(31, Receipt::Duplicate), (2, Receipt::Stored)] {
        age(&limits, DAY * days);
        let running = start(&limits);
        running.maintain(&limits).await;
        assert_eq!(running.accept(1).await, receipt, "{days} days later");
        running.close().await;
    }
}

/// `events` and `replay` read while `serve` writes: neither waits for the other, nor sees half a group.
#[tokio::test]
async fn a_reader_sees_what_has_been_accepted() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = limits(&dir);
    let running = start(&limits);
    let archive = Archive::open(&limits.dir).expect("opens beside the writer");
    for number in 1..=20 {
        running.accept(number).await;
        assert_eq!(archive.last_seq().expect("readable"), number);
    }
    let newest: Vec<_> = archive.newest_events(3).expect("readable").iter().map(|stored| stored.seq).collect();
    assert_eq!(newest, [20, 19, 18]);
    assert_eq!(numbers(&archive), (1..=20).collect::<Vec<_>>());
    let later = Timestamp::now() + SignedDuration::from_secs(60);
    assert_eq!(archive.last_before(later).expect("readable"), 20);
    assert_eq!(archive.last_before(Timestamp::UNIX_EPOCH).expect("readable"), 0);
    running.close().await;
    assert_eq!(numbers(&archive).len(), 20, "and after the writer has gone");
}

/// `replay` starts where a time says; there is no index of times to get it wrong, so the halving must not.
#[tokio::test]
async fn any_time_is_found_by_halving() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = limits(&dir);
    let running = start(&limits);
    for number in 1..=20 {
        running.accept(number).await;
    }
    running.close().await;
    let store = rusqlite::Connection::open(limits.dir.join("events.db")).expect("a database");
    store.execute("UPDATE event_groups SET received_at = last_seq * 1000", []).expect("writes");
    store.execute("DELETE FROM event_groups WHERE last_seq IN (1, 2, 9, 20)", []).expect("writes");
    let archive = Archive::open(&limits.dir).expect("opens");
    for (second, last) in [(0, 0), (3, 0), (4, 3), (9, 8), (10, 8), (11, 10), (19, 18), (20, 19), (99, 19)] {
        let time = Timestamp::from_second(second).expect("a time");
        assert_eq!(archive.last_before(time).expect("readable"), last, "before second {second}");
    }
}
