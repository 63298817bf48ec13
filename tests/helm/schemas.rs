//! Every object is one that Kubernetes and the operators take, field by field.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use test_support::chart::{self, NEWEST};
use test_support::repository;

/// The definitions of the operators' kinds and of the Gateway API's.
fn definitions() -> Vec<PathBuf> {
    let folder = repository().join(".tools/crds");
    let files =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}; run `make tools`", folder.display()));
    files.map(|entry| entry.expect("readable").path()).collect()
}

/// What the validator says to the items: a line for each fault, and their number at the end.
fn faults(items: &[Value]) -> Vec<String> {
    let mut validate = Command::new(repository().join(".tools/kubernetes-validate/bin/python"));
    validate.arg(repository().join("tests/helm/validate.py")).args(definitions());
    let out = chart::succeed(&mut validate, &json!(items).to_string());
    let mut lines: Vec<_> = out.lines().map(str::to_owned).collect();
    assert_eq!(lines.pop(), Some(format!("{} objects", items.len())), "{out}");
    lines
}

#[test]
fn every_object_is_valid_on_the_oldest_and_the_newest_kubernetes() {
    let oldest = chart::oldest();
    let cases = chart::shapes().into_iter().flat_map(|shape| [oldest.as_str(), NEWEST].map(|at| (shape.clone(), at)));
    let items = chart::in_parallel(cases.collect(), |(shape, version)| {
        let objects = chart::objects(&chart::manifest("helm4", &shape, version, &[]));
        objects
            .into_iter()
            .map(|object| json!({"place": shape.name, "version": version, "object": object}))
            .collect::<Vec<_>>()
    });
    let items = items.concat();
    assert!(items.len() > 200, "{} objects", items.len());
    let faults = faults(&items);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// That a fault would be found: each kind of schema refuses a field that it does not have, and a value of a wrong kind.
#[test]
fn a_field_that_is_not_in_the_schema_is_found() {
    let find = |wanted: &str| {
        let objects = chart::rendered().iter().flat_map(|(_, objects)| objects);
        objects.clone().find(|object| chart::kind(object) == wanted).unwrap_or_else(|| panic!("no {wanted}")).clone()
    };
    let mut wrong = Vec::new();
    for kind in [
        "StatefulSet",
        "NetworkPolicy",
        "ServiceMonitor",
        "PodMonitor",
        "PrometheusRule",
        "HTTPRoute",
        "GrafanaDashboard",
        "GrafanaAlertRuleGroup",
    ] {
        let mut misspelt = find(kind);
        misspelt["spec"]["misspelt"] = json!(1);
        let mut mistyped = find(kind);
        mistyped["spec"] = json!("a text");
        let mut mislabelled = find(kind);
        mislabelled["metadata"]["labels"]["number"] = json!(1);
        wrong.extend([misspelt, mistyped, mislabelled]);
    }
    wrong.push(json!({"apiVersion": "example.com/v1", "kind": "Unheard", "metadata": {"name": "unheard"}}));
    for object in wrong {
        let found = faults(&[json!({"place": "altered", "version": NEWEST, "object": object})]);
        assert!(!found.is_empty(), "accepted: {object:#}");
    }
}
