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

    /// Panics unless, for each input, received = accepted + duplicates + quarantined at intake + ignored, in events; and, in requests, what was
    /// not answered 2xx = rejected.
    pub fn assert_adds_up(&self) {
        let received = "twilio_debugger_exporter_received_total";
        let sources: Vec<&str> = self.samples.keys().filter_map(|series| source_of(series, received)).collect();
        assert!(!sources.is_empty(), "every input is counted from the first scrape");
        for source in sources {
            let of = |name: &str| self.sum_where(name, |series| source_of(series, name) == Some(source));
            let accepted = of("twilio_debugger_accepted_events_total");
            let duplicates = of("twilio_debugger_exporter_duplicates_total");
            let name = "twilio_debugger_exporter_quarantined_total";
            let at_intake = |series: &str| source_of(series, name) == Some(source) && !series.contains("otlp_rejected");
            let quarantined = self.sum_where(name, at_intake);
            let ignored = of("twilio_debugger_exporter_ignored_total");
            let received = of(received);
            assert!(
                (received - (accepted + duplicates + quarantined + ignored)).abs() < 0.5,
                "{source}: received {received} = accepted {accepted} + duplicates {duplicates} + quarantined {quarantined} \
                 + ignored {ignored}"
            );
        }
        let refused = self.sum_where("twilio_debugger_exporter_requests_total", |series| !series.contains("{code=\"2"));
        let rejected = self.sum("twilio_debugger_exporter_rejected_total");
        assert!((refused - rejected).abs() < 0.5, "not answered 2xx {refused} = rejected {rejected}");
    }
}

/// The `source` label of a series of the metric `name`.
fn source_of<'a>(series: &'a str, name: &str) -> Option<&'a str> {
    series.strip_prefix(name)?.split_once("source=\"")?.1.split('"').next()
}
