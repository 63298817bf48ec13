//! The chart's own suites, run by helm-unittest.

use test_support::chart;
use test_support::process::tool;

#[test]
fn every_suite_passes() {
    let mut unittest = std::process::Command::new(tool("helm-unittest"));
    unittest.args(["--strict", "--file", "tests/*_test.yaml"]).arg(chart::folder());
    let out = chart::succeed(&mut unittest, "");
    let suites = std::fs::read_dir(chart::folder().join("tests")).expect("the chart has suites");
    let suites = suites
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().to_string_lossy().ends_with("_test.yaml")))
        .count();
    assert!(suites > 0, "no suite");
    // One that is not found is not run, and helm-unittest calls that a success.
    assert!(out.contains(&format!("Test Suites: {suites} passed, {suites} total")), "{suites} suites, but:\n{out}");
}
