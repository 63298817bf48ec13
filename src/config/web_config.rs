//! TLS, basic auth and headers of the telemetry listener, in the file format that Prometheus' own exporters share.
//!
//! The same file should do for every exporter on a machine. What of it is not built in here is refused and not ignored: whoever
//! lists cipher suites believes that they hold. As there, paths are relative to the file.
//!
//! Source: <https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use rustls::{ServerConfig, SupportedProtocolVersion};
use serde_json::Value;

use super::fault::Report;
use super::section::Section;
use super::{layers, values};
use crate::causes::with_causes;
use crate::listener::{self, BasicAuth, ClientCertificates, Guard, Handshake, ServerTls};

/// The headers that may be set, as in exporter-toolkit.
const HEADERS: &[&str] = &[
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
];

/// Part of the format, and not built in here.
const NOT_BUILT_IN: &str = "belongs to the format, but is not built in here";

/// Reads a web-config file; what is wrong with it goes to `report`, under the file's name.
pub(super) fn read(file: &Path, report: &mut Report) -> Guard {
    let tree = layers::read_yaml(file, report);
    let dir = file.parent().unwrap_or(Path::new(""));
    let mut inner = Report::default();
    let mut root = Section::new("", tree);
    root.refuse(&mut inner, "rate_limit", NOT_BUILT_IN);
    let mut guard = Guard::default();
    if let Some(section) = root.optional_section(&mut inner, "tls_server_config") {
        guard.tls = tls_server_config(section, dir, &mut inner);
    }
    if let Some(section) = root.optional_section(&mut inner, "http_server_config") {
        guard.headers = http_server_config(section, &mut inner);
    }
    let users = root.texts(&mut inner, "basic_auth_users");
    if !users.is_empty() {
        match BasicAuth::new(users) {
            Ok(auth) => guard.basic_auth = Some(auth),
            Err(error) => inner.fault("basic_auth_users", with_causes(&error)),
        }
    }
    root.finish(&mut inner);
    if let Err(error) = inner.finish() {
        for fault in error.0 {
            report.fault(format!("{}: {}", file.display(), fault.place), fault.sentence);
        }
    }
    guard
}

fn tls_server_config(mut section: Section, dir: &Path, report: &mut Report) -> Option<Arc<ServerConfig>> {
    for key in ["cipher_suites", "curve_preferences", "prefer_server_cipher_suites", "client_allowed_sans"] {
        section.refuse(report, key, NOT_BUILT_IN);
    }
    for (key, instead) in [("cert", "cert_file"), ("key", "key_file"), ("client_ca", "client_ca_file")] {
        section.refuse(report, key, &format!("{NOT_BUILT_IN}; put it in a file and name that in {instead}"));
    }
    let mut file = |key| section.optional(report, key, values::path).map(|path: PathBuf| dir.join(path));
    let (cert_file, key_file, client_ca_file) = (file("cert_file"), file("key_file"), file("client_ca_file"));
    for (key, file) in [("cert_file", &cert_file), ("key_file", &key_file)] {
        if file.is_none() {
            report.fault(section.place(key), "is missing: TLS needs a certificate and its key");
        }
    }
    let clients = client_certificates(&mut section, client_ca_file, report);
    let versions = versions(&mut section, report);
    section.finish(report);
    let identity = ServerTls { cert_file: cert_file?, key_file: key_file? };
    let config = listener::server_config(&identity, &Handshake { clients: clients?, versions: versions? });
    config.map_err(|error| report.fault("tls_server_config", with_causes(&error))).ok()
}

/// What is asked of clients; none after a fault.
fn client_certificates(
    section: &mut Section,
    ca_file: Option<PathBuf>,
    report: &mut Report,
) -> Option<ClientCertificates> {
    const KEY: &str = "client_auth_type";
    let typed = section.optional(report, KEY, values::text).unwrap_or_default();
    let make: fn(PathBuf) -> ClientCertificates = match (typed.as_str(), &ca_file) {
        ("" | "NoClientCert", None) => return Some(ClientCertificates::NotAsked),
        ("" | "NoClientCert", Some(_)) => {
            report.fault(
                section.place("client_ca_file"),
                "needs client_auth_type RequireAndVerifyClientCert or VerifyClientCertIfGiven; nobody would be asked",
            );
            return None;
        }
        ("VerifyClientCertIfGiven", _) => ClientCertificates::VerifiedIfGiven,
        ("RequireAndVerifyClientCert", _) => ClientCertificates::Required,
        ("RequestClientCert" | "RequireAnyClientCert", _) => {
            let reason = "asks for a certificate that nobody verifies; use RequireAndVerifyClientCert";
            report.fault(section.place(KEY), reason);
            return None;
        }
        (other, _) => {
            let reason = "must be NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert, not";
            report.fault(section.place(KEY), format!("{reason} {}", values::shown(other)));
            return None;
        }
    };
    if ca_file.is_none() {
        report.fault(section.place("client_ca_file"), format!("is missing, and {typed} needs it"));
    }
    ca_file.map(make)
}

/// The versions between `min_version` and `max_version`; none after a fault.
fn versions(section: &mut Section, report: &mut Report) -> Option<Vec<&'static SupportedProtocolVersion>> {
    let mut version = |key, default| {
        let parse = |value: &Value| match values::text(value)?.as_str() {
            "TLS12" => Ok(12),
            "TLS13" => Ok(13),
            "TLS10" | "TLS11" => Err("TLS 1.0 and 1.1 are not built in; use TLS12 or TLS13".to_owned()),
            other => Err(format!("must be TLS12 or TLS13, not {}", values::shown(other))),
        };
        section.or(report, key, default, parse)
    };
    let (least, most) = (version("min_version", 12), version("max_version", 13));
    if least > most {
        report.fault(section.place("max_version"), "is below min_version");
        return None;
    }
    let all = [(12, &rustls::version::TLS12), (13, &rustls::version::TLS13)];
    Some(all.into_iter().filter(|(number, _)| (least..=most).contains(number)).map(|(_, version)| version).collect())
}

fn http_server_config(mut section: Section, report: &mut Report) -> Vec<(HeaderName, HeaderValue)> {
    if section.optional(report, "http2", values::truth) == Some(true) {
        report.fault(section.place("http2"), "must be false: the listener speaks HTTP/1.1 alone");
    }
    let mut headers = Vec::new();
    for (name, value) in section.texts(report, "headers") {
        let place = section.place(&format!("headers.{name}"));
        let known = HEADERS.iter().find(|known| known.eq_ignore_ascii_case(&name));
        match (known, HeaderValue::from_str(&value)) {
            (Some(known), Ok(value)) => headers.push((HeaderName::from_static(known), value)),
            (None, _) => report.fault(place, format!("cannot be set; those that can: {}", HEADERS.join(", "))),
            (_, Err(_)) => report.fault(place, "holds a character that no header value can hold"),
        }
    }
    section.finish(report);
    headers
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::{Guard, read};
    use crate::config::fault::Report;

    /// Reads `text` as a web-config file beside a certificate, `cert.pem`, and its key, `key.pem`.
    fn read_text(text: &str) -> Result<Guard, Vec<String>> {
        let dir = TempDir::new().expect("a directory");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let hash = bcrypt::hash("p", 4).expect("a hash");
        let text = text.replace("HASH", &hash);
        for (name, text) in
            [("cert.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem()), ("web.yml", text)]
        {
            fs::write(dir.path().join(name), text).expect(name);
        }
        let mut report = Report::default();
        let guard = read(&dir.path().join("web.yml"), &mut report);
        let strip = |fault: String| fault.split_once("web.yml: ").map_or(fault.clone(), |(_, rest)| rest.to_owned());
        match report.finish() {
            Ok(_) => Ok(guard),
            Err(error) => Err(error.0.iter().map(|fault| strip(fault.to_string())).collect()),
        }
    }

    #[test]
    fn the_parts_of_the_format_that_are_built_in_are_read() {
        let guard = read_text(
            "tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: cert.pem
  min_version: TLS13
  max_version: TLS13
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
basic_auth_users:
  ann: HASH
",
        )
        .expect("a good file");
        assert!(guard.tls.is_some());
        assert_eq!(format!("{:?}", guard.basic_auth.expect("a user")), r#"BasicAuth(["ann"])"#);
        assert_eq!(guard.headers[0].0, "x-frame-options");
        let open = read_text("").expect("an empty file guards nothing");
        assert!(open.tls.is_none() && open.basic_auth.is_none() && open.headers.is_empty());
    }

    #[test]
    fn what_is_not_built_in_is_refused_and_not_ignored() {
        let pair = "cert_file: cert.pem, key_file: key.pem";
        for (text, fault) in [
            (
                "basic_auth_user: {}".to_owned(),
                "basic_auth_user: is not a known setting; did you mean basic_auth_users?",
            ),
            (
                format!("tls_server_config: {{{pair}, cipher_suites: []}}"),
                "tls_server_config.cipher_suites: belongs to",
            ),
            (
                format!("tls_server_config: {{{pair}, cert_fil: x}}"),
                "tls_server_config.cert_fil: is not a known setting",
            ),
            (format!("tls_server_config: {{{pair}, key: x}}"), "tls_server_config.key: belongs to"),
            (format!("tls_server_config: {{{pair}, min_version: TLS10}}"), "tls_server_config.min_version: TLS 1.0"),
            (
                format!("tls_server_config: {{{pair}, min_version: TLS13, max_version: TLS12}}"),
                "tls_server_config.max_version: is below",
            ),
            (
                format!("tls_server_config: {{{pair}, client_auth_type: RequireAnyClientCert}}"),
                "tls_server_config.client_auth_type: asks for a certificate that nobody verifies",
            ),
            (
                format!("tls_server_config: {{{pair}, client_auth_type: VerifyClientCertIfGiven}}"),
                "tls_server_config.client_ca_file: is missing",
            ),
            (
                format!("tls_server_config: {{{pair}, client_ca_file: cert.pem}}"),
                "tls_server_config.client_ca_file: needs",
            ),
            ("tls_server_config: {cert_file: cert.pem}".to_owned(), "tls_server_config.key_file: is missing"),
            ("http_server_config: {http2: true}".to_owned(), "http_server_config.http2: must be false"),
            (
                "http_server_config: {headers: {Server: x}}".to_owned(),
                "http_server_config.headers.Server: cannot be set",
            ),
            ("basic_auth_users: {ann: plain}".to_owned(), "basic_auth_users: user \"ann\" has no bcrypt hash"),
            ("rate_limit: {burst: 1}".to_owned(), "rate_limit: belongs to"),
        ] {
            let faults = read_text(&text).expect_err(&text);
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{fault} in {faults:?}");
        }
    }
}
