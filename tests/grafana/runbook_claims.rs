//! What the runbooks name must exist: at three in the morning nobody looks for a flag that was renamed.

use std::collections::BTreeSet;
use std::process::Command;

use regex::Regex;

use crate::rendered::{file, text};

/// Every runbook by its file name.
fn runbooks() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(file("grafana/runbooks")).expect("the folder of runbooks");
    let names = entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"));
    names.map(|name| (name.clone(), text(&format!("grafana/runbooks/{name}")))).collect()
}

/// Everything that `pattern` finds in the runbooks, each with the file where it stands; panics if that is nothing.
fn named(pattern: &str) -> Vec<(String, Vec<String>)> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let mut found = Vec::new();
    for (name, text) in runbooks() {
        // A name may be broken over two lines.
        let text = text.replace("\n  ", " ");
        let captures = pattern.captures_iter(&text);
        found.extend(captures.map(|found| {
            let groups = found.iter().skip(1).map(|group| group.map_or("", |group| group.as_str()).to_owned());
            (name.clone(), groups.collect())
        }));
    }
    assert!(found.len() > 2, "{found:?}");
    found
}

fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_twilio-debugger-exporter")).args([command, "--help"]).output();
    let output = output.expect("the binary starts");
    assert!(output.status.success(), "there is no command {command}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_metric_of_a_runbook_is_in_the_readme() {
    let readme = text("README.md");
    let name = Regex::new("`(twilio_debugger_[a-z_]+)`").expect("a pattern");
    let known: BTreeSet<_> = name.captures_iter(&readme).map(|found| found[1].to_owned()).collect();
    for (runbook, groups) in named(r"\b(twilio_debugger_[a-z_]+)") {
        let metric = groups[0].strip_suffix("_bucket").unwrap_or(&groups[0]);
        assert!(known.contains(metric), "{runbook}: {metric}");
    }
}

#[test]
fn every_command_and_flag_of_a_runbook_exists() {
    for (runbook, groups) in named(r"twilio-debugger-exporter ([a-z]+)((?: [^`\n]+)?)") {
        let help = help(&groups[0]);
        for flag in groups[1].split_whitespace().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")), "{runbook}: {groups:?}");
        }
    }
}

#[test]
fn every_setting_of_a_runbook_exists() {
    let known = text("README.md") + &help("serve");
    for (runbook, groups) in named(r"`((?:webhook|telemetry|store|metrics|otlp)\.[a-z_]+)`") {
        assert!(known.contains(&groups[0]), "{runbook}: {}", groups[0]);
    }
}

#[test]
fn every_log_line_to_look_for_is_written() {
    let sources = ["app/reload", "input/alerts/feed", "input/recent_rejections", "otlp/export", "store/writer"];
    let sources = sources.map(|name| text(&format!("src/{name}.rs"))).concat();
    for (runbook, groups) in named(r"look for `([a-z ]+)`") {
        assert!(sources.contains(&format!("\"{}", groups[0])), "{runbook}: {}", groups[0]);
    }
}

#[test]
fn every_section_of_the_readme_that_is_pointed_to_is_there() {
    let readme = text("README.md");
    for (runbook, groups) in named("README, \"([^\"]+)\"") {
        let section = &groups[0];
        let is_heading = readme.lines().any(|line| line.trim_start_matches('#') == format!(" {section}"));
        assert!(is_heading || readme.contains(&format!("**{section}.**")), "{runbook}: {section}");
    }
}
