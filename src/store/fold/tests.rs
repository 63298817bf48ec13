//! What a group changes, and that it is a function of nothing else.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::{Change, Numbers, State, fold};
use crate::account::KeyName;
use crate::event::{DebuggerEvent, Source};
use crate::intake::{Arrival, Ignored, Intake, Origin, Position, Receipt};
use crate::metrics::Admission;
use crate::metrics::CounterRow;
use crate::quarantine::{QuarantineReason, Quarantined};
use crate::sid::AccountSid;
use crate::store::feeds::Feeds;
use crate::store::prepared::Prepared;
use crate::store::seen::Seen;

fn state() -> State {
    let numbers = Numbers { events: 0, last_seq: 0, cursor: 0 };
    let admission = Admission::new(3, false);
    State { numbers, seen: Seen::default(), remembered: 0, remembered_max: 1_000, admission, feeds: Feeds::default() }
}

fn event(number: u64, code: u64) -> Arrival {
    let document = json!({
        "sid": format!("NO{number}"), "account_sid": "AC1", "level": "error", "error_code": code.to_string(),
        "source": "webhook", "occurred_at": "2026-01-02T03:04:05Z", "received_at": "2026-01-02T03:04:06Z",
    });
    Arrival::Event(Box::new(serde_json::from_value(document).expect("an event")))
}

fn about(number: u64, resource: &str) -> Arrival {
    let Arrival::Event(mut event) = event(number, 11_200) else { panic!("an event") };
    event.resource_sid = Some(resource.to_owned());
    Arrival::Event(event)
}

/// What is sent again says nothing new of what is affected.
#[test]
fn what_an_event_is_about_is_told_once() {
    let group =
        [form(about(1, "CA1"), 1), form(about(2, "CA1"), 2), form(about(1, "CA1"), 1), form(event(3, 11_200), 3)];
    let change = fold(&state(), Timestamp::UNIX_EPOCH, group.iter(), String::new());
    let [gain] = &change.gains.series[..] else { panic!("one series: {:?}", change.gains.series) };
    assert_eq!((gain.events, gain.touched.len()), (3, 2), "one was known, one is about nothing");
    assert_eq!(gain.touched[0], gain.touched[1], "one call");
}

fn entry(number: u64) -> Arrival {
    Arrival::Quarantined(Box::new(Quarantined {
        reason: QuarantineReason::BadPayload,
        detail: "not JSON".to_owned(),
        source: Source::Webhook,
        sid: None,
        at: Timestamp::UNIX_EPOCH,
        content: json!([number]),
    }))
}

fn key() -> KeyName {
    KeyName { account_sid: AccountSid::parse("AC1").expect("valid"), position: 0 }
}

fn form(arrival: Arrival, mac: u64) -> Prepared {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&mac.to_le_bytes());
    Prepared::new(Intake {
        arrivals: vec![arrival],
        ignored: Vec::new(),
        origin: Origin::Form { mac: bytes, key: key() },
    })
}

fn batch(arrivals: Vec<Arrival>) -> Prepared {
    Prepared::new(Intake {
        arrivals,
        ignored: Vec::new(),
        origin: Origin::Batch { source: Source::Webhook, key: key() },
    })
}

fn change<'a>(state: &State, intakes: &'a [Prepared]) -> Change<'a> {
    fold(state, Timestamp::UNIX_EPOCH, intakes.iter(), String::new())
}

fn counted(change: &Change<'_>, row: &CounterRow) -> u64 {
    let same = |other: &&CounterRow| (&other.metric, &other.labels) == (&row.metric, &row.labels);
    change.gains.counters.iter().find(same).map_or(0, |row| row.value)
}

#[test]
fn a_group_is_decided_before_any_of_it_is_remembered() {
    let state = state();
    let intakes = [form(event(1, 11200), 1), form(event(1, 11200), 2), form(event(2, 11200), 1), form(entry(1), 3)];
    let first = change(&state, &intakes);
    assert_eq!(first.receipts, [Receipt::Stored, Receipt::Duplicate, Receipt::Duplicate, Receipt::Stored]);
    assert_eq!((first.events, first.quarantined.len(), first.fingerprints.len()), (1, 1, 2));
    assert_eq!(first, change(&state, &intakes), "the same again: nothing has changed");
}

/// The equation that the whole exporter is held to, for whatever arrives.
#[test]
fn received_is_accepted_and_duplicates_and_quarantined_and_ignored() {
    let state = state();
    let mut intakes = [batch(vec![event(1, 1), entry(1), event(1, 1)]), batch(vec![entry(1), event(2, 2)])];
    intakes[1].ignored = vec![Ignored::Level, Ignored::EventType, Ignored::Level];
    let change = change(&state, &intakes);
    let source = Source::Webhook;
    assert_eq!(counted(&change, &CounterRow::received(source, 0)), 8);
    assert_eq!(counted(&change, &CounterRow::ignored(Ignored::Level, source, 0)), 2);
    assert_eq!(counted(&change, &CounterRow::ignored(Ignored::EventType, source, 0)), 1);
    assert_eq!(counted(&change, &CounterRow::duplicates(source, 0)), 2);
    assert_eq!(counted(&change, &CounterRow::accepted(crate::level::Level::Error, source, 0)), 2);
    assert_eq!(counted(&change, &CounterRow::quarantined(QuarantineReason::BadPayload, source, 0)), 1);
    assert_eq!(counted(&change, &CounterRow::signing_key_used(&key(), 0)), 2, "requests, not events");
}

/// What a poll brings is as old as the interval of polling, which says nothing of Twilio.
#[test]
fn delays_are_of_what_was_sent_and_late_events_are_counted_beside() {
    let state = state();
    let late = |number| match event(number, 11200) {
        Arrival::Event(event) => Arrival::Event(Box::new(DebuggerEvent { late: true, ..*event })),
        Arrival::Quarantined(entry) => Arrival::Quarantined(entry),
    };
    let position = Position { feed: "alerts AC1".to_owned(), read_through: Timestamp::UNIX_EPOCH };
    let origin = Origin::Page { source: Source::AlertsApi, position: Some(position), conflict: None };
    let page = Prepared::new(Intake { arrivals: vec![late(3)], ignored: Vec::new(), origin });
    let intakes = [batch(vec![event(1, 11200), late(2), late(2)]), page];
    let gains = change(&state, &intakes).gains;
    assert_eq!(gains.delays, [1.0, 1.0]);
    assert_eq!(gains.series.iter().map(|gain| (gain.events, gain.late)).collect::<Vec<_>>(), [(3, 2)]);
}

#[test]
fn codes_are_admitted_in_the_order_in_which_they_come() {
    let mut state = state();
    let intakes = [batch((1..=5).map(|number| event(number, 60_000 - number)).collect())];
    let mut change = change(&state, &intakes);
    let codes: Vec<_> = change.gains.series.iter().map(|gain| (gain.labels.error_code.as_str(), gain.events)).collect();
    assert_eq!(codes, [("59999", 1), ("59998", 1), ("59997", 1), ("overflow", 2)]);
    assert_eq!(counted(&change, &CounterRow::series_overflow(0)), 2);
    assert_eq!(state.admission.len(), 0, "not before it is written");
    state.apply(&mut change, &[]);
    assert_eq!(state.admission.len(), 3);
}

#[test]
fn what_is_remembered_beyond_the_limit_is_to_be_forgotten() {
    let mut state = State { remembered: 9, remembered_max: 10, ..state() };
    let intakes = [batch(vec![event(1, 1), event(2, 1), event(2, 1), entry(1)])];
    let mut change = change(&state, &intakes);
    assert_eq!(change.forgets, 2);
    let oldest = vec![0xab; 32];
    state.apply(&mut change, &[oldest]);
    assert_eq!(state.remembered, 10);
}

fn page(arrivals: Vec<Arrival>, position: Option<Position>) -> Prepared {
    let origin = Origin::Page { source: Source::AlertsApi, position, conflict: None };
    Prepared::new(Intake { arrivals, ignored: Vec::new(), origin })
}

/// Else the mark would pass what has not been taken, and it would be counted as received each time it is asked for.
#[test]
fn what_is_held_back_holds_its_position_and_counts_as_nothing() {
    let mut state = state();
    let pushed = [form(event(1, 1), 1)];
    state.apply(&mut change(&state, &pushed), &[]);
    let position = Some(Position { feed: "alerts AC1".to_owned(), read_through: Timestamp::UNIX_EPOCH });
    let unproved = [page(vec![event(2, 1), entry(1)], position.clone())];
    let held = change(&state, &unproved);
    assert_eq!(held.receipts, [Receipt::Held, Receipt::Stored]);
    assert_eq!((held.positions.len(), held.events), (0, 0));
    assert_eq!(counted(&held, &CounterRow::received(Source::AlertsApi, 0)), 1, "the entry of the quarantine");

    // The same page with the event that push has brought: from there on it is proved.
    let proving = [page(vec![event(3, 1), event(1, 1), event(2, 1)], position)];
    assert!(!state.knows_all([page(vec![event(1, 1)], None)].iter()), "a duplicate that has to be written down");
    let mut proved = change(&state, &proving);
    assert_eq!(proved.receipts, [Receipt::Held, Receipt::Duplicate, Receipt::Stored]);
    assert_eq!(counted(&proved, &CounterRow::missed(crate::level::Level::Error, 0)), 1);
    state.apply(&mut proved, &[]);
    assert!(state.knows_all([page(vec![event(1, 1)], None)].iter()), "proved once");
    let again = change(&state, &proving);
    assert_eq!(again.receipts, [Receipt::Stored, Receipt::Duplicate, Receipt::Duplicate]);
    assert_eq!(again.positions.len(), 1);
}

/// A page without anything new has been read all the same, or it would be asked for for ever.
#[test]
fn a_position_moves_with_what_it_covers_and_also_without() {
    let position = Position { feed: "alerts AC1".to_owned(), read_through: Timestamp::UNIX_EPOCH };
    let page = |arrivals| [page(arrivals, Some(position.clone()))];
    let state = state();
    for intakes in [page(Vec::new()), page(vec![event(1, 1)])] {
        let change = change(&state, &intakes);
        assert_eq!(change.positions, [&position]);
        assert!(change.is_to_be_written());
        assert!(!state.knows_all(intakes.iter()));
    }
}

/// Everything that tells two states apart, after `intakes` in groups of these lengths.
fn after(intakes: &[Prepared], lengths: &[usize]) -> (Numbers, Feeds, Admission, Vec<Receipt>, u64, Vec<bool>) {
    let mut state = state();
    let (mut receipts, mut events, mut rest) = (Vec::new(), 0, intakes);
    for length in lengths.iter().copied().chain([intakes.len()]) {
        let (group, behind) = rest.split_at(length.min(rest.len()));
        let mut change = change(&state, group);
        receipts.append(&mut change.receipts);
        events += change.gains.series.iter().map(|gain| gain.events).sum::<u64>();
        state.apply(&mut change, &[]);
        rest = behind;
    }
    let known = intakes
        .iter()
        .flat_map(|intake| &intake.items)
        .map(|item| state.seen.knows(item.fingerprints))
        .collect::<Vec<_>>();
    let remembered = receipts.iter().filter(|receipt| **receipt == Receipt::Stored).count() as u64;
    assert_eq!(state.remembered, remembered);
    (state.numbers, state.feeds.clone(), state.admission.clone(), receipts, events, known)
}

proptest! {
    /// How requests fall into groups is chance. It must not decide anything.
    #[test]
    fn the_bounds_of_groups_decide_nothing(
        arrivals in prop::collection::vec((0_u64..20, 0_u64..6, 0_u64..30, 0_u8..4), 0..40),
        lengths in prop::collection::vec(0_usize..7, 0..20),
    ) {
        let intakes: Vec<_> = arrivals
            .into_iter()
            .map(|(number, code, mac, kind)| match kind {
                0 => form(entry(number), mac),
                1 => page(vec![event(number, code), entry(number)], None),
                2 => batch(vec![event(number, code)]),
                _ => form(event(number, code), mac),
            })
            .collect();
        prop_assert_eq!(after(&intakes, &lengths), after(&intakes, &[]));
    }
}
