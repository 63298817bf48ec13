//! Grafana-managed alert rules, as the files that Grafana reads at its start.
//!
//! Each rule is the instant query of the Prometheus rule, whole, and a threshold that is always passed: Prometheus fires for
//! every series an expression returns, and so does this. To move the comparison into the threshold would make two rules out of
//! one, and is impossible for those that end in `unless` or `and`.
//!
//! Where the query is empty or a series of it is gone, the condition is over. Grafana keeps `keepFiringFor` in the first case;
//! in the second it counts evaluations, so `missing_series_evals_to_resolve` is given the same time. `noDataState: OK`: no
//! series is the normal answer of such a query.
//!
//! Values are interpolated from the environment at `$` everywhere but in annotations and in the query, so none stands elsewhere.
//!
//! Sources: <https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/>, and for
//! the names of the keys `pkg/services/provisioning/alerting/rules_types.go` of Grafana's repository.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_saphyr::ser_options;

use super::rule_file::{Group, Rule, RuleFile};
use crate::commands::CommandError;

const FOLDER: &str = "Twilio Debugger";

/// The organisation that every Grafana has.
const ORG: u32 = 1;

/// How often a group is evaluated, in seconds, and as Grafana writes it.
const INTERVAL: (u64, &str) = (60, "1m");

/// What the data source of an expression is called.
const EXPRESSION: &str = "__expr__";

const HEAD: &str = "\
# Printed by `twilio-debugger-exporter rules --format grafana`: change grafana/rules/ and print it again.
# datasourceUid must be the uid of a Prometheus data source of this Grafana: `--datasource-uid` sets it.
";

const DELETE_HEAD: &str = "\
# Printed by `twilio-debugger-exporter rules --format grafana-delete`. Grafana keeps provisioned rules when their file goes away:
# put this one in its place, start Grafana again, then remove it too.
";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RulesFile<'a> {
    api_version: u32,
    groups: Vec<GrafanaGroup<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GrafanaGroup<'a> {
    org_id: u32,
    name: &'a str,
    folder: &'a str,
    interval: &'a str,
    rules: Vec<GrafanaRule<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GrafanaRule<'a> {
    uid: String,
    title: String,
    condition: &'a str,
    data: (Query<'a, PromQuery<'a>>, Query<'a, AlwaysPassed<'a>>),
    #[serde(rename = "for")]
    pending: &'a str,
    keep_firing_for: &'a str,
    #[serde(rename = "missing_series_evals_to_resolve")]
    missing_series_evals_to_resolve: u64,
    no_data_state: &'a str,
    exec_err_state: &'a str,
    labels: &'a BTreeMap<String, String>,
    annotations: BTreeMap<&'a str, String>,
    is_paused: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Query<'a, M> {
    ref_id: &'a str,
    relative_time_range: RelativeTimeRange,
    datasource_uid: &'a str,
    model: M,
}

/// Seconds before the evaluation.
#[derive(Serialize)]
struct RelativeTimeRange {
    from: u32,
    to: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PromQuery<'a> {
    ref_id: &'a str,
    datasource: Datasource<'a>,
    expr: &'a str,
    instant: bool,
    range: bool,
    editor_mode: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlwaysPassed<'a> {
    ref_id: &'a str,
    datasource: Datasource<'a>,
    #[serde(rename = "type")]
    kind: &'a str,
    expression: &'a str,
    conditions: [Condition<'a>; 1],
}

#[derive(Serialize)]
struct Condition<'a> {
    evaluator: Evaluator<'a>,
}

#[derive(Serialize)]
struct Evaluator<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    params: [i32; 1],
}

#[derive(Serialize)]
struct Datasource<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    uid: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeleteFile {
    api_version: u32,
    delete_rules: Vec<DeleteRule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeleteRule {
    org_id: u32,
    uid: String,
}

/// The provisioning file of `file`'s rules.
pub(super) fn rules(file: &RuleFile, datasource_uid: &str) -> Result<String, CommandError> {
    let group = |group| group_of(group, datasource_uid);
    to_yaml(HEAD, &RulesFile { api_version: 1, groups: file.groups.iter().map(group).collect() })
}

/// The provisioning file that deletes them.
pub(super) fn delete(file: &RuleFile) -> Result<String, CommandError> {
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    let delete_rules = rules.map(|rule| DeleteRule { org_id: ORG, uid: uid(rule) }).collect();
    to_yaml(DELETE_HEAD, &DeleteFile { api_version: 1, delete_rules })
}

fn to_yaml(head: &str, document: &impl Serialize) -> Result<String, CommandError> {
    let options = ser_options! { compact_list_indent: false, folded_wrap_chars: 120 };
    let yaml = serde_saphyr::to_string_with_options(document, options);
    Ok(format!("{head}{}", yaml.map_err(|error| CommandError::failed("cannot write the rules", &error))?))
}

fn group_of<'a>(group: &'a Group, datasource_uid: &'a str) -> GrafanaGroup<'a> {
    let rules = group.rules.iter().map(|rule| rule_of(rule, datasource_uid)).collect();
    GrafanaGroup { org_id: ORG, name: &group.name, folder: FOLDER, interval: INTERVAL.1, rules }
}

fn rule_of<'a>(rule: &'a Rule, datasource_uid: &'a str) -> GrafanaRule<'a> {
    let keep_firing_for = rule.keep_firing_for.as_deref().unwrap_or("0s");
    GrafanaRule {
        uid: uid(rule),
        title: title(rule),
        condition: "B",
        data: (query(&rule.expr, datasource_uid), always_passed()),
        pending: rule.pending.as_deref().unwrap_or("0s"),
        keep_firing_for,
        missing_series_evals_to_resolve: (seconds(keep_firing_for) / INTERVAL.0).max(1),
        no_data_state: "OK",
        exec_err_state: "Error",
        labels: &rule.labels,
        annotations: rule.annotations.iter().map(|(name, text)| (name.as_str(), template(text))).collect(),
        is_paused: false,
    }
}

fn query<'a>(expr: &'a str, uid: &'a str) -> Query<'a, PromQuery<'a>> {
    let datasource = Datasource { kind: "prometheus", uid };
    let model = PromQuery { ref_id: "A", datasource, expr, instant: true, range: false, editor_mode: "code" };
    let relative_time_range = RelativeTimeRange { from: 600, to: 0 };
    Query { ref_id: "A", relative_time_range, datasource_uid: uid, model }
}

/// Above -1: no expression of ours has a value below 0.
fn always_passed() -> Query<'static, AlwaysPassed<'static>> {
    let datasource = Datasource { kind: EXPRESSION, uid: EXPRESSION };
    let conditions = [Condition { evaluator: Evaluator { kind: "gt", params: [-1] } }];
    let model = AlwaysPassed { ref_id: "B", datasource, kind: "threshold", expression: "A", conditions };
    let relative_time_range = RelativeTimeRange { from: 0, to: 0 };
    Query { ref_id: "B", relative_time_range, datasource_uid: EXPRESSION, model }
}

/// What tells rules of one alert apart: the labels of a threshold, in the order in which they are read.
fn distinction(rule: &Rule) -> Option<[&str; 4]> {
    let [code, level, window, threshold] =
        ["code", "level", "window", "threshold"].map(|name| rule.labels.get(name).map(String::as_str));
    Some([code?, level?, window?, threshold?])
}

/// The same for the same rule for ever, and at most 40 characters.
fn uid(rule: &Rule) -> String {
    if let Some(distinction) = distinction(rule) {
        return format!("twd-above-{}", distinction.join("-"));
    }
    let name = rule.alert.strip_prefix("TwilioDebugger").unwrap_or(&rule.alert);
    let words =
        name.chars().flat_map(|c| c.is_ascii_uppercase().then_some('-').into_iter().chain([c.to_ascii_lowercase()]));
    format!("twd{}", words.collect::<String>())
}

/// Unique in the folder.
fn title(rule: &Rule) -> String {
    distinction(rule).map_or_else(
        || rule.alert.clone(),
        |[code, level, window, threshold]| format!("{} ({code} {level}, {threshold} in {window})", rule.alert),
    )
}

/// A template of Prometheus as one of Grafana, where `$value` is a text and the number is the query's.
fn template(text: &str) -> String {
    text.replace("$value", "$values.A.Value")
}

/// A duration of ours, which has one unit.
fn seconds(duration: &str) -> u64 {
    humantime::parse_duration(duration).map_or(0, |duration| duration.as_secs())
}
