//! The chart's README is made of its template and of the comments in values.yaml, and is up to date.

use std::process::Command;

use test_support::chart;
use test_support::process::tool;

#[test]
fn the_readme_is_what_helm_docs_makes() {
    let mut docs = Command::new(tool("helm-docs"));
    docs.args(["--dry-run", "--sort-values-order", "file", "--log-level", "warning", "--chart-search-root"])
        .arg(chart::folder());
    let made = chart::succeed(&mut docs, "");
    assert!(made == chart::file("README.md"), "README.md is not of this values.yaml: run `make chart-readme`");
}

#[test]
fn every_value_has_a_description() {
    let readme = chart::file("README.md");
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let of_values =
        rows.iter().filter(|cells| cells.len() >= 4 && !["Key", "-----"].contains(&cells[0])).collect::<Vec<_>>();
    assert!(of_values.len() > 150, "{} rows", of_values.len());
    let bare: Vec<_> = of_values
        .iter()
        .filter(|cells| cells.last().is_some_and(|text| text.is_empty()))
        .map(|cells| cells[0])
        .collect();
    assert!(bare.is_empty(), "without a description: {bare:?}");
}
