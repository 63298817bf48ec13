//! That an event has one Sid in every feed is proved before anything is added by it.

use test_support::{Alert, Clock, Monitor};

use super::{ACCEPTED, COUNTED, MISSED, failures, following, minutes, noon, page_of, pushed, read_through};

/// Were the Sids different, whatever push has brought would be counted again.
#[tokio::test]
async fn beside_push_nothing_is_added_before_a_sid_was_seen_in_both() {
    let clock = Clock::at(noon());
    let monitor = Monitor::start();
    let mut exporter = clock.under(following(&monitor)).start().await;
    read_through(&exporter, noon()).await;
    assert_eq!(exporter.post(&pushed(1, noon())).await, Some(204));

    clock.advance(minutes(10));
    monitor.add([Alert::new(2, "30007", noon() + minutes(1))]);
    exporter.process.line_with("push has brought events of this account").await;
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.get(MISSED)), (Some(0.0), Some(0.0)));
    assert!(page.get(&failures("unproved")) >= Some(1.0));
    page.assert_adds_up();

    // Over a restart it stays undecided, and the mark where it was.
    exporter.process.kill();
    let now = clock.advance(minutes(30));
    monitor.add([Alert::new(1, "11200", noon())]);
    exporter.start_again().await;
    read_through(&exporter, now).await;
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.get(MISSED), page.sum(COUNTED)), (Some(1.0), Some(1.0), 2.0));
    page.assert_adds_up();

    // Proved for good.
    exporter.process.kill();
    let now = clock.advance(minutes(60));
    monitor.add([Alert::new(3, "30007", now - minutes(20))]);
    exporter.start_again().await;
    read_through(&exporter, now).await;
    assert_eq!(page_of(&exporter).await.get(MISSED), Some(2.0));
}

#[tokio::test]
async fn the_same_event_under_another_sid_ends_adding() {
    let clock = Clock::at(noon());
    let monitor = Monitor::start();
    let mut exporter = clock.under(following(&monitor)).start().await;
    read_through(&exporter, noon()).await;
    let at = clock.advance(minutes(1));
    assert_eq!(exporter.post(&pushed(1, at)).await, Some(204));
    clock.advance(minutes(10));
    monitor.add([Alert::new(1, "11200", at).with("sid", format!("NO{:032x}", 77))]);
    monitor.add([Alert::new(2, "30007", at + minutes(1))]);
    exporter.process.line_with("nothing of this account is added from it any more").await;
    exporter.metric_is(ACCEPTED, 0.0).await;
    assert!(page_of(&exporter).await.get(&failures("identity")) >= Some(1.0));

    // Neither a restart nor a Sid that is the same makes it believed again.
    exporter.process.kill();
    monitor.add([Alert::new(1, "11200", at)]);
    clock.advance(minutes(1));
    exporter.start_again().await;
    exporter.process.line_with("has an event of this account under another Sid than push").await;
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.sum(COUNTED)), (Some(0.0), 1.0));
    page.assert_adds_up();
}

/// What push brings after all, a moment later than the list, is the same event.
#[tokio::test]
async fn a_push_that_comes_after_the_list_is_a_duplicate_and_the_proof() {
    let clock = Clock::at(noon());
    let monitor = Monitor::start();
    let exporter = clock.under(following(&monitor)).start().await;
    read_through(&exporter, noon()).await;
    let now = clock.advance(minutes(10));
    let at = now - minutes(5);
    monitor.add([Alert::new(1, "11200", at)]);
    exporter.metric_is(ACCEPTED, 1.0).await;
    assert_eq!(exporter.post(&pushed(1, at)).await, Some(204));
    assert_eq!(exporter.post(&pushed(2, at)).await, Some(204));
    monitor.add([Alert::new(2, "11200", at)]);
    let at = clock.advance(minutes(10)) - minutes(4);
    monitor.add([Alert::new(3, "11200", at)]);
    exporter.metric_is(MISSED, 1.0).await;
    let page = page_of(&exporter).await;
    assert_eq!((page.get(ACCEPTED), page.sum(COUNTED)), (Some(2.0), 3.0));
    page.assert_adds_up();
}
