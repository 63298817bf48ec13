//! Another program that holds the store's write lock: an operator's shell, a backup. It lets go again, and nothing may be lost or
//! doubled, nor the writer end, however long that takes.

use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};

use super::*;

/// A transaction of another program, which holds the write lock until it is dropped.
fn lock(limits: &Settings) -> Connection {
    let other = database(limits);
    other.busy_timeout(Duration::from_secs(5)).expect("a setting");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    other
}

/// Whoever has time waits, and is stored as soon as the lock is free.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_waits_for_a_lock_that_is_given_back_in_time() {
    for held in [Duration::from_millis(100), Duration::from_secs(3)] {
        let dir = tempfile::tempdir().expect("a folder");
        let limits = limits(&dir);
        let running = start(&limits);
        let (other, from) = (lock(&limits), Instant::now());
        let release = tokio::task::spawn_blocking(move || {
            std::thread::sleep(held);
            drop(other);
        });
        assert_eq!(running.accept(1).await, Receipt::Stored);
        assert!(from.elapsed() >= held, "not while the lock is held");
        release.await.expect("no panic");
        assert_eq!(running.accept(1).await, Receipt::Duplicate);
        assert_eq!(numbers(&Archive::open(&limits.dir).expect("opens")), [1]);
        running.close().await;
    }
}

/// Whoever has no more time is refused and stored nowhere, so that the sender's next try is the first; what is known is answered all the
/// while, and the cursor moves afterwards without anybody who asks for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_held_for_too_long_refuses_events_and_ends_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Settings { retention: Duration::ZERO, dedupe_window: DAY, ..limits(&dir) };
    let mut running = start(&limits);
    for number in 1..=3 {
        running.accept(number).await;
    }
    let (other, from) = (lock(&limits), Instant::now());
    let refused = tokio::join!(running.try_accept(11), running.try_accept(12), running.try_accept(13));
    assert_eq!(refused, (Err(AcceptError::Timeout), Err(AcceptError::Timeout), Err(AcceptError::Timeout)));
    assert!(from.elapsed() + Duration::from_millis(100) >= ACCEPT_TIMEOUT, "they have waited for it");
    while running.try_accept(2).await != Ok(Receipt::Duplicate) {
        // A machine that is busy for five seconds answers the next one: what is known needs no lock.
        assert!(from.elapsed() < Duration::from_secs(60), "a duplicate is answered while the lock is held");
    }
    // Retention, the counters and a checkpoint meet the lock as well.
    running.store.maintain(limits.clone()).await;
    assert!(running.store.keep_counters(Vec::new()).await.is_none(), "a scrape does not wait for it");
    let release = tokio::task::spawn_blocking(move || {
        std::thread::sleep((from + Duration::from_secs(8)).saturating_duration_since(Instant::now()));
        drop(other);
    });
    running.delivered(3).await;
    assert!(from.elapsed() >= Duration::from_secs(8));
    release.await.expect("no panic");
    assert!(!*running.store.failed().borrow());
    assert_eq!(running.accept(11).await, Receipt::Stored, "it was not stored when it was refused");
    running.store.maintain(limits.clone()).await;
    assert!(running.store.keep_counters(Vec::new()).await.is_some());
    running.close().await;
}

/// Retention reads before it writes. That alone ended the writer, whenever somebody else had written in between.
#[tokio::test]
async fn somebody_who_writes_between_two_rounds_of_retention_ends_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = Settings { dedupe_events_max: 10, ..limits(&dir) };
    let running = start(&limits);
    let mut other = database(&limits);
    for number in 1..=60 {
        assert_eq!(running.quarantine(number).await, Receipt::Stored);
        let transaction = other.transaction_with_behavior(TransactionBehavior::Immediate).expect("a moment is enough");
        transaction.execute("UPDATE quarantine SET at = at - 1", []).expect("writes");
        transaction.commit().expect("commits");
        running.store.maintain(limits.clone()).await;
    }
    running.close().await;
}

/// The end does not wait for ever, and does not say that all is well.
#[tokio::test(flavor = "multi_thread")]
async fn a_last_write_that_finds_the_store_locked_is_a_failure() {
    let dir = tempfile::tempdir().expect("a folder");
    let limits = limits(&dir);
    let running = start(&limits);
    running.metrics.answered("204", None);
    let other = lock(&limits);
    let failed = running.store.failed();
    running.close().await;
    assert!(*failed.borrow(), "the last counters are not in the store");
    drop(other);
}
