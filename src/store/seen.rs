//! Which events have been seen: the set behind "counted exactly once".
//!
//! A delivery is a duplicate when its Sid is known, or its MAC. The MAC catches what the Sid cannot: the signature joins names
//! and values without separators, so one captured request can be cut into another Sid under the same MAC. What is only known
//! from quarantine does not count: there the cut was not a clean one, and the clean one is unique.
//!
//! The set holds 64-bit fingerprints and not the ids, so that a million events fit into the memory bar (`make bench` shows the
//! process with that many). Among a million, two different ids share a fingerprint with a chance of 1 in 37 million.

mod fingerprint_set;

use nohash_hasher::IntSet;
use sha2::{Digest, Sha256};

use self::fingerprint_set::FingerprintSet;
use crate::account::Mac;
use crate::event::Source;
use crate::sid::EventSid;

/// What is remembered of one arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fingerprints {
    /// An event, by its Sid, and by its MAC where one request is one event; elsewhere the second says which input brought it.
    Event { sid: u64, second: u64 },
    /// Something quarantined; its Sid proves nothing. By its MAC, which is known already where an event had it, or else by what stands
    /// in quarantine of it.
    Quarantined { clean_mac: Option<u64>, id: u64 },
}

impl Fingerprints {
    /// What a row of table `seen_groups` has for each arrival.
    pub(super) const BYTES: usize = 16;

    pub(super) fn of_event(sid: &str, mac: Option<&Mac>, source: Source) -> Self {
        let sid = fingerprint(b'S', sid.as_bytes());
        Self::Event { sid, second: mac.map_or_else(|| brought_by(source, sid), |mac| fingerprint(b'M', mac)) }
    }

    pub(super) fn of_quarantined(mac: Option<&Mac>, content: impl FnOnce() -> String) -> Self {
        match mac {
            Some(mac) => Self::Quarantined { clean_mac: Some(fingerprint(b'M', mac)), id: fingerprint(b'Q', mac) },
            None => Self::Quarantined { clean_mac: None, id: fingerprint(b'C', content().as_bytes()) },
        }
    }

    /// As the store keeps it: two numbers, of which the first is zero for something quarantined.
    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let (first, second) = match self {
            Self::Event { sid, second } => (sid, second),
            Self::Quarantined { id, .. } => (0, id),
        };
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..].copy_from_slice(&second.to_le_bytes());
        bytes
    }

    /// The fingerprint of an event's Sid.
    pub(super) fn sid(self) -> Option<u64> {
        match self {
            Self::Event { sid, .. } => Some(sid),
            Self::Quarantined { .. } => None,
        }
    }

    fn is_known(self, has_sid: impl Fn(u64) -> bool, has_mac: impl Fn(u64) -> bool) -> bool {
        match self {
            Self::Event { sid, second } => has_sid(sid) || has_mac(second),
            Self::Quarantined { clean_mac, id } => clean_mac.is_some_and(&has_mac) || has_mac(id),
        }
    }

    /// Whether the Sid is known and `source` is not the only input that brought it, by what was remembered of whoever came first.
    fn is_known_elsewhere(self, source: Source, has_sid: impl Fn(u64) -> bool, has_mac: impl Fn(u64) -> bool) -> bool {
        let Self::Event { sid, .. } = self else { return false };
        let first_was = |other: Source| has_mac(brought_by(other, sid));
        let first_was_other = match source {
            // Of a form the MAC is remembered, which says nothing of the Sid.
            Source::Webhook => Source::ALL.iter().any(|other| first_was(*other)),
            source => !first_was(source),
        };
        has_sid(sid) && first_was_other
    }

    /// What is added to the two sets: of Sids, and of MACs and other ids.
    fn to_remember(self) -> (Option<u64>, Option<u64>) {
        match self {
            Self::Event { sid, second } => (Some(sid), Some(second)),
            Self::Quarantined { id, .. } => (None, Some(id)),
        }
    }
}

/// The first 8 bytes of a hash, never zero. SHA-256 and not a faster hash: the values are kept on disk, so they must be the
/// same in every version and on every machine.
fn fingerprint(kind: u8, id: &[u8]) -> u64 {
    let hash = Sha256::new().chain_update([kind]).chain_update(id).finalize();
    let start: [u8; 8] = hash[..8].try_into().expect("32 bytes have 8");
    u64::from_le_bytes(start).max(1)
}

/// Which input has brought an event, for those whose requests have no MAC of their own: the Sid's fingerprint, mixed with the input's
/// name. Mixed and not hashed, so that it can be told from the fingerprint alone.
fn brought_by(source: Source, sid: u64) -> u64 {
    let salt = source
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |mixed: u64, byte| (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The last steps of splitmix64: every bit of the one decides every bit of the other, and no two become one.
    let mixed = sid ^ salt;
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).max(1)
}

/// The fingerprints of every event inside the dedupe window.
#[derive(Debug, Default)]
pub(super) struct Seen {
    sids: FingerprintSet,
    macs: FingerprintSet,
}

/// Fingerprints of what is about to be remembered.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    sids: IntSet<u64>,
    macs: IntSet<u64>,
}

impl Fresh {
    /// Adds an arrival.
    pub(super) fn add(&mut self, fingerprints: Fingerprints) {
        let (sid, mac) = fingerprints.to_remember();
        self.sids.extend(sid);
        self.macs.extend(mac);
    }
}

impl Seen {
    pub(super) fn with_capacity(events: usize) -> Self {
        Self { sids: FingerprintSet::with_capacity(events), macs: FingerprintSet::with_capacity(events) }
    }

    /// Whether an arrival is known here.
    pub(super) fn knows(&self, fingerprints: Fingerprints) -> bool {
        fingerprints.is_known(|sid| self.sids.contains(sid), |mac| self.macs.contains(mac))
    }

    /// Whether an event is known here.
    pub(super) fn knows_sid(&self, sid: &EventSid) -> bool {
        self.sids.contains(fingerprint(b'S', sid.as_str().as_bytes()))
    }

    /// Whether an arrival is known here or to `fresh`.
    pub(super) fn knows_with(&self, fingerprints: Fingerprints, fresh: &Fresh) -> bool {
        fingerprints.is_known(
            |sid| self.sids.contains(sid) || fresh.sids.contains(&sid),
            |mac| self.macs.contains(mac) || fresh.macs.contains(&mac),
        )
    }

    /// Whether the Sid of an event that `source` brings is known here or to `fresh` from another input.
    pub(super) fn knows_elsewhere(&self, fingerprints: Fingerprints, source: Source, fresh: &Fresh) -> bool {
        fingerprints.is_known_elsewhere(
            source,
            |sid| self.sids.contains(sid) || fresh.sids.contains(&sid),
            |mac| self.macs.contains(mac) || fresh.macs.contains(&mac),
        )
    }

    /// Remembers an arrival.
    pub(super) fn remember(&mut self, fingerprints: Fingerprints) {
        let (sid, mac) = fingerprints.to_remember();
        self.sids.extend(sid);
        self.macs.extend(mac);
    }

    /// Adds a row that the store kept.
    pub(super) fn load(&mut self, row: &[u8]) {
        for (sid, mac) in pairs_of(row) {
            self.sids.extend(sid);
            self.macs.extend(mac);
        }
    }

    /// Forgets a row that the store no longer keeps.
    pub(super) fn forget(&mut self, row: &[u8]) {
        for (sid, mac) in pairs_of(row) {
            self.sids.remove(sid);
            self.macs.remove(mac);
        }
    }
}

/// How many arrivals a row remembers.
pub(super) fn arrivals_of(row: &[u8]) -> u64 {
    (row.len() / Fingerprints::BYTES) as u64
}

fn pairs_of(row: &[u8]) -> impl Iterator<Item = (Option<u64>, Option<u64>)> {
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("two halves of 8 bytes"));
    let numbers = row.chunks_exact(Fingerprints::BYTES).map(move |pair| (number(&pair[..8]), number(&pair[8..])));
    numbers.map(|(first, second)| ((first != 0).then_some(first), (second != 0).then_some(second)))
}

#[cfg(test)]
mod tests {
    use super::{Fingerprints, Fresh, Seen, arrivals_of};
    use crate::event::Source;

    const MAC: [u8; 20] = [7; 20];

    fn event(sid: &str, mac: &[u8; 20]) -> Fingerprints {
        Fingerprints::of_event(sid, Some(mac), Source::Webhook)
    }

    fn quarantined(mac: &[u8; 20]) -> Fingerprints {
        Fingerprints::of_quarantined(Some(mac), String::new)
    }

    /// Remembers an arrival; false if it was known.
    fn insert(seen: &mut Seen, fingerprints: Fingerprints) -> bool {
        let is_new = !seen.knows_with(fingerprints, &Fresh::default());
        assert_eq!(is_new, !seen.knows(fingerprints));
        if is_new {
            seen.remember(fingerprints);
        }
        is_new
    }

    #[test]
    fn a_sid_or_a_mac_is_seen_once() {
        let mut seen = Seen::default();
        assert!(insert(&mut seen, event("NO1", &MAC)));
        assert!(!insert(&mut seen, event("NO1", &[8; 20])), "the Sid again");
        assert!(!insert(&mut seen, event("NO2", &MAC)), "a re-split of the same request");
        assert!(!insert(&mut seen, quarantined(&MAC)), "a re-split that is no event");
        assert!(insert(&mut seen, event("NO2", &[8; 20])));
    }

    #[test]
    fn what_is_fresh_is_known_before_it_is_remembered() {
        let (seen, mut fresh) = (Seen::default(), Fresh::default());
        assert!(!seen.knows_with(event("NO1", &MAC), &fresh));
        fresh.add(event("NO1", &MAC));
        assert!(seen.knows_with(event("NO1", &[8; 20]), &fresh));
        assert!(seen.knows_with(event("NO2", &MAC), &fresh));
        assert!(!seen.knows(event("NO1", &MAC)));
    }

    #[test]
    fn what_quarantine_knows_does_not_keep_the_event_out() {
        let mut seen = Seen::default();
        assert!(insert(&mut seen, quarantined(&MAC)));
        assert!(!insert(&mut seen, quarantined(&MAC)));
        assert!(insert(&mut seen, event("NO1", &MAC)));
    }

    /// One signature covers a whole batch: by the MAC, each event would be a duplicate of the first.
    #[test]
    fn without_a_mac_an_event_is_known_by_its_sid_alone() {
        let mut seen = Seen::default();
        let listed = |sid| Fingerprints::of_event(sid, None, Source::AlertsApi);
        let other = |content: &str| Fingerprints::of_quarantined(None, || content.to_owned());
        for new in [listed("NO1"), listed("NO2"), other("a"), other("b")] {
            assert!(insert(&mut seen, new));
            assert!(!insert(&mut seen, new));
            let mut again = Seen::default();
            again.load(&new.to_bytes());
            assert!(again.knows(new));
            again.forget(&new.to_bytes());
            assert!(!again.knows(new));
        }
        assert!(!insert(&mut seen, event("NO1", &MAC)), "another input brings it later");
    }

    /// That is how it is found out whether Twilio gives an event one Sid in every feed.
    #[test]
    fn a_sid_is_known_from_elsewhere_when_another_input_was_first() {
        let form = |sid, mac| Fingerprints::of_event(sid, Some(&[mac; 20]), Source::Webhook);
        let listed = |sid| Fingerprints::of_event(sid, None, Source::AlertsApi);
        let mut seen = Seen::default();
        let nothing = Fresh::default();
        assert!(insert(&mut seen, form("NO1", 1)));
        assert!(!seen.knows_elsewhere(form("NO1", 2), Source::Webhook, &nothing), "the same input, under another key");
        assert!(seen.knows_elsewhere(listed("NO1"), Source::AlertsApi, &nothing));
        assert!(!seen.knows_elsewhere(listed("NO2"), Source::AlertsApi, &nothing), "not known at all");
        assert!(insert(&mut seen, listed("NO2")));
        assert!(!seen.knows_elsewhere(listed("NO2"), Source::AlertsApi, &nothing), "the same list again");
        assert!(seen.knows_elsewhere(form("NO2", 3), Source::Webhook, &nothing));
        let mut fresh = Fresh::default();
        fresh.add(form("NO3", 4));
        assert!(seen.knows_elsewhere(listed("NO3"), Source::AlertsApi, &fresh), "a moment ago");
    }

    #[test]
    fn a_row_brings_back_and_takes_away_what_it_holds() {
        let (event, quarantined) = (event("NO1", &MAC), quarantined(&[9; 20]));
        let row: Vec<u8> = [event.to_bytes(), quarantined.to_bytes()].concat();
        assert_eq!(arrivals_of(&row), 2);
        let mut seen = Seen::with_capacity(2);
        seen.load(&row);
        assert!(!insert(&mut seen, event));
        assert!(!insert(&mut seen, quarantined));
        seen.forget(&row);
        assert!(insert(&mut seen, event));
        assert!(insert(&mut seen, quarantined));
    }

    #[test]
    fn the_tables_of_a_set_fill_alike() {
        let mut seen = Seen::default();
        for number in 0..32_000_u32 {
            let mut mac = MAC;
            mac[..4].copy_from_slice(&number.to_le_bytes());
            assert!(insert(&mut seen, event(&format!("NO{number}"), &mac)));
        }
        for set in [&seen.sids, &seen.macs] {
            assert!(set.table_lengths().all(|length| (500..850).contains(&length)), "about 667 each");
        }
    }

    #[test]
    fn fingerprints_are_the_same_in_every_version() {
        let Fingerprints::Event { sid, second } = event("NO1", &MAC) else { panic!("an event") };
        assert_eq!((sid, second), (9_392_460_810_991_962_762, 11_931_552_100_604_367_330));
        let Fingerprints::Event { sid: again, second } = Fingerprints::of_event("NO1", None, Source::AlertsApi) else {
            panic!("an event")
        };
        assert_eq!((again, second), (sid, 7_452_698_971_554_898_548));
    }
}
