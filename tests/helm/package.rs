//! The packaged chart: what is in it, and that it is the same chart.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use test_support::chart::{self, HELMS, NEWEST};

#[test]
fn a_package_holds_what_a_user_needs_and_no_more() {
    for program in HELMS {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let mut package = chart::helm(program);
        package.arg("package").arg(chart::folder()).arg("--destination").arg(folder.path());
        chart::succeed(&mut package, "");
        let version = chart::yaml(&chart::file("Chart.yaml"))["version"].as_str().expect("a version").to_owned();
        let archive = folder.path().join(format!("twilio-debugger-exporter-{version}.tgz"));
        let listed = chart::succeed(Command::new("tar").arg("-tzf").arg(&archive), "");
        let files: BTreeSet<_> =
            listed.lines().filter_map(|line| line.strip_prefix("twilio-debugger-exporter/")).collect();
        for needed in ["Chart.yaml", "values.yaml", "values.schema.json", "README.md", "LICENSE", "templates/NOTES.txt"]
        {
            assert!(files.contains(needed), "{program}: no {needed} in {files:?}");
        }
        let folders = ["templates/", "dashboards/", "rules/"];
        let top = ["Chart.yaml", "values.yaml", "values.schema.json", "README.md", "LICENSE"];
        let junk: Vec<_> = files
            .iter()
            .filter(|file| !top.contains(file) && !folders.iter().any(|folder| file.starts_with(folder)))
            // Helm takes the file that it reads along.
            .filter(|file| **file != ".helmignore")
            .collect();
        assert!(junk.is_empty(), "{program}: {junk:?}");

        // From the archive the files of dashboards/ and rules/ are read in another way than from a folder.
        for (shape, objects) in chart::rendered().iter().filter(|(shape, _)| shape.name.contains("operator")) {
            let values = shape.values.to_str().expect("a path in UTF-8");
            let manifest = chart::template(program, &archive, &["--values", values, "--kube-version", NEWEST]);
            assert_eq!(&chart::objects(&manifest.expect("renders")), objects, "{program}, {}", shape.name);
        }
    }
}

/// Artifact Hub reads its annotations as YAML of its own, and shows nothing where it cannot.
#[test]
fn the_annotations_for_artifact_hub_are_readable_and_true() {
    let chart = chart::yaml(&chart::file("Chart.yaml"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"), "the chart is of another version of the exporter");
    let annotation = |name: &str| -> Value {
        let text =
            chart["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap_or_else(|| panic!("no {name}"));
        chart::yaml(text)
    };
    assert_eq!(annotation("license"), env!("CARGO_PKG_LICENSE"));
    assert_eq!(annotation("category"), "monitoring-logging");
    assert_eq!((annotation("prerelease"), annotation("containsSecurityUpdates")), (false.into(), false.into()));
    for change in annotation("changes").as_array().expect("a list") {
        let kinds = ["added", "changed", "deprecated", "removed", "fixed", "security"];
        assert!(kinds.contains(&change["kind"].as_str().expect("a kind")), "{change}");
        assert!(change["description"].as_str().is_some_and(|text| !text.is_empty()), "{change}");
    }
    let links = annotation("links");
    assert!(links.as_array().expect("a list").iter().any(|link| link["name"] == "support"), "{links}");
    let images = annotation("images");
    let objects = chart::objects_with(&[]);
    let image = &chart::workload(&objects)["spec"]["template"]["spec"]["containers"][0]["image"];
    assert!(images.as_array().expect("a list").iter().any(|entry| &entry["image"] == image), "{images} lacks {image}");
}
