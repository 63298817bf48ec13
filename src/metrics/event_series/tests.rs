use super::super::admission::Admission;
use super::super::durable::SeriesGain;
use super::super::series_labels::SeriesLabels;
use super::{EventSeries, SCRAPERS_MAX, StoredSeries, Viewer};
use crate::error_code::ErrorCode;
use crate::level::Level;
use crate::sid::AccountSid;

fn account() -> AccountSid {
    AccountSid::parse("AC1").expect("short, valid")
}

/// The series, and which codes are admitted to them.
struct Table {
    series: EventSeries,
    admission: Admission,
}

impl Table {
    fn new(stored: Vec<StoredSeries>, admitted_max: usize, account_label: bool) -> Self {
        let mut admission = Admission::new(admitted_max, account_label);
        Self { series: EventSeries::new(stored, &mut admission), admission }
    }

    fn labels(&mut self, level: Level, code: ErrorCode, account: &AccountSid) -> SeriesLabels {
        let mut new = Vec::new();
        let labels = self.admission.labels(level, code, account, &mut new);
        self.admission.admit(new);
        labels
    }
}

impl std::ops::Deref for Table {
    type Target = EventSeries;

    fn deref(&self) -> &EventSeries {
        &self.series
    }
}

impl std::ops::DerefMut for Table {
    fn deref_mut(&mut self) -> &mut EventSeries {
        &mut self.series
    }
}

fn empty() -> Table {
    Table::new(Vec::new(), 1000, false)
}

fn scraper(last: u8) -> Viewer {
    Viewer::Scraper { peer: [127, 0, 0, last].into(), young_process: false }
}

fn young(last: u8) -> Viewer {
    Viewer::Scraper { peer: [127, 0, 0, last].into(), young_process: true }
}

fn count(series: &mut Table, code: u32, events: u64) {
    let labels = series.labels(Level::Error, ErrorCode::Code(code), &account());
    series.count(SeriesGain { labels, events, late: 0, newest: 1.0, touched: Vec::new() });
}

/// One scrape, as the exposition does it: mark, then view. Gives the value of one code, none if there is no such series.
fn scrape(series: &mut Table, viewer: Viewer, code: u32) -> Option<u64> {
    let shown = series.about_to_be_shown(viewer);
    series.mark_shown(&shown);
    let code = code.to_string();
    series.view(viewer).iter().find(|sample| sample.labels.error_code == code).map(|sample| sample.value)
}

#[test]
fn each_scraper_sees_a_new_series_at_zero_once() {
    let mut series = empty();
    assert_eq!(scrape(&mut series, scraper(1), 11200), None);
    assert_eq!(scrape(&mut series, scraper(2), 11200), None);
    count(&mut series, 11200, 1);
    assert_eq!(scrape(&mut series, scraper(1), 11200), Some(0));
    count(&mut series, 11200, 1);
    assert_eq!(scrape(&mut series, scraper(2), 11200), Some(0), "the other scraper has not taken this one's zero");
    assert_eq!(scrape(&mut series, scraper(1), 11200), Some(2));
    assert_eq!(scrape(&mut series, scraper(2), 11200), Some(2));
}

#[test]
fn a_person_sees_the_truth_and_takes_nobodys_zero() {
    let mut series = empty();
    scrape(&mut series, scraper(1), 11200);
    count(&mut series, 11200, 3);
    assert_eq!(scrape(&mut series, Viewer::Anyone, 11200), Some(3));
    assert_eq!(scrape(&mut series, scraper(1), 11200), Some(0));
}

#[test]
fn a_new_scraper_beside_an_old_process_sees_no_burst() {
    let mut series = empty();
    scrape(&mut series, scraper(1), 11200);
    count(&mut series, 11200, 500);
    assert_eq!(scrape(&mut series, scraper(3), 11200), Some(500));
}

#[test]
fn an_unknown_scraper_of_a_young_process_sees_what_was_born_in_it_at_zero() {
    let mut series = empty();
    count(&mut series, 11200, 1);
    assert_eq!(scrape(&mut series, young(1), 11200), Some(0));
    assert_eq!(scrape(&mut series, young(1), 11200), Some(1));
    assert_eq!(scrape(&mut series, young(2), 11200), Some(0), "also after another scraper has seen it");
}

fn stored(code: &str, count: u64, shown: bool) -> StoredSeries {
    let labels = SeriesLabels { level: Level::Error, error_code: code.into(), account_sid: String::new() };
    StoredSeries { labels, count, late: 0, last_event: Some(1.0), shown }
}

#[test]
fn after_a_restart_only_what_nobody_was_shown_starts_at_zero() {
    let mut series = Table::new(vec![stored("1", 7, true), stored("2", 7, false)], 1000, false);
    assert_eq!(scrape(&mut series, young(1), 1), Some(7), "a zero would be a counter reset");
    let mut series = Table::new(vec![stored("1", 7, true), stored("2", 7, false)], 1000, false);
    assert_eq!(scrape(&mut series, young(1), 2), Some(0));
    assert_eq!(scrape(&mut series, young(1), 2), Some(7));
}

#[test]
fn a_series_is_marked_before_its_true_value_is_shown_and_not_when_it_is_hidden() {
    let mut series = empty();
    scrape(&mut series, scraper(1), 11200);
    count(&mut series, 11200, 1);
    assert!(series.about_to_be_shown(scraper(1)).is_empty(), "hidden this time");
    assert_eq!(series.view(scraper(1))[0].value, 0);
    let marked = series.about_to_be_shown(scraper(1));
    assert_eq!(marked.len(), 1);
    assert_eq!(series.view(scraper(1))[0].value, 0, "not shown before it is marked");
    series.mark_shown(&marked);
    assert_eq!(series.view(scraper(1))[0].value, 1);
    assert!(series.about_to_be_shown(scraper(1)).is_empty());
}

#[test]
fn the_sum_stays_exact_beyond_the_limit() {
    let mut series = Table::new(Vec::new(), 10, false);
    for code in 0..100 {
        count(&mut series, code, 1);
    }
    assert!(series.labels(Level::Error, ErrorCode::Code(99), &account()).is_overflow());
    let samples = series.view(Viewer::Anyone);
    assert_eq!(samples.len(), 11);
    assert_eq!(samples.iter().map(|sample| sample.value).sum::<u64>(), 100);
}

#[test]
fn an_admitted_code_stays_admitted_over_a_restart() {
    let mut series = Table::new(vec![stored("1", 7, true)], 1, false);
    assert!(!series.labels(Level::Error, ErrorCode::Code(1), &account()).is_overflow());
    assert!(series.labels(Level::Error, ErrorCode::Code(2), &account()).is_overflow());
    assert!(
        !series.labels(Level::Error, ErrorCode::Absent, &account()).is_overflow(),
        "none and invalid take no place"
    );
}

#[test]
fn accounts_are_bounded_like_codes() {
    let mut series = Table::new(Vec::new(), 2, true);
    for sid in ["AC1", "AC2", "AC3", "AC4"] {
        let account = AccountSid::parse(sid).expect("valid");
        let labels = series.labels(Level::Error, ErrorCode::Absent, &account);
        series.count(SeriesGain { labels, events: 1, late: 0, newest: 1.0, touched: Vec::new() });
    }
    assert_eq!(series.view(Viewer::Anyone).len(), 3);
}

#[test]
fn scrapers_are_bounded() {
    let mut series = empty();
    for last in 0..=255 {
        scrape(&mut series, scraper(last), 1);
    }
    assert_eq!(series.scrapers.len(), SCRAPERS_MAX);
    count(&mut series, 1, 1);
    assert_eq!(scrape(&mut series, scraper(255), 1), Some(0), "the latest is still known");
}

/// A rule takes the late events off. A late series that came alone, or before the zero, would leave a burst without its counterweight.
#[test]
fn a_late_series_is_born_and_shown_with_its_sister() {
    let mut table = Table::new(Vec::new(), 10, false);
    let labels = table.labels(Level::Error, ErrorCode::Code(11200), &account());
    let prometheus = scraper(1);
    table.series.view(prometheus);
    table.series.count(SeriesGain { labels: labels.clone(), events: 3, late: 2, newest: 1.0, touched: Vec::new() });
    let pair = |table: &mut Table, viewer| {
        let samples = table.series.view(viewer);
        (samples.len(), samples[0].value, samples[0].late)
    };
    assert_eq!(pair(&mut table, prometheus), (1, 0, 0), "both at 0");
    let shown = table.series.about_to_be_shown(prometheus);
    table.series.mark_shown(&shown);
    assert_eq!(pair(&mut table, prometheus), (1, 3, 2), "both true");
    assert_eq!(pair(&mut table, Viewer::Anyone), (1, 3, 2));
}
