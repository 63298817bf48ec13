//! Grafana's provisioning files for alerting, against the format that Grafana reads.
//!
//! Grafana ignores a key it does not know, so a misspelt one would be lost without a word; here it is an error. The keys are
//! those of `pkg/services/provisioning/alerting` in Grafana's repository.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::rendered::{EVERY_FORM, file, text, with_thresholds};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AlertingFile {
    api_version: u32,
    #[serde(default)]
    pub(crate) groups: Vec<Group>,
    #[serde(default)]
    pub(crate) delete_rules: Vec<DeleteRule>,
    #[serde(default)]
    contact_points: Vec<ContactPoint>,
    #[serde(default)]
    templates: Vec<Template>,
    #[serde(default)]
    policies: Vec<Policy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Group {
    org_id: u32,
    pub(crate) name: String,
    folder: String,
    interval: String,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) uid: String,
    pub(crate) title: String,
    condition: String,
    pub(crate) data: Vec<Query>,
    #[serde(rename = "for")]
    pub(crate) pending: String,
    pub(crate) keep_firing_for: String,
    #[serde(rename = "missing_series_evals_to_resolve")]
    pub(crate) missing_series_evals_to_resolve: u64,
    no_data_state: String,
    exec_err_state: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    is_paused: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Query {
    ref_id: String,
    relative_time_range: RelativeTimeRange,
    datasource_uid: String,
    pub(crate) model: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelativeTimeRange {
    from: u32,
    to: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeleteRule {
    org_id: u32,
    pub(crate) uid: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ContactPoint {
    org_id: u32,
    name: String,
    receivers: Vec<Receiver>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Receiver {
    uid: String,
    #[serde(rename = "type")]
    kind: String,
    settings: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Template {
    org_id: u32,
    name: String,
    #[serde(rename = "template")]
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    #[serde(default, rename = "orgId")]
    org_id: u32,
    receiver: String,
    #[serde(default)]
    group_by: Vec<String>,
    #[serde(default)]
    object_matchers: Vec<[String; 3]>,
    #[serde(default)]
    group_wait: Option<String>,
    #[serde(default)]
    routes: Vec<Policy>,
}

const CONTACT_POINTS: &str = "grafana/alerting/examples/contact-points.yaml";
const TEMPLATE: &str = "grafana/alerting/examples/notification-template.yaml";
const POLICIES: &str = "grafana/alerting/examples/notification-policies.yaml.example";

pub(crate) fn parse(text: &str) -> AlertingFile {
    let file: AlertingFile = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(file.api_version, 1);
    file
}

fn is_uid(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// Every text of a document, with the path to it.
fn texts(value: &Value, path: &str, into: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => into.push((path.to_owned(), text.clone())),
        Value::Array(list) => list.iter().for_each(|value| texts(value, path, into)),
        Value::Object(map) => map.iter().for_each(|(key, value)| texts(value, &format!("{path}.{key}"), into)),
        _ => {}
    }
}

#[test]
fn grafana_takes_every_rule_for_what_it_is() {
    for text in [text("grafana/alerting/twilio-debugger-exporter.yaml"), with_thresholds("grafana", EVERY_FORM)] {
        let file = parse(&text);
        assert!(file.delete_rules.is_empty() && file.contact_points.is_empty() && file.templates.is_empty());
        let (mut uids, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for group in &file.groups {
            assert_eq!((group.org_id, group.folder.as_str(), group.interval.as_str()), (1, "Twilio Debugger", "1m"));
            assert!(!group.rules.is_empty(), "{}", group.name);
            for rule in &group.rules {
                assert!(is_uid(&rule.uid), "{}: 1 to 40 letters, digits, - or _", rule.uid);
                assert!(uids.insert(rule.uid.clone()), "{} stands twice", rule.uid);
                assert!(titles.insert(rule.title.clone()), "{} stands twice in its folder", rule.title);
                assert!(rule.title.len() <= 190, "{}", rule.title);
                // No series is the normal answer; a data source that does not answer is not.
                assert_eq!((rule.no_data_state.as_str(), rule.exec_err_state.as_str()), ("OK", "Error"));
                assert!(!rule.is_paused);
                assert_query_and_threshold(rule, "prometheus");
            }
        }
        assert!(uids.len() >= 18, "{uids:?}");
    }
}

/// An instant query, because a range needs a reduction first, and a threshold that every series passes.
fn assert_query_and_threshold(rule: &Rule, datasource: &str) {
    let [query, threshold] = &rule.data[..] else { panic!("{}: {} nodes", rule.uid, rule.data.len()) };
    assert_eq!((query.ref_id.as_str(), query.datasource_uid.as_str()), ("A", datasource));
    assert!(query.relative_time_range.from > query.relative_time_range.to, "{}", rule.uid);
    let model = &query.model;
    assert_eq!((&model["refId"], &model["instant"], &model["range"]), (&"A".into(), &true.into(), &false.into()));
    assert_eq!((&model["datasource"]["type"], &model["datasource"]["uid"]), (&"prometheus".into(), &datasource.into()));
    assert!(!model["expr"].as_str().expect("an expression").contains("$__"), "{}: no dashboard here", rule.uid);
    assert_eq!((threshold.ref_id.as_str(), threshold.datasource_uid.as_str()), ("B", "__expr__"));
    assert_eq!((threshold.relative_time_range.from, threshold.relative_time_range.to), (0, 0));
    let expected: Value = serde_json::from_str(
        r#"{"refId": "B", "datasource": {"type": "__expr__", "uid": "__expr__"}, "type": "threshold", "expression": "A",
            "conditions": [{"evaluator": {"type": "gt", "params": [-1]}}]}"#,
    )
    .expect("JSON");
    assert_eq!(threshold.model, expected, "{}", rule.uid);
    assert_eq!(rule.condition, "B", "{}", rule.uid);
}

#[test]
fn the_data_source_is_the_one_that_was_named() {
    let text = crate::rendered::print(&["--format", "grafana", "--datasource-uid", "PBFA97CFB590B2093"]);
    let file = parse(&text);
    let mut rules = file.groups.iter().flat_map(|group| &group.rules).peekable();
    assert!(rules.peek().is_some());
    rules.for_each(|rule| assert_query_and_threshold(rule, "PBFA97CFB590B2093"));
}

/// `$name` is replaced by a variable of Grafana's environment, nearly always by nothing. Not in annotations, where only
/// `${name}` is, and not in the query.
#[test]
fn no_dollar_stands_where_grafana_interpolates() {
    let files = ["grafana/alerting/twilio-debugger-exporter.yaml", CONTACT_POINTS, TEMPLATE, POLICIES];
    let rendered = files.map(text).into_iter().chain([with_thresholds("grafana", EVERY_FORM)]);
    for text in rendered {
        let document: Value = serde_saphyr::from_str(&text).expect("YAML");
        let mut found = Vec::new();
        texts(&document, "", &mut found);
        assert!(found.len() >= 2, "{text}");
        for (path, text) in found {
            let is_annotation = path.contains(".annotations.");
            let interpolated = if is_annotation { text.contains("${") } else { text.contains('$') };
            assert!(!interpolated, "{path}: {text}");
        }
    }
}

#[test]
fn templates_name_only_what_grafana_gives_them() {
    let variable = Regex::new(r"\$(\w+)((?:\.\w+)*)").expect("a pattern");
    let file = parse(&with_thresholds("grafana", EVERY_FORM));
    let mut used = BTreeSet::new();
    for rule in file.groups.iter().flat_map(|group| &group.rules) {
        assert!(rule.labels.values().all(|value| !value.contains("{{")), "{}: a label is no template", rule.uid);
        let of_series = returned_labels(rule.data[0].model["expr"].as_str().expect("an expression"));
        for found in rule.annotations.values().flat_map(|text| variable.captures_iter(text)) {
            match (&found[1], &found[2]) {
                ("values", ".A.Value") => {}
                ("labels", label) => {
                    assert!(
                        of_series.contains(&label[1..].to_owned()),
                        "{}: no label {label} in {of_series:?}",
                        rule.uid
                    );
                }
                _ => panic!("{}: Grafana has no {}", rule.uid, &found[0]),
            }
            used.insert(found[1].to_owned());
        }
    }
    assert_eq!(used, ["labels", "values"].map(str::to_owned).into());
}

/// The labels of the series that one of our expressions returns: those of its first aggregation.
fn returned_labels(expr: &str) -> Vec<String> {
    let by = Regex::new(r"by \(([a-z_, ]+)\)").expect("a pattern");
    let labels = by.captures(expr).unwrap_or_else(|| panic!("no aggregation in {expr}"))[1].to_owned();
    labels.split(", ").filter(|label| *label != "le").map(str::to_owned).collect()
}

/// A file with policies replaces the whole tree of an organisation, what people set up by hand included.
#[test]
fn no_file_that_grafana_would_read_holds_a_policy() {
    let mut folders = vec![file("grafana")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                let text = std::fs::read_to_string(&path).expect("text");
                let document: Value = serde_saphyr::from_str(&text).expect("YAML");
                for key in ["policies", "resetPolicies"] {
                    assert!(document.get(key).is_none(), "{}: {key}", path.display());
                }
                read += 1;
            }
        }
    }
    assert!(read >= 8, "{read} files");
}

#[test]
fn the_delete_file_names_exactly_the_rules() {
    let committed = |name: &str| text(&format!("grafana/alerting/{name}.yaml"));
    let pairs = [
        (committed("twilio-debugger-exporter"), committed("delete-twilio-debugger-exporter")),
        (with_thresholds("grafana", EVERY_FORM), with_thresholds("grafana-delete", EVERY_FORM)),
    ];
    for (rules, delete) in pairs {
        let (rules, delete) = (parse(&rules), parse(&delete));
        assert!(delete.groups.is_empty());
        let uids: Vec<_> = rules.groups.iter().flat_map(|group| &group.rules).map(|rule| rule.uid.as_str()).collect();
        let deleted: Vec<_> = delete.delete_rules.iter().map(|rule| rule.uid.as_str()).collect();
        assert_eq!(deleted, uids);
        assert!(delete.delete_rules.iter().all(|rule| rule.org_id == 1));
    }
}

#[test]
fn the_examples_fit_together() {
    let contact_points = parse(&text(CONTACT_POINTS)).contact_points;
    let names: Vec<_> = contact_points.iter().map(|point| point.name.as_str()).collect();
    assert_eq!(names, ["twilio-high", "twilio-medium"]);
    let templates = parse(&text(TEMPLATE)).templates;
    let [template] = &templates[..] else { panic!("one template") };
    assert_eq!((template.org_id, template.name.as_str()), (1, "twilio-debugger"));
    let use_of = Regex::new(r#"template "([a-z_.]+)""#).expect("a pattern");
    for receiver in contact_points.iter().flat_map(|point| &point.receivers) {
        assert!(is_uid(&receiver.uid) && receiver.kind == "webhook", "{}", receiver.uid);
        let settings = receiver.settings.values().flat_map(|text| use_of.captures_iter(text));
        let used: Vec<_> = settings.map(|found| found[1].to_owned()).collect();
        assert_eq!(used.len(), 2, "a title and a message");
        for name in used {
            assert!(template.text.contains(&format!("{{{{ define \"{name}\"")), "{name} is not defined");
        }
    }
    assert!(contact_points.iter().all(|point| point.org_id == 1));
    let policies = parse(&text(POLICIES)).policies;
    let [tree] = &policies[..] else { panic!("one tree") };
    assert_eq!((tree.org_id, tree.receiver.as_str()), (1, "grafana-default-email"));
    assert!(tree.object_matchers.is_empty() && !tree.group_by.is_empty(), "the root takes everything");
    assert!(tree.routes.len() >= 2);
    for route in &tree.routes {
        assert!(names.contains(&route.receiver.as_str()), "{} is no contact point", route.receiver);
        assert!(route.routes.is_empty() && !route.object_matchers.is_empty());
        assert!(route.group_wait.as_deref().is_none_or(|wait| wait == "0s"));
        for [label, operator, value] in &route.object_matchers {
            let known = match label.as_str() {
                "priority" => ["high", "medium"].contains(&value.as_str()),
                "severity" => ["critical", "warning", "info"].contains(&value.as_str()),
                "grafana_folder" => value == "Twilio Debugger",
                _ => false,
            };
            assert!(known && operator == "=", "{label} {operator} {value} matches no rule of ours");
        }
    }
}
