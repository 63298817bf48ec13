//! What holds when nothing is set: the parts' own defaults, against what the README and `--help` say of them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::KEYS;
use super::{Case, TOKEN};
use crate::otlp::Protocol;
use crate::redact::Redaction;

/// The README's example, and the row of its table that gives the defaults of `log`.
fn readme_example() -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md");
    let (_, section) = readme.split_once("\n## Configuration\n").expect("the section");
    let (_, rest) = section.split_once("```yaml\n").expect("the example");
    let (example, rest) = rest.split_once("```").expect("its end");
    let (_, rest) = rest.split_once("\n| `log` | `").expect("the row");
    let (log, _) = rest.split_once('`').expect("its value");
    format!("{example}log: {log}\n")
}

#[test]
fn the_readmes_example_reads_into_the_defaults() {
    let case = Case::bare();
    case.write("primary", &format!("{TOKEN}\n"));
    case.write("secondary", "other\r\n");
    let case = case.file(&readme_example().replace("/run/secrets/twilio", "DIR"));
    let example = case.loaded();
    assert_eq!(example.warnings, Vec::<String>::new());
    let settings = example.settings;
    let tokens: Vec<&str> = settings.accounts[0].auth_tokens.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(tokens, [TOKEN, "other"]);
    assert_eq!(settings.public_urls[0].to_string(), "https://hooks.example.com/twilio");
    let otlp = settings.otlp.as_ref().expect("an endpoint");
    assert_eq!((otlp.endpoint.as_str(), otlp.protocol), ("http://127.0.0.1:4317", Protocol::Grpc));
    assert_eq!((otlp.batch_records_max, otlp.batch_bytes_max, otlp.gzip), (512, 3_145_728, false));
    assert_eq!(otlp.timeout, Duration::from_secs(10));
    assert!(settings.traces.is_none());
    assert_eq!(settings.metrics.codes, [11200, 30007]);

    let mut defaults = Case::minimal().loaded().settings;
    assert!(defaults.otlp.is_none());
    assert_eq!(defaults.metrics.codes, Vec::<u32>::new());
    defaults.metrics.codes = settings.metrics.codes.clone();
    assert_eq!(format!("{:?}", defaults.webhook), format!("{:?}", settings.webhook));
    assert_eq!(format!("{:?}", defaults.telemetry), format!("{:?}", settings.telemetry));
    assert_eq!(defaults.store, settings.store);
    assert_eq!(defaults.metrics, settings.metrics);
    assert_eq!(format!("{:?}", defaults.log), format!("{:?}", settings.log));
    assert_eq!((defaults.late_after, &defaults.event_streams), (settings.late_after, &settings.event_streams));
    assert_eq!(defaults.backfill, settings.backfill);
    assert_eq!((defaults.redaction, defaults.log.json), (Redaction::Standard, false));
    assert_eq!(defaults.store.dir, Path::new("./data"));
    assert_eq!(defaults.store.dedupe_window, Duration::from_secs(32 * 24 * 60 * 60));
}

/// Typing what `--help` calls the default changes nothing.
#[test]
fn the_defaults_in_the_help_are_those_in_force() {
    let case = || Case::minimal().flag("otlp.endpoint", "http://127.0.0.1:4317");
    let untyped = format!("{:?}", case().loaded().settings);
    let named = |help: &'static str| Some(help.split_once("[default: ")?.1.strip_suffix(']').expect("a bracket"));
    let defaults: Vec<_> = KEYS.iter().filter_map(|key| Some((key.path, named(key.help)?))).collect();
    for (path, default) in &defaults {
        let typed = case().flag(path, default).loaded().settings;
        assert_eq!(format!("{typed:?}"), untyped, "{path}: {default}");
    }
    assert!(defaults.len() > KEYS.len() / 2, "the help names most of them: {defaults:?}");
}
