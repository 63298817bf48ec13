//! One source, several shapes: each says the same as the others, and the committed ones are what the command prints.

use crate::prometheus::{self, Rule};
use crate::provisioning;
use crate::rendered::{EVERY_FORM, print, text, with_thresholds};

#[test]
fn the_committed_files_are_what_the_command_prints() {
    for (format, path) in [
        ("prometheus", "grafana/prometheus/twilio-debugger-exporter.rules.yaml"),
        ("grafana", "grafana/alerting/twilio-debugger-exporter.yaml"),
        ("grafana-delete", "grafana/alerting/delete-twilio-debugger-exporter.yaml"),
    ] {
        let printed = print(&["--format", format]);
        assert!(printed == text(path), "{path}: print it again with `rules --format {format}`");
    }
}

/// A rule of Grafana as the rule of Prometheus that it stands for.
fn as_prometheus(rule: &provisioning::Rule) -> Rule {
    let annotations =
        rule.annotations.iter().map(|(name, text)| (name.clone(), text.replace("$values.A.Value", "$value")));
    Rule {
        alert: rule.title.split(' ').next().unwrap_or_default().to_owned(),
        expr: rule.data[0].model["expr"].as_str().expect("an expression").to_owned(),
        pending: rule.pending.clone(),
        keep_firing_for: rule.keep_firing_for.clone(),
        labels: rule.labels.clone(),
        annotations: annotations.collect(),
    }
}

#[test]
fn the_shapes_agree_rule_by_rule() {
    let committed = || {
        let grafana = text("grafana/alerting/twilio-debugger-exporter.yaml");
        (text("grafana/prometheus/twilio-debugger-exporter.rules.yaml"), grafana)
    };
    let everything = (with_thresholds("prometheus", EVERY_FORM), with_thresholds("grafana", EVERY_FORM));
    for (prometheus, grafana) in [committed(), everything] {
        let (prometheus, grafana) = (prometheus::parse(&prometheus), provisioning::parse(&grafana));
        let groups: Vec<_> = prometheus.groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(grafana.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), groups);
        for (one, other) in prometheus.groups.iter().zip(&grafana.groups) {
            let other: Vec<_> = other.rules.iter().map(as_prometheus).collect();
            assert_eq!(one.rules, other, "{}", one.name);
        }
    }
}

/// Grafana ends an alert whose series is gone without asking `keepFiringFor`; it counts evaluations, one a minute.
#[test]
fn grafana_keeps_an_alert_as_long_as_prometheus_does() {
    let grafana = provisioning::parse(&with_thresholds("grafana", EVERY_FORM));
    let mut kept = 0;
    for rule in grafana.groups.iter().flat_map(|group| &group.rules) {
        let seconds = humantime::parse_duration(&rule.keep_firing_for).expect("a duration").as_secs();
        assert_eq!(rule.missing_series_evals_to_resolve, (seconds / 60).max(1), "{}", rule.uid);
        kept += u32::from(seconds > 0);
    }
    assert!(kept > 3, "{kept}");
}

#[test]
fn names_and_urls_are_filled_in() {
    let text = print(&["--job", "twilio (eu)", "--runbook-url", "https://wiki.example.com/runbooks/"]);
    let file = prometheus::parse(&text);
    for (_, rule) in file.rules() {
        assert!(rule.expr.contains("{job=\"twilio (eu)\"") && !rule.expr.contains("twilio-debugger-exporter\""));
        let runbook = format!("https://wiki.example.com/runbooks/{}.md", rule.alert);
        assert_eq!(rule.annotations["runbook_url"], runbook);
    }
}

#[test]
fn what_would_end_the_text_it_stands_in_is_refused() {
    for (arguments, said) in [
        (&["--job", "a\"} or vector(1) #"][..], "--job"),
        (&["--job", ""], "--job"),
        (&["--job", "a\nb"], "--job"),
        (&["--job", "$HOME"], "--job"),
        (&["--runbook-url", "wiki"], "--runbook-url"),
        (&["--runbook-url", "https://x/\" y"], "--runbook-url"),
        (&["--runbook-url", "https://x/{{ .Labels }}"], "--runbook-url"),
        (&["--format", "grafana", "--datasource-uid", "${UID}"], "--datasource-uid"),
        (&["--datasource-uid", "prometheus"], "--datasource-uid"),
        (&["--format", "json"], "--format"),
        (&["--with", "everything"], "--with"),
    ] {
        let output = crate::rendered::run(arguments);
        let answer = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {answer}");
        assert!(answer.contains(said) && output.stdout.is_empty(), "{arguments:?}: {answer}");
    }
}
