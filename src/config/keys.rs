//! Every setting that is one value: the table from which flags, variables and their help are made.
//!
//! One table, because a setting that has a flag and no variable, or a variable under another name than its flag, is found
//! out by the operator and not by us. What is not one value (accounts, headers, resource attributes) stands in the file or in
//! the variables of its own convention.

/// A setting that is one value.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Where it stands in the file, for example `webhook.listen`; with two dashes before it, the flag.
    pub path: &'static str,
    /// What it does and its default, for `--help`.
    pub help: &'static str,
    /// What stands for its value in `--help`.
    pub metavar: &'static str,
}

/// Before the name of each variable.
pub(crate) const VARIABLE_PREFIX: &str = "TWILIO_DEBUGGER_EXPORTER_";

const fn key(path: &'static str, metavar: &'static str, help: &'static str) -> Key {
    Key { path, help, metavar }
}

/// The table, in the order of the file.
pub const KEYS: &[Key] = &[
    key("public_url", "URL", "The URL in Twilio's console, exactly as it stands there [also: PUBLIC_URL]"),
    key("webhook.listen", "ADDRESS", "Where Twilio's requests arrive [default: 0.0.0.0:8080]"),
    key("webhook.body_bytes_max", "BYTES", "The largest request body [default: 512KiB]"),
    key("webhook.connections_max", "COUNT", "The most connections at one time [default: 1024]"),
    key("webhook.tls.cert_file", "FILE", "PEM certificate chain, for those without a proxy"),
    key("webhook.tls.key_file", "FILE", "PEM private key of that certificate"),
    key("webhook.basic_auth_file", "FILE", "htpasswd file of bcrypt lines; asks Twilio for a user name and a password"),
    key("telemetry.listen", "ADDRESS", "Metrics, health, landing page [default: 127.0.0.1:9979]"),
    key("telemetry.web_config_file", "FILE", "TLS and basic auth, in the format of Prometheus' exporters"),
    key("store.dir", "DIR", "The data directory [default: ./data]"),
    key("store.bytes_max", "BYTES", "The most the store may hold [default: 1GiB]"),
    key("store.retention", "DURATION", "How long delivered events stay readable [default: 7d]"),
    key("store.dedupe_window", "DURATION", "How long an event is remembered [default: 32d]"),
    key("store.dedupe_events_max", "COUNT", "The most events that are remembered [default: 1000000]"),
    key("metrics.error_codes_max", "COUNT", "The most distinct error codes counted apart [default: 1000]"),
    key("metrics.account_label", "BOOL", "Counts each account apart, by a label account_sid [default: false]"),
    key("metrics.zero_first", "BOOL", "Shows a new series to each scraper at 0 first [default: true]"),
    key("metrics.codes", "CODES", "Codes that stand at 0 from the start, with commas between"),
    key("otlp.endpoint", "URL", "Where log records go [also: OTEL_EXPORTER_OTLP_ENDPOINT]"),
    key("otlp.protocol", "PROTOCOL", "grpc or http/protobuf [default: grpc]"),
    key("otlp.compression", "KIND", "none or gzip [default: none]"),
    key("otlp.timeout", "DURATION", "How long one request may take [default: 10s]"),
    key("otlp.tls.ca_file", "FILE", "PEM authorities to trust instead of the system's"),
    key("otlp.tls.cert_file", "FILE", "PEM client certificate chain"),
    key("otlp.tls.key_file", "FILE", "PEM private key of the client certificate"),
    key("otlp.batch_records_max", "COUNT", "The most records in one request [default: 512]"),
    key("otlp.batch_bytes_max", "BYTES", "The most bytes in one request, uncompressed [default: 3MiB]"),
    key("otlp.traces", "BOOL", "Sends the spans of our own requests too [default: false]"),
    key("error_catalogue", "FILE", "Twilio's list of error codes, as JSON: titles for codes"),
    key("redaction", "LEVEL", "none, standard or strict [default: standard]"),
    key("late_after", "DURATION", "How old an event may be when it arrives and still alert [default: 15m]"),
    key("backfill.enabled", "BOOL", "Reads Twilio's alerts for what was not pushed [default: false]"),
    key("backfill.url", "URL", "Where they are read [default: https://monitor.twilio.com]"),
    key("backfill.interval", "DURATION", "How often they are read [default: 5m]"),
    key("backfill.first", "DURATION", "How long before the first start they begin [default: 0s]"),
    key("backfill.details", "BOOL", "Asks for each new alert by itself as well [default: false]"),
    key("event_streams.levels", "LEVELS", "The levels of Event Streams that are kept [default: error,warning]"),
    key("log.level", "FILTER", "error, warn, info, debug, trace, or a filter by module [default: info]"),
    key("log.format", "FORMAT", "text or json [default: text]"),
];

impl Key {
    /// The flag without its dashes: the path, or `public-url`, which is a word and not a path.
    #[must_use]
    pub fn flag(&self) -> &'static str {
        if self.path == "public_url" { "public-url" } else { self.path }
    }

    /// The environment variable, for example `TWILIO_DEBUGGER_EXPORTER_WEBHOOK_LISTEN`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.path.replace('.', "_").to_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::KEYS;

    #[test]
    fn flags_and_variables_have_one_meaning_each() {
        let flags: BTreeSet<_> = KEYS.iter().map(super::Key::flag).collect();
        let variables: BTreeSet<_> = KEYS.iter().map(super::Key::variable).collect();
        assert_eq!((flags.len(), variables.len()), (KEYS.len(), KEYS.len()));
        assert!(variables.contains("TWILIO_DEBUGGER_EXPORTER_WEBHOOK_LISTEN"));
    }
}
