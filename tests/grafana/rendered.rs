//! What the command `rules` prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Everything that is opt-in, and every form a threshold can have.
pub(crate) const EVERYTHING: [&str; 2] = ["--with", "events,silence"];

/// One entry of each form: all codes, one, a named one, each; every level, window and severity.
pub(crate) const EVERY_FORM: &str = r#"
- {level: any, window: 5m, threshold: 1, severity: critical}
- {code: "11200", level: error, window: 15m, threshold: 5, severity: warning}
- {code: overflow, level: warning, window: 1h, threshold: 999999999, severity: info}
- {code: each, level: any, window: 12h, threshold: 20, severity: critical}
- {code: "0", level: error, window: 24h, threshold: 2, severity: info}
"#;

/// A file of the repository.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Its text.
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs `rules` with arguments.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-debugger-exporter"));
    command.arg("rules").args(arguments).output().expect("the binary starts")
}

/// What it prints; panics unless it succeeds and says nothing else.
pub(crate) fn print(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// The same in one shape, with everything that is opt-in and a list of thresholds.
pub(crate) fn with_thresholds(format: &str, list: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("thresholds.yaml");
    std::fs::write(&path, list).expect("writable");
    let path = path.to_str().expect("a path in UTF-8");
    print(&[&["--format", format, "--thresholds", path], &EVERYTHING[..]].concat())
}
