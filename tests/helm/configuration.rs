//! The exporter's configuration file as the chart writes it, read by the exporter itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use test_support::chart::{self, of_kind, rendered};
use twilio_debugger_exporter::config::KEYS;

const BINARY: &str = env!("CARGO_BIN_EXE_twilio-debugger-exporter");

/// Where the chart mounts what the configuration names.
const MOUNTS: [&str; 3] = ["/run/secrets/", "/vault/", "/var/lib/"];

/// What a cluster would mount, made anew.
struct Mounted {
    dir: tempfile::TempDir,
    config: String,
}

impl Mounted {
    /// Writes every file that `config` names below a folder of its own.
    fn of(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let root = dir.path().display().to_string();
        let config =
            MOUNTS.iter().fold(config.to_owned(), |text, mount| text.replace(mount, &format!("{root}{mount}")));
        let named =
            config.split([' ', '\n']).filter(|word| word.starts_with(&root)).filter(|word| !word.contains("/var/lib/"));
        let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        for path in named.map(Path::new) {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a file");
            let content = match name {
                "tls.key" => identity.signing_key.serialize_pem(),
                "tls.crt" | "ca.crt" => identity.cert.pem(),
                "htpasswd" => "user:$2y$10$abcdefghijklmnopqrstuuxQYyTfr2wAqPGzUKV2Fbc1gyVQAMKYG".to_owned(),
                "web-config.yml" => "{}".to_owned(),
                "twilio-error-codes.json" => r#"[{"code": 11200, "message": "HTTP retrieval failure"}]"#.to_owned(),
                _ => "0".repeat(32),
            };
            fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
            fs::write(path, content).expect("writable");
        }
        fs::write(dir.path().join("config.yaml"), &config).expect("writable");
        Self { dir, config }
    }
}

/// A setting that the exporter does not know, or a value it cannot take, would only be found out by a pod that does not start.
#[test]
fn the_exporter_takes_the_configuration_of_every_shape() {
    for (shape, objects) in rendered() {
        let maps = of_kind(objects, "ConfigMap");
        let config = maps.iter().find_map(|map| map["data"]["config.yaml"].as_str()).expect("a configuration");
        let mounted = Mounted::of(config);
        let mut check = Command::new(BINARY);
        check.env_clear().arg("check").arg("--config").arg(mounted.dir.path().join("config.yaml"));
        let done = check.output().expect("the binary runs");
        assert!(done.status.success(), "{}: {}\n{}", shape.name, String::from_utf8_lossy(&done.stderr), mounted.config);
    }
}

/// What the values may hold under `config` is what the exporter knows, no more and no less: of what the chart writes itself, the
/// schema says where it belongs instead.
#[test]
fn the_schema_of_config_has_the_settings_of_the_exporter() {
    let schema: Value = serde_json::from_str(&chart::file("values.schema.json")).expect("JSON");
    let mut taken = BTreeSet::new();
    collect(&schema["properties"]["config"], "", &mut taken);
    // One key of the schema may stand for a section that the chart writes whole.
    let known = KEYS.iter().map(|key| key.path);
    let missing: Vec<_> = known
        .filter(|path| !taken.iter().any(|taken| path == taken || path.starts_with(&format!("{taken}."))))
        .collect();
    assert!(missing.is_empty(), "settings of the exporter that the values do not know: {missing:?}");
    // What is no single value stands in the file alone, and so not in the table.
    let lists = ["accounts", "otlp.headers", "otlp.headers_files", "otlp.resource_attributes"];
    let sections = KEYS.iter().filter_map(|key| key.path.rsplit_once('.')).map(|(section, _)| section);
    let sections: BTreeSet<_> = sections.chain(lists).chain(KEYS.iter().map(|key| key.path)).collect();
    let unknown: Vec<_> = taken.iter().filter(|taken| !sections.contains(taken.as_str())).collect();
    assert!(unknown.is_empty(), "values that the exporter does not know: {unknown:?}");
}

fn collect(schema: &Value, way: &str, taken: &mut BTreeSet<String>) {
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        let path = if way.is_empty() { key.clone() } else { format!("{way}.{key}") };
        if value["properties"].is_object() { collect(value, &path, taken) } else { taken.extend([path]) }
    }
}
