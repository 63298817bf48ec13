//! The repository itself: who may import whom, how long a file may be, how files are called, what stands in none of them.
//!
//! Style that a test enforces is style that nobody has to remember.

mod invented;
mod modules;
mod rooms;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use self::modules::Modules;
use self::rooms::{DOORS, ORDER, STRANGERS};

/// About 300 is the aim; a file beyond this is two.
const LINES_MAX: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "manager", "types"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of ours below `folder`, by its path from the root: not what is built, installed or under version control's care.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_symlink() || ["target", ".git", ".tools", "node_modules", "data"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// The modules of the crate, without their unit tests.
static MODULES: LazyLock<Modules> = LazyLock::new(|| {
    let sources = files("src").into_iter().filter(|(path, _)| {
        Path::new(path).extension().is_some_and(|extension| extension == "rs") && !path.contains("tests")
    });
    let sources: Vec<_> = sources.map(|(path, text)| (path["src/".len()..].to_owned(), text)).collect();
    Modules::read(sources.iter().map(|(path, text)| (path.as_str(), text.as_str())))
});

#[test]
fn a_room_knows_only_the_rooms_before_it() {
    let wrong = rooms::out_of_order(&MODULES.references(), ORDER, STRANGERS);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_room_reaches_into_another() {
    let wrong = [rooms::past_the_doors(&MODULES, DOORS), rooms::unused_doors(&MODULES, DOORS)].concat();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_modules_go_in_a_circle() {
    let circles = rooms::circles(&MODULES.references());
    assert!(circles.is_empty(), "{circles:#?}");
}

/// `lib.rs` is the tour: whoever reads it downwards reads no module before those it is made of.
#[test]
fn the_tour_goes_from_the_ground_up() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).expect("it is there");
    let module = Regex::new("(?m)^pub mod ([a-z_]+);$").expect("a pattern");
    let tour: Vec<_> = module.captures_iter(&lib).map(|found| found[1].to_owned()).collect();
    assert_eq!(tour, ORDER);
}

#[test]
fn no_file_is_longer_than_a_sitting() {
    let sources = ["src", "tests", "benches"].into_iter().flat_map(files);
    let rust = sources.filter(|(path, _)| Path::new(path).extension().is_some_and(|extension| extension == "rs"));
    let long: Vec<_> = rust.map(|(path, text)| (path, text.lines().count())).filter(|(_, n)| *n > LINES_MAX).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn every_file_is_named_for_what_is_in_it() {
    let bad: Vec<_> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(files)
        .map(|(path, _)| path)
        .filter(|path| {
            let mut names = Path::new(path).iter().map(|part| part.to_string_lossy());
            path.ends_with("/mod.rs") || names.any(|name| EMPTY_NAMES.contains(&name.trim_end_matches(".rs")))
        })
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn nothing_is_left_to_be_done_and_no_machine_is_named() {
    // Put together, so that this file is not its own first find.
    let unfinished = Regex::new(&["\\b(TO", "DO|FIX", "ME|XX", "X)\\b"].concat()).expect("a pattern");
    let machine = Regex::new(&["(^|[\\s\"'`(=])/(ho", "me|Us", "ers|ro", "ot|wo", "rk)/"].concat()).expect("a pattern");
    let mut found = Vec::new();
    // Lock files and the like are written by programs, and hold hashes that can spell anything.
    for (path, text) in files("").iter().filter(|(path, _)| !path.contains("lock") && !path.ends_with("go.sum")) {
        for (number, line) in text.lines().enumerate() {
            if unfinished.is_match(line) || machine.is_match(line) {
                found.push(format!("{path}:{}: {line}", number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Attribute names are what people's queries are made of: each is in the README, and no other.
#[test]
fn the_readme_names_every_attribute_of_a_log_record() {
    let source = std::fs::read_to_string(root().join("src/otlp/record.rs")).expect("the record");
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let literal = Regex::new(r#""((?:log\.record|twilio|http|url)\.[a-z_.]+)""#).expect("a pattern");
    // The scope and the event's name are not attributes.
    let attributes: BTreeSet<_> = literal
        .captures_iter(code)
        .map(|found| found[1].to_owned())
        .filter(|name| !name.starts_with("twilio.debugger"))
        .collect();
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let in_backticks = Regex::new("`((?:log\\.record|twilio|http|url)\\.[a-z_.]+)`").expect("a pattern");
    let rows = readme.lines().skip_while(|line| *line != "## Log record").skip(1);
    let rows = rows.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with('|'));
    let documented: BTreeSet<_> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| in_backticks.captures_iter(cell).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(documented, attributes, "the first column under `## Log record`, and the names in src/otlp/record.rs");
}

#[test]
fn every_test_that_the_architecture_names_exists() {
    let architecture = std::fs::read_to_string(root().join("src/ARCHITECTURE.md")).expect("it is there");
    let table = architecture.split("# What always holds").nth(1).and_then(|rest| rest.split("\n# ").next());
    let name = Regex::new("`([a-z0-9_]+)`").expect("a pattern");
    let named: Vec<_> =
        name.captures_iter(table.expect("the section is there")).map(|found| found[1].to_owned()).collect();
    assert!(named.len() > 10, "the table names its tests");
    let sources: String = ["src", "tests"].into_iter().flat_map(files).map(|(_, text)| text).collect();
    for test in named {
        assert!(sources.contains(&format!("fn {test}(")), "there is no {test}");
    }
}

#[test]
fn every_file_that_the_architecture_names_exists() {
    let architecture = std::fs::read_to_string(root().join("src/ARCHITECTURE.md")).expect("it is there");
    let file = Regex::new(r"`([a-z_/]+\.rs)`").expect("a pattern");
    let named: Vec<_> = file.captures_iter(&architecture).map(|found| found[1].to_owned()).collect();
    assert!(named.len() > 20, "{named:?}");
    let missing: Vec<_> = named.iter().filter(|name| !root().join("src").join(name).is_file()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
