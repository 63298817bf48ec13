//! `demo`: the whole exporter on this machine, with a throw-away token, a directory that goes away, and a collector of its own.
//!
//! It sends the documented events to itself as Twilio would, one of them twice and one with a wrong signature, and shows what
//! became of them: the answers, the counters as Prometheus sees them, a log record as a collector gets it. Nothing of the
//! machine's configuration or environment is read, only the flags.

mod collector;
mod readable;
mod scraper;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::ExposeSecret;

use self::collector::Collector;
use self::readable::Readable;
use self::scraper::Scraper;
use super::CommandError;
use super::flags::{Listeners, SettingFlags};
use super::send::{Sample, Sender};
use crate::app::{self, Ended, Running, stop_signal};
use crate::causes::with_causes;
use crate::config::{Environment, Loaded, Sources, load_everything};
use crate::log;

/// The account of the demo's events.
const ACCOUNT: &str = "AC00000000000000000000000000000001";

/// What is sent: what it shows, and the event.
const EVENTS: [(&str, &str); 5] = [
    ("a webhook answered 404", include_str!("demo/http-404.json")),
    ("a webhook timed out", include_str!("demo/timeout.json")),
    ("a SIP warning", include_str!("demo/sip-warning.json")),
    ("the older format, TwiML that does not parse", include_str!("demo/beta-format.json")),
    ("TwiML that does not parse, with its trace", include_str!("demo/twiml-parse-error.json")),
];

/// How long the demo waits for its own log records.
const RECORDS_TIMEOUT: Duration = Duration::from_secs(10);

/// What `demo` is told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs no account and no network. Events are kept in a directory that goes away with the command.

Example:
  twilio-debugger-exporter demo --webhook.listen 127.0.0.1:8080 --telemetry.listen 127.0.0.1:9979"
)]
pub struct Args {
    #[command(flatten)]
    pub(super) flags: SettingFlags<Listeners>,
}

/// Runs until a signal.
pub(super) fn run(sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let dir = tempfile::Builder::new().prefix("twilio-debugger-demo-").tempdir();
    let dir = dir.map_err(|error| CommandError::failed("cannot make a directory for the demo", &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::failed("cannot start", &error))?;
    runtime.block_on(async {
        let collector =
            Collector::start().await.map_err(|error| CommandError::failed("cannot start a collector", &error))?;
        let sources = own_sources(sources, dir.path(), &collector)?;
        let loaded = load_everything(&sources)?;
        let spans = log::start(&loaded.settings.log, loaded.settings.traces.as_ref())
            .map_err(|error| CommandError::failed("cannot start", &error))?;
        let token = loaded.settings.accounts.first().auth_tokens.first().cloned();
        let token = token.ok_or_else(|| CommandError::Failed("the demo's token is lost".into()))?;
        let public_url = loaded.settings.public_urls.first().to_string();
        let (otlp_is_ours, running) = start(loaded, &sources, &collector).await?;
        let demo = Demo { token: token.expose_secret(), public_url: &public_url, running: &running };
        demo.show(otlp_is_ours.then_some(&collector), out).await?;
        let ended = running.until(stop_signal()).await;
        if let Some(spans) = spans {
            spans.shut_down().await;
        }
        Ok(if ended == Ended::Drained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

async fn start(loaded: Loaded, sources: &Sources, collector: &Collector) -> Result<(bool, Running), CommandError> {
    let endpoint = loaded.settings.otlp.as_ref().map(|otlp| otlp.endpoint.clone()).unwrap_or_default();
    let ours = endpoint.starts_with(&collector.url());
    let running = app::start(loaded, sources.clone()).await;
    Ok((ours, running.map_err(|error| CommandError::Failed(with_causes(&error)))?))
}

/// The demo's settings: the typed flags over its own.
fn own_sources(typed: &Sources, dir: &Path, collector: &Collector) -> Result<Sources, CommandError> {
    let mut flags = typed.flags.clone();
    let webhook = own_address(flags.get("webhook.listen"), "127.0.0.1:8080")?;
    let telemetry = own_address(flags.get("telemetry.listen"), "127.0.0.1:9979")?;
    flags.insert("webhook.listen", vec![webhook.to_string()]);
    flags.insert("telemetry.listen", vec![telemetry.to_string()]);
    flags.insert("store.dir", vec![dir.display().to_string()]);
    flags.entry("log.level").or_insert_with(|| vec!["error".into()]);
    if !flags.contains_key("otlp.endpoint") {
        flags.insert("otlp.endpoint", vec![collector.url()]);
        flags.insert("otlp.protocol", vec!["http/protobuf".into()]);
    }
    let token = format!("{:032x}", fastrand::u128(..));
    let public_url = format!("http://127.0.0.1:{}/twilio", webhook.port());
    let variables = [("TWILIO_ACCOUNT_SID", ACCOUNT), ("TWILIO_AUTH_TOKEN", &token), ("PUBLIC_URL", &public_url)];
    let environment: Environment =
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Sources { file: None, environment, flags })
}

/// The address to listen on: the typed one, else the usual one, else one that is free. The port is known before the start,
/// because it stands in the public URL.
fn own_address(typed: Option<&Vec<String>>, usual: &str) -> Result<SocketAddr, CommandError> {
    let wanted = typed.and_then(|values| values.first()).map_or(usual, String::as_str);
    let free = match TcpListener::bind(wanted) {
        Err(_) if typed.is_none() => TcpListener::bind("127.0.0.1:0"),
        bound => bound,
    };
    let address = free.and_then(|listener| listener.local_addr());
    address.map_err(|error| CommandError::Failed(format!("cannot listen on {wanted}: {error}")))
}

/// A running exporter, and what is needed to show it.
struct Demo<'a> {
    token: &'a str,
    public_url: &'a str,
    running: &'a Running,
}

impl Demo<'_> {
    async fn show(&self, collector: Option<&Collector>, out: &mut impl Write) -> Result<(), CommandError> {
        let telemetry = format!("http://{}", self.running.telemetry_address);
        let scraper = Scraper::new(&telemetry)?;
        // Prometheus is there before the first event; what it sees at each scrape is the point of the demo.
        scraper.scrape().await?;
        writeln!(out, "Sent to {}, as Twilio would:\n", self.public_url)?;
        self.send(out).await?;
        let first = scraper.scrape().await?;
        let second = scraper.scrape().await?;
        writeln!(out, "\nCounted, as Prometheus sees it at its next scrape and at the one after:\n")?;
        for line in scraper::side_by_side(&first, &second) {
            writeln!(out, "  {line}")?;
        }
        if let Some(collector) = collector {
            self.show_record(collector, out).await?;
        }
        writeln!(out, "\nLook at it, and press Ctrl-C to end it:\n")?;
        let places = [
            (format!("{telemetry}/"), "what is going on, for people"),
            (format!("{telemetry}/metrics"), "for Prometheus"),
            (self.public_url.to_owned(), "for Twilio"),
        ];
        let width = places.iter().map(|(url, _)| url.len()).max().unwrap_or(0);
        for (url, what) in places {
            writeln!(out, "  {url:<width$}  {what}")?;
        }
        out.flush()?;
        Ok(())
    }

    async fn send(&self, out: &mut impl Write) -> Result<(), CommandError> {
        let sender = Sender::new(self.public_url)?;
        let mut samples = Vec::new();
        for (what, file) in EVENTS {
            let sample = Sample::parse(file.as_bytes());
            let mut sample = sample.map_err(|error| CommandError::Failed(format!("{what}: the file {error}")))?;
            let time = if sample.value("TimeStamp").is_some() { "TimeStamp" } else { "Timestamp" };
            sample.set(time, &format!("{:.3}", Timestamp::now()));
            samples.push((what, sample, self.token));
        }
        if let Some((_, first, token)) = samples.first().cloned() {
            samples.push(("the first one once more", first.clone(), token));
            samples.push(("a forged one", first, "not the token"));
        }
        for (what, sample, token) in samples {
            let signature = sample.signature(token, self.public_url);
            let status = sender.post(&sample, &signature).await;
            let status = status.map_err(|error| CommandError::failed("the exporter does not answer", &error))?;
            let level = sample.value("Level").unwrap_or_else(|| "-".into());
            writeln!(out, "  {}  {level:<7}  {what}", status.as_u16())?;
        }
        Ok(())
    }

    async fn show_record(&self, collector: &Collector, out: &mut impl Write) -> Result<(), CommandError> {
        let deadline = Instant::now() + RECORDS_TIMEOUT;
        while collector.records().len() < EVENTS.len() && Instant::now() < deadline {
            collector.changed(deadline.saturating_duration_since(Instant::now())).await;
        }
        let records = collector.records();
        let sids: std::collections::BTreeSet<_> = records.iter().filter_map(Readable::sid).collect();
        writeln!(
            out,
            "\nShipped to a collector: {} log records, {} of them distinct. The last:\n",
            records.len(),
            sids.len()
        )?;
        if let Some(last) = records.last() {
            let text = serde_json::to_string_pretty(last).map_err(std::io::Error::from)?;
            for line in text.lines() {
                writeln!(out, "  {line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ACCOUNT, EVENTS, Sample, own_address};

    #[test]
    fn every_event_is_of_the_demos_account() {
        for (what, file) in EVENTS {
            let sample = Sample::parse(file.as_bytes()).expect(what);
            assert_eq!(sample.value("AccountSid").as_deref(), Some(ACCOUNT), "{what}");
        }
    }

    #[test]
    fn a_usual_address_that_is_taken_is_replaced_and_a_typed_one_is_not() {
        let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let held = holder.local_addr().expect("bound").to_string();
        assert_ne!(own_address(None, &held).expect("another").to_string(), held);
        assert!(own_address(Some(&vec![held.clone()]), "127.0.0.1:0").is_err());
        let any = own_address(Some(&vec!["127.0.0.1:0".to_owned()]), &held).expect("a free port");
        assert_ne!(any.port(), 0, "the port is known before the start");
    }
}
