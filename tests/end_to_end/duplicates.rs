//! However often an event arrives, and however it is cut, it is counted once.

use std::collections::BTreeSet;

use test_support::event::PUBLIC_URL;
use test_support::post::{self, Post, form_of};
use test_support::{Event, Exporter, TOKEN};

/// Twilio retries, proxies retry, and both do so while the first try is still under way.
#[tokio::test]
async fn an_event_sent_up_to_fifty_times_at_once_is_counted_once() {
    let mut exporter = Exporter::start().await;
    let events: Vec<Event> = (1..=50).map(|number| Event::new(number, "11200")).collect();
    let mut posts: Vec<Post> =
        (1..).zip(&events).flat_map(|(times, event)| std::iter::repeat_n(Post::of(event), times)).collect();
    fastrand::shuffle(&mut posts);
    let deliveries = posts.len() as f64;
    assert!(post::all(exporter.webhook, posts.clone()).await.into_iter().all(|status| status == Some(204)));
    counted_once(&exporter, 50.0, deliveries - 50.0).await;

    // What a crash forgets, a retry counts twice.
    exporter.process.kill();
    exporter.start_again().await;
    assert!(post::all(exporter.webhook, posts).await.into_iter().all(|status| status == Some(204)));
    counted_once(&exporter, 50.0, 2.0 * deliveries - 50.0).await;
}

/// A crash between the deliveries of one event, wherever it falls, leaves it counted once.
#[tokio::test]
async fn an_event_sent_again_across_a_crash_is_counted_once() {
    let mut exporter = Exporter::start().await;
    let events: Vec<Event> = (1..=200).map(|number| Event::new(number, "11200")).collect();
    let mut posts: Vec<Post> = (0..5).flat_map(|_| &events).map(Post::of).collect();
    fastrand::shuffle(&mut posts);
    let sender = tokio::spawn(post::all(exporter.webhook, posts.clone()));
    test_support::wait::until("some of them to be counted", || async {
        (exporter.try_metrics().await?.sum("twilio_debugger_events_total") >= 40.0).then_some(())
    })
    .await;
    exporter.process.kill();
    let statuses = sender.await.expect("no panic");
    exporter.start_again().await;
    let missing: Vec<Post> =
        posts.into_iter().zip(statuses).filter(|(_, status)| *status != Some(204)).map(|(post, _)| post).collect();
    assert!(!missing.is_empty(), "the crash came too late");
    assert!(post::all(exporter.webhook, missing).await.into_iter().all(|status| status == Some(204)));
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total"), 200.0);
    scrape.assert_adds_up();
}

async fn counted_once(exporter: &Exporter, events: f64, duplicates: f64) {
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total"), events);
    assert_eq!(scrape.sum("twilio_debugger_accepted_events_total"), events);
    assert_eq!(scrape.get("twilio_debugger_exporter_duplicates_total{source=\"webhook\"}"), Some(duplicates));
    scrape.assert_adds_up();
}

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Every other form of the same signed text: Twilio's signature joins names and values without separators, so that whoever
/// has seen one request can cut it anew. One border moved, a field swallowed by its neighbour, or a field made of one.
fn resplits(event: &Event) -> Vec<Fields> {
    let mut fields: Fields =
        event.fields.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes())).collect();
    fields.sort();
    let pieces: Vec<Vec<u8>> = fields.iter().cloned().flat_map(|(name, value)| [name, value]).collect();
    let text = pieces.concat();
    let mut borders = vec![0];
    borders.extend(pieces.iter().scan(0, |end, piece| {
        *end += piece.len();
        Some(*end)
    }));
    let mut cuts = BTreeSet::new();
    for border in 1..borders.len() - 1 {
        for place in borders[border - 1]..=borders[border + 1] {
            let mut moved = borders.clone();
            moved[border] = place;
            cuts.insert(moved);
        }
        let mut merged = borders.clone();
        merged.drain(border..(border + 2).min(borders.len() - 1));
        cuts.insert(merged);
    }
    for place in (1..text.len()).step_by(7) {
        for length in [0, 3] {
            let mut divided = borders.clone();
            divided.extend([place, (place + length).min(text.len())]);
            divided.sort_unstable();
            cuts.insert(divided);
        }
    }
    let cut = |borders: Vec<usize>| -> Fields {
        let pieces: Vec<_> = borders.windows(2).map(|ends| text[ends[0]..ends[1]].to_vec()).collect();
        pieces.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
    };
    let whole = |candidate: &Fields| {
        candidate.iter().flat_map(|(name, value)| [name, value]).map(Vec::len).sum::<usize>() == text.len()
    };
    let strictly_sorted = |candidate: &Fields| candidate.is_sorted_by(|one, other| one < other);
    let candidates = cuts.into_iter().map(cut);
    candidates.filter(|candidate| whole(candidate) && strictly_sorted(candidate) && *candidate != fields).collect()
}

/// A subaccount's event, so that it stays verifiable by its parent's key when its own account is cut to pieces, with a
/// field that Twilio may add one day right behind the Sid.
fn captured(number: u64) -> Event {
    Event::new(number, "11200")
        .with("AccountSid", "AC000000000000000000000000000000b1")
        .with("ParentAccountSid", test_support::ACCOUNT)
        .with("SidKind", "alert")
}

fn post_of(event: &Event, fields: &Fields) -> Post {
    Post { body: form_of(fields), ..Post::signed(event, event.signature_for(PUBLIC_URL, TOKEN)) }
}

/// The attack: capture one genuine request, send it in as many forms as there are, before or after the genuine one.
#[tokio::test]
async fn a_resplit_replay_is_counted_once() {
    let resplits_of_one = resplits(&captured(1));
    assert!(resplits_of_one.len() > 150, "only {}", resplits_of_one.len());

    // After the original, and all before the original.
    for genuine_first in [true, false] {
        let exporter = Exporter::start().await;
        let event = captured(1);
        if genuine_first {
            assert_eq!(exporter.post(&event).await, Some(204));
        }
        let posts: Vec<_> = resplits_of_one.iter().map(|fields| post_of(&event, fields)).collect();
        for status in post::all(exporter.webhook, posts).await {
            // 403 where no field is left that names an account.
            assert!(matches!(status, Some(204 | 403)), "{status:?}");
        }
        assert_eq!(exporter.post(&event).await, Some(204));
        let scrape = exporter.metrics().await;
        assert_eq!(scrape.sum("twilio_debugger_events_total"), 1.0, "genuine first: {genuine_first}");
        assert_eq!(scrape.get("twilio_debugger_exporter_rejected_total{reason=\"bad_signature\"}"), Some(0.0));
        scrape.assert_adds_up();
    }
}

/// Each form alone before its original: one that were taken for another event would make it two.
#[tokio::test]
async fn each_resplit_before_its_original_leaves_it_counted_once() {
    let mut exporter = Exporter::start().await;
    let count = resplits(&captured(0x1000)).len() as u64;
    let events: Vec<Event> = (0..count).map(|number| captured(0x1000 + number)).collect();
    let cut: Vec<Post> =
        events.iter().enumerate().map(|(index, event)| post_of(event, &resplits(event)[index])).collect();
    assert!(post::all(exporter.webhook, cut.clone()).await.into_iter().all(|s| matches!(s, Some(204 | 403))));
    let originals: Vec<Post> = events.iter().map(Post::of).collect();
    assert!(post::all(exporter.webhook, originals.clone()).await.into_iter().all(|status| status == Some(204)));
    // And again, in either form, after a restart.
    assert_eq!(exporter.terminate().await.code(), Some(0));
    exporter.start_again().await;
    for posts in [cut, originals] {
        assert!(post::all(exporter.webhook, posts).await.into_iter().all(|s| matches!(s, Some(204 | 403))));
    }
    let scrape = exporter.metrics().await;
    assert_eq!(scrape.sum("twilio_debugger_events_total"), count as f64);
    scrape.assert_adds_up();
}
