//! Helm 3 and Helm 4 take every shape, and make the same of it.

use std::collections::BTreeSet;

use test_support::chart::{self, HELMS, NEWEST};

#[test]
fn every_shape_passes_a_strict_lint_by_both() {
    let cases = chart::shapes().into_iter().flat_map(|shape| HELMS.map(|program| (shape.clone(), program))).collect();
    chart::in_parallel(cases, |(shape, program)| {
        let mut lint = chart::helm(program);
        lint.args(["lint", "--strict", "--kube-version", NEWEST])
            .arg(chart::folder())
            .arg("--values")
            .arg(&shape.values);
        let out = chart::succeed(&mut lint, "");
        assert!(out.contains("1 chart(s) linted, 0 chart(s) failed"), "{program}, {}: {out}", shape.name);
        assert!(!out.contains("[WARNING]"), "{program}, {}: {out}", shape.name);
    });
}

#[test]
fn both_make_the_same_of_every_shape() {
    let oldest = chart::oldest();
    let cases = chart::shapes().into_iter().flat_map(|shape| [oldest.as_str(), NEWEST].map(|at| (shape.clone(), at)));
    chart::in_parallel(cases.collect(), |(shape, kubernetes)| {
        // They differ in blank lines.
        let lines = |program| -> Vec<String> {
            let manifest = chart::manifest(program, &shape, kubernetes, &[]);
            manifest.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
        };
        let [three, four] = HELMS.map(lines);
        assert_eq!(three, four, "{} at {kubernetes}", shape.name);
    });
}

/// A shape that renders nothing of a template proves nothing about it.
#[test]
fn every_template_is_rendered_by_a_shape() {
    let manifests = chart::in_parallel(chart::shapes(), |shape| chart::manifest("helm4", &shape, NEWEST, &[]));
    let mut templates = BTreeSet::new();
    let mut folders = vec![chart::folder().join("templates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the chart") {
            let path = entry.expect("readable").path();
            let name = path.strip_prefix(chart::folder()).expect("below the chart").to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                templates.insert(name);
            }
        }
    }
    assert!(templates.len() > 10, "{templates:?}");
    templates.retain(|template| {
        !manifests.iter().any(|text| text.contains(&format!("# Source: twilio-debugger-exporter/{template}")))
    });
    assert!(templates.is_empty(), "in no shape: {templates:?}");
}

#[test]
fn an_object_stands_once_in_a_shape() {
    for (shape, objects) in chart::rendered() {
        let mut names = BTreeSet::new();
        for object in objects {
            let name = (chart::title(object), object["metadata"]["namespace"].to_string());
            assert!(names.insert(name.clone()), "{}: {name:?} is there twice", shape.name);
        }
    }
}
