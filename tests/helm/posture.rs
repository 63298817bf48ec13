//! checkov finds nothing in any shape but what is listed here, with the reason why it stays.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use test_support::chart::{self, NEWEST};
use test_support::repository;

/// A finding that stays: the check, where, and why.
struct Accepted {
    check: &'static str,
    place: Place,
    reason: &'static str,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The StatefulSet or Deployment, and its pod.
    Exporter,
    /// The pod of `helm test`.
    Test,
    /// What the shape `pod` adds of its own to show that it can.
    Added,
}

const ACCEPTED: &[Accepted] = &[
    Accepted {
        check: "CKV_K8S_11",
        place: Place::Exporter,
        reason: "a limit on CPU throttles it when a burst arrives, and Twilio gives up after 15 s; a request is set",
    },
    Accepted { check: "CKV_K8S_11", place: Place::Test, reason: "it runs for seconds; a request is set" },
    Accepted {
        check: "CKV_K8S_43",
        place: Place::Exporter,
        reason: "a chart cannot know the digest of an image that is built after it; image.digest sets one",
    },
    Accepted { check: "CKV_K8S_43", place: Place::Test, reason: "the exporter's image" },
    Accepted {
        check: "CKV_K8S_15",
        place: Place::Exporter,
        reason: "a tag is released once, and a node that has the image starts without its registry; image.pullPolicy sets another",
    },
    Accepted { check: "CKV_K8S_15", place: Place::Test, reason: "the exporter's image" },
    Accepted {
        check: "CKV_K8S_40",
        place: Place::Exporter,
        reason: "the user is the image's, 65532; one that is set here is outside of the range that OpenShift allots to a namespace",
    },
    Accepted { check: "CKV_K8S_40", place: Place::Test, reason: "the exporter's image" },
    Accepted {
        check: "CKV2_K8S_6",
        place: Place::Exporter,
        reason: "who may reach it differs from cluster to cluster; networkPolicy.enabled makes a policy",
    },
    Accepted { check: "CKV2_K8S_6", place: Place::Test, reason: "nothing listens in it" },
    Accepted { check: "CKV_K8S_8", place: Place::Test, reason: "it runs once and ends" },
    Accepted { check: "CKV_K8S_9", place: Place::Test, reason: "it runs once and ends" },
    Accepted { check: "CKV_K8S_8", place: Place::Added, reason: "a sidecar without a port" },
    Accepted { check: "CKV_K8S_9", place: Place::Added, reason: "a sidecar without a port" },
    Accepted {
        check: "CKV_K8S_35",
        place: Place::Added,
        reason: "extraEnvFrom takes a Secret; the chart's own are files",
    },
    Accepted {
        check: "CKV_K8S_21",
        place: Place::Added,
        reason: "an object of the user's own goes where the release goes",
    },
];

#[test]
fn nothing_is_found_but_what_has_a_reason() {
    // It looks into no folder whose name begins with a dot.
    let folder = tempfile::Builder::new().prefix("manifests").tempdir().expect("a scratch folder");
    let manifests = chart::in_parallel(chart::shapes(), |shape| {
        // The scanner sees all shapes at once, and would take a policy of one for a policy of another.
        let manifest = chart::manifest("helm4", &shape, NEWEST, &[]);
        (shape.name.clone(), manifest.replace("instance: release", &format!("instance: {}", shape.name)))
    });
    for (name, manifest) in &manifests {
        fs::write(folder.path().join(format!("{name}.yaml")), manifest).expect("writable");
    }
    let (passed, found) = scan(folder.path());
    assert!(passed > 2000, "only {passed} checks passed");
    let without: Vec<_> = found
        .iter()
        .filter(|(check, place, _)| !ACCEPTED.iter().any(|entry| entry.check == check && entry.place == *place))
        .collect();
    assert!(without.is_empty(), "without a reason: {without:#?}");
    let of_the_past: Vec<_> = ACCEPTED
        .iter()
        .filter(|entry| !found.iter().any(|(check, place, _)| entry.check == check && entry.place == *place))
        .map(|entry| (entry.check, entry.place, entry.reason))
        .collect();
    assert!(of_the_past.is_empty(), "no longer found: {of_the_past:#?}");
}

/// How many checks passed, and which did not: check, place, and both in words.
fn scan(folder: &std::path::Path) -> (u64, BTreeSet<(String, Place, String)>) {
    let mut checkov = Command::new(repository().join(".tools/checkov/bin/python"));
    checkov.args(["-m", "checkov.main", "--framework", "kubernetes", "--skip-download", "--quiet", "--compact"]);
    // With findings it exits with 1.
    let output = chart::run(checkov.args(["--output", "json", "--directory"]).arg(folder), "");
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(report["summary"]["parsing_errors"], 0, "{:#}", report["summary"]);
    let failed = report["results"]["failed_checks"].as_array().expect("findings");
    let found = failed.iter().map(|finding| {
        let text = |field: &str| finding[field].as_str().unwrap_or_default();
        let (check, resource, file) = (text("check_id"), text("resource"), text("file_path"));
        let added = ["CKV_K8S_8", "CKV_K8S_9", "CKV_K8S_35", "CKV_K8S_21"].contains(&check) && file == "/pod.yaml";
        let place = match resource {
            _ if resource.ends_with("-test") => Place::Test,
            _ if added => Place::Added,
            _ => Place::Exporter,
        };
        (check.to_owned(), place, format!("{file}: {resource}: {}", text("check_name")))
    });
    (report["summary"]["passed"].as_u64().unwrap_or_default(), found.collect())
}
