//! The alert rules in the chart are those that our own `rules` command prints, and what is between braces in them is Prometheus'.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use test_support::chart;
use test_support::process::tool;
use test_support::repository;

/// What `twilio-debugger-exporter rules` prints.
pub(crate) fn printed(arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-debugger-exporter"));
    let text = chart::succeed(command.arg("rules").args(arguments), "");
    chart::yaml(&text)
}

/// The objects that the chart makes of the least values and of `values`.
pub(crate) fn objects_of(values: &Value) -> Vec<Value> {
    let file = tempfile::NamedTempFile::new().expect("a scratch file");
    fs::write(file.path(), values.to_string()).expect("writable");
    let default = chart::shapes().into_iter().find(|shape| shape.name == "default").expect("a default shape");
    let more = ["--values", file.path().to_str().expect("a path in UTF-8")];
    chart::objects(&chart::manifest("helm4", &default, chart::NEWEST, &more))
}

/// A list of thresholds with every window, level, severity and kind of code; and where it stands.
pub(crate) fn every_threshold() -> (Value, String) {
    let path = repository().join("tests/grafana/every-threshold.yaml");
    let text = fs::read_to_string(&path).expect("a list of thresholds");
    (chart::yaml(&text), path.to_str().expect("a path in UTF-8").to_owned())
}

fn groups(objects: &[Value]) -> Value {
    let rules = chart::of_kind(objects, "PrometheusRule");
    assert_eq!(rules.len(), 1, "one PrometheusRule");
    rules[0]["spec"]["groups"].clone()
}

#[test]
fn a_prometheus_rule_holds_what_the_rules_command_prints() {
    let ours = groups(&objects_of(&json!({"prometheusRule": {"enabled": true}})));
    assert_eq!(ours, printed(&[])["groups"], "by default");

    let (thresholds, path) = every_threshold();
    let values = json!({
        "nameOverride": "hooks",
        "rules": {"events": true, "silence": true, "thresholds": thresholds, "runbookUrl": "https://wiki.example.com/runbooks/"},
        "prometheusRule": {"enabled": true},
    });
    let arguments = ["--job", "hooks", "--with", "events,silence", "--thresholds", &path];
    let printed = printed(&[&arguments[..], &["--runbook-url", "https://wiki.example.com/runbooks/"]].concat());
    assert_eq!(groups(&objects_of(&values)), printed["groups"], "with everything on");
}

/// The name in every selector of the rules is the one that the monitors give.
#[test]
fn the_job_of_the_rules_is_the_one_that_is_scraped() {
    for monitor in ["serviceMonitor", "podMonitor"] {
        let objects = objects_of(&json!({
            "nameOverride": "hooks",
            "fullnameOverride": "some-name",
            "prometheusRule": {"enabled": true},
            monitor: {"enabled": true},
        }));
        let monitors = objects.iter().find(|object| chart::kind(object).ends_with("Monitor")).expect("a monitor");
        let label = monitors["spec"]["jobLabel"].as_str().expect("a label");
        let labelled = if monitor == "podMonitor" {
            &chart::workload(&objects)["spec"]["template"]
        } else {
            chart::of_kind(&objects, "Service")
                .into_iter()
                .find(|s| s["spec"]["ports"][0]["name"] == "telemetry")
                .expect("a service")
        };
        let job = labelled["metadata"]["labels"][label].as_str().expect("the label");
        let mut selectors = 0;
        chart::walk(&groups(&objects), "", &mut |way, value| {
            if let Some(expression) = value.as_str().filter(|_| way.rsplit('.').next() == Some("expr")) {
                assert!(expression.contains(&format!("job=\"{job}\"")), "{monitor}: {way}: {expression}");
                selectors += 1;
            }
        });
        assert!(selectors > 10, "{selectors} expressions");
    }
}

/// Prometheus' templates look like Helm's. Neither the shipped ones nor a user's may be run by Helm.
#[test]
fn templates_in_rules_stay() {
    let rule = json!({
        "alert": "Mine",
        "expr": "up{job=\"mine\"} == 0",
        "labels": {"severity": "info"},
        "annotations": {
            "summary": "{{ $labels.instance }} of {{ .Labels.job }} is {{ if eq $value 0.0 }}down{{ end }}: {{ $value | humanize }}",
            "description": "{{ include \"no.such.template\" . }}{{ .Values.twilio.publicUrl }}",
        },
    });
    let groups = groups(&objects_of(&json!({
        "rules": {"events": true},
        "prometheusRule": {"enabled": true, "extraRules": [rule]},
    })));
    let mine = groups.as_array().and_then(|groups| groups.last()).expect("groups");
    assert_eq!(mine["rules"], json!([rule]));
    assert!(groups.to_string().contains("{{ $labels.error_code }}"), "the shipped templates are gone: {groups:#}");
}

#[test]
fn promtool_takes_the_rules_of_every_shape() {
    let mut seen = 0;
    for (shape, objects) in chart::rendered() {
        for rule in chart::of_kind(objects, "PrometheusRule") {
            let file = tempfile::NamedTempFile::new().expect("a scratch file");
            fs::write(file.path(), rule["spec"].to_string()).expect("writable");
            let mut promtool = Command::new(tool("promtool"));
            let out =
                chart::succeed(promtool.args(["check", "rules", "--lint=all", "--lint-fatal"]).arg(file.path()), "");
            assert!(out.contains("rules found"), "{}: {out}", shape.name);
            seen += 1;
        }
    }
    assert!(seen > 0, "no PrometheusRule in any shape");
}

#[test]
fn values_choose_severities_labels_and_what_is_left_out() {
    let rules = |values: Value| -> Vec<Value> {
        let groups = groups(&objects_of(&json!({"prometheusRule": {"enabled": true}, "rules": values})));
        groups
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|group| group["rules"].as_array().cloned().expect("rules"))
            .collect()
    };
    let all = rules(json!({}));
    let down = "TwilioDebuggerExporterDown";
    let changed = rules(json!({"severities": {down: "info"}, "labels": {"team": "voice"}}));
    assert_eq!(all.len(), changed.len());
    assert!(changed.iter().all(|rule| rule["labels"]["team"] == "voice"), "{changed:#?}");
    let severity = |rules: &[Value]| {
        rules.iter().find(|rule| rule["alert"] == down).map(|rule| rule["labels"]["severity"].clone())
    };
    assert_eq!(severity(&changed), Some("info".into()));
    assert_ne!(severity(&all), Some("info".into()));
    let without = rules(json!({"disabled": [down]}));
    assert_eq!((without.len(), severity(&without)), (all.len() - 1, None));
}
