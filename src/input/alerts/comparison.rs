//! Whether the list has an account's events under other Sids than push.
//!
//! Where every feed gives an event the same Sid, whatever push has brought stands in the list under that Sid. So an event of push whose
//! Sid the list has not, while it has one of the same code, of the same resource and in the same second under another Sid, shows that
//! it does not. Two alike events of which push lost one show nothing, because the other one's Sid is there.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::error_code::ErrorCode;
use crate::event::DebuggerEvent;
use crate::sid::{AccountSid, EventSid};
use crate::store::{Archive, ArchiveError};

/// The most stored events that one list is compared with.
const COMPARED_MAX: usize = 50_000;

/// The events read from the store at once.
const READ_AT_ONCE: usize = 1_000;

/// How long after it happened push may have brought an event for the two to be compared.
const ARRIVAL_MAX: SignedDuration = SignedDuration::from_mins(5);

/// How close to an end of the list an event is not compared: its twin may be beyond it, for the two times of an alert differ.
const EDGE: SignedDuration = SignedDuration::from_secs(5);

/// What two events have in common that may be one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Likeness {
    error_code: ErrorCode,
    resource_sid: String,
    second: i64,
}

impl Likeness {
    fn of(event: &DebuggerEvent) -> Option<Self> {
        let resource_sid = event.resource_sid.clone().filter(|_| !event.occurred_at_assumed)?;
        Some(Self { error_code: event.error_code, resource_sid, second: event.occurred_at.as_second() })
    }
}

/// A list of alerts, as far as it is compared.
#[derive(Debug, Default)]
pub(super) struct Listed {
    sids: HashSet<EventSid>,
    /// When the first and the last of all happened.
    all_times: Option<(Timestamp, Timestamp)>,
    /// Of those that only the list has.
    unknown: HashMap<Likeness, EventSid>,
    times: Option<(Timestamp, Timestamp)>,
}

/// Two Sids of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conflict {
    /// As push brought it.
    pub(super) pushed: EventSid,
    /// As the list has it.
    pub(super) listed: EventSid,
}

/// An event as it is noted, before what becomes of it is known.
#[derive(Debug)]
pub(super) struct Noted {
    sid: EventSid,
    likeness: Option<Likeness>,
    occurred_at: Timestamp,
}

impl Noted {
    pub(super) fn of(event: &DebuggerEvent) -> Self {
        Self { sid: event.sid.clone(), likeness: Likeness::of(event), occurred_at: event.occurred_at }
    }
}

impl Listed {
    /// Adds a row; `unknown` says whether nothing else has brought it.
    pub(super) fn add(&mut self, noted: Noted, unknown: bool) {
        let Noted { sid, likeness, occurred_at } = noted;
        let (first, last) = self.all_times.unwrap_or((occurred_at, occurred_at));
        self.all_times = Some((first.min(occurred_at), last.max(occurred_at)));
        if let Some(likeness) = likeness.filter(|_| unknown) {
            let (first, last) = self.times.unwrap_or((occurred_at, occurred_at));
            self.times = Some((first.min(occurred_at), last.max(occurred_at)));
            self.unknown.insert(likeness, sid.clone());
        }
        self.sids.insert(sid);
    }

    /// How many seconds its rows are of.
    pub(super) fn seconds(&self) -> u64 {
        let seconds = |(first, last): (Timestamp, Timestamp)| last.as_second() - first.as_second() + 1;
        self.all_times.map_or(0, seconds).unsigned_abs()
    }

    /// Looks for a conflict among what is stored in `dir` of `account`; the list went from one end to the other.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`], if the store cannot be read.
    pub(super) fn conflict_in(
        &self,
        dir: &Path,
        account: &AccountSid,
        ends: (Timestamp, Timestamp),
    ) -> Result<Option<Conflict>, ArchiveError> {
        let Some((first, last)) = self.times else { return Ok(None) };
        let archive = Archive::open(dir)?;
        let mut after = archive.last_before(first - EDGE)?;
        for _ in 0..COMPARED_MAX / READ_AT_ONCE {
            let events = archive.events_after(after, READ_AT_ONCE)?;
            for stored in &events {
                if stored.event.received_at > last + ARRIVAL_MAX {
                    return Ok(None);
                }
                if let Some(conflict) = self.conflict_with(&stored.event, account, ends) {
                    return Ok(Some(conflict));
                }
            }
            match events.last() {
                Some(last) => after = last.seq,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    fn conflict_with(
        &self,
        event: &DebuggerEvent,
        account: &AccountSid,
        (from, through): (Timestamp, Timestamp),
    ) -> Option<Conflict> {
        let is_inside = event.occurred_at > from + EDGE && event.occurred_at < through - EDGE;
        if !event.source.is_push() || event.account_sid != *account || !is_inside || self.sids.contains(&event.sid) {
            return None;
        }
        let listed = self.unknown.get(&Likeness::of(event)?)?.clone();
        Some(Conflict { pushed: event.sid.clone(), listed })
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;

    use super::{Conflict, Listed, Noted};
    use crate::event::DebuggerEvent;
    use crate::sid::{AccountSid, EventSid};

    fn event(sid: &str, source: &str, resource: &str, at: &str) -> DebuggerEvent {
        let event = json!({
            "sid": sid, "account_sid": "AC1", "level": "error", "error_code": "11200", "source": source,
            "resource_sid": resource, "occurred_at": at, "received_at": at,
        });
        serde_json::from_value(event).expect("an event")
    }

    fn conflict(listed: &[(&str, bool)], pushed: &DebuggerEvent) -> Option<Conflict> {
        let mut list = Listed::default();
        for (sid, unknown) in listed {
            list.add(Noted::of(&event(sid, "alerts_api", "CA1", "2026-01-02T03:04:05Z")), *unknown);
        }
        let ends: (Timestamp, Timestamp) =
            ("2026-01-02T03:00:00Z".parse().expect("a time"), "2026-01-02T04:00:00Z".parse().expect("a time"));
        list.conflict_with(pushed, &AccountSid::parse("AC1").expect("valid"), ends)
    }

    #[test]
    fn the_same_event_under_two_sids_is_a_conflict() {
        let pushed = event("NO1", "webhook", "CA1", "2026-01-02T03:04:05.678Z");
        let sid = |sid| EventSid::parse(sid).expect("valid");
        assert_eq!(conflict(&[("NO2", true)], &pushed), Some(Conflict { pushed: sid("NO1"), listed: sid("NO2") }));
    }

    /// One call may fail twice in a second, and push may lose one of the two.
    #[test]
    fn two_events_that_are_alike_are_none() {
        let pushed = event("NO1", "webhook", "CA1", "2026-01-02T03:04:05.678Z");
        assert_eq!(conflict(&[("NO1", false), ("NO2", true)], &pushed), None);
        assert_eq!(conflict(&[("NO2", false)], &pushed), None, "known, so not under another Sid");
        for other in [
            event("NO1", "webhook", "CA2", "2026-01-02T03:04:05Z"),
            event("NO1", "webhook", "CA1", "2026-01-02T03:04:06Z"),
            event("NO1", "alerts_api", "CA1", "2026-01-02T03:04:05Z"),
        ] {
            assert_eq!(conflict(&[("NO2", true)], &other), None);
        }
        let mut foreign = event("NO1", "webhook", "CA1", "2026-01-02T03:04:05Z");
        foreign.account_sid = AccountSid::parse("AC2").expect("valid");
        assert_eq!(conflict(&[("NO2", true)], &foreign), None);
    }

    #[test]
    fn what_stands_at_an_end_of_the_list_is_not_compared() {
        let mut list = Listed::default();
        let at = "2026-01-02T03:04:05Z";
        list.add(Noted::of(&event("NO2", "alerts_api", "CA1", at)), true);
        let from: Timestamp = at.parse().expect("a time");
        let pushed = event("NO1", "webhook", "CA1", at);
        let account = AccountSid::parse("AC1").expect("valid");
        let ends = |before| (from - SignedDuration::from_secs(before), from + SignedDuration::from_hours(1));
        assert_eq!(list.conflict_with(&pushed, &account, ends(5)), None);
        assert!(list.conflict_with(&pushed, &account, ends(6)).is_some());
    }
}
