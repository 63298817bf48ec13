//! The counters of `/metrics`, asked for as Prometheus asks.

use reqwest::Client;

use super::super::CommandError;
use crate::http_client;

/// The families that the demo is about.
const SHOWN: [&str; 4] = [
    "twilio_debugger_events_total",
    "twilio_debugger_accepted_events_total",
    "twilio_debugger_exporter_duplicates_total",
    "twilio_debugger_exporter_rejected_total",
];

/// Scrapes one exporter.
#[derive(Debug)]
pub(super) struct Scraper {
    client: Client,
    url: String,
}

impl Scraper {
    /// Prepares for the telemetry listener at `base`.
    pub(super) fn new(base: &str) -> Result<Self, CommandError> {
        let client = http_client::for_command().map_err(|error| CommandError::failed("cannot scrape", &error))?;
        Ok(Self { client, url: format!("{base}/metrics") })
    }

    /// One scrape: the header is what makes the exporter see a scraper.
    pub(super) async fn scrape(&self) -> Result<String, CommandError> {
        let request = self.client.get(&self.url).header("X-Prometheus-Scrape-Timeout-Seconds", "10");
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| CommandError::failed("cannot scrape", &error))?;
        answer.text().await.map_err(|error| CommandError::failed("cannot scrape", &error))
    }
}

/// The shown series that are not 0 in the second scrape, with the values of both.
pub(super) fn side_by_side(first: &str, second: &str) -> Vec<String> {
    let before: std::collections::HashMap<_, _> = series(first).collect();
    let moved: Vec<_> = series(second).filter(|(_, value)| *value != "0").collect();
    let width = moved.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    moved
        .into_iter()
        .map(|(name, value)| format!("{name:<width$}  {:>3}  {value:>3}", before.get(name).unwrap_or(&"-")))
        .collect()
}

fn series(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter(|line| SHOWN.iter().any(|name| line.starts_with(name))).filter_map(|line| line.rsplit_once(' '))
}

#[cfg(test)]
mod tests {
    use super::side_by_side;

    #[test]
    fn a_new_series_starts_at_zero() {
        let first = "# TYPE twilio_debugger_events_total counter\n\
            twilio_debugger_events_total{level=\"error\",error_code=\"11200\"} 0\nother 1\n\
            twilio_debugger_exporter_rejected_total{reason=\"timeout\"} 0\n";
        let second = first.replace("\"11200\"} 0", "\"11200\"} 2");
        let line = "twilio_debugger_events_total{level=\"error\",error_code=\"11200\"}    0    2";
        assert_eq!(side_by_side(first, &second), [line]);
        assert_eq!(side_by_side("", &second)[0].split_whitespace().rev().nth(1), Some("-"));
    }
}
