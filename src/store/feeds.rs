//! What is known of the feeds that bring an account's events: which have brought any, whether they give an event the same Sid, how far
//! those that are asked have been read, and what push has yet to bring.
//!
//! Twilio says nowhere that an event has one Sid in every feed. So what only the list of alerts has is added where no other feed has
//! ever brought anything, or once one Sid has come through two; else it could be counted twice. It is part of the state that
//! [`fold`](super::fold::fold) decides by, and as durable as the events.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::event::Source;
use crate::intake::{Identity, Position};
use crate::level::Level;
use crate::sid::AccountSid;

/// The most accounts whose feeds are known; what the list has of another one is held back.
const ACCOUNTS_MAX: usize = 100_000;

/// The most events that push may yet bring; what else is found is missed at once.
const AWAITED_MAX: usize = 100_000;

/// How long Event Streams repeats what was not taken.
///
/// Source: <https://www.twilio.com/docs/events/event-delivery-and-duplication>
pub(super) const REPEATED_FOR: SignedDuration = SignedDuration::from_hours(4);

/// The feeds of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AccountFeeds {
    /// When each feed first brought an event of it.
    pub(super) since: BTreeMap<Source, Timestamp>,
    /// Whether they give an event the same Sid.
    pub(super) identity: Identity,
}

impl AccountFeeds {
    /// When push first brought an event.
    fn push_since(&self) -> Option<Timestamp> {
        self.since.iter().filter(|(source, _)| source.is_push()).map(|(_, since)| *since).min()
    }

    /// Whether an event that nobody knows is new, and not one that push brought under another Sid.
    fn may_add(&self) -> bool {
        match self.identity {
            Identity::Proved => true,
            Identity::Unproved => self.push_since().is_none(),
            Identity::Refuted => false,
        }
    }
}

/// An event that was found in the list and that push may yet bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Awaited {
    /// The fingerprint of its Sid.
    pub(super) sid: u64,
    /// Its level.
    pub(super) level: Level,
    /// When push has missed it.
    pub(super) due: Timestamp,
}

/// What is known of an account's feeds, and how far those that were asked for have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState<const N: usize> {
    /// Of each feed, everything before this time has been taken; none for one that has never been read.
    pub read_through: [Option<Timestamp>; N],
    /// Whether the feeds give an event the same Sid.
    pub identity: Identity,
    /// When push first brought an event of the account.
    pub push_since: Option<Timestamp>,
}

/// Everything that is known of feeds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Feeds {
    pub(super) accounts: HashMap<AccountSid, AccountFeeds>,
    pub(super) positions: BTreeMap<String, Timestamp>,
    awaited: HashMap<u64, (Level, Timestamp)>,
}

/// What a group changes in them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FeedsChange {
    /// Accounts, as they are after it.
    pub(super) accounts: BTreeMap<AccountSid, AccountFeeds>,
    /// What push may yet bring.
    pub(super) awaited: Vec<Awaited>,
    /// What it has brought.
    pub(super) arrived: BTreeSet<u64>,
}

impl FeedsChange {
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.awaited.is_empty() && self.arrived.is_empty()
    }
}

/// The feeds while a group is folded: as they were, and what it has changed so far.
#[derive(Debug)]
pub(super) struct Folding<'a> {
    feeds: &'a Feeds,
    change: FeedsChange,
}

/// What becomes of an event that a list has and nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Held back.
    Held,
    /// Added; push was not there yet, or may yet bring it.
    Added,
    /// Added, and missed by push.
    Missed,
}

impl Folding<'_> {
    fn account(&self, account: &AccountSid) -> Option<&AccountFeeds> {
        self.change.accounts.get(account).or_else(|| self.feeds.accounts.get(account))
    }

    /// The feeds of an account, to be changed; none where there is no room for another account.
    fn change(&mut self, account: &AccountSid) -> Option<&mut AccountFeeds> {
        let has_room = || self.feeds.accounts.len() + self.change.accounts.len() < ACCOUNTS_MAX;
        if !self.change.accounts.contains_key(account) {
            let known = self.feeds.accounts.get(account).cloned();
            let feeds = known.or_else(|| has_room().then(AccountFeeds::default))?;
            self.change.accounts.insert(account.clone(), feeds);
        }
        self.change.accounts.get_mut(account)
    }

    /// `source` brings an event of an account that nobody knows.
    pub(super) fn brings(&mut self, source: Source, account: &AccountSid, at: Timestamp) {
        if self.account(account).is_none_or(|feeds| !feeds.since.contains_key(&source))
            && let Some(feeds) = self.change(account)
        {
            feeds.since.insert(source, at);
        }
    }

    /// The list has an event that nobody knows.
    pub(super) fn finds(&mut self, account: &AccountSid, event: Awaited, occurred: f64) -> Found {
        let feeds = match self.account(account) {
            Some(feeds) => feeds,
            None if self.feeds.accounts.len() + self.change.accounts.len() < ACCOUNTS_MAX => &AccountFeeds::default(),
            None => return Found::Held,
        };
        if !feeds.may_add() {
            return Found::Held;
        }
        if feeds.push_since().is_none_or(|since| occurred <= crate::metrics::seconds(since)) {
            return Found::Added;
        }
        let is_repeated = feeds.since.contains_key(&Source::EventStreams);
        if is_repeated && self.feeds.awaited.len() + self.change.awaited.len() < AWAITED_MAX {
            self.change.awaited.push(event);
            return Found::Added;
        }
        Found::Missed
    }

    /// `source` brings an event that is known. `elsewhere` says whether another feed brought it first.
    pub(super) fn repeats(&mut self, source: Source, account: &AccountSid, sid: u64, elsewhere: impl FnOnce() -> bool) {
        let is_unproved = |feeds: &AccountFeeds| feeds.identity == Identity::Unproved;
        if self.account(account).is_some_and(is_unproved)
            && elsewhere()
            && let Some(feeds) = self.change(account)
        {
            feeds.identity = Identity::Proved;
        }
        if source.is_push() {
            let found_just_now = self.change.awaited.iter().position(|awaited| awaited.sid == sid);
            if let Some(place) = found_just_now {
                self.change.awaited.swap_remove(place);
            } else if self.feeds.awaited.contains_key(&sid) {
                self.change.arrived.insert(sid);
            }
        }
    }

    /// The list has events of an account under other Sids than push.
    pub(super) fn refute(&mut self, account: &AccountSid) {
        if let Some(feeds) = self.change(account) {
            feeds.identity = Identity::Refuted;
        }
    }

    pub(super) fn finish(self) -> FeedsChange {
        self.change
    }
}

impl Feeds {
    pub(super) fn fold(&self) -> Folding<'_> {
        Folding { feeds: self, change: FeedsChange::default() }
    }

    /// What is known of one account, and of the feeds of these names.
    pub(super) fn state_of<const N: usize>(&self, account: &AccountSid, feeds: &[String; N]) -> FeedState<N> {
        let known = self.accounts.get(account);
        FeedState {
            read_through: feeds.each_ref().map(|feed| self.positions.get(feed).copied()),
            identity: known.map(|feeds| feeds.identity).unwrap_or_default(),
            push_since: known.and_then(AccountFeeds::push_since),
        }
    }

    /// Whether an event that is known changes anything here.
    pub(super) fn would_change(
        &self,
        source: Source,
        account: &AccountSid,
        sid: u64,
        elsewhere: impl FnOnce() -> bool,
    ) -> bool {
        let mut folding = self.fold();
        folding.repeats(source, account, sid, elsewhere);
        !folding.change.is_empty()
    }

    /// Makes a change true.
    pub(super) fn apply<'p>(&mut self, change: FeedsChange, positions: impl Iterator<Item = &'p Position>) {
        self.accounts.extend(change.accounts);
        for sid in change.arrived {
            self.awaited.remove(&sid);
        }
        self.await_all(change.awaited);
        self.positions.extend(positions.map(|position| (position.feed.clone(), position.read_through)));
    }

    /// Adds what push may yet bring.
    pub(super) fn await_all(&mut self, awaited: impl IntoIterator<Item = Awaited>) {
        self.awaited.extend(awaited.into_iter().map(|Awaited { sid, level, due }| (sid, (level, due))));
    }

    /// What push has missed by now, at most `max` of it.
    pub(super) fn overdue(&self, now: Timestamp, max: usize) -> Vec<(u64, Level)> {
        let due = self.awaited.iter().filter(|(_, (_, due))| *due <= now);
        due.map(|(sid, (level, _))| (*sid, *level)).take(max).collect()
    }

    /// No longer waits for these.
    pub(super) fn give_up(&mut self, overdue: &[(u64, Level)]) {
        for (sid, _) in overdue {
            self.awaited.remove(sid);
        }
    }
}

#[cfg(test)]
mod tests;
