//! What cannot be changed after an install is the same in every version of the chart, and a new version alone restarts no pod.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use test_support::chart::{self, NEWEST};
use test_support::repository;

/// Of every shape, as the first version of the chart rendered it. There is no release yet to compare with; from the first one
/// on, a change here means that an upgrade fails, so it is one for a new major version and its Upgrading section.
const SNAPSHOT: &str = "tests/helm/immutable.json";

/// Fields of the shape's objects that a server refuses to change.
fn immutable(objects: &[Value]) -> Value {
    let workload = chart::workload(objects);
    let mut fields = json!({
        "kind": workload["kind"],
        "name": workload["metadata"]["name"],
        "selector": workload["spec"]["selector"],
    });
    for field in ["serviceName", "podManagementPolicy", "volumeClaimTemplates"] {
        if !workload["spec"][field].is_null() {
            fields[field] = workload["spec"][field].clone();
        }
    }
    for claim in chart::of_kind(objects, "PersistentVolumeClaim") {
        fields["claim"] = json!({"name": claim["metadata"]["name"], "spec": claim["spec"]});
    }
    // Not refused, but a name or a selector that changes cuts the connection.
    let services = chart::of_kind(objects, "Service").into_iter();
    fields["services"] =
        services.map(|service| json!([service["metadata"]["name"], service["spec"]["selector"]])).collect();
    fields
}

#[test]
fn what_an_upgrade_cannot_change_is_as_it_was() {
    let now: serde_json::Map<_, _> =
        chart::rendered().iter().map(|(shape, objects)| (shape.name.clone(), immutable(objects))).collect();
    let path = repository().join(SNAPSHOT);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let before: Value = serde_json::from_str(&text).unwrap_or_default();
    let written = tempfile::Builder::new().suffix(".json").tempfile().and_then(|file| {
        fs::write(file.path(), serde_json::to_string_pretty(&now)? + "\n")?;
        Ok(file.keep()?.1)
    });
    let Value::Object(before) = before else { panic!("{SNAPSHOT} is not there; it would be {written:?}") };
    let changed: Vec<_> =
        now.iter().filter(|(name, fields)| before.get(*name) != Some(fields)).map(|(name, _)| name).collect();
    assert!(changed.is_empty(), "{changed:?} of {SNAPSHOT}; now they are {written:?}");
    let gone: Vec<_> = before.keys().filter(|name| !now.contains_key(*name)).collect();
    assert!(gone.is_empty(), "{SNAPSHOT} knows shapes that are no more: {gone:?}");
    if let Ok(path) = written {
        fs::remove_file(path).expect("a scratch file");
    }
}

#[test]
fn selectors_hold_two_labels_that_no_value_but_a_name_changes() {
    for (shape, objects) in chart::rendered() {
        let workload = chart::workload(objects);
        let selector = workload["spec"]["selector"]["matchLabels"].as_object().expect("labels");
        let keys: Vec<_> = selector.keys().collect();
        assert_eq!(keys, ["app.kubernetes.io/instance", "app.kubernetes.io/name"], "{}", shape.name);
        for (key, value) in selector {
            assert_eq!(&workload["spec"]["template"]["metadata"]["labels"][key], value, "{}", shape.name);
        }
    }
}

/// A copy of the chart with another version in Chart.yaml.
fn copy_with_version(folder: &Path, version: &str) {
    let mut package = chart::helm("helm4");
    package.arg("package").arg(chart::folder()).args(["--version", version]).arg("--destination").arg(folder);
    chart::succeed(&mut package, "");
}

/// The pod template is what a controller restarts pods for. A label with the chart's version, or a checksum over an object that
/// has such a label, changes it with every release.
#[test]
fn another_version_of_the_chart_leaves_the_pod_alone() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    copy_with_version(folder.path(), "99.0.0");
    let newer = folder.path().join("twilio-debugger-exporter-99.0.0.tgz");
    chart::in_parallel(chart::rendered().iter().collect(), |(shape, objects)| {
        let values = shape.values.to_str().expect("a path in UTF-8");
        let manifest = chart::template("helm4", &newer, &["--values", values, "--kube-version", NEWEST]);
        let newer = chart::objects(&manifest.unwrap_or_else(|error| panic!("{}: {error}", shape.name)));
        assert!(newer[0].to_string().contains("twilio-debugger-exporter-99.0.0"), "{}: not the newer one", shape.name);
        let (newer_workload, workload) = (chart::workload(&newer), chart::workload(objects));
        assert_eq!(newer_workload["spec"], workload["spec"], "{}", shape.name);
        assert_eq!(immutable(&newer), immutable(objects), "{}", shape.name);
    });
}

#[test]
fn another_configuration_restarts_the_pod_and_another_label_does_not() {
    let annotations = |sets: &[&str]| {
        chart::workload(&chart::objects_with(sets))["spec"]["template"]["metadata"]["annotations"].clone()
    };
    let before = annotations(&[]);
    assert_ne!(before, annotations(&["config.log.level=debug"]));
    assert_eq!(before, annotations(&["service.webhook.labels.team=voice", "serviceMonitor.enabled=true"]));
    let token = |token: &str| annotations(&["twilio.existingSecret=", &format!("twilio.authToken={token}")]);
    assert_ne!(token("one-of-the-tokens"), token("another-of-the-tokens"));
}
