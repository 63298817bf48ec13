//! A metrics page, read.

use std::collections::BTreeMap;

/// The samples of one scrape, by name with labels as they stand on the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scrape {
    pub text: String,
    pub samples: BTreeMap<String, f64>,
}

impl Scrape {
    /// Reads a page in the text format.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let samples = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            (series.to_owned(), value.parse().expect("a value is a number"))
        });
        Self { text: text.to_owned(), samples: samples.collect() }
    }

    /// The value of one series, given as on the page: `name{label="value"}`; none if it is not there.
    pub fn get(&self, series: &str) -> Option<f64> {
        self.samples.get(series).copied()
    }

    /// Whether every series of a metric has risen by so much since an `earlier` page; false if that had none.
    pub fn have_risen(&self, name: &str, earlier: &Self, by: f64) -> bool {
        let of_metric = |(series, _): &(&String, &f64)| series.split('{').next() == Some(name);
        let mut series = earlier.samples.iter().filter(of_metric).peekable();
        series.peek().is_some() && series.all(|(series, before)| self.get(series) >= Some(before + by))
    }

    /// The sum over every series of a metric.
    pub fn sum(&self, name: &str) -> f64 {
        self.sum_where(name, |_| true)
    }

    /// The sum over those series of a metric whose text satisfies `wanted`.
    pub fn sum_where(&self, name: &str, wanted: impl Fn(&str) -> bool) -> f64 {
        let is_series = |series: &str| series.split('{').next() == Some(name) && wanted(series);
        self.samples.iter().filter(|(series, _)| is_series(series)).map(|(_, value)| value).sum()
    }

    /// Panics unless received = accepted + duplicates + quarantined at intake + rejected.
    pub fn assert_adds_up(&self) {
        let received = self.sum("twilio_debugger_exporter_requests_total");
        let accepted = self.sum("twilio_debugger_accepted_events_total");
        let duplicates = self.sum("twilio_debugger_exporter_duplicates_total");
        let quarantined =
            self.sum_where("twilio_debugger_exporter_quarantined_total", |series| !series.contains("otlp_rejected"));
        let rejected = self.sum("twilio_debugger_exporter_rejected_total");
        let parts = accepted + duplicates + quarantined + rejected;
        assert!(
            (received - parts).abs() < 0.5,
            "received {received} = accepted {accepted} + duplicates {duplicates} + quarantined {quarantined} + rejected {rejected}"
        );
    }
}
