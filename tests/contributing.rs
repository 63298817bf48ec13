//! CONTRIBUTING.md against the repository: every file, command and test that it names is there.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use test_support::repository;

/// The texts in backticks.
fn named() -> Vec<String> {
    let page = text("CONTRIBUTING.md");
    let in_backticks = Regex::new("`([^`]+)`").expect("a pattern");
    in_backticks.captures_iter(&page).map(|found| found[1].to_owned()).collect()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file below `folder`, one after the other.
fn code(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path());
    let texts = entries.map(|path| match path.extension() {
        _ if path.is_dir() => code(&path),
        Some(extension) if extension == "rs" => std::fs::read_to_string(&path).expect("UTF-8"),
        _ => String::new(),
    });
    texts.collect()
}

#[test]
fn every_file_that_it_names_is_there() {
    // `.tools/` is there after `make test`.
    let paths = named().into_iter().filter(|name| name.contains('/') && !name.starts_with(".tools"));
    let paths: Vec<_> = paths.map(|name| name.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert!(paths.len() > 15, "{paths:?}");
    let missing: Vec<_> = paths.iter().filter(|path| !repository().join(path).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_command_that_it_names_is_there() {
    let (makefile, manifest) = (text("Makefile"), text("Cargo.toml"));
    let mut found = BTreeSet::new();
    for command in named() {
        let words: Vec<_> = command.split(' ').collect();
        match words[..] {
            ["make", target] => assert!(makefile.contains(&format!("\n{target}:")), "{command}"),
            ["cargo", "test", "--test", program, module] => {
                assert!(manifest.contains(&format!("name = \"{program}\"")), "{command}");
                let main = text(&format!("tests/{program}/main.rs"));
                assert!(main.contains(&format!("mod {};", module.trim_end_matches("::"))), "{command}");
            }
            _ => continue,
        }
        found.insert(command);
    }
    assert!(found.len() > 5, "{found:?}");
}

/// Tests by their whole names, and what of the support crate every test should know.
#[test]
fn every_test_that_it_names_is_there() {
    let function = Regex::new("^(?:[a-zA-Z]+::)?([a-z0-9]+(?:_[a-z0-9]+)+|until|reserve)$").expect("a pattern");
    let code = code(&repository().join("src")) + &code(&repository().join("tests"));
    let tests: Vec<_> =
        named().iter().filter_map(|name| function.captures(name).map(|found| found[1].to_owned())).collect();
    assert!(tests.len() > 8, "{tests:?}");
    let missing: Vec<_> =
        tests.iter().filter(|name| !Regex::new(&format!(r"fn {name}\b")).expect("a pattern").is_match(&code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
