//! Which stretches of time are listed, in which order, and what happens to one that holds more than a list may.
//!
//! Pure, in whole seconds, which is what the API can tell apart; both ends of a stretch belong to it. One list ends at
//! [`ROWS_MAX`] rows without saying so. So a stretch that brings as many is taken for cut off and divided, in halves or by how
//! dense its rows are, however small the parts have to be; a single second is listed level by level. What does not fit even then is left, and said.
//!
//! Source: <https://www.twilio.com/docs/usage/monitor-alert>

use jiff::{SignedDuration, Timestamp};

/// The most rows that one list brings, whatever its pages.
pub const ROWS_MAX: u64 = 10_000;

/// How far back alerts can be asked for: 30 days, less a minute that a request may be under way.
pub const LOOK_BACK_MAX: SignedDuration = SignedDuration::from_secs((30 * 24 * 60 - 1) * 60);

/// How much is listed again each time: an alert may appear in the list some time after it happened.
pub const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// How old an alert is before it is looked for: what is younger may not all be there, and push may yet bring it.
pub const MARGIN: SignedDuration = SignedDuration::from_mins(2);

/// The most parts that a window is divided into at once.
const PARTS_MAX: u64 = 64;

/// The levels that can be asked for one by one.
const LEVELS: [&str; 4] = ["error", "warning", "notice", "debug"];

/// One list to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// The first second.
    pub(super) from: i64,
    /// The last second.
    pub(super) through: i64,
    /// The one level that is asked for; all of them if none.
    pub(super) level: Option<&'static str>,
    /// Whether everything through its last second has been listed when this has: not so for the first levels of a second.
    closes: bool,
}

impl Window {
    /// Everything before this time has been listed, when this window has been and those before it.
    #[must_use]
    pub(super) fn read_through(&self) -> Option<Timestamp> {
        self.closes.then(|| time_of(self.through + 1))
    }

    /// Whether it has parts that can be listed by themselves.
    pub(super) fn is_divisible(&self) -> bool {
        self.from < self.through || self.level.is_none()
    }

    /// How many seconds it has.
    pub(super) fn seconds(&self) -> u64 {
        u64::try_from(self.through - self.from + 1).unwrap_or(0)
    }

    /// Its two ends, as times.
    #[must_use]
    pub(super) fn ends(&self) -> (Timestamp, Timestamp) {
        (time_of(self.from), time_of(self.through))
    }
}

/// The windows that are still to be listed, oldest first, so that the mark can follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The oldest stands last.
    ahead: Vec<Window>,
}

impl Plan {
    /// Everything from the second of `from` to that of `through`, nothing if the one is after the other.
    #[must_use]
    pub(super) fn new(from: Timestamp, through: Timestamp) -> Self {
        let window = Window { from: from.as_second(), through: through.as_second(), level: None, closes: true };
        Self { ahead: if window.from <= window.through { vec![window] } else { Vec::new() } }
    }

    /// How many seconds are still to be listed.
    pub(super) fn seconds(&self) -> u64 {
        self.ahead.iter().map(Window::seconds).sum()
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Option<Window> {
        self.ahead.pop()
    }

    /// Plans the parts of `window`, which could not be listed as a whole, at least two and at most [`PARTS_MAX`]; false if it has none.
    pub(super) fn divide(&mut self, window: Window, parts: u64) -> bool {
        let Window { from, through, closes, .. } = window;
        if from < through {
            let parts = parts.clamp(2, PARTS_MAX.min(window.seconds())).cast_signed();
            let begin = |part: i64| from + (through - from + 1) * part / parts;
            let part = |part| Window { from: begin(part), through: begin(part + 1) - 1, ..window };
            self.ahead.extend((0..parts).rev().map(part));
            return true;
        }
        if !window.is_divisible() {
            return false;
        }
        let levels = LEVELS.iter().enumerate().rev();
        let of_level = |(place, level): (usize, &&'static str)| Window {
            level: Some(level),
            closes: closes && place == LEVELS.len() - 1,
            ..window
        };
        self.ahead.extend(levels.map(of_level));
        true
    }
}

/// Into how many parts a window is divided whose list was cut off, when the rows of that were of so many seconds: twice as many as would
/// hold all of it if it were as dense everywhere. Only a guess: whatever the parts bring is looked at in the same way.
pub(super) fn parts_of(window: &Window, listed_seconds: u64) -> u64 {
    2 * window.seconds() / listed_seconds.max(1)
}

/// Where a round begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beginning {
    /// The first moment that is listed.
    pub(super) from: Timestamp,
    /// Since when nothing has been listed, if that is longer ago than can be asked for: from there to `from` is a gap.
    pub(super) gap_since: Option<Timestamp>,
}

impl Beginning {
    /// Where to begin `now`, when everything before `mark` has been taken and nothing before `first` was ever wanted.
    #[must_use]
    pub(super) fn of(mark: Timestamp, first: Timestamp, now: Timestamp) -> Self {
        let oldest = now - LOOK_BACK_MAX;
        let gap_since = (mark < oldest).then_some(mark);
        Self { from: (mark - OVERLAP).max(first).max(oldest), gap_since }
    }
}

fn time_of(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Beginning, LEVELS, LOOK_BACK_MAX, Plan, Window, parts_of};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    /// Lists everything, where a list of more than `most` seconds is too long; gives what was listed.
    fn listed(from: i64, through: i64, most: i64, parts: u64) -> Vec<Window> {
        let mut plan = Plan::new(at(from), at(through));
        let mut listed = Vec::new();
        while let Some(window) = plan.next() {
            if window.through - window.from < most || !plan.divide(window, parts) {
                listed.push(window);
            }
        }
        listed
    }

    #[test]
    fn parts_leave_no_second_out_and_list_none_twice() {
        for (from, through, most) in [(0, 0, 1), (0, 1, 1), (10, 1_000, 7), (0, 99, 100), (0, 100, 100), (5, 5, 9)] {
            for parts in [0, 2, 3, 7, 1_000_000] {
                let windows = listed(from, through, most, parts);
                let seconds: Vec<i64> = windows.iter().flat_map(|window| window.from..=window.through).collect();
                assert_eq!(seconds, (from..=through).collect::<Vec<_>>(), "in order, each once");
                assert!(windows.iter().all(|window| window.read_through() == Some(at(window.through + 1))));
            }
        }
    }

    #[test]
    fn a_second_with_too_much_in_it_is_listed_by_level_and_ends_with_the_last() {
        let windows = listed(7, 8, 0, 2);
        assert_eq!(windows.len(), 2 * LEVELS.len());
        let ends: Vec<_> = windows.iter().map(Window::read_through).collect();
        assert_eq!(ends, [None, None, None, Some(at(8)), None, None, None, Some(at(9))]);
        assert_eq!(windows.iter().filter_map(|window| window.level).collect::<Vec<_>>(), [LEVELS, LEVELS].concat());
    }

    /// One list of a day with a burst in it: what matters is that few lists are cut off, not that none is.
    #[test]
    fn a_window_is_divided_by_how_dense_it_is() {
        let window = Plan::new(at(0), at(3_599)).next().expect("an hour");
        assert_eq!(parts_of(&window, 3_600), 2, "just too many");
        assert_eq!(parts_of(&window, 1_200), 6);
        let mut plan = Plan::new(at(0), at(0));
        plan.next();
        assert!(plan.divide(window, parts_of(&window, 1)));
        assert_eq!(std::iter::from_fn(|| plan.next()).count(), 64);
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_none() {
        assert_eq!(Plan::new(at(10), at(9)).next(), None);
    }

    #[test]
    fn a_round_begins_a_little_before_the_mark_and_never_before_what_was_wanted() {
        let now = at(10_000_000);
        let minutes = |count| SignedDuration::from_mins(count);
        let mark = now - minutes(7);
        let beginning = |mark, first| Beginning::of(mark, first, now);
        assert_eq!(beginning(mark, at(0)), Beginning { from: mark - minutes(15), gap_since: None });
        assert_eq!(beginning(mark, mark), Beginning { from: mark, gap_since: None });
    }

    #[test]
    fn what_is_older_than_can_be_asked_for_is_a_gap() {
        let now = at(10_000_000);
        let oldest = now - LOOK_BACK_MAX;
        assert_eq!(Beginning::of(oldest, at(0), now), Beginning { from: oldest, gap_since: None });
        let older = oldest - SignedDuration::from_secs(1);
        assert_eq!(Beginning::of(older, at(0), now), Beginning { from: oldest, gap_since: Some(older) });
    }
}
