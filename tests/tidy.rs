//! The repository itself: who may import whom, how long a file may be, how files are called, what stands in none of them.
//!
//! Style that a test enforces is style that nobody has to remember.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Which part of the crate imports which. Data flows one way, input → store → output, and the parts meet in the vocabulary.
/// An import that is not here is a decision: take it here, with its reason.
const IMPORTS: &[(&str, &[&str])] = &[
    // The vocabulary knows itself alone, and nothing that reads, writes or listens.
    ("account", &["sid"]),
    ("event", &["error_code", "level", "sid"]),
    // Inputs hand to the store's surface and count refusals. Of the outputs they know one function: which trace the request
    // under way belongs to, which a record carries where the event brings none.
    (
        "input",
        &[
            "account",
            "basic_auth",
            "error_code",
            "event",
            "level",
            "metrics",
            "otlp",
            "public_url",
            "quarantine",
            "redact",
            "server",
            "sid",
            "store",
            "tls",
        ],
    ),
    // The store keeps the counters in the transaction that keeps the events, so it knows metrics; it knows no input, no output.
    ("store", &["account", "error_code", "event", "level", "metrics", "quarantine", "sid"]),
    // Metrics know what is counted, not who counts or who asks.
    ("metrics", &["account", "error_code", "event", "level", "quarantine", "sid"]),
    // The log export reads the backlog and nothing of the inputs.
    ("otlp", &["error_code", "event", "http_client", "level", "metrics", "sid", "store"]),
    // The page for people shows the inputs' last refusals.
    ("telemetry", &["basic_auth", "config", "input", "metrics", "public_url", "redact", "store", "tls"]),
    // Settings are made of what they set; the web-config file belongs to the telemetry listener, which defines its format.
    (
        "config",
        &[
            "account",
            "basic_auth",
            "error_code",
            "http_client",
            "input",
            "log",
            "metrics",
            "otlp",
            "public_url",
            "redact",
            "sid",
            "store",
            "telemetry",
            "tls",
        ],
    ),
    ("log", &["otlp"]),
    // What was typed knows what can be typed, and no running part.
    ("cli", &["config", "error_code", "level", "sid"]),
    // The wiring.
    ("app", &["basic_auth", "config", "input", "log", "metrics", "otlp", "redact", "server", "store", "telemetry"]),
    (
        "commands",
        &[
            "account",
            "app",
            "cli",
            "config",
            "error_code",
            "event",
            "http_client",
            "input",
            "level",
            "log",
            "otlp",
            "public_url",
            "quarantine",
            "redact",
            "sid",
            "store",
        ],
    ),
];

/// The modules of a part that others may name; everything else they get from the part's own surface.
const DOORS: &[(&str, &str, &[&str])] = &[
    ("config", "section", &["telemetry"]),
    ("input", "doctor", &["commands"]),
    ("input", "form", &["commands"]),
    ("input", "rejection", &["telemetry"]),
    ("input", "signature", &["commands"]),
    ("input", "webhook", &["app", "config", "telemetry"]),
    ("metrics", "event_series", &["store", "telemetry"]),
    ("telemetry", "web_config", &["config"]),
];

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

/// The sources, without their unit tests, by the part they belong to.
fn parts() -> Vec<(String, String, String)> {
    let sources = files("src").into_iter().filter(|(path, _)| {
        Path::new(path).extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs")
    });
    let with_part = sources.map(|(path, text)| {
        let part = path["src/".len()..].split(['/', '.']).next().unwrap_or_default().to_owned();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        (part, path, code)
    });
    with_part.collect()
}

#[test]
fn every_import_between_parts_is_in_the_table() {
    let import = Regex::new(r"crate::([a-z_]+)").expect("a pattern");
    let mut wrong = BTreeSet::new();
    let mut used = BTreeSet::new();
    for (part, path, code) in parts() {
        let allowed = IMPORTS.iter().find(|(name, _)| *name == part).map_or(&[][..], |(_, allowed)| *allowed);
        for found in import.captures_iter(&code).map(|found| found[1].to_owned()).filter(|found| *found != part) {
            if !allowed.contains(&found.as_str()) {
                wrong.insert(format!("{path} imports {found}"));
            }
            used.insert((part.clone(), found));
        }
    }
    let table = IMPORTS.iter().flat_map(|(part, imports)| imports.iter().map(move |import| (*part, *import)));
    for (part, import) in table {
        if !used.contains(&(part.to_owned(), import.to_owned())) {
            wrong.insert(format!("{part} no longer imports {import}: take it out of the table"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_part_reaches_into_another() {
    let inside = Regex::new(r"crate::([a-z_]+)::([a-z_]+)(::|;)").expect("a pattern");
    let mut wrong = BTreeSet::new();
    for (part, path, code) in parts() {
        for found in inside.captures_iter(&code).filter(|found| found[1] != part) {
            let (owner, module) = (&found[1], &found[2]);
            let is_module = root().join(format!("src/{owner}/{module}.rs")).is_file();
            let is_door = DOORS.iter().any(|(of, door, to)| *of == owner && *door == module && to.contains(&&*part));
            if is_module && !is_door {
                wrong.insert(format!("{path} reaches into {owner}::{module}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
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
    let name = Regex::new("`([a-z_]+)`").expect("a pattern");
    let named: Vec<_> =
        name.captures_iter(table.expect("the section is there")).map(|found| found[1].to_owned()).collect();
    assert!(named.len() > 10, "the table names its tests");
    let sources: String = ["src", "tests"].into_iter().flat_map(files).map(|(_, text)| text).collect();
    for test in named {
        assert!(sources.contains(&format!("fn {test}(")), "there is no {test}");
    }
}
