//! The pictures in the README: drawn by `make screenshots`, and drawn here small, so that they still can be.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use test_support::exporter::binary;

/// Each dashboard, and which of its panels have nothing to show of that one hour.
const DASHBOARDS: [(&str, &str); 3] = [
    ("twilio-debugger-code", "Before, In which service"),
    // Nothing is late in that hour, and nothing is fetched.
    ("twilio-debugger-exporter", "Backfill failures by class, Since alerts were read"),
    ("twilio-debugger-overview", "Late events by code, top 10"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program that draws.
fn screenshots(arguments: &[&str]) -> Output {
    let python = root().join(".tools/matplotlib/bin/python");
    let output = Command::new(&python).arg(root().join("tests/screenshots")).args(arguments).output();
    output.unwrap_or_else(|error| panic!("cannot run {}: {error}; run `make tools`", python.display()))
}

fn dashboard(uid: &str) -> serde_json::Value {
    let path = root().join("grafana/dashboards").join(uid).with_extension("json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("a dashboard")).expect("JSON")
}

/// An hour of the day, through the binary, the real Prometheus and the real VictoriaLogs, and every query of every panel.
#[test]
fn every_dashboard_can_be_drawn() {
    let out = TempDir::new().expect("a temporary folder");
    let output = screenshots(&[
        "--binary",
        &binary().display().to_string(),
        "--hours",
        "1",
        "--out",
        &out.path().display().to_string(),
    ]);
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    for (uid, empty) in DASHBOARDS {
        let panels = dashboard(uid)["panels"].as_array().expect("panels").len();
        let line = told.lines().find(|line| line.starts_with(&format!("{uid}.png: {panels} panels, ")));
        assert!(line.is_some_and(|line| line.ends_with(&format!("; without data: {empty}"))), "{told}");
        let picture = std::fs::read(out.path().join(uid).with_extension("png")).expect("a picture");
        assert!(picture.starts_with(b"\x89PNG\r\n") && picture.len() > 50_000, "{uid}: {} bytes", picture.len());
    }
}

/// Without this, a picture could show "No data" where a dashboard is broken.
#[test]
fn a_panel_whose_query_fails_is_named() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut broken = dashboard("twilio-debugger-overview");
    let mut panels = broken["panels"].as_array_mut().expect("panels").iter_mut();
    panels.find(|panel| panel["title"] == "Events by level").expect("a panel")["targets"][0]["expr"] = "sum(".into();
    std::fs::write(folder.path().join("twilio-debugger-overview.json"), broken.to_string()).expect("writable");
    let path = folder.path().display().to_string();
    let output = screenshots(&[
        "--binary",
        &binary().display().to_string(),
        "--hours",
        "1",
        "--dashboards",
        &path,
        "--out",
        &path,
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.starts_with("screenshots: twilio-debugger-overview: Events by level: "), "{errors}");
    assert!(errors.contains("parse error") && errors.lines().count() == 1, "{errors}");
    assert!(!folder.path().join("twilio-debugger-overview.png").exists());
}

/// Whoever changes a dashboard draws it anew.
#[test]
fn the_pictures_show_the_dashboards_as_they_are() {
    let output = screenshots(&["--check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
