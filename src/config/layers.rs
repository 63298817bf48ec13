//! The file, the environment and the flags, laid over each other into one tree.
//!
//! Here values are moved and not understood: a layer above replaces a value below, and the [`Report`] remembers where a value
//! came from when that is not the file. OpenTelemetry's variables are a layer too, but differ by signal; `otlp` lays them.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Sources;
use super::environment::Environment;
use super::fault::Report;
use super::keys::{KEYS, VARIABLE_PREFIX};
use super::section::nearest;

/// The most bytes of a configuration file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What the sources say, before anything of it is understood.
pub(crate) struct Layers {
    /// The file and everything above it, but for OpenTelemetry's variables.
    pub(crate) tree: Map<String, Value>,
    /// Whether there was no file, or one that could be read. What stands in one that could not is unknown, not missing.
    pub(crate) file_was_read: bool,
    /// The `otlp` section of what lies above OpenTelemetry's variables: our own variables and flags.
    pub(crate) otlp_above: Map<String, Value>,
}

/// Reads and merges all layers.
pub(crate) fn merge(sources: &Sources, report: &mut Report) -> Layers {
    let mut tree = sources.file.as_deref().map(|file| read_yaml(file, report)).unwrap_or_default();
    let file_was_read = !report.has_faults();
    let environment = &sources.environment;
    overlay_account(&mut tree, environment, report);
    let mut above = Map::new();
    if let Some(url) = environment.get("PUBLIC_URL") {
        set(&mut above, "public_url", json!(url));
        report.came_from("public_url", "PUBLIC_URL");
    }
    for key in KEYS {
        let variable = key.variable();
        if let Some(value) = environment.get(&variable) {
            set(&mut above, key.path, json!(value));
            report.came_from(key.path, &variable);
        }
    }
    for (path, values) in &sources.flags {
        let value = if let [value] = values.as_slice() { json!(value) } else { json!(values) };
        set(&mut above, path, value);
        report.came_from(path, &format!("--{}", path.replace("public_url", "public-url")));
    }
    refuse_unknown_variables(environment, report);
    let otlp_above = above.get("otlp").and_then(Value::as_object).cloned().unwrap_or_default();
    overlay(&mut tree, above);
    Layers { tree, file_was_read, otlp_above }
}

/// Reads a YAML file whose top is a mapping. An empty file is an empty mapping.
pub(crate) fn read_yaml(file: &Path, report: &mut Report) -> Map<String, Value> {
    let place = file.display().to_string();
    let text = match fs::metadata(file) {
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => Err(format!("is longer than {FILE_BYTES_MAX} bytes")),
        _ => fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}")),
    };
    match text {
        Ok(text) => parse_yaml(&text, &place, report),
        Err(sentence) => {
            report.fault(place, sentence);
            Map::new()
        }
    }
}

fn parse_yaml(text: &str, place: &str, report: &mut Report) -> Map<String, Value> {
    // `yes` and `no` are words in YAML 1.2, and a country code in a header should not become a truth value.
    let options = serde_saphyr::options! { strict_booleans: true };
    match serde_saphyr::from_str_with_options::<Option<Value>>(text, options) {
        Ok(Some(Value::Object(tree))) => return tree,
        Ok(None | Some(Value::Null)) => {}
        Ok(Some(_)) => report.fault(place, "must hold keys and values"),
        Err(error) => {
            // Without its snippet: the lines around the fault may hold a secret.
            let location = error.location().map(|at| format!("{place}, line {}", at.line()));
            let message = error.without_snippet().to_string();
            let sentence = message.lines().next().unwrap_or("cannot be read");
            let sentence = sentence.split_once(" at line ").map_or(sentence, |(sentence, _)| sentence);
            report.fault(location.unwrap_or_else(|| place.to_owned()), format!("is no valid YAML: {sentence}"));
        }
    }
    Map::new()
}

/// Puts the account of `TWILIO_ACCOUNT_SID` among those of the file, in the place of the one with the same Sid.
fn overlay_account(tree: &mut Map<String, Value>, environment: &Environment, report: &mut Report) {
    let Some(sid) = environment.get("TWILIO_ACCOUNT_SID") else { return };
    let mut account = json!({ "sid": sid });
    // Even an empty token is a token that was meant, and refused later.
    if environment.has("TWILIO_AUTH_TOKEN") {
        account["auth_token_env"] = json!(["TWILIO_AUTH_TOKEN"]);
    }
    if let Some(file) = environment.get("TWILIO_AUTH_TOKEN_FILE") {
        account["auth_token_files"] = json!([file]);
    }
    let accounts = tree.entry("accounts").or_insert_with(|| json!([]));
    if accounts.is_null() {
        *accounts = json!([]);
    }
    // Anything but a list is a fault of the file, named when the accounts are read.
    let Value::Array(accounts) = accounts else { return };
    let index = accounts.iter().position(|known| known.get("sid").and_then(Value::as_str) == Some(sid));
    match index {
        Some(_) if account.as_object().is_some_and(|account| account.len() == 1) => return,
        Some(index) => accounts[index] = account,
        None => accounts.push(account),
    }
    let index = index.unwrap_or(accounts.len() - 1);
    report.came_from(&format!("accounts[{index}]"), "TWILIO_ACCOUNT_SID");
}

/// Sets `path` in `tree`, making the sections on the way.
pub(crate) fn set(tree: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            tree.insert(path.to_owned(), value);
        }
        Some((section, rest)) => {
            let section = tree.entry(section).or_insert_with(|| json!({}));
            if let Value::Object(section) = section {
                set(section, rest, value);
            }
        }
    }
}

/// Lays `above` over `below`, section by section.
pub(crate) fn overlay(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => overlay(below, above),
            // A text where a section belongs is named when it is read; replacing it would hide it.
            (Some(below), Value::Object(_)) if !below.is_null() => {}
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// A mistyped variable would be ignored in silence, so it is a fault, like a mistyped key.
fn refuse_unknown_variables(environment: &Environment, report: &mut Report) {
    let known: Vec<String> = KEYS.iter().map(super::keys::Key::variable).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).chain([super::CONFIG_VARIABLE]).collect();
    for name in environment.names().filter(|name| name.starts_with(VARIABLE_PREFIX)) {
        if !known.contains(&name) && !names_a_service(name) {
            let hint = nearest(name, &known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            report.fault(name, format!("is not a known variable{hint}"));
        }
    }
}

/// Kubernetes gives each pod such variables for a Service of our name, and they are no settings.
///
/// Source: <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>
fn names_a_service(name: &str) -> bool {
    let port = |(_, rest): (&str, &str)| rest.is_empty() || rest.starts_with('_');
    let name = name.trim_start_matches(VARIABLE_PREFIX.trim_end_matches('_'));
    name.ends_with("_SERVICE_HOST") || name.split_once("_PORT").is_some_and(port)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{names_a_service, parse_yaml};
    use crate::config::fault::Report;

    fn faults_of(text: &str) -> Vec<String> {
        let mut report = Report::default();
        parse_yaml(text, "f.yml", &mut report);
        let faults = report.finish().err().map(|error| error.0).unwrap_or_default();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_syntax_error_names_its_line_and_shows_none() {
        for (text, line) in
            [("a: 1\nb: [1, s3cret\nc: 2\n", "f.yml, line"), ("a:\n  b: 1\n   c: s3cret\n", "f.yml, line 3")]
        {
            let faults = faults_of(text);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].starts_with(line) && !faults[0].contains("s3cret"), "{faults:?}");
        }
    }

    #[test]
    fn a_key_given_twice_is_a_fault() {
        let faults = faults_of("store:\n  dir: a\n  dir: b\n");
        assert!(faults[0].starts_with("f.yml, line 3: ") && faults[0].contains("dir"), "{faults:?}");
    }

    #[test]
    fn an_empty_file_says_nothing() {
        for text in ["", "# only a comment\n", "---\n", "null\n"] {
            assert_eq!(faults_of(text), Vec::<String>::new(), "{text:?}");
        }
        assert_eq!(faults_of("- a\n").len(), 1);
        assert_eq!(faults_of("text\n").len(), 1);
    }

    #[test]
    fn words_stay_words() {
        let tree = parse_yaml("a: no\nb: on\nc: 0.0.0.0:8080\nd: true", "f.yml", &mut Report::default());
        assert_eq!(Value::Object(tree), json!({"a": "no", "b": "on", "c": "0.0.0.0:8080", "d": true}));
    }

    #[test]
    fn variables_of_a_kubernetes_service_are_no_settings() {
        for name in ["SERVICE_HOST", "PORT", "PORT_8080_TCP_ADDR", "SERVICE_PORT_HTTP", "WEBHOOK_PORT_80_TCP"] {
            assert!(names_a_service(&format!("TWILIO_DEBUGGER_EXPORTER_{name}")), "{name}");
        }
        assert!(!names_a_service("TWILIO_DEBUGGER_EXPORTER_STORE_DRI"));
    }
}
