//! Asks a data source as Grafana does, and reads what it answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::feed::World;
use test_support::event::form;
use test_support::logsql::Equivalent;
use test_support::queries::{Kind, Language, Query, Variables};
use test_support::victorialogs::Fields;
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

    /// The value of the one label that there is.
    pub(crate) fn only_label(&self) -> String {
        assert_eq!(self.labels.len(), 1, "{self:?}");
        self.labels.values().cloned().collect()
    }
}

impl World {
    /// Runs a query of a dashboard, one in LogQL as it is in LogsQL. Panics if the data source has anything against it.
    pub(crate) async fn run(&self, query: &Query, range: Range, variables: &Variables) -> Vec<Row> {
        match query.language {
            Language::PromQl => self.series(query, &variables.fill(query), range).await,
            Language::LogQl => {
                let logsql = Query { text: Equivalent::of(query).logsql, ..query.clone() };
                self.records(&variables.fill(&logsql), range).await
            }
        }
    }

    /// Runs an instant query of our own in PromQL.
    pub(crate) async fn instant(&self, text: &str, range: Range) -> Vec<Row> {
        let (place, text) = ("test".to_owned(), text.to_owned());
        let query = Query { place, language: Language::PromQl, kind: Kind::Instant, text };
        self.series(&query, &query.text, range).await
    }

    /// Runs a query in LogsQL.
    pub(crate) async fn records(&self, text: &str, range: Range) -> Vec<Row> {
        let found = self.logs.query(text, Some([range.from, range.to])).await;
        found.unwrap_or_else(|error| panic!("{error}\n{text}")).into_iter().map(row_of_fields).collect()
    }

    async fn series(&self, query: &Query, text: &str, range: Range) -> Vec<Row> {
        let [from, to, step] = [range.from, range.to, STEP].map(|number| number.to_string());
        let (path, mut parameters) = match &query.kind {
            Kind::Instant => ("query".to_owned(), vec![("query", text), ("time", &to)]),
            Kind::Range => ("query_range".to_owned(), vec![("query", text), ("step", &step)]),
            Kind::LabelValues(label) => (format!("label/{label}/values"), vec![("match[]", text)]),
        };
        if query.kind != Kind::Instant {
            parameters.extend([("start", from.as_str()), ("end", to.as_str())]);
        }
        let answer = ask(&format!("http://{}/api/v1/{path}", self.prometheus.address), &parameters).await;
        rows(&answer.unwrap_or_else(|error| panic!("{}: {error}\n{text}", query.place)))
    }
}

async fn ask(url: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
    let client = reqwest::Client::builder().no_proxy().timeout(wait::DEADLINE).build().expect("a client");
    let answer = client.get(format!("{url}?{}", form(parameters))).send().await.map_err(|error| error.to_string())?;
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
    if let Some(values) = data.as_array() {
        let value = |value: &Value| value.as_str().expect("a label's value").to_owned();
        let row = |one| Row { labels: BTreeMap::new(), value: 1.0, line: value(one) };
        return values.iter().map(row).collect();
    }
    data["result"].as_array().expect("series").iter().filter_map(row_of_series).collect()
}

fn row_of_series(series: &Value) -> Option<Row> {
    let labels = series["metric"].as_object().expect("labels").iter();
    let labels = labels.map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect();
    let number = |sample: &Value| sample[1].as_str().expect("a text").parse::<f64>().expect("a number");
    let samples = series["values"]
        .as_array()
        .map_or_else(|| vec![number(&series["value"])], |all| all.iter().map(number).collect());
    // A quantile of nothing is not a number; what counts is whether there ever was one.
    let value = samples.into_iter().rfind(|value| value.is_finite())?;
    Some(Row { labels, value, line: String::new() })
}

/// A log record, or what many add up to, with the names as Loki has them.
fn row_of_fields(mut fields: Fields) -> Row {
    let value = fields.remove("hits").map_or(1.0, |hits| hits.parse().expect("a number"));
    let line = fields.remove("_msg").unwrap_or_default();
    let labels = fields.into_iter().map(|(name, value)| (name.replace('.', "_"), value)).collect();
    Row { labels, value, line }
}
