//! Every query of every dashboard, with Grafana's variables filled in as Grafana would, and the grammars that parse them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::{Captures, Regex};
use serde_json::{Value, json};

use crate::repository;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    PromQl,
    LogQl,
}

/// How Grafana runs a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Instant,
    Range,
    /// The values of a label, over the series that the expression selects; over all of them when it is empty.
    LabelValues(String),
}

/// A query as it stands in a dashboard.
#[derive(Debug, Clone)]
pub struct Query {
    /// Where it stands: `uid / title / reference`.
    pub place: String,
    pub language: Language,
    pub kind: Kind,
    pub text: String,
}

/// What Grafana puts in the place of variables.
#[derive(Debug, Clone)]
pub struct Variables(BTreeMap<&'static str, String>);

impl Variables {
    /// The built-in ones for a time range in seconds since 1970 with a step, and those of the dashboards with "All" chosen.
    pub fn over(from: u64, to: u64, step: u64) -> Self {
        let all = [("level", ".*"), ("error_code", ".*"), ("account_sid", ".*"), ("job", ".+"), ("instance", ".+")];
        let mut variables: BTreeMap<_, _> = all.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        variables.extend([
            ("__from", (from * 1000).to_string()),
            ("__range", format!("{}s", to - from)),
            ("__interval", format!("{step}s")),
            // Four scrapes, at a second each, or a step and a scrape: what is more.
            ("__rate_interval", format!("{}s", (step + 1).max(4))),
            ("service_name", "twilio-debugger-exporter".to_owned()),
            ("search", String::new()),
        ]);
        Self(variables)
    }

    /// The same with another value of one of them.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.insert(name, value.to_owned());
        self
    }

    /// The text of a query as Grafana sends it. Panics at a variable that there is not.
    pub fn fill(&self, query: &Query) -> String {
        // The step of a graph, or all of the range.
        let auto = if query.kind == Kind::Instant { "__range" } else { "__interval" };
        variable()
            .replace_all(&query.text, |found: &Captures<'_>| {
                let name = if &found["name"] == "__auto" { auto } else { &found["name"] };
                self.0.get(name).unwrap_or_else(|| panic!("{}: there is no variable {name}", query.place)).clone()
            })
            .into_owned()
    }
}

/// `$name`, `${name}` or `${name:format}`.
pub fn variable() -> Regex {
    Regex::new(r"\$\{?(?<name>\w+)(?::\w+)?\}?").expect("a pattern")
}

/// The dashboards, by file name.
pub fn dashboards() -> BTreeMap<String, Value> {
    let folder = repository().join("grafana/dashboards");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("readable").path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.map(|path| (path.file_name().expect("a file").to_string_lossy().into_owned(), read(&path))).collect()
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("readable");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every panel, those inside rows too, without the rows themselves.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    for panel in list(dashboard, "panels") {
        found.extend(list(panel, "panels"));
        if panel["type"] != "row" {
            found.push(panel);
        }
    }
    found
}

/// The entries of a list, none if it is not there.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// A text, or a panic that says which one is missing.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is not a text in {value}"))
}

/// Every query of a dashboard: of its panels, its annotations and its variables.
pub fn of(dashboard: &Value) -> Vec<Query> {
    let uid = text(dashboard, "uid");
    let mut queries = Vec::new();
    for panel in panels(dashboard) {
        for target in list(panel, "targets") {
            let is_instant = target["instant"] == true || target["queryType"] == "instant";
            queries.push(Query {
                place: format!("{uid} / {} / {}", text(panel, "title"), text(target, "refId")),
                language: language(target),
                kind: if is_instant { Kind::Instant } else { Kind::Range },
                text: text(target, "expr").to_owned(),
            });
        }
    }
    for annotation in list(&dashboard["annotations"], "list") {
        queries.push(Query {
            place: format!("{uid} / annotation / {}", text(annotation, "name")),
            language: language(annotation),
            kind: Kind::Range,
            text: text(annotation, "expr").to_owned(),
        });
    }
    let variables = list(&dashboard["templating"], "list").iter().filter(|variable| variable["type"] == "query");
    queries.extend(variables.map(|variable| of_variable(uid, variable)));
    queries
}

fn of_variable(uid: &str, variable: &Value) -> Query {
    let place = format!("{uid} / variable / {}", text(variable, "name"));
    let language = language(variable);
    let (text, label) = match language {
        Language::LogQl => (String::new(), text(&variable["query"], "label").to_owned()),
        Language::PromQl => {
            let query = text(&variable["query"], "query");
            let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (selector, label) = inside.and_then(|inside| inside.rsplit_once(", ")).expect("label_values(x, label)");
            (selector.to_owned(), label.to_owned())
        }
    };
    Query { place, language, kind: Kind::LabelValues(label), text }
}

fn language(asker: &Value) -> Language {
    match (text(&asker["datasource"], "type"), text(&asker["datasource"], "uid")) {
        ("prometheus", "${prometheus_datasource}") => Language::PromQl,
        ("loki", "${loki_datasource}") => Language::LogQl,
        other => panic!("{other:?} is no data source variable of ours"),
    }
}

/// What a grammar made of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Where the query does not fit the grammar.
    pub error: Option<String>,
    /// Every metric that a query of Prometheus selects.
    pub metrics: Vec<String>,
    /// Every label that a query of Prometheus names.
    pub labels: Vec<String>,
}

/// Parses queries by the grammars of Grafana's query editors.
pub fn parse(queries: &[(Language, String)]) -> Vec<Parsed> {
    let language = |language| if language == Language::PromQl { "PromQL" } else { "LogQL" };
    let input: Vec<_> = queries.iter().map(|(of, query)| json!({"language": language(*of), "query": query})).collect();
    let mut child = Command::new("node")
        .arg(repository().join("tests/grafana/grammar/parse.js"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node.js is installed");
    let input = Value::from(input).to_string();
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("the parser reads all before it writes");
    let output = child.wait_with_output().expect("the parser ends");
    assert!(output.status.success(), "the parser failed; run `make tools`");
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answers.len(), queries.len());
    let texts = |value: &Value| {
        value.as_array().expect("a list").iter().map(|one| one.as_str().expect("a text").to_owned()).collect()
    };
    let parsed = answers.iter().map(|answer| Parsed {
        error: answer["error"].as_str().map(str::to_owned),
        metrics: texts(&answer["metrics"]),
        labels: texts(&answer["labels"]),
    });
    parsed.collect()
}
