//! Runbooks: one for each alert, where its `runbook_url` points, with the sections that a person looks for at night.

use std::collections::BTreeSet;

use crate::prometheus;
use crate::rendered::{EVERY_FORM, file, text, with_thresholds};

const SECTIONS: [&str; 4] = ["Meaning", "Impact", "Diagnosis", "Mitigation"];

fn alerts() -> BTreeSet<String> {
    let file = prometheus::parse(&with_thresholds("prometheus", EVERY_FORM));
    file.rules().map(|(_, rule)| rule.alert.clone()).collect()
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let entries = std::fs::read_dir(file("grafana/runbooks")).expect("the folder of runbooks");
    let runbooks: BTreeSet<_> = entries
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .filter(|name| name != "README")
        .collect();
    assert_eq!(runbooks, alerts());
}

#[test]
fn every_runbook_has_its_sections_in_order() {
    for alert in alerts() {
        let runbook = text(&format!("grafana/runbooks/{alert}.md"));
        assert_eq!(runbook.lines().next(), Some(format!("# {alert}").as_str()));
        let sections: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(sections, SECTIONS, "{alert}");
        for part in runbook.split("\n## ").skip(1) {
            let (title, body) = part.split_once('\n').unwrap_or((part, ""));
            assert!(body.trim().len() > 20, "{alert}: {title} says nothing");
        }
    }
}

#[test]
fn a_runbook_url_is_that_of_the_file() {
    let file = prometheus::parse(&with_thresholds("prometheus", EVERY_FORM));
    for (_, rule) in file.rules() {
        let tail = format!("/blob/main/grafana/runbooks/{}.md", rule.alert);
        let url = &rule.annotations["runbook_url"];
        assert!(url.starts_with(env!("CARGO_PKG_REPOSITORY")) && url.ends_with(&tail), "{url}");
    }
}
