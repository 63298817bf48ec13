//! The merged tree to settings: what each command needs is one function, and its answer is the type of that need.
//!
//! Every section is read whatever became of the one before, with its default in the place of what is faulty: that is how
//! one run names every fault. What was read in such a run is thrown away. Whichever function reads, the whole file is checked; what
//! differs is which secrets are opened and what must be there.

use std::sync::Arc;
use std::time::Duration;

use vec1::Vec1;

use super::accounts::{accounts, public_urls};
use super::catalogue_file::{self, Broken};
use super::fault::{ConfigError, Report};
use super::layers::{Layers, merge};
use super::section::Section;
use super::{Loaded, Settings, Sources, otlp_section, sections, values, web_config};
use crate::account::Account;
use crate::catalogue::Catalogue;
use crate::causes::with_causes;
use crate::input::reception::LATE_AFTER;
use crate::input::{alerts, event_streams, webhook};
use crate::listener::{self, BasicAuth, Guard, Handshake};
use crate::public_url::PublicUrl;
use crate::redact::Redaction;
use crate::{log, metrics, otlp, store, telemetry};

/// What a signature is made and checked with, as far as it is given.
#[derive(Debug, Clone)]
pub struct Signing {
    /// What stands in Twilio's console.
    pub public_urls: Vec<PublicUrl>,
    /// Whose events are signed.
    pub accounts: Vec<Account>,
}

/// What it takes to read what is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Where events are kept.
    pub store: store::Settings,
    /// What is known of codes.
    pub catalogue: Arc<Catalogue>,
}

/// What it takes to export what is stored.
#[derive(Debug, Clone)]
pub struct Export {
    /// Where events are kept.
    pub store: store::Settings,
    /// What is known of codes.
    pub catalogue: Arc<Catalogue>,
    /// Where log records go; none when no endpoint is configured.
    pub otlp: Option<otlp::Settings>,
    /// Our own log.
    pub log: log::Settings,
}

/// Reads everything, for `serve` and whoever does what it does. Opens token files, certificates and password files, and
/// nothing else.
///
/// # Errors
///
/// [`ConfigError`] with every fault, if there is one; so have the functions below.
pub fn load_everything(sources: &Sources) -> Result<Loaded, ConfigError> {
    load(sources, Broken::IsAFault)
}

/// Reads everything again, for a reload: a catalogue of codes that cannot be read is a warning then, and none is given.
pub fn reload_everything(sources: &Sources) -> Result<Loaded, ConfigError> {
    load(sources, Broken::KeepsTheOld)
}

fn load(sources: &Sources, broken: Broken) -> Result<Loaded, ConfigError> {
    let mut reading = Reading::of(sources);
    let catalogue = reading.catalogue(broken);
    // What stands in a file that cannot be read is unknown, not missing.
    let Signing { public_urls, accounts } = reading.signing(reading.layers.file_was_read);
    let Sections { webhook, telemetry, store, metrics, redaction, late_after, event_streams, backfill, log } =
        reading.sections();
    let (otlp, traces) = reading.destinations();
    let (webhook_guard, telemetry_guard) = reading.guards(&webhook, &telemetry);
    let faults = reading.finish();
    let (Ok(public_urls), Ok(accounts)) = (Vec1::try_from_vec(public_urls), Vec1::try_from_vec(accounts)) else {
        return Err(faults.into_error());
    };
    let settings = Settings {
        public_urls,
        accounts,
        webhook,
        telemetry,
        store,
        metrics,
        otlp,
        traces,
        redaction,
        late_after,
        event_streams,
        backfill,
        log,
    };
    faults.finish().map(|warnings| Loaded { settings, catalogue, webhook_guard, telemetry_guard, warnings })
}

/// Reads accounts and public URLs, none of them required, for `verify` and `send`.
pub fn load_signing(sources: &Sources) -> Result<Signing, ConfigError> {
    let mut reading = Reading::of(sources);
    let signing = reading.signing(false);
    reading.sections();
    reading.leave("otlp").leave(catalogue_file::KEY);
    reading.finish().finish().map(|_| signing)
}

/// Reads the store and the collector, for `replay`; no token is opened.
pub fn load_export(sources: &Sources) -> Result<Export, ConfigError> {
    let mut reading = Reading::of(sources);
    reading.leave("public_url").leave("accounts");
    let catalogue = reading.catalogue(Broken::IsAFault).unwrap_or_default();
    let Sections { store, log, .. } = reading.sections();
    let (otlp, _) = reading.destinations();
    reading.finish().finish().map(|_| Export { store, catalogue, otlp, log })
}

/// Reads the store and the catalogue alone, for `events`; no secret is opened.
pub fn load_stored(sources: &Sources) -> Result<Stored, ConfigError> {
    let mut reading = Reading::of(sources);
    reading.leave("public_url").leave("accounts").leave("otlp");
    let catalogue = reading.catalogue(Broken::IsAFault).unwrap_or_default();
    let store = reading.sections().store;
    reading.finish().finish().map(|_| Stored { store, catalogue })
}

/// A configuration while it is read.
struct Reading<'a> {
    sources: &'a Sources,
    layers: Layers,
    root: Section,
    report: Report,
}

/// The sections that are checked whoever reads.
struct Sections {
    webhook: webhook::Settings,
    telemetry: telemetry::Settings,
    store: store::Settings,
    metrics: metrics::Settings,
    redaction: Redaction,
    late_after: Duration,
    event_streams: event_streams::Settings,
    backfill: alerts::Settings,
    log: log::Settings,
}

impl<'a> Reading<'a> {
    fn of(sources: &'a Sources) -> Self {
        let mut report = Report::default();
        let layers = merge(sources, &mut report);
        let root = Section::new("", layers.tree.clone());
        Self { sources, layers, root, report }
    }

    fn signing(&mut self, required: bool) -> Signing {
        let (root, report) = (&mut self.root, &mut self.report);
        Signing {
            public_urls: public_urls(root, required, report),
            accounts: accounts(root, required, &self.sources.environment, report),
        }
    }

    fn sections(&mut self) -> Sections {
        let (root, report) = (&mut self.root, &mut self.report);
        let webhook = sections::webhook(root.section(report, "webhook"), report);
        let telemetry = sections::telemetry(root.section(report, "telemetry"), report);
        sections::refuse_one_address_twice(&webhook, &telemetry, report);
        let levels = [("none", Redaction::None), ("standard", Redaction::Standard), ("strict", Redaction::Strict)];
        Sections {
            webhook,
            telemetry,
            store: sections::store(root.section(report, "store"), report),
            metrics: sections::metrics(root.section(report, "metrics"), report),
            late_after: root.or(
                report,
                "late_after",
                LATE_AFTER,
                values::duration(Duration::from_secs(1)..=sections::FAR),
            ),
            event_streams: sections::event_streams(root.section(report, "event_streams"), report),
            backfill: sections::backfill(root.section(report, "backfill"), report),
            redaction: root.or(report, "redaction", Redaction::default(), values::word(&levels)),
            log: sections::log(root.section(report, "log"), report),
        }
    }

    fn catalogue(&mut self, broken: Broken) -> Option<Arc<Catalogue>> {
        catalogue_file::read(&mut self.root, broken, &mut self.report)
    }

    /// Where log records go, and where spans go.
    fn destinations(&mut self) -> (Option<otlp::Settings>, Option<otlp::Settings>) {
        self.leave("otlp");
        otlp_section::read(&self.layers, &self.sources.environment, &mut self.report)
    }

    /// Leaves `key` unread.
    fn leave(&mut self, key: &'static str) -> &mut Self {
        self.root.take(key);
        self
    }

    /// Reads the files that guard the two listeners.
    fn guards(&mut self, webhook: &webhook::Settings, telemetry: &telemetry::Settings) -> (Guard, Guard) {
        let report = &mut self.report;
        let mut guard = Guard::default();
        if let Some(files) = &webhook.tls {
            match listener::server_config(files, &Handshake::default()) {
                Ok(config) => guard.tls = Some(config),
                Err(error) => report.fault("webhook.tls", with_causes(&error)),
            }
        }
        if let Some(file) = &webhook.basic_auth_file {
            match BasicAuth::from_htpasswd_file(file) {
                Ok(auth) => guard.basic_auth = Some(auth),
                Err(error) => report.fault("webhook.basic_auth_file", with_causes(&error)),
            }
        }
        let telemetry = telemetry.web_config_file.as_deref().map(|file| web_config::read(file, report));
        (guard, telemetry.unwrap_or_default())
    }

    /// Faults for every key that nobody asked for, and the report.
    fn finish(mut self) -> Report {
        self.root.finish(&mut self.report);
        self.report
    }
}
