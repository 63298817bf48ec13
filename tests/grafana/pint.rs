//! The rules through pint, which knows the mistakes that others have made.

use crate::bench::{Bench, said};
use crate::rendered::text;

/// Everything from a remark upwards is a failure, and nothing is written but problems.
const LINT: [&str; 8] = [
    "--offline",
    "--no-color",
    "--show-duplicates",
    "--config=pint.hcl",
    "--log-level=ERROR",
    "lint",
    "--min-severity=info",
    "--fail-on=info",
];

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("pint.hcl", &text("tests/grafana/pint.hcl"));
    bench
}

#[test]
fn pint_has_nothing_to_say() {
    let bench = bench();
    let files = bench.rule_files();
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let said = bench.passes("pint", &[&LINT[..], &files].concat());
    assert_eq!(said, "");
}

/// What pint says nothing of would be no praise if it read nothing.
#[test]
fn pint_would_say_something() {
    let bench = bench();
    let rules = bench.read("events.rules.yaml");
    for (part, instead, check) in [
        ("priority: high", "count: \"{{ $value }}\"", "alerts/template"),
        ("severity: info", "severity: low", "rule/label"),
        ("sum by (job, error_code)", "sum by (error_code)", "promql/aggregate"),
        ("summary:", "headline:", "alerts/annotation"),
    ] {
        assert!(rules.contains(part), "{part}");
        bench.write("changed.rules.yaml", &rules.replace(part, instead));
        let output = bench.run("pint", &[&LINT[..], &["changed.rules.yaml"]].concat());
        let said = said(&output);
        assert!(!output.status.success() && said.contains(check), "{instead}: {said}");
    }
}
