//! A set of a million hashes that hardly ever makes anybody wait, and takes no more room when it has been in use for long.

use nohash_hasher::IntSet;

/// In how many tables a set of fingerprints is kept. Tables have a power of two of places: with a million fingerprints in so many
/// of them, two thirds of the places are taken.
const TABLES: usize = 48;

/// A set in many tables. One that grows is copied, needs the room of both meanwhile, and every request waits for it: a small one
/// is soon done.
#[derive(Debug)]
pub(super) struct FingerprintSet([IntSet<u64>; TABLES]);

impl Default for FingerprintSet {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl FingerprintSet {
    pub(super) fn with_capacity(fingerprints: usize) -> Self {
        Self(std::array::from_fn(|_| table_for(fingerprints.div_ceil(TABLES))))
    }

    pub(super) fn contains(&self, fingerprint: u64) -> bool {
        self.0[table_of(fingerprint)].contains(&fingerprint)
    }

    pub(super) fn insert(&mut self, fingerprint: u64) -> bool {
        let table = &mut self.0[table_of(fingerprint)];
        if table.len() == table.capacity() {
            // Removed fingerprints go on taking places, and a table that has no place left may double for their sake.
            let mut anew = table_for(table.len() + table.len() / SPARE_PART);
            anew.extend(table.drain());
            *table = anew;
        }
        table.insert(fingerprint)
    }

    pub(super) fn extend(&mut self, fingerprint: Option<u64>) {
        if let Some(fingerprint) = fingerprint {
            self.insert(fingerprint);
        }
    }

    pub(super) fn remove(&mut self, fingerprint: Option<u64>) {
        if let Some(fingerprint) = fingerprint {
            self.0[table_of(fingerprint)].remove(&fingerprint);
        }
    }
}

#[cfg(test)]
impl FingerprintSet {
    pub(super) fn table_lengths(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(IntSet::len)
    }
}

/// A table made anew has room for this part of it again, so that it is not made anew all the time.
const SPARE_PART: usize = 8;

fn table_for(fingerprints: usize) -> IntSet<u64> {
    IntSet::with_capacity_and_hasher(fingerprints, nohash_hasher::BuildNoHashHasher::default())
}

/// By bits from the middle: a table looks at the first and the last ones.
fn table_of(fingerprint: u64) -> usize {
    (fingerprint >> 40) as usize % TABLES
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::FingerprintSet;

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
            set.remove(Some(number(at - WINDOW)));
        }
        assert!(capacity(&set) <= full, "{} for {full} before", capacity(&set));
        assert!((39 * WINDOW..40 * WINDOW).all(|at| set.contains(number(at))), "and forgets nothing");
    }
}
