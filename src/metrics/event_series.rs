//! The series of `twilio_debugger_events_total`, and the rule that lets Prometheus see the first event of each.
//!
//! `rate()` and `increase()` take the first sample of a series as their baseline, so a series that appears with the value 1
//! has increased by nothing: the first event of a new error code, the one that matters most, never happened. Hence the rule:
//! *a series born since a scraper's previous scrape is shown to that scraper at 0, once.* The next scrape shows the truth, and
//! the increase is what it was.
//!
//! All the state there is: one number per scraper (when it last scraped), one per series (when it was born), both from a
//! counter that only goes up, and one durable bit per series (whether any scraper has been shown its true value).
//!
//! Each series has a sister in `twilio_debugger_late_events_total`: how many of its events were late. Rules subtract one from the other, so
//! both are born together and shown together, whatever their values: a late series that appeared with its first late event would be a
//! burst without its counterweight.
//!
//! A scraper not seen before may be a new Prometheus beside an old exporter, for which history must not look like a burst:
//! it sees true values. Or it is the old Prometheus and we have just started: then what was born in this process, or before it
//! without ever having been shown, still starts at 0.

use std::collections::HashMap;
use std::net::IpAddr;

use super::admission::Admission;
use super::durable::SeriesGain;
use super::series_labels::SeriesLabels;
use crate::error_code::ErrorCode;
use crate::level::Level;
use crate::sid::AccountSid;

/// The most scrapers that are told apart; the one silent for longest is forgotten first.
pub const SCRAPERS_MAX: usize = 64;

/// One series as the store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSeries {
    /// Its labels.
    pub labels: SeriesLabels,
    /// How many events.
    pub count: u64,
    /// How many of these were late.
    pub late: u64,
    /// When the newest happened, in seconds since 1970; none before the first.
    pub last_event: Option<f64>,
    /// Whether any scraper has been shown its true value.
    pub shown: bool,
}

/// One line of a scrape.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    /// The series.
    pub labels: &'a SeriesLabels,
    /// What this scraper is shown.
    pub value: u64,
    /// What it is shown of the late ones.
    pub late: u64,
    /// When the newest event happened, in seconds since 1970.
    pub last_event: Option<f64>,
}

/// Every series, its birth, and who has seen what.
#[derive(Debug)]
pub struct EventSeries {
    series: HashMap<SeriesLabels, Series>,
    scrapers: HashMap<IpAddr, u64>,
    clock: u64,
}

#[derive(Debug, Default)]
struct Series {
    count: u64,
    late: u64,
    last_event: Option<f64>,
    /// 0 for a series that an earlier process has left behind.
    born: u64,
    shown: bool,
}

/// Who asks for the metrics, as far as the rule cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Sees true values: a person, or everybody when the rule is off.
    Anyone,
    /// A Prometheus.
    Scraper {
        /// Its address.
        peer: IpAddr,
        /// Whether this process is too young for an unknown scraper to be a new one.
        young_process: bool,
    },
}

impl EventSeries {
    /// Starts from what the store kept, and admits the codes of that.
    #[must_use]
    pub fn new(stored: Vec<StoredSeries>, admission: &mut Admission) -> Self {
        let mut table = Self { series: HashMap::new(), scrapers: HashMap::new(), clock: 0 };
        for StoredSeries { mut labels, count, late, last_event, shown } in stored {
            if !admission.has_account_label() {
                // The label was on once: its series become one again, here as in every later start.
                labels.account_sid.clear();
            }
            admission.admit_stored(&labels);
            let series = table.series.entry(labels).or_default();
            series.count += count;
            series.late += late;
            series.last_event = series.last_event.into_iter().chain(last_event).reduce(f64::max);
            series.shown |= shown;
        }
        table
    }

    /// Creates the series of a configured code at 0, unless the store has brought it.
    pub fn create(&mut self, code: ErrorCode, account: &AccountSid, admission: &mut Admission) {
        for level in [Level::Error, Level::Warning] {
            let mut new = Vec::new();
            let labels = admission.labels(level, code, account, &mut new);
            admission.admit(new);
            self.series_of(labels);
        }
    }

    /// Counts events that are on disk.
    pub fn count(&mut self, SeriesGain { labels, events, late, newest, .. }: SeriesGain) {
        let series = self.series_of(labels);
        series.count += events;
        series.late += late;
        series.last_event = Some(series.last_event.map_or(newest, |known| known.max(newest)));
    }

    /// The series whose true value `viewer` would be shown now although no scraper has ever been: the store must know
    /// before the viewer does, see [`Self::mark_shown`].
    #[must_use]
    pub fn about_to_be_shown(&self, viewer: Viewer) -> Vec<SeriesLabels> {
        if viewer == Viewer::Anyone {
            return Vec::new();
        }
        let unshown = self.series.iter().filter(|(_, series)| !series.shown);
        unshown.filter(|(_, series)| !self.hides(series, viewer)).map(|(labels, _)| labels.clone()).collect()
    }

    /// Notes that scrapers see the true values of these series from now on.
    pub fn mark_shown(&mut self, labels: &[SeriesLabels]) {
        for labels in labels {
            if let Some(series) = self.series.get_mut(labels) {
                series.shown = true;
            }
        }
    }

    /// What `viewer` is shown. A scraper's next view starts from this one.
    ///
    /// A series whose true value is neither hidden by the rule nor marked as shown (it was born a moment ago, between two
    /// locks) is shown at 0 too, so that the promise of [`Self::about_to_be_shown`] holds.
    pub fn view(&mut self, viewer: Viewer) -> Vec<Sample<'_>> {
        let value = |series: &Series| {
            let secret = viewer != Viewer::Anyone && !series.shown;
            if secret || self.hides(series, viewer) { (0, 0) } else { (series.count, series.late) }
        };
        let values: Vec<_> = self.series.values().map(value).collect();
        if let Viewer::Scraper { peer, .. } = viewer {
            self.clock += 1;
            self.scrapers.insert(peer, self.clock);
            if self.scrapers.len() > SCRAPERS_MAX {
                let oldest = self.scrapers.iter().min_by_key(|(_, seen)| **seen).map(|(peer, _)| *peer);
                oldest.and_then(|peer| self.scrapers.remove(&peer));
            }
        }
        let samples = self.series.iter().zip(values).map(|((labels, series), (value, late))| Sample {
            labels,
            value,
            late,
            last_event: series.last_event,
        });
        samples.collect()
    }

    /// The rule.
    fn hides(&self, series: &Series, viewer: Viewer) -> bool {
        let Viewer::Scraper { peer, young_process } = viewer else {
            return false;
        };
        match self.scrapers.get(&peer) {
            Some(previous_scrape) => series.born > *previous_scrape,
            None => young_process && (series.born > 0 || !series.shown),
        }
    }

    fn series_of(&mut self, labels: SeriesLabels) -> &mut Series {
        let clock = &mut self.clock;
        self.series.entry(labels).or_insert_with(|| {
            *clock += 1;
            Series { born: *clock, ..Series::default() }
        })
    }
}

#[cfg(test)]
mod tests;
