//! The merged tree to [`Settings`], section by section in the order of the file.
//!
//! Every section is read whatever became of the one before, with its default in the place of what is faulty: that is how
//! one run names them all. The settings of such a run are thrown away.

use std::time::Duration;

use super::accounts::{accounts, public_urls};
use super::fault::{ConfigError, Report};
use super::layers::merge;
use super::section::Section;
use super::{Loaded, Need, Settings, Sources, otlp_section, values};
use crate::basic_auth::BasicAuth;
use crate::input::webhook;
use crate::log;
use crate::metrics;
use crate::redact::Redaction;
use crate::store;
use crate::telemetry;
use crate::telemetry::web_config::{self, Guard};
use crate::tls::{self, ServerTls};

const FAR: Duration = Duration::from_hours(3650 * 24);

/// Reads and checks everything that `sources` say.
///
/// Opens token files, certificates and password files, and nothing else.
///
/// # Errors
///
/// [`ConfigError`] with every fault, if there is one.
pub fn load(sources: &Sources, need: Need) -> Result<Loaded, ConfigError> {
    let mut report = Report::default();
    let layers = merge(sources, &mut report);
    let mut root = Section::new("", layers.tree.clone());
    let environment = &sources.environment;
    let (public_urls, accounts) = match need {
        Need::Everything | Need::Accounts => {
            let required = need == Need::Everything && layers.file_was_read;
            let urls = public_urls(&mut root, required, &mut report);
            (urls, accounts(&mut root, required, environment, &mut report))
        }
        Need::Export | Need::Store => {
            root.take("public_url");
            root.take("accounts");
            (Vec::new(), Vec::new())
        }
    };
    let webhook = webhook_section(root.section(&mut report, "webhook"), &mut report);
    let telemetry = telemetry_section(root.section(&mut report, "telemetry"), &mut report);
    refuse_one_address_twice(&webhook, &telemetry, &mut report);
    let store = store_section(root.section(&mut report, "store"), &mut report);
    let metrics = metrics_section(root.section(&mut report, "metrics"), &mut report);
    root.take("otlp");
    let (otlp, traces) = match need {
        Need::Everything | Need::Export => otlp_section::read(&layers, environment, &mut report),
        Need::Accounts | Need::Store => (None, None),
    };
    let levels = [("none", Redaction::None), ("standard", Redaction::Standard), ("strict", Redaction::Strict)];
    let redaction = root.or(&mut report, "redaction", Redaction::default(), values::word(&levels));
    let log = log_section(root.section(&mut report, "log"), &mut report);
    root.finish(&mut report);
    let settings = Settings { public_urls, accounts, webhook, telemetry, store, metrics, otlp, traces, redaction, log };
    let (webhook_guard, telemetry_guard) = match need {
        Need::Everything => guards(&settings, &mut report),
        Need::Accounts | Need::Export | Need::Store => (Guard::default(), Guard::default()),
    };
    report.finish().map(|warnings| Loaded { settings, webhook_guard, telemetry_guard, warnings })
}

fn webhook_section(mut section: Section, report: &mut Report) -> webhook::Settings {
    let default = webhook::Settings::default();
    let settings = webhook::Settings {
        listen: section.or(report, "listen", default.listen, values::address),
        body_bytes_max: section.or(
            report,
            "body_bytes_max",
            default.body_bytes_max,
            values::size((1 << 10)..=(16 << 20)),
        ),
        connections_max: section.or(report, "connections_max", default.connections_max, values::count(1..=1_000_000)),
        tls: section.optional_section(report, "tls").and_then(|tls| server_tls(tls, report)),
        basic_auth_file: section.optional(report, "basic_auth_file", values::path),
    };
    section.finish(report);
    settings
}

/// A certificate and its key: both, or neither.
pub(crate) fn server_tls(mut section: Section, report: &mut Report) -> Option<ServerTls> {
    let mut file = |key| section.optional(report, key, values::path);
    let files = (file("cert_file"), file("key_file"));
    let missing = match &files {
        (None, Some(_)) => Some("cert_file"),
        (Some(_), None) => Some("key_file"),
        _ => None,
    };
    if let Some(key) = missing {
        report.fault(section.place(key), "is missing: TLS needs a certificate and its key");
    }
    section.finish(report);
    Some(ServerTls { cert_file: files.0?, key_file: files.1? })
}

fn telemetry_section(mut section: Section, report: &mut Report) -> telemetry::Settings {
    let default = telemetry::Settings::default();
    let settings = telemetry::Settings {
        listen: section.or(report, "listen", default.listen, values::address),
        web_config_file: section.optional(report, "web_config_file", values::path),
    };
    section.finish(report);
    settings
}

fn refuse_one_address_twice(webhook: &webhook::Settings, telemetry: &telemetry::Settings, report: &mut Report) {
    let (one, other) = (webhook.listen, telemetry.listen);
    let overlap = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    // Port 0 takes a free one each time.
    if one.port() == other.port() && one.port() != 0 && overlap {
        report.fault(
            "telemetry.listen",
            format!("{other} is taken by webhook.listen; metrics must not share the listener that faces the internet"),
        );
    }
}

fn store_section(mut section: Section, report: &mut Report) -> store::Settings {
    let default = store::Settings::default();
    let dedupe_window = values::duration(Duration::from_secs(1)..=FAR);
    let dedupe_events_max = values::count(1_000..=100_000_000);
    let settings = store::Settings {
        dir: section.or(report, "dir", default.dir, values::path),
        bytes_max: section.or(report, "bytes_max", default.bytes_max, values::bytes((16 << 20)..=(1 << 44))),
        retention: section.or(report, "retention", default.retention, values::duration(Duration::ZERO..=FAR)),
        dedupe_window: section.or(report, "dedupe_window", default.dedupe_window, dedupe_window),
        dedupe_events_max: section.or(report, "dedupe_events_max", default.dedupe_events_max, dedupe_events_max),
    };
    section.finish(report);
    settings
}

fn metrics_section(mut section: Section, report: &mut Report) -> metrics::Settings {
    let default = metrics::Settings::default();
    let settings = metrics::Settings {
        error_codes_max: section.or(report, "error_codes_max", default.error_codes_max, values::count(1..=100_000)),
        account_label: section.or(report, "account_label", default.account_label, values::truth),
        zero_first: section.or(report, "zero_first", default.zero_first, values::truth),
        codes: section.or(report, "codes", default.codes, values::error_codes),
    };
    if settings.codes.len() > settings.error_codes_max {
        let (listed, most) = (settings.codes.len(), settings.error_codes_max);
        report.fault(section.place("codes"), format!("lists {listed} codes, and error_codes_max is {most}"));
    }
    section.finish(report);
    settings
}

fn log_section(mut section: Section, report: &mut Report) -> log::Settings {
    let default = log::Settings::default();
    let settings = log::Settings {
        level: section.or(report, "level", default.level, values::log_filter),
        json: section.or(report, "format", default.json, values::word(&[("text", false), ("json", true)])),
    };
    section.finish(report);
    settings
}

/// Reads the files that guard the two listeners.
fn guards(settings: &Settings, report: &mut Report) -> (Guard, Guard) {
    let mut webhook = Guard::default();
    if let Some(files) = &settings.webhook.tls {
        match tls::server_config(files, &tls::Handshake::default()) {
            Ok(config) => webhook.tls = Some(config),
            Err(error) => report.fault("webhook.tls", tls::sentence(&error)),
        }
    }
    if let Some(file) = &settings.webhook.basic_auth_file {
        match BasicAuth::from_htpasswd_file(file) {
            Ok(auth) => webhook.basic_auth = Some(auth),
            Err(error) => report.fault("webhook.basic_auth_file", error),
        }
    }
    let telemetry = settings.telemetry.web_config_file.as_deref().map(|file| web_config::read(file, report));
    (webhook, telemetry.unwrap_or_default())
}
