//! Which events have been seen: the set behind "counted exactly once".
//!
//! A delivery is a duplicate when its Sid is known, or its MAC. The MAC catches what the Sid cannot: the signature joins names
//! and values without separators, so one captured request can be cut into another Sid under the same MAC. What is only known
//! from quarantine does not count: there the cut was not a clean one, and the clean one is unique.
//!
//! The set holds 64-bit fingerprints and not the ids, so that a million events fit into the memory bar (`make bench` shows the
//! process with that many). Among a million, two different ids share a fingerprint with a chance of 1 in 37 million.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use sha2::{Digest, Sha256};

use crate::account::Mac;

/// What is remembered of one arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fingerprints {
    /// An event, by its Sid and its MAC.
    Event { sid: u64, mac: u64 },
    /// Something quarantined, by its MAC alone; its Sid proves nothing.
    Quarantined { clean_mac: u64, mac: u64 },
}

impl Fingerprints {
    pub(super) fn of_event(sid: &str, mac: &Mac) -> Self {
        Self::Event { sid: fingerprint(b'S', sid.as_bytes()), mac: fingerprint(b'M', mac) }
    }

    pub(super) fn of_quarantined(mac: &Mac) -> Self {
        Self::Quarantined { clean_mac: fingerprint(b'M', mac), mac: fingerprint(b'Q', mac) }
    }

    /// The 16 bytes that the store keeps; the first 8 are zero for something quarantined.
    pub(super) fn to_bytes(self) -> [u8; 16] {
        let (first, second) = match self {
            Self::Event { sid, mac } => (sid, mac),
            Self::Quarantined { mac, .. } => (0, mac),
        };
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..].copy_from_slice(&second.to_le_bytes());
        bytes
    }
}

/// The first 8 bytes of a hash, never zero. SHA-256 and not a faster hash: the values are kept on disk, so they must be the
/// same in every version and on every machine.
fn fingerprint(kind: u8, id: &[u8]) -> u64 {
    let hash = Sha256::new().chain_update([kind]).chain_update(id).finalize();
    let start: [u8; 8] = hash[..8].try_into().expect("32 bytes have 8");
    u64::from_le_bytes(start).max(1)
}

/// The fingerprints of every event inside the dedupe window.
#[derive(Debug, Default)]
pub(super) struct Seen {
    sids: FingerprintSet,
    macs: FingerprintSet,
}

impl Seen {
    pub(super) fn with_capacity(events: usize) -> Self {
        Self { sids: FingerprintSet::with_capacity(events), macs: FingerprintSet::with_capacity(events) }
    }

    /// Remembers an arrival; false if it was known, and then nothing changes.
    pub(super) fn insert(&mut self, fingerprints: Fingerprints) -> bool {
        match fingerprints {
            Fingerprints::Event { sid, mac } => {
                if self.sids.contains(sid) || self.macs.contains(mac) {
                    return false;
                }
                self.sids.insert(sid) && self.macs.insert(mac)
            }
            Fingerprints::Quarantined { clean_mac, mac } => !self.macs.contains(clean_mac) && self.macs.insert(mac),
        }
    }

    /// Adds a row that the store kept.
    pub(super) fn load(&mut self, row: &[u8]) {
        for (first, second) in pairs_of(row) {
            if first != 0 {
                self.sids.insert(first);
            }
            self.macs.insert(second);
        }
    }

    /// Forgets a row that the store no longer keeps, or never got to keep.
    pub(super) fn forget(&mut self, row: &[u8]) {
        for (first, second) in pairs_of(row) {
            self.sids.remove(first);
            self.macs.remove(second);
        }
    }
}

fn pairs_of(row: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("chunks of 16 have two halves of 8"));
    row.chunks_exact(16).map(move |pair| (number(&pair[..8]), number(&pair[8..])))
}

/// In how many tables a set of fingerprints is kept. Tables have a power of two of places: with a million fingerprints in so many
/// of them, two thirds of the places are taken.
const TABLES: usize = 48;

type Table = HashSet<u64, BuildHasherDefault<AlreadyHashed>>;

/// A set in many tables. One that grows is copied, needs the room of both meanwhile, and every request waits for it: a small one
/// is soon done.
#[derive(Debug)]
struct FingerprintSet([Table; TABLES]);

impl Default for FingerprintSet {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl FingerprintSet {
    fn with_capacity(fingerprints: usize) -> Self {
        Self(std::array::from_fn(|_| table_for(fingerprints.div_ceil(TABLES))))
    }

    fn contains(&self, fingerprint: u64) -> bool {
        self.0[table_of(fingerprint)].contains(&fingerprint)
    }

    fn insert(&mut self, fingerprint: u64) -> bool {
        let table = &mut self.0[table_of(fingerprint)];
        if table.len() == table.capacity() {
            // Removed fingerprints go on taking places, and a table that has no place left may double for their sake.
            let mut anew = table_for(table.len() + table.len() / SPARE_PART);
            anew.extend(table.drain());
            *table = anew;
        }
        table.insert(fingerprint)
    }

    fn remove(&mut self, fingerprint: u64) {
        self.0[table_of(fingerprint)].remove(&fingerprint);
    }
}

/// A table made anew has room for this part of it again, so that it is not made anew all the time.
const SPARE_PART: usize = 8;

fn table_for(fingerprints: usize) -> Table {
    Table::with_capacity_and_hasher(fingerprints, BuildHasherDefault::default())
}

/// By bits from the middle: a table looks at the first and the last ones.
fn table_of(fingerprint: u64) -> usize {
    (fingerprint >> 40) as usize % TABLES
}

/// A hasher for values that are hashes.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{FingerprintSet, Fingerprints, Seen};

    const MAC: [u8; 20] = [7; 20];

    #[test]
    fn a_sid_or_a_mac_is_seen_once() {
        let mut seen = Seen::default();
        assert!(seen.insert(Fingerprints::of_event("NO1", &MAC)));
        assert!(!seen.insert(Fingerprints::of_event("NO1", &[8; 20])), "the Sid again");
        assert!(!seen.insert(Fingerprints::of_event("NO2", &MAC)), "a re-split of the same request");
        assert!(!seen.insert(Fingerprints::of_quarantined(&MAC)), "a re-split that is no event");
        assert!(seen.insert(Fingerprints::of_event("NO2", &[8; 20])));
    }

    #[test]
    fn what_quarantine_knows_does_not_keep_the_event_out() {
        let mut seen = Seen::default();
        assert!(seen.insert(Fingerprints::of_quarantined(&MAC)));
        assert!(!seen.insert(Fingerprints::of_quarantined(&MAC)));
        assert!(seen.insert(Fingerprints::of_event("NO1", &MAC)));
    }

    #[test]
    fn a_row_brings_back_and_takes_away_what_it_holds() {
        let (event, quarantined) = (Fingerprints::of_event("NO1", &MAC), Fingerprints::of_quarantined(&[9; 20]));
        let row: Vec<u8> = [event.to_bytes(), quarantined.to_bytes()].concat();
        let mut seen = Seen::with_capacity(2);
        seen.load(&row);
        assert!(!seen.insert(event));
        assert!(!seen.insert(quarantined));
        seen.forget(&row);
        assert!(seen.insert(event));
        assert!(seen.insert(quarantined));
    }

    #[test]
    fn the_tables_of_a_set_fill_alike() {
        let mut seen = Seen::default();
        for number in 0..32_000_u32 {
            let mut mac = MAC;
            mac[..4].copy_from_slice(&number.to_le_bytes());
            assert!(seen.insert(Fingerprints::of_event(&format!("NO{number}"), &mac)));
        }
        for set in [&seen.sids, &seen.macs] {
            assert!(set.0.iter().all(|table| (500..850).contains(&table.len())), "about 667 each");
        }
    }

    #[test]
    fn a_window_that_moves_on_takes_no_more_room() {
        const WINDOW: u64 = 48_000;
        let mut set = FingerprintSet::default();
        let number = |at: u64| fastrand::Rng::with_seed(at).u64(..);
        let capacity = |set: &FingerprintSet| set.0.iter().map(HashSet::capacity).sum::<usize>();
        (0..WINDOW).for_each(|at| assert!(set.insert(number(at))));
        let full = capacity(&set);
        for at in WINDOW..40 * WINDOW {
            assert!(set.insert(number(at)));
            set.remove(number(at - WINDOW));
        }
        assert!(capacity(&set) <= full, "{} for {full} before", capacity(&set));
        assert!((39 * WINDOW..40 * WINDOW).all(|at| set.contains(number(at))), "and forgets nothing");
    }

    #[test]
    fn fingerprints_are_the_same_in_every_version() {
        let Fingerprints::Event { sid, mac } = Fingerprints::of_event("NO1", &MAC) else { panic!("an event") };
        assert_eq!((sid, mac), (9_392_460_810_991_962_762, 11_931_552_100_604_367_330));
    }
}
