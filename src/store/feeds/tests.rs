use jiff::{SignedDuration, Timestamp};

use super::{Awaited, Feeds, Found, REPEATED_FOR};
use crate::event::Source;
use crate::intake::{Identity, Position};
use crate::level::Level;
use crate::metrics::seconds;
use crate::sid::AccountSid;

const PUSHED_SINCE: i64 = 1_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn account() -> AccountSid {
    AccountSid::parse("AC1").expect("valid")
}

/// What becomes of an event that happened then and that only the list has.
fn found(feeds: &mut Feeds, sid: u64, occurred: i64) -> Found {
    let mut folding = feeds.fold();
    let event = Awaited { sid, level: Level::Error, due: at(occurred) + REPEATED_FOR };
    let found = folding.finds(&account(), event, seconds(at(occurred)));
    if found != Found::Held {
        folding.brings(Source::AlertsApi, &account(), at(occurred));
    }
    let change = folding.finish();
    feeds.apply(change, std::iter::empty());
    found
}

fn brings(feeds: &mut Feeds, source: Source) {
    let mut folding = feeds.fold();
    folding.brings(source, &account(), at(PUSHED_SINCE));
    let change = folding.finish();
    feeds.apply(change, std::iter::empty());
}

fn repeats(feeds: &mut Feeds, source: Source, sid: u64, elsewhere: bool) {
    let mut folding = feeds.fold();
    folding.repeats(source, &account(), sid, || elsewhere);
    let change = folding.finish();
    feeds.apply(change, std::iter::empty());
}

#[test]
fn as_long_as_only_the_list_brings_anything_it_adds() {
    let mut feeds = Feeds::default();
    assert_eq!(found(&mut feeds, 1, 2_000), Found::Added);
    assert_eq!(found(&mut feeds, 2, 2_001), Found::Added, "and misses nothing, for there is nothing else");
}

/// Were the two Sids of one event different, it would be counted twice.
#[test]
fn beside_push_the_list_adds_only_once_a_sid_was_seen_in_both() {
    let mut feeds = Feeds::default();
    brings(&mut feeds, Source::Webhook);
    assert_eq!(found(&mut feeds, 1, 2_000), Found::Held);
    repeats(&mut feeds, Source::AlertsApi, 7, false);
    assert_eq!(found(&mut feeds, 1, 2_000), Found::Held, "seen twice in one feed proves nothing");
    repeats(&mut feeds, Source::AlertsApi, 7, true);
    assert_eq!(found(&mut feeds, 1, 2_000), Found::Missed);
    let state = feeds.state_of(&account(), &[]);
    assert_eq!((state.identity, state.push_since), (Identity::Proved, Some(at(PUSHED_SINCE))));
}

#[test]
fn what_is_refuted_is_not_proved_afterwards() {
    let mut feeds = Feeds::default();
    brings(&mut feeds, Source::Webhook);
    let mut folding = feeds.fold();
    folding.refute(&account());
    let change = folding.finish();
    feeds.apply(change, std::iter::empty());
    repeats(&mut feeds, Source::AlertsApi, 7, true);
    assert_eq!(found(&mut feeds, 1, 2_000), Found::Held);
}

#[test]
fn push_has_missed_nothing_that_happened_before_it_was_there() {
    let mut feeds = Feeds::default();
    brings(&mut feeds, Source::Webhook);
    repeats(&mut feeds, Source::AlertsApi, 7, true);
    assert_eq!(found(&mut feeds, 1, PUSHED_SINCE - 1), Found::Added);
    assert_eq!(found(&mut feeds, 2, PUSHED_SINCE), Found::Added);
    assert_eq!(found(&mut feeds, 3, PUSHED_SINCE + 1), Found::Missed);
}

/// Event Streams repeats for four hours what was not taken: it is not lost before.
#[test]
fn where_a_stream_delivers_an_event_is_missed_four_hours_later() {
    let mut feeds = Feeds::default();
    brings(&mut feeds, Source::EventStreams);
    repeats(&mut feeds, Source::AlertsApi, 7, true);
    for sid in [1, 2] {
        assert_eq!(found(&mut feeds, sid, 2_000), Found::Added);
    }
    let due = at(2_000) + SignedDuration::from_hours(4);
    let just_before = due - SignedDuration::from_millis(1);
    assert_eq!(feeds.overdue(just_before, 9), []);
    assert!(
        feeds.would_change(Source::EventStreams, &account(), 1, || false),
        "a duplicate that has to be written down"
    );
    repeats(&mut feeds, Source::EventStreams, 1, false);
    assert!(!feeds.would_change(Source::EventStreams, &account(), 1, || false));
    assert!(!feeds.would_change(Source::AlertsApi, &account(), 2, || false), "the list again says nothing of push");
    let overdue = feeds.overdue(due, 9);
    assert_eq!(overdue, [(2, Level::Error)]);
    feeds.give_up(&overdue);
    assert_eq!(feeds.overdue(due, 9), []);
}

#[test]
fn what_comes_in_the_same_group_is_no_longer_waited_for() {
    let mut feeds = Feeds::default();
    brings(&mut feeds, Source::EventStreams);
    repeats(&mut feeds, Source::AlertsApi, 7, true);
    let mut folding = feeds.fold();
    let event = Awaited { sid: 1, level: Level::Error, due: at(9_000) };
    assert_eq!(folding.finds(&account(), event, 2_000.0), Found::Added);
    folding.repeats(Source::Webhook, &account(), 1, || true);
    let change = folding.finish();
    assert_eq!((change.awaited.len(), change.arrived.len()), (0, 0));
}

#[test]
fn beyond_the_limit_of_what_is_waited_for_an_event_is_missed_at_once() {
    let mut feeds = Feeds::default();
    brings(&mut feeds, Source::EventStreams);
    repeats(&mut feeds, Source::AlertsApi, 7, true);
    let awaited = |sid| Awaited { sid, level: Level::Error, due: at(9_000) };
    feeds.await_all((1..super::AWAITED_MAX as u64).map(awaited));
    assert_eq!(found(&mut feeds, 1_000_000, 2_000), Found::Added);
    assert_eq!(found(&mut feeds, 1_000_001, 2_000), Found::Missed);
}

#[test]
fn what_the_list_has_of_an_account_beyond_the_limit_is_held_back() {
    let mut feeds = Feeds::default();
    for number in 1..=super::ACCOUNTS_MAX {
        feeds
            .accounts
            .insert(AccountSid::parse(&format!("ACx{number}")).expect("valid"), super::AccountFeeds::default());
    }
    assert_eq!(found(&mut feeds, 1, 2_000), Found::Held);
    feeds.accounts.remove(&AccountSid::parse("ACx1").expect("valid"));
    assert_eq!(found(&mut feeds, 1, 2_000), Found::Added);
}

#[test]
fn a_position_is_known_once_it_has_moved() {
    let mut feeds = Feeds::default();
    let position = Position { feed: "alerts/AC1".to_owned(), read_through: at(7) };
    feeds.apply(super::FeedsChange::default(), std::iter::once(&position));
    let state = feeds.state_of(&account(), &["alerts/AC1".to_owned(), "alerts/AC2".to_owned()]);
    assert_eq!(state.read_through, [Some(at(7)), None]);
}
