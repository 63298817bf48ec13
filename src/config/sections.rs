//! The sections of the file that are one part's settings each: every key with the values it may have.
//!
//! Defaults are the part's own. `public_url`, `accounts` and `otlp`, which are more than values, have modules of their own.

use std::time::Duration;

use super::fault::Report;
use super::section::Section;
use super::values;
use crate::input::{alerts, event_streams, webhook};
use crate::listener::ServerTls;
use crate::{log, metrics, store, telemetry};

/// The longest time that can be set; nobody means to be held to it.
pub(super) const FAR: Duration = Duration::from_hours(3650 * 24);

pub(super) fn webhook(mut section: Section, report: &mut Report) -> webhook::Settings {
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
fn server_tls(mut section: Section, report: &mut Report) -> Option<ServerTls> {
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

pub(super) fn telemetry(mut section: Section, report: &mut Report) -> telemetry::Settings {
    let default = telemetry::Settings::default();
    let settings = telemetry::Settings {
        listen: section.or(report, "listen", default.listen, values::address),
        web_config_file: section.optional(report, "web_config_file", values::path),
    };
    section.finish(report);
    settings
}

/// Faults for one address that both listeners would bind.
pub(super) fn refuse_one_address_twice(
    webhook: &webhook::Settings,
    telemetry: &telemetry::Settings,
    report: &mut Report,
) {
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

pub(super) fn store(mut section: Section, report: &mut Report) -> store::Settings {
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

pub(super) fn metrics(mut section: Section, report: &mut Report) -> metrics::Settings {
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

pub(super) fn backfill(mut section: Section, report: &mut Report) -> alerts::Settings {
    let default = alerts::Settings::default();
    let interval = values::duration(Duration::from_secs(1)..=Duration::from_hours(24));
    let first = values::duration(Duration::ZERO..=Duration::from_hours(30 * 24));
    let settings = alerts::Settings {
        enabled: section.or(report, "enabled", default.enabled, values::truth),
        url: section.or(report, "url", default.url, values::api_url),
        interval: section.or(report, "interval", default.interval, interval),
        first: section.or(report, "first", default.first, first),
        details: section.or(report, "details", default.details, values::truth),
    };
    section.finish(report);
    settings
}

pub(super) fn event_streams(mut section: Section, report: &mut Report) -> event_streams::Settings {
    let default = event_streams::Settings::default();
    let settings = event_streams::Settings { levels: section.or(report, "levels", default.levels, values::levels) };
    section.finish(report);
    settings
}

pub(super) fn log(mut section: Section, report: &mut Report) -> log::Settings {
    let default = log::Settings::default();
    let settings = log::Settings {
        level: section.or(report, "level", default.level, values::log_filter),
        json: section.or(report, "format", default.json, values::word(&[("text", false), ("json", true)])),
    };
    section.finish(report);
    settings
}
