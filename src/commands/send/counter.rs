//! Has a running exporter counted what was sent to it? It is asked as a person asks, on its metrics page.
//!
//! Without the header of a scraper, so that the page shows true values at once and no scraper's zero is used up.

use std::time::{Duration, Instant};

use reqwest::{Client, Url};

use super::super::CommandError;
use crate::causes::with_causes;
use crate::error_code::ErrorCode;
use crate::http_client;
use crate::level::Level;

/// The counter that is read.
const METRIC: &str = "twilio_debugger_events_total";

/// What every page of an exporter has: the counter itself has no series before the first event.
const MARK: &str = "twilio_debugger_exporter_build_info";

/// How long an event that was answered 2xx may take to show up. It is counted before the answer; what takes time is a network
/// that forgets an exporter's predecessor.
const COUNTED_TIMEOUT: Duration = Duration::from_secs(15);

/// How often the page is asked.
const INTERVAL: Duration = Duration::from_millis(200);

/// The counter of one level and one code, on one page.
#[derive(Debug)]
pub(super) struct Counter {
    client: Client,
    url: Url,
    level: String,
    codes: [String; 2],
}

impl Counter {
    /// Prepares for the page at `url`; asks nothing yet.
    pub(super) fn new(url: &str, level: Level, code: ErrorCode) -> Result<Self, CommandError> {
        let url = Url::parse(url).map_err(|error| CommandError::Usage(format!("the metrics URL is none: {error}")))?;
        let client =
            http_client::for_command().map_err(|error| CommandError::failed("cannot ask for metrics", &error))?;
        // An exporter that has met as many codes as it may counts further ones together.
        let codes = [code.to_string(), "overflow".to_owned()].map(|code| format!("error_code=\"{code}\""));
        Ok(Self { client, url, level: format!("level=\"{}\"", level.as_str()), codes })
    }

    /// Its value now.
    pub(super) async fn value(&self) -> Result<f64, CommandError> {
        let failed = |error: reqwest::Error| {
            let fault = with_causes(&error.without_url());
            CommandError::Failed(format!("the metrics page cannot be read: {fault}"))
        };
        let answer = self.client.get(self.url.clone()).send().await.map_err(failed)?;
        let answer = answer.error_for_status().map_err(failed)?;
        let page = answer.text().await.map_err(failed)?;
        // Another program's page would otherwise read as an exporter that counts nothing.
        if !page.contains(MARK) {
            return Err(CommandError::Failed(format!("the metrics page has no {MARK}: it is not an exporter's")));
        }
        Ok(self.value_on(&page))
    }

    /// Waits until it has risen by `events` from `before`, and says so in a line.
    pub(super) async fn rise(&self, before: f64, events: f64) -> Result<String, CommandError> {
        let deadline = Instant::now() + COUNTED_TIMEOUT;
        loop {
            let now = self.value().await?;
            let [code, _] = &self.codes;
            let series = format!("{METRIC}{{{code},{}}}", self.level);
            if now >= before + events {
                return Ok(format!("counted: {series} from {before} to {now}"));
            }
            if Instant::now() >= deadline {
                let wanted = before + events;
                return Err(CommandError::Failed(format!("not counted: {series} is {now} and should be {wanted}")));
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// The sum over its series: there is one for each account where accounts are counted apart.
    fn value_on(&self, page: &str) -> f64 {
        let samples = page.lines().filter_map(|line| line.strip_prefix(METRIC)?.strip_prefix('{')?.split_once("} "));
        samples
            .filter(|(labels, _)| {
                let has = |wanted: &str| labels.split(',').any(|label| label == wanted);
                has(&self.level) && self.codes.iter().any(|code| has(code))
            })
            .filter_map(|(_, value)| value.trim().parse::<f64>().ok())
            // The sum of nothing is -0, which reads oddly.
            .fold(0.0, |sum, value| sum + value)
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;
    use crate::error_code::ErrorCode;
    use crate::level::Level;

    #[test]
    #[expect(clippy::float_cmp, reason = "small whole numbers")]
    fn series_of_the_level_and_the_code_are_summed() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let page = "# TYPE twilio_debugger_events_total counter\n\
            twilio_debugger_events_total{account_sid=\"AC1\",error_code=\"11200\",level=\"error\"} 2\n\
            twilio_debugger_events_total{account_sid=\"AC2\",error_code=\"11200\",level=\"error\"} 3\n\
            twilio_debugger_events_total{error_code=\"11200\",level=\"warning\"} 5\n\
            twilio_debugger_events_total{error_code=\"112\",level=\"error\"} 7\n\
            twilio_debugger_events_total{error_code=\"overflow\",level=\"error\"} 11\n\
            twilio_debugger_accepted_events_total{level=\"error\",source=\"webhook\"} 13\n";
        let value = |level, code| {
            Counter::new("http://h/metrics", level, ErrorCode::parse(code)).expect("a counter").value_on(page)
        };
        assert_eq!(value(Level::Error, "11200"), 16.0);
        assert_eq!(value(Level::Warning, "11200"), 5.0);
        assert_eq!(value(Level::Debug, "11200"), 0.0);
    }

    #[test]
    fn what_is_no_url_is_wrong_usage() {
        assert!(Counter::new("metrics", Level::Error, ErrorCode::parse("11200")).is_err());
    }
}
