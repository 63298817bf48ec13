//! The chart's copies of `grafana/`, and what it makes of them for Grafana.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::rules::{every_threshold, objects_of, printed};
use test_support::chart;
use test_support::repository;

/// The files of a folder with an extension, by name.
fn files(folder: &Path, extension: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("readable").path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    let read = wanted.map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("text"))
    });
    read.collect()
}

/// Helm reads no file outside of the chart, so the chart carries copies.
#[test]
fn the_copies_are_equal_to_their_source() {
    for (folder, extension) in [("dashboards", "json"), ("rules", "yaml")] {
        let source = files(&repository().join("grafana").join(folder), extension);
        let copies = files(&chart::folder().join(folder), extension);
        assert!(source.len() >= 3, "{:?}", source.keys());
        assert!(source.keys().eq(copies.keys()), "{folder}: {:?} and {:?}", source.keys(), copies.keys());
        for (name, text) in &source {
            assert!(text == &copies[name], "{name} differs: run `make chart-files`");
        }
    }
}

/// For the sidecar and for the operator alike: the file, with whatever stands between braces in it.
#[test]
fn every_dashboard_arrives_as_it_is() {
    let objects = objects_of(&json!({
        "dashboards": {"enabled": true, "folder": "Twilio", "operator": {"enabled": true}},
    }));
    let source = files(&repository().join("grafana/dashboards"), "json");
    for (name, text) in &source {
        let maps: Vec<_> = objects.iter().filter_map(|object| Some((object, object["data"][name].as_str()?))).collect();
        assert_eq!(maps.len(), 1, "{name}");
        let (map, data) = maps[0];
        assert_eq!(data.trim_end(), text.trim_end(), "{name}");
        assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1", "{name}");
        assert_eq!(map["metadata"]["annotations"]["grafana_folder"], "Twilio", "{name}");
        // A ConfigMap is refused above a mebibyte.
        assert!(map.to_string().len() < 1024 * 1024, "{name}");
    }
    let dashboards = chart::of_kind(&objects, "GrafanaDashboard");
    let mut given: Vec<_> =
        dashboards.iter().map(|object| object["spec"]["json"].as_str().expect("JSON").trim_end()).collect();
    given.sort_unstable();
    let mut wanted: Vec<_> = source.values().map(|text| text.trim_end()).collect();
    wanted.sort_unstable();
    assert!(given == wanted, "{} and {} dashboards", given.len(), wanted.len());
}

/// What the sidecar writes is what `rules --format grafana` prints.
#[test]
fn the_alerts_for_grafana_are_those_that_the_rules_command_prints() {
    let (thresholds, path) = every_threshold();
    let file = |values: Value| -> Value {
        let objects = objects_of(&values);
        let maps = chart::of_kind(&objects, "ConfigMap").into_iter();
        let texts: Vec<_> = maps
            .filter(|map| map["metadata"]["labels"]["grafana_alert"] == "1")
            .map(|map| map["data"].clone())
            .collect();
        assert_eq!(texts.len(), 1, "one ConfigMap of alerts");
        let (_, text) = texts[0].as_object().and_then(|data| data.iter().next()).expect("a file");
        chart::yaml(text.as_str().expect("text"))
    };
    assert_eq!(file(json!({"grafanaAlerts": {"enabled": true}})), printed(&["--format", "grafana"]), "by default");

    let rules = json!({"events": true, "silence": true, "thresholds": thresholds});
    let alerts = |delete: bool| json!({"grafanaAlerts": {"enabled": true, "datasourceUid": "mimir", "delete": delete}, "rules": rules});
    let common = ["--with", "events,silence", "--thresholds", &path, "--format"];
    let with_source = [&common[..], &["grafana", "--datasource-uid", "mimir"]].concat();
    assert_eq!(file(alerts(false)), printed(&with_source), "with everything on");
    assert_eq!(file(alerts(true)), printed(&[&common[..], &["grafana-delete"]].concat()), "to delete them");
}

/// Grafana's operator names one field otherwise, and knows neither organisations nor the file's version.
#[test]
fn the_operator_gets_the_same_alerts() {
    let objects = objects_of(&json!({"grafanaAlerts": {"operator": {"enabled": true}}, "rules": {"events": true}}));
    let printed = printed(&["--format", "grafana", "--with", "events"]);
    let wanted: BTreeMap<_, _> =
        printed["groups"].as_array().expect("groups").iter().map(|group| (group["name"].to_string(), group)).collect();
    let given = chart::of_kind(&objects, "GrafanaAlertRuleGroup");
    assert_eq!(given.len(), wanted.len());
    for group in given {
        let source = wanted[&group["spec"]["name"].to_string()];
        assert_eq!(group["spec"]["interval"], source["interval"]);
        let mut rules = source["rules"].clone();
        for rule in rules.as_array_mut().expect("rules") {
            let rule = rule.as_object_mut().expect("a rule");
            for (file, operator) in [
                ("missing_series_evals_to_resolve", "missingSeriesEvalsToResolve"),
                ("keep_firing_for", "keepFiringFor"),
            ] {
                if let Some(value) = rule.remove(file) {
                    rule.insert(operator.to_owned(), value);
                }
            }
        }
        assert_eq!(group["spec"]["rules"], rules, "{}", group["spec"]["name"]);
        let folder = group["spec"]["folderRef"].as_str().expect("a folder");
        assert!(
            chart::of_kind(&objects, "GrafanaFolder").iter().any(|found| found["metadata"]["name"] == folder),
            "{folder}"
        );
    }
}
