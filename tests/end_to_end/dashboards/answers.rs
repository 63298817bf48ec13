//! Asks a data source as Grafana does, and reads what it answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::feed::World;
use test_support::queries::{Kind, Language, Query, Variables};
use test_support::wait;

/// The step of a graph, in seconds.
pub(crate) const STEP: u64 = 1;

/// A time range that is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Range {
    /// The same, so many seconds later.
    pub(crate) fn later(self, seconds: u64) -> Self {
        Self { from: self.from + seconds, to: self.to + seconds }
    }

    pub(crate) fn variables(self) -> Variables {
        Variables::over(self.from, self.to, STEP).with("error_code", ".*")
    }
}

/// One series of an answer: its labels and its last value, or one label's value, or a line of a log.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
    pub(crate) line: String,
}

impl Row {
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl World {
    /// Runs a query of a dashboard. Panics if the data source has anything against it.
    pub(crate) async fn run(&self, query: &Query, range: Range, variables: &Variables) -> Vec<Row> {
        let text = variables.fill(query);
        let answer = self.send(query, &text, range).await;
        rows(&answer.unwrap_or_else(|error| panic!("{}: {error}\n{text}", query.place)))
    }

    /// Runs a query of our own.
    pub(crate) async fn instant(&self, language: Language, text: &str, range: Range) -> Vec<Row> {
        let query = Query { place: "test".to_owned(), language, kind: Kind::Instant, text: text.to_owned() };
        rows(&self.send(&query, text, range).await.unwrap_or_else(|error| panic!("{error}\n{text}")))
    }

    async fn send(&self, query: &Query, text: &str, range: Range) -> Result<Value, String> {
        let (base, label_parameter): (_, &str) = match query.language {
            Language::PromQl => (base(self.prometheus.address, "/api/v1"), "match[]"),
            Language::LogQl => (base(self.loki.address, "/loki/api/v1"), "query"),
        };
        // Loki reads seconds only with a fraction.
        let [from, to] = [range.from, range.to].map(|time| format!("{time}.0"));
        let step = STEP.to_string();
        let (path, mut parameters) = match &query.kind {
            Kind::Instant => ("query".to_owned(), vec![("query", text), ("time", &to)]),
            Kind::Range => ("query_range".to_owned(), vec![("query", text), ("step", &step)]),
            Kind::LabelValues(label) => {
                let only = (!text.is_empty()).then_some((label_parameter, text));
                (format!("label/{label}/values"), only.into_iter().collect())
            }
        };
        if query.kind != Kind::Instant {
            parameters.extend([("start", from.as_str()), ("end", to.as_str())]);
        }
        ask(&format!("{base}/{path}"), &parameters).await
    }
}

fn base(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

async fn ask(url: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let parameters: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let client = reqwest::Client::builder().no_proxy().timeout(wait::DEADLINE).build().expect("a client");
    let answer =
        client.get(format!("{url}?{}", parameters.join("&"))).send().await.map_err(|error| error.to_string())?;
    let (status, body) = (answer.status(), answer.text().await.map_err(|error| error.to_string())?);
    let parsed: Value = serde_json::from_str(&body).map_err(|error| format!("{status}, {error}: {body}"))?;
    let has_failed = !status.is_success() || parsed["status"] != "success";
    // Prometheus says so of what it would rather not have run.
    let complaints = parsed["warnings"].as_array().or(parsed["infos"].as_array()).filter(|all| !all.is_empty());
    match (has_failed, complaints) {
        (false, None) => Ok(parsed["data"].clone()),
        _ => Err(format!("{status}: {body}")),
    }
}

fn rows(data: &Value) -> Vec<Row> {
    let nothing = BTreeMap::new();
    if let Some(values) = data.as_array() {
        let value = |value: &Value| value.as_str().expect("a label's value").to_owned();
        let row = |one| Row { labels: nothing.clone(), value: 1.0, line: value(one) };
        return values.iter().map(row).collect();
    }
    // Loki gives no "data" at all for a label without values.
    let series = data["result"].as_array().map_or(&[][..], Vec::as_slice);
    series.iter().flat_map(rows_of_series).collect()
}

fn rows_of_series(series: &Value) -> Vec<Row> {
    let labels = series["metric"].as_object().or(series["stream"].as_object()).expect("labels");
    let labels: BTreeMap<_, _> =
        labels.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect();
    let number = |sample: &Value| sample[1].as_str().expect("a text").parse::<f64>().expect("a number");
    if series["stream"].is_object() {
        let lines = series["values"].as_array().expect("lines").iter().map(|line| line[1].as_str().expect("a text"));
        return lines.map(|line| Row { labels: labels.clone(), value: 1.0, line: line.to_owned() }).collect();
    }
    let samples = series["values"]
        .as_array()
        .map_or_else(|| vec![number(&series["value"])], |all| all.iter().map(number).collect());
    // A quantile of nothing is not a number; what counts is whether there ever was one.
    let value = samples.into_iter().rfind(|value| value.is_finite());
    value.map(|value| Row { labels, value, line: String::new() }).into_iter().collect()
}
