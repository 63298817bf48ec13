//! Where rule files meet the programs that read them: a folder with every rule file and every unit test in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::rendered::{EVERYTHING, file, print, text};

/// The list of thresholds that the unit tests are written for.
pub(crate) const THRESHOLDS: &str = "tests/grafana/every-threshold.yaml";

/// A folder with rule files and unit tests.
#[derive(Debug)]
pub(crate) struct Bench {
    dir: TempDir,
}

impl Bench {
    /// Renders the rules and lays the unit tests beside them: `default.rules.yaml` as it comes, and with everything opted into,
    /// one file a group, `events.rules.yaml` and so on.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let bench = Self { dir };
        bench.write("default.rules.yaml", &print(&[]));
        for (group, rules) in by_group(&everything()) {
            bench.write(&format!("{group}.rules.yaml"), &rules);
        }
        for test in unit_tests() {
            bench.write(&test, &text(&format!("tests/grafana/promtool/{test}")));
        }
        bench
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Puts a file there, or another into its place.
    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path().join(name), content).expect("writable");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of the rule files.
    pub(crate) fn rule_files(&self) -> Vec<String> {
        let names = names_in(self.path());
        names.into_iter().filter(|name| name.ends_with(".rules.yaml")).collect()
    }

    /// Runs a tool in the folder.
    pub(crate) fn run(&self, tool: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(tool_path(tool));
        command.current_dir(self.path()).args(arguments);
        command.output().unwrap_or_else(|error| panic!("cannot run {tool}: {error}; run `make tools`"))
    }

    /// Runs a tool in the folder and panics with what it says unless it succeeds; gives what it said.
    pub(crate) fn passes(&self, tool: &str, arguments: &[&str]) -> String {
        let output = self.run(tool, arguments);
        let said = said(&output);
        assert!(output.status.success(), "{tool} {arguments:?}:\n{said}");
        said
    }
}

/// Everything a program has written.
pub(crate) fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// A program that `make tools` has installed.
pub(crate) fn tool_path(name: &str) -> PathBuf {
    file(".tools/bin").join(name)
}

/// The rules with everything opted into, for [`THRESHOLDS`].
pub(crate) fn everything() -> String {
    let thresholds = file(THRESHOLDS);
    let thresholds = thresholds.to_str().expect("a path in UTF-8");
    let runbooks = ["--runbook-url", "https://runbooks.example.com"];
    print(&[&["--thresholds", thresholds], &EVERYTHING[..], &runbooks].concat())
}

/// The file names of the unit tests.
pub(crate) fn unit_tests() -> Vec<String> {
    names_in(&file("tests/grafana/promtool"))
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

/// A rule file taken apart into one a group, named by the group without its prefix. A long test then evaluates no more than it is
/// about.
fn by_group(rules: &str) -> Vec<(String, String)> {
    let (_, groups) = rules.split_once("groups:\n").expect("a rule file");
    let groups = groups.split("  - name: twilio-debugger-").skip(1);
    let groups = groups.map(|group| {
        let (name, _) = group.split_once('\n').expect("a name on its line");
        (name.to_owned(), format!("groups:\n  - name: twilio-debugger-{group}"))
    });
    groups.collect()
}
