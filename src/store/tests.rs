//! What needs no process: retention, the dedupe window, readers beside the writer.

mod locks;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tempfile::TempDir;

use super::retention::high_mark;
use super::{Archive, Backlog, Pressure, Settings, Settlement, Store, open};
use crate::account::{KeyName, Mac};
use crate::event::Source;
use crate::intake::{ACCEPT_TIMEOUT, AcceptError, Arrival, Intake, Origin, Receipt};
use crate::metrics::{self, Metrics};
use crate::quarantine::{QuarantineReason, Quarantined};
use crate::sid::AccountSid;

const DAY: Duration = Duration::from_hours(24);

/// A store that is running, and what it takes to end it.
struct Running {
    store: Store,
    backlog: Backlog,
    metrics: Arc<Metrics>,
    thread: std::thread::JoinHandle<()>,
}

fn limits(dir: &TempDir) -> Settings {
    Settings { dir: dir.path().join("data"), ..Settings::default() }
}

fn start(limits: &Settings) -> Running {
    let mut opened = open(limits).expect("opens");
    let restored = std::mem::take(&mut opened.restored);
    let (metrics, admission) = Metrics::new(&metrics::Settings::default(), &[], false, restored);
    let metrics = Arc::new(metrics);
    let (store, backlog, thread) = opened.start(metrics.clone(), admission, limits.clone(), true);
    Running { store, backlog, metrics, thread }
}

impl Running {
    async fn accept(&self, number: u64) -> Receipt {
        self.try_accept(number).await.expect("there is room")
    }

    async fn try_accept(&self, number: u64) -> Result<Receipt, AcceptError> {
        let document = json!({
            "sid": format!("NO{number}"), "account_sid": "AC1", "level": "error", "error_code": "11200",
            "source": "webhook", "occurred_at": "2026-01-02T03:04:05Z", "received_at": "2026-01-02T03:04:06Z",
        });
        let event = serde_json::from_value(document).expect("an event");
        self.take(Arrival::Event(Box::new(event)), number).await
    }

    async fn quarantine(&self, number: u64) -> Receipt {
        let entry = Quarantined {
            reason: QuarantineReason::BadGrammar,
            detail: "no Sid".to_owned(),
            source: Source::Webhook,
            sid: None,
            at: Timestamp::now(),
            content: json!([]),
        };
        self.take(Arrival::Quarantined(Box::new(entry)), number).await.expect("there is room")
    }

    async fn take(&self, arrival: Arrival, number: u64) -> Result<Receipt, AcceptError> {
        let origin = Origin::Form { mac: mac(number), key: key() };
        let receipts = self.store.accept(Intake { arrivals: vec![arrival], ignored: Vec::new(), origin }).await?;
        assert_eq!(receipts.len(), 1);
        Ok(receipts[0])
    }

    async fn delivered(&mut self, through: u64) {
        let settlement = Settlement { through, delivered: through, ..Settlement::default() };
        self.backlog.settle(settlement).await.expect("the writer runs");
    }

    async fn close(self) {
        self.store.close().await;
        self.thread.join().expect("no panic");
    }
}

fn mac(number: u64) -> Mac {
    let mut mac = [0; 20];
    mac[..8].copy_from_slice(&number.to_le_bytes());
    mac
}

fn key() -> KeyName {
    KeyName { account_sid: AccountSid::parse("AC1").expect("valid"), position: 0 }
}

fn database(limits: &Settings) -> rusqlite::Connection {
    rusqlite::Connection::open(limits.dir.join("events.db")).expect("a database")
}

/// What stands in the store, and would be there after a crash.
fn stored_number(limits: &Settings, query: &str) -> u64 {
    database(limits).query_row(query, [], |row| row.get(0)).expect("a number")
}

/// Makes everything in a store older that nobody writes just now.
fn age(limits: &Settings, by: Duration) {
    let store = database(limits);
    let millis = i64::try_from(by.as_millis()).expect("not so long");
    for (table, time) in [("event_groups", "received_at"), ("seen_groups", "at"), ("quarantine", "at")] {
        store.execute(&format!("UPDATE {table} SET {time} = {time} - ?1"), [millis]).expect("writes");
    }
}

fn numbers(archive: &Archive) -> Vec<u64> {
    archive.events_after(0, 10_000).expect("readable").iter().map(|stored| stored.seq).collect()
}

/// Retention is for the past. What the collector has not taken is no past, however old it is.
#[tokio::test]
async fn retention_deletes_delivered_events_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Settings { retention: DAY, ..limits(&dir) };
    let mut running = start(&limits);
    for number in 1..=6 {
        running.accept(number).await;
    }
    running.delivered(4).await;
    running.close().await;
    age(&limits, DAY * 2);
    let mut running = start(&limits);
    running.accept(7).await;
    running.store.maintain(limits.clone()).await;
    let archive = Archive::open(&limits.dir).expect("opens beside the writer");
    assert_eq!(numbers(&archive), [5, 6, 7]);
    assert_eq!(running.metrics.families().store_events.get(), 3);
    assert_eq!(running.accept(1).await, Receipt::Duplicate, "what is deleted is still known");
    running.delivered(7).await;
    running.store.maintain(limits.clone()).await;
    assert_eq!(numbers(&archive), [7], "5 and 6 are past their time and delivered now");
    running.close().await;
}

/// A busy account makes more than a few groups between two rounds of retention; what is late must not pile up.
#[tokio::test]
async fn one_round_of_retention_deletes_more_than_one_step() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Settings { retention: DAY, dedupe_window: DAY, ..limits(&dir) };
    let mut running = start(&limits);
    for number in 1..=200 {
        running.accept(number).await;
    }
    running.delivered(200).await;
    running.close().await;
    age(&limits, DAY * 2);
    let running = start(&limits);
    running.store.maintain(limits.clone()).await;
    let archive = Archive::open(&limits.dir).expect("opens");
    assert!(numbers(&archive).len() < 200 - 64, "a round ends by its time, and has done more than one step by then");
    while !numbers(&archive).is_empty() {
        running.store.maintain(limits.clone()).await;
    }
    running.store.maintain(limits.clone()).await;
    assert_eq!(running.accept(1).await, Receipt::Stored, "out of the window: a new event");
    running.close().await;
}

/// What is quarantined is remembered like an event, and forgotten like one; only then do the cap and the memory agree.
#[tokio::test]
async fn what_is_quarantined_counts_as_remembered() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Settings { dedupe_events_max: 10, ..limits(&dir) };
    let running = start(&limits);
    for number in 1..=15 {
        assert_eq!(running.quarantine(number).await, Receipt::Stored);
    }
    assert_eq!(running.quarantine(15).await, Receipt::Duplicate);
    assert_eq!(running.quarantine(1).await, Receipt::Stored, "forgotten: more than ten have come since");
    age(&limits, limits.dedupe_window * 2);
    running.store.maintain(limits.clone()).await;
    assert_eq!(stored_number(&limits, "SELECT count(*) FROM seen_groups"), 0);
    assert_eq!(running.accept(1).await, Receipt::Stored);
    assert_eq!(running.accept(1).await, Receipt::Duplicate, "events are remembered as before");
    running.close().await;
}

/// Quarantine is for looking into, not for ever.
#[tokio::test]
async fn quarantine_ends_with_the_window() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Settings { dedupe_window: DAY, ..limits(&dir) };
    let running = start(&limits);
    for number in 1..=100 {
        running.quarantine(number).await;
    }
    running.close().await;
    age(&limits, DAY * 2);
    let running = start(&limits);
    running.quarantine(101).await;
    running.store.maintain(limits.clone()).await;
    assert_eq!(stored_number(&limits, "SELECT count(*) FROM quarantine"), 1);
    assert_eq!(stored_number(&limits, "SELECT id FROM quarantine"), 101);
    running.close().await;
}

/// A full store lets nobody in, so it must find room without anybody who asks for it.
#[tokio::test]
async fn a_full_store_of_delivered_events_makes_room_by_itself() {
    const GROUPS: u64 = 100_000;
    let dir = tempfile::tempdir().expect("a folder");
    let limits = limits(&dir);
    start(&limits).close().await;
    database(&limits)
        .execute_batch(&format!(
            "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {GROUPS})
             INSERT INTO event_groups SELECT n, 1, 4102444800000, hex(zeroblob(100)) FROM number;
             UPDATE state SET events = {GROUPS}, last_seq = {GROUPS}, cursor = {GROUPS};"
        ))
        .expect("writes");
    let smaller = Settings { bytes_max: 2 << 20, ..limits.clone() };
    let running = start(&smaller);
    running.store.maintain(smaller.clone()).await;
    let high_mark = high_mark(smaller.bytes_max);
    let room = async {
        while !(1..=high_mark).contains(&running.metrics.families().store_bytes.get())
            || running.store.pressure() != Pressure::Normal
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), room).await.expect("room is made");
    let left = stored_number(&limits, "SELECT count(*) FROM event_groups");
    assert!((1000..GROUPS / 10).contains(&left), "{left} are left: as many as there is room for");
    assert_eq!(running.accept(1).await, Receipt::Stored);
    running.close().await;
}

/// The collector's refusal is counted with the entry it makes, not at the next scrape.
#[tokio::test]
async fn a_refused_record_and_its_count_are_written_together() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = limits(&dir);
    let mut running = start(&limits);
    running.accept(1).await;
    let refused = running.backlog.unsent(10).await.expect("readable").into_iter();
    let refused = refused.map(|event| (event, "too old".to_owned())).collect();
    let settlement = Settlement { through: 1, refused, ..Settlement::default() };
    running.backlog.settle(settlement).await.expect("the writer runs");
    assert_eq!(stored_number(&limits, "SELECT count(*) FROM quarantine"), 1);
    let counted = "SELECT sum(value) FROM counters WHERE labels LIKE 'otlp_rejected%'";
    assert_eq!(stored_number(&limits, counted), 1, "a crash from here on takes back neither");
    running.store.keep_counters(Vec::new()).await.expect("the writer runs");
    assert_eq!(stored_number(&limits, counted), 1, "counted once");
    running.close().await;
}

/// The window is what the promise is bounded by; the cap is what memory is bounded by. The oldest go first.
#[tokio::test]
async fn the_oldest_are_forgotten_when_too_many_are_remembered() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Settings { dedupe_events_max: 10, ..limits(&dir) };
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
    let limits = Settings { retention: Duration::ZERO, dedupe_window: DAY * 32, ..limits(&dir) };
    let mut running = start(&limits);
    running.accept(1).await;
    running.delivered(1).await;
    running.close().await;
    for (days, receipt) in [(31, Receipt::Duplicate), (2, Receipt::Stored)] {
        age(&limits, DAY * days);
        let running = start(&limits);
        running.store.maintain(limits.clone()).await;
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
    let newest: Vec<_> = archive.events_before(21, 3).expect("readable").iter().map(|stored| stored.seq).collect();
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
    let store = database(&limits);
    store.execute("UPDATE event_groups SET received_at = last_seq * 1000", []).expect("writes");
    store.execute("DELETE FROM event_groups WHERE last_seq IN (1, 2, 9, 20)", []).expect("writes");
    let archive = Archive::open(&limits.dir).expect("opens");
    for (second, last) in [(0, 0), (3, 0), (4, 3), (9, 8), (10, 8), (11, 10), (19, 18), (20, 19), (99, 19)] {
        let time = Timestamp::from_second(second).expect("a time");
        assert_eq!(archive.last_before(time).expect("readable"), last, "before second {second}");
    }
}
