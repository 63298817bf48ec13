//! How many different things are affected: one call that fails a thousand times is not a thousand calls that fail.
//!
//! For each level and code an estimate of the distinct `resource_sid`s of the last hour, by the time the events happened. Windows of
//! ten minutes, each with a `HyperLogLog`, are merged; the oldest goes as the hour moves on. So the hour is between 50 minutes and 60
//! long, and the estimate within a few per cent; below some hundred things it is exact but for rare collisions.
//!
//! What a thing is called is kept nowhere, and nothing of this is stored: it starts empty with the process.

use std::collections::{HashMap, VecDeque};
use std::hash::RandomState;

use hyperloglogplus::{HyperLogLog as _, HyperLogLogPlus};

use super::series_labels::OVERFLOW;
use crate::level::Level;

/// The most estimates, each of one level and code; what is beyond shares one a level, `overflow`.
///
/// One has at most seven sketches, those of [`WINDOWS`] and all of them together, and a sketch at most 3 KiB, just before it becomes a
/// dense one: all estimates stay below 24 MiB.
pub(super) const ESTIMATES_MAX: usize = 1_000;

/// How long a window is, in seconds.
const WINDOW_SECONDS: f64 = 600.0;

/// How many windows there are: an hour of them.
const WINDOWS: i64 = 6;

/// Two to the power of this many registers of six bits: a standard error of 1.04 / sqrt(1024), 3 %.
const PRECISION: u8 = 10;

type Sketch = HyperLogLogPlus<u64, RandomState>;

/// Something that an event was about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Touched {
    /// A hash of its Sid.
    pub resource: u64,
    /// When the event happened, in seconds since 1970.
    pub occurred: f64,
}

/// Every estimate.
#[derive(Debug)]
pub(super) struct Affected {
    estimates: HashMap<(Level, String), Estimate>,
    estimates_max: usize,
    /// The same for every sketch: only so can they be merged.
    hasher: RandomState,
}

/// What is shown of one level and code.
#[derive(Debug, PartialEq)]
pub(super) struct Estimated {
    pub(super) level: Level,
    pub(super) error_code: String,
    pub(super) resources: f64,
}

impl Affected {
    pub(super) fn new(estimates_max: usize) -> Self {
        Self { estimates: HashMap::new(), estimates_max, hasher: RandomState::new() }
    }

    /// Counts what events of one level and code were about. What happened more than an hour before `now` (seconds since 1970) does not
    /// count.
    pub(super) fn note(&mut self, level: Level, error_code: &str, touched: &[Touched], now: f64) {
        let now = window_of(now);
        let is_recent = |touched: &&Touched| window_of(touched.occurred) > now - WINDOWS;
        let mut recent = touched.iter().filter(is_recent).peekable();
        if recent.peek().is_none() {
            return;
        }
        let mut key = (level, error_code.to_owned());
        if !self.estimates.contains_key(&key) && self.is_full(now) {
            OVERFLOW.clone_into(&mut key.1);
        }
        let estimate = self.estimates.entry(key).or_default();
        for touched in recent {
            // A clock that runs ahead has nothing that could be later than now.
            estimate.note(window_of(touched.occurred).min(now), touched.resource, &self.hasher);
        }
    }

    /// The estimates at `now` (seconds since 1970); of what nothing has happened to for an hour there is none.
    pub(super) fn estimates(&mut self, now: f64) -> Vec<Estimated> {
        let now = window_of(now);
        self.forget_before(now);
        let estimated = self.estimates.iter_mut().map(|((level, error_code), estimate)| Estimated {
            level: *level,
            error_code: error_code.clone(),
            resources: estimate.count(),
        });
        estimated.collect()
    }

    /// Whether there is no place for one more, also when those that are over have gone.
    fn is_full(&mut self, now: i64) -> bool {
        let has_room = |estimates: &HashMap<(Level, String), Estimate>, max: usize| {
            estimates.keys().filter(|(_, error_code)| error_code != OVERFLOW).count() < max
        };
        if has_room(&self.estimates, self.estimates_max) {
            return false;
        }
        self.forget_before(now);
        !has_room(&self.estimates, self.estimates_max)
    }

    fn forget_before(&mut self, now: i64) {
        self.estimates.retain(|_, estimate| {
            estimate.forget_before(now);
            !estimate.windows.is_empty()
        });
    }
}

/// The windows of one level and code in which something happened, oldest first.
#[derive(Debug, Default)]
struct Estimate {
    windows: VecDeque<(i64, Sketch)>,
    /// The windows merged; none since one has gone. Merging takes a hundred times as long as counting, and the writer waits meanwhile.
    all: Option<Sketch>,
}

impl Estimate {
    fn note(&mut self, window: i64, resource: u64, hasher: &RandomState) {
        let place = self.windows.partition_point(|(known, _)| *known < window);
        if self.windows.get(place).is_none_or(|(known, _)| *known != window) {
            let sketch = Sketch::new(PRECISION, hasher.clone()).expect("a precision between 4 and 18");
            self.windows.insert(place, (window, sketch));
        }
        self.windows[place].1.insert(&resource);
        if let Some(all) = &mut self.all {
            all.insert(&resource);
        }
    }

    fn forget_before(&mut self, now: i64) {
        while self.windows.front().is_some_and(|(window, _)| *window <= now - WINDOWS) {
            self.windows.pop_front();
            self.all = None;
        }
    }

    fn count(&mut self) -> f64 {
        let Self { windows, all } = self;
        if all.is_none() {
            let mut sketches = windows.iter().map(|(_, sketch)| sketch);
            *all = sketches.next().cloned().map(|mut merged| {
                for sketch in sketches {
                    merged.merge(sketch).expect("one precision for all");
                }
                merged
            });
        }
        all.as_mut().map_or(0.0, |all| all.count().round())
    }
}

fn window_of(seconds: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "a time of any century, and a float saturates")]
    let window = (seconds / WINDOW_SECONDS).floor() as i64;
    window
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    use super::{Affected, ESTIMATES_MAX, Touched, WINDOW_SECONDS};
    use crate::level::Level;

    /// The start of a window.
    const NOW: f64 = 6_000_000.0 * WINDOW_SECONDS;

    fn touched(resource: u64, occurred: f64) -> Touched {
        let mut hasher = DefaultHasher::new();
        resource.hash(&mut hasher);
        Touched { resource: hasher.finish(), occurred }
    }

    fn estimate(affected: &mut Affected, error_code: &str, now: f64) -> Option<f64> {
        let all = affected.estimates(now);
        all.iter().find(|estimated| estimated.error_code == error_code).map(|estimated| estimated.resources)
    }

    #[test]
    fn one_call_that_fails_a_thousand_times_is_one() {
        let mut affected = Affected::new(ESTIMATES_MAX);
        for second in 0..1_000 {
            affected.note(Level::Error, "11200", &[touched(7, NOW - f64::from(second))], NOW);
        }
        assert_eq!(estimate(&mut affected, "11200", NOW), Some(1.0));
        affected.note(Level::Error, "11200", &[touched(8, NOW)], NOW);
        assert_eq!(estimate(&mut affected, "11200", NOW), Some(2.0), "noted after it was counted");
    }

    /// 3 % is the standard error; five times that is beyond any chance. Things return in other windows, and count once.
    #[test]
    fn the_estimate_is_close_to_the_truth() {
        for things in [10_u32, 100, 1_000, 10_000, 100_000] {
            let mut affected = Affected::new(ESTIMATES_MAX);
            let all: Vec<_> = (0..things)
                .flat_map(|thing| {
                    let occurred = NOW - f64::from(thing % 3_000);
                    [touched(thing.into(), occurred), touched(thing.into(), NOW)]
                })
                .collect();
            affected.note(Level::Error, "11200", &all, NOW);
            let estimated = estimate(&mut affected, "11200", NOW).expect("an estimate");
            let error = (estimated / f64::from(things) - 1.0).abs();
            assert!(error < if things <= 100 { 0.02 } else { 0.15 }, "{things}: {estimated}");
        }
    }

    #[test]
    fn the_hour_moves_on() {
        let mut affected = Affected::new(ESTIMATES_MAX);
        affected.note(Level::Error, "11200", &[touched(1, NOW)], NOW);
        let later = NOW + 1_800.0;
        affected.note(Level::Error, "11200", &[touched(2, later)], later);
        for (seconds, things) in [(1_800.0, Some(2.0)), (3_599.0, Some(2.0)), (3_600.0, Some(1.0)), (5_400.0, None)] {
            assert_eq!(estimate(&mut affected, "11200", NOW + seconds), things, "{seconds} s later");
        }
        assert!(affected.estimates.is_empty(), "and leaves nothing behind");
    }

    #[test]
    fn what_is_older_than_an_hour_does_not_count() {
        let mut affected = Affected::new(ESTIMATES_MAX);
        affected.note(Level::Error, "11200", &[touched(1, NOW - 3_601.0), touched(2, 0.0)], NOW);
        assert!(affected.estimates.is_empty(), "nor does it take a place");
        affected.note(Level::Error, "11200", &[touched(1, NOW - 2_999.0), touched(2, NOW + 9_999.0)], NOW);
        assert_eq!(estimate(&mut affected, "11200", NOW), Some(2.0), "a clock that runs ahead is no reason");
    }

    #[test]
    fn beyond_the_limit_codes_share_an_estimate() {
        let mut affected = Affected::new(2);
        for (code, thing) in [("1", 1), ("2", 2), ("3", 3), ("4", 4), ("4", 3), ("1", 5)] {
            affected.note(Level::Error, code, &[touched(thing, NOW)], NOW);
        }
        affected.note(Level::Warning, "5", &[touched(6, NOW)], NOW);
        assert_eq!(affected.estimates.len(), 4);
        let mut all = affected.estimates(NOW);
        all.sort_by(|one, other| (one.level, &one.error_code).cmp(&(other.level, &other.error_code)));
        let shown: Vec<_> = all.iter().map(|one| (one.level, one.error_code.as_str(), one.resources)).collect();
        assert_eq!(
            shown,
            [
                (Level::Error, "1", 2.0),
                (Level::Error, "2", 1.0),
                (Level::Error, "overflow", 2.0),
                (Level::Warning, "overflow", 1.0)
            ]
        );
        let later = NOW + 3_600.0;
        affected.note(Level::Error, "3", &[touched(3, later)], later);
        assert_eq!(estimate(&mut affected, "3", later), Some(1.0), "a place is free again after an hour");
    }
}
