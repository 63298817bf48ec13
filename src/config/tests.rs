//! Whole configurations, as an operator writes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{KEYS, Loaded, Sources, load_everything, load_export, load_signing, load_stored};

mod catalogue;
mod defaults;
mod identity;
mod otlp;

/// A token as Twilio makes them.
pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A directory with a configuration file and what it names.
pub(super) struct Case {
    dir: TempDir,
    sources: Sources,
}

impl Case {
    /// Without a file, with the three variables that are enough.
    pub(super) fn minimal() -> Self {
        Self::bare()
            .with("TWILIO_ACCOUNT_SID", "AC1")
            .with("TWILIO_AUTH_TOKEN", TOKEN)
            .with("PUBLIC_URL", "https://h/t")
    }

    pub(super) fn bare() -> Self {
        Self { dir: TempDir::new().expect("a directory"), sources: Sources::default() }
    }

    /// Makes a file and gives its path.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect(name);
        path
    }

    /// `DIR` in the text stands for the directory.
    pub(super) fn file(mut self, text: &str) -> Self {
        let text = text.replace("DIR", &self.path());
        self.sources.file = Some(self.write("exporter.yml", &text));
        self
    }

    pub(super) fn path(&self) -> String {
        self.dir.path().to_str().expect("UTF-8").to_owned()
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let environment = &self.sources.environment;
        let variables =
            environment.names().map(|name| (name.to_owned(), environment.get(name).unwrap_or("").to_owned()));
        self.sources.environment = variables.chain([(name.to_owned(), value.to_owned())]).collect();
        self
    }

    pub(super) fn flag(mut self, path: &'static str, value: &str) -> Self {
        self.sources.flags.insert(path, vec![value.to_owned()]);
        self
    }

    pub(super) fn loaded(&self) -> Loaded {
        load_everything(&self.sources).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let error = load_everything(&self.sources).expect_err("a fault");
        error.0.iter().map(ToString::to_string).collect()
    }

    /// The one fault there is.
    pub(super) fn fault(&self) -> String {
        let mut faults = self.faults();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        faults.remove(0)
    }
}

const ACCOUNT: &str = "accounts: [{sid: AC1, auth_token_files: [DIR/token]}]\npublic_url: https://h/t\n";

/// A good account, and `text`.
pub(super) fn case(text: &str) -> Case {
    let case = Case::bare();
    case.write("token", TOKEN);
    case.file(&format!("{ACCOUNT}{text}"))
}

#[test]
fn every_bad_setting_is_named_in_one_run() {
    let case = Case::bare().file(
        "
public_url: ftp://h/
accounts: [{sid: CA1, auth_token_files: [DIR/missing]}]
webhook: {listen: nowhere, body_bytes_max: 1, connections_max: 0, tls: {cert_file: DIR/c.pem}}
telemetry: {lisen: '127.0.0.1:9979', web_config_file: DIR/web.yml}
store: {bytes_max: 1KiB, retention: 7, dedupe_events_max: many}
metrics: {error_codes_max: 0, account_label: 'yes', codes: [1234567]}
otlp: {endpoint: collector, protocol: http/json, timeout: soon}
redaction: some
log: {format: xml}
",
    );
    let faults = case.faults();
    for place in [
        "public_url: does not start with https:// or http://",
        "accounts[0].sid: is not AC",
        "accounts[0].auth_token_files[0]: ",
        "webhook.listen: ",
        "webhook.body_bytes_max: must be a number of bytes from 1024 to 16777216",
        "webhook.connections_max: must be a whole number from 1 to",
        "webhook.tls.key_file: is missing",
        "telemetry.lisen: is not a known setting; did you mean listen?",
        "store.bytes_max: ",
        "store.retention: must be a duration with a unit",
        "store.dedupe_events_max: ",
        "metrics.error_codes_max: ",
        "metrics.account_label: must be true or false",
        "metrics.codes: must list codes of 1 to 6 digits",
        "otlp.protocol: must be grpc or http/protobuf",
        "otlp.timeout: ",
        "redaction: must be none or standard or strict",
        "log.format: must be text or json",
    ] {
        let named = faults.iter().filter(|fault| fault.starts_with(place)).count();
        assert_eq!(named, 1, "{place} in {faults:#?}");
    }
    // A file that another one names is named itself.
    assert!(faults.iter().any(|fault| fault.contains("web.yml: cannot be read")), "{faults:#?}");
    assert_eq!(faults.len(), 19, "{faults:#?}");
}

#[test]
fn an_unknown_key_names_its_nearest_neighbour() {
    assert_eq!(case("webhok: {}").fault(), "webhok: is not a known setting; did you mean webhook?");
    let fault = case("store: {retension: 7d}").fault();
    assert_eq!(fault, "store.retension: is not a known setting; did you mean retention?");
    let fault = case("log: {x: 1}").fault();
    assert_eq!(fault, "log.x: is not a known setting; known here: level, format");
    let fault = Case::minimal().with("TWILIO_DEBUGGER_EXPORTER_STORE_DRI", "x").fault();
    assert!(fault.ends_with("did you mean TWILIO_DEBUGGER_EXPORTER_STORE_DIR?"), "{fault}");
}

#[test]
fn every_setting_of_the_table_is_read_from_file_variable_and_flag() {
    for key in KEYS.iter().filter(|key| key.path != "public_url") {
        // No setting takes an empty text, so that each of these faults is proof that the value arrived.
        let mut tree = serde_json::Map::new();
        super::layers::set(&mut tree, key.path, serde_json::json!(" "));
        // A document of JSON is one of YAML.
        tree.insert("public_url".into(), "https://h/t".into());
        let file = Case::bare().file(&serde_json::to_string_pretty(&tree).expect("JSON"));
        let place = format!("{}: must not be empty", key.path);
        let file = file.faults();
        assert!(file.contains(&place), "{place} in {file:?}");
        for (case, origin) in [
            (Case::minimal().with(&key.variable(), " "), key.variable()),
            (Case::minimal().flag(key.path, " "), format!("--{}", key.path)),
        ] {
            let (faults, place) = (case.faults(), format!("{place} (set by {origin})"));
            assert!(faults.contains(&place), "{place} in {faults:?}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_one_fault() {
    assert!(case("a: [").fault().contains("is no valid YAML"));
    let mut missing = Case::bare();
    missing.sources.file = Some("/missing.yml".into());
    assert!(missing.fault().starts_with("/missing.yml: cannot be read"));
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let dir = |case: &Case| case.loaded().settings.store.dir.to_str().map(str::to_owned).expect("UTF-8");
    let file = case("store: {dir: from-file, retention: 1d}");
    assert_eq!(dir(&file), "from-file");
    let variable = file.with("TWILIO_DEBUGGER_EXPORTER_STORE_DIR", "from-variable");
    assert_eq!(dir(&variable), "from-variable");
    let flag = variable.flag("store.dir", "from-flag");
    assert_eq!(dir(&flag), "from-flag");
    assert_eq!(
        flag.loaded().settings.store.retention,
        Duration::from_secs(24 * 60 * 60),
        "the rest of the section stays"
    );
}

#[test]
fn metrics_never_share_the_listener_that_faces_the_internet() {
    let fault = case("telemetry: {listen: '127.0.0.1:8080'}").fault();
    assert!(fault.starts_with("telemetry.listen: ") && fault.contains("webhook.listen"), "{fault}");
    let free = case("webhook: {listen: '127.0.0.1:0'}\ntelemetry: {listen: ':0'}").loaded();
    assert_eq!(free.settings.telemetry.listen.port(), 0);
}

#[test]
fn certificates_and_password_files_are_part_of_the_same_run() {
    let case = case("webhook: {tls: {cert_file: DIR/c.pem, key_file: DIR/k.pem}, basic_auth_file: DIR/htpasswd}");
    case.write("htpasswd", "user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    let faults = case.faults();
    assert_eq!(faults.len(), 2, "{faults:#?}");
    assert!(faults[0].starts_with("webhook.tls: ") && faults[0].contains("c.pem cannot be read"), "{faults:#?}");
    assert!(faults[1].starts_with("webhook.basic_auth_file: user \"user\" has no bcrypt hash"), "{faults:#?}");
}

#[test]
fn a_reload_says_what_needs_a_restart() {
    let old = case("otlp: {endpoint: 'http://c:4317', headers: {authorization: a}}").loaded().settings;
    assert_eq!(old.changes_needing_restart(&old.clone()), Vec::<&str>::new());
    let new = case(
        "otlp: {endpoint: 'http://c:4317', headers: {authorization: b}}\nstore: {dir: other, retention: 1d}
log: {level: debug}\nmetrics: {error_codes_max: 9}\nwebhook: {listen: '127.0.0.1:1', body_bytes_max: 2KiB}",
    );
    let changes = old.changes_needing_restart(&new.loaded().settings);
    assert_eq!(changes, ["webhook.listen", "store.dir", "metrics", "otlp", "log"]);
}

#[test]
fn events_and_replay_open_no_token() {
    let case = Case::bare().file("accounts: [{sid: AC1, auth_token_files: [/missing]}]\nstore: {dir: d}");
    let store = load_stored(&case.sources).expect("no token is needed").store;
    assert_eq!(store.dir, Path::new("d"));
    load_export(&case.sources).expect("nor for this");
    load_signing(&Case::bare().sources).expect("nothing is required");
}
