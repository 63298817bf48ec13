//! What was typed.
//!
//! Arguments are typed here and checked elsewhere: a setting's flag is a text until `config` has laid it over the file and the
//! environment. No flag takes a secret, because every user of a machine can read a command line.

mod flags;
mod moment;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{CONFIG_VARIABLE, Environment, Sources};
use crate::error_code::ErrorCode;
use crate::level::Level;
use crate::sid::{AccountSid, EventSid};

pub use flags::{BeforeCommand, Directory, Everything, Export, Identity, Listeners, Scope, SettingFlags, Values};
pub use moment::{InvalidMoment, Moment};

/// Receives Twilio's Debugging Events, keeps each one on disk, counts it for Prometheus and ships it as an OTLP log record
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Without a command, serve. Its settings may be given without its name; `serve --help` lists them.

Three variables are enough to start:
  TWILIO_ACCOUNT_SID=AC... TWILIO_AUTH_TOKEN_FILE=token PUBLIC_URL=https://hooks.example.com/twilio \\
    twilio-debugger-exporter

See it at work, without an account:
  twilio-debugger-exporter demo

Exit status: 0 done, 1 failed, 2 wrong usage or configuration."
)]
pub struct Cli {
    /// The YAML configuration file; also `TWILIO_DEBUGGER_EXPORTER_CONFIG`
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: SettingFlags<BeforeCommand>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the exporter
    Serve(Serve),
    /// Read the configuration and name every fault in it
    Check(Check),
    /// Sign and post sample events, as Twilio would
    Send(Send),
    /// Explain why a signature does or does not match
    Verify(Verify),
    /// Run everything on this machine with a throw-away token and a handful of events
    Demo(Demo),
    /// List stored events, newest first
    Events(Events),
    /// Export stored events once more
    Replay(Replay),
    /// Print the alert rules, for Prometheus or for Grafana
    Rules(Rules),
}

/// `serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each setting is also a key of the file and a variable: --webhook.listen is webhook: {listen: ...}
and TWILIO_DEBUGGER_EXPORTER_WEBHOOK_LISTEN. Flags win over variables, variables over the file.
Lists and maps stand in the file; tokens stand in files of their own.

SIGHUP reads the configuration again, SIGTERM drains and ends.

Examples:
  twilio-debugger-exporter serve --config exporter.yml
  twilio-debugger-exporter serve --public-url https://hooks.example.com/twilio --store.dir /var/lib/twilio-events"
)]
pub struct Serve {
    #[command(flatten)]
    flags: SettingFlags<Everything>,
}

/// `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  twilio-debugger-exporter check --config exporter.yml
  twilio-debugger-exporter check --config exporter.yml --connect")]
pub struct Check {
    /// Also ask the OTLP endpoint whether it takes records
    #[arg(long)]
    pub connect: bool,
    #[command(flatten)]
    flags: SettingFlags<Everything>,
}

/// `send`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Account and token come from the configuration or the environment, unless given here.

Examples:
  twilio-debugger-exporter send http://127.0.0.1:8080/twilio --sign-url https://hooks.example.com/twilio
  twilio-debugger-exporter send https://hooks.example.com/twilio --level warning --error-code 30007 --count 100 --rate 10
  twilio-debugger-exporter send http://127.0.0.1:8080/twilio --expect-counted http://127.0.0.1:9979/metrics
  twilio-debugger-exporter send https://hooks.example.com/twilio --file event.json --auth-token-file token")]
pub struct Send {
    /// The URL to post to
    pub url: String,
    /// The account in the event
    #[arg(long, value_name = "SID", value_parser = AccountSid::parse)]
    pub account_sid: Option<AccountSid>,
    /// File with the token to sign with
    #[arg(long, value_name = "FILE")]
    pub auth_token_file: Option<PathBuf>,
    /// The parent account in the event
    #[arg(long, value_name = "SID", value_parser = AccountSid::parse)]
    pub parent_account_sid: Option<AccountSid>,
    /// error, warning, info or debug
    #[arg(long, default_value = "error", value_parser = level)]
    pub level: Level,
    /// The code in the event
    #[arg(long, value_name = "CODE", default_value = "11200", value_parser = error_code)]
    pub error_code: ErrorCode,
    /// The event's Sid [default: a new one for each event]
    #[arg(long, value_parser = EventSid::parse)]
    pub sid: Option<EventSid>,
    /// How many events
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,
    /// Events a second [default: as fast as they are answered]
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub rate: Option<f64>,
    /// Send this: a JSON file with a `form` object, or a form body as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["level", "error_code"])]
    pub file: Option<PathBuf>,
    /// Sign this URL instead of the one posted to
    #[arg(long, value_name = "URL")]
    pub sign_url: Option<String>,
    /// Wait until the exporter's metrics at this URL count the events; fail if they do not
    #[arg(long, value_name = "URL", conflicts_with_all = ["sid", "file"])]
    pub expect_counted: Option<String>,
}

/// `verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Tokens come from the configuration or the environment; the body must be the bytes that arrived.

Example:
  twilio-debugger-exporter verify --url https://hooks.example.com/twilio --body body.bin --signature \"$SIGNATURE\""
)]
pub struct Verify {
    /// The URL as it was requested
    #[arg(long)]
    pub url: String,
    /// File with the request's body
    #[arg(long, value_name = "FILE")]
    pub body: PathBuf,
    /// The value of the header X-Twilio-Signature
    #[arg(long, value_name = "SIGNATURE")]
    pub signature: String,
    #[command(flatten)]
    flags: SettingFlags<Identity>,
}

/// `demo`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs no account and no network. Events are kept in a directory that goes away with the command.

Example:
  twilio-debugger-exporter demo --webhook.listen 127.0.0.1:8080 --telemetry.listen 127.0.0.1:9979"
)]
pub struct Demo {
    #[command(flatten)]
    flags: SettingFlags<Listeners>,
}

/// `events`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Works beside a running serve.

Examples:
  twilio-debugger-exporter events --store.dir ./data --limit 10
  twilio-debugger-exporter events --quarantined --json
  twilio-debugger-exporter events --follow")]
pub struct Events {
    /// One JSON document a line
    #[arg(long)]
    pub json: bool,
    /// Wait for new events and list them as they come
    #[arg(long)]
    pub follow: bool,
    /// The most events that are listed
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub limit: usize,
    /// Those that were signed but not understood, or that the collector refused
    #[arg(long)]
    pub quarantined: bool,
    #[command(flatten)]
    flags: SettingFlags<Directory>,
}

/// `replay`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Counts nothing again and moves no cursor. Times are those of the event, RFC 3339 or how long ago.

Examples:
  twilio-debugger-exporter replay --from 2h
  twilio-debugger-exporter replay --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z"
)]
pub struct Replay {
    /// The first moment, included
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    pub from: Moment,
    /// The last moment, not included [default: now]
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    pub to: Option<Moment>,
    #[command(flatten)]
    flags: SettingFlags<Export>,
}

/// `rules`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A list of thresholds is YAML, one entry a line; without a code, all codes together; `each`: every code on its own:
  - {code: \"11200\", level: error, window: 15m, threshold: 5, severity: critical}
level: error, warning, any; window: 5m, 15m, 1h, 12h, 24h; severity: critical, warning, info

Examples:
  twilio-debugger-exporter rules --thresholds thresholds.yaml > twilio-debugger-exporter.rules.yaml
  twilio-debugger-exporter rules --format grafana --datasource-uid PBFA97CFB590B2093 --with events"
)]
pub struct Rules {
    /// The shape: a Prometheus rule file, a Grafana provisioning file, or one that deletes those rules again
    #[arg(long, value_enum, default_value_t = RulesFormat::Prometheus)]
    pub format: RulesFormat,
    /// The value of the label `job` under which the exporter is scraped
    #[arg(long, value_name = "NAME", default_value = "twilio-debugger-exporter")]
    pub job: String,
    /// The list of thresholds [default: three that suit most accounts]
    #[arg(long, value_name = "FILE")]
    pub thresholds: Option<PathBuf>,
    /// Groups that are left out unless named here, separated by commas
    #[arg(long, value_enum, value_name = "GROUPS", value_delimiter = ',')]
    pub with: Vec<OptInGroup>,
    /// Where the runbooks are, one `<AlertName>.md` each [default: this project's]
    #[arg(long, value_name = "URL")]
    pub runbook_url: Option<String>,
    /// The uid of the Prometheus data source, for Grafana [default: prometheus]
    #[arg(long, value_name = "UID")]
    pub datasource_uid: Option<String>,
}

/// A shape of the alert rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RulesFormat {
    /// A rule file that Prometheus and others of its kind read
    Prometheus,
    /// Grafana-managed rules, as a provisioning file
    Grafana,
    /// A provisioning file that deletes those rules
    GrafanaDelete,
}

/// A group of rules that not everybody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OptInGroup {
    /// An alert for every single error or warning
    Events,
    /// An alert when nothing came for a day
    Silence,
}

impl Cli {
    /// The command, and the sources that its settings are read from.
    #[must_use]
    pub fn into_parts(self, mut environment: Environment) -> (Command, Sources) {
        let Self { config, flags, command } = self;
        let command = command.unwrap_or_else(|| Command::Serve(Serve { flags: SettingFlags::default() }));
        let mut typed = flags.values().clone();
        typed.extend(command.flags().clone());
        if let Command::Send(send) = &command {
            send.stand_in(&mut environment);
        }
        let file = config.or_else(|| environment.get(CONFIG_VARIABLE).map(PathBuf::from));
        (command, Sources { file, environment, flags: typed })
    }
}

impl Send {
    /// Puts account and token file in the place of the variables of the same meaning.
    fn stand_in(&self, environment: &mut Environment) {
        if let Some(sid) = &self.account_sid {
            environment.set("TWILIO_ACCOUNT_SID", sid.as_str());
        }
        if let Some(file) = self.auth_token_file.as_deref().and_then(Path::to_str) {
            environment.set("TWILIO_AUTH_TOKEN_FILE", file);
            environment.remove("TWILIO_AUTH_TOKEN");
        }
    }
}

impl Command {
    fn flags(&self) -> &Values {
        match self {
            Self::Serve(serve) => serve.flags.values(),
            Self::Check(check) => check.flags.values(),
            Self::Send(_) | Self::Rules(_) => &flags::NONE,
            Self::Verify(verify) => verify.flags.values(),
            Self::Demo(demo) => demo.flags.values(),
            Self::Events(events) => events.flags.values(),
            Self::Replay(replay) => replay.flags.values(),
        }
    }
}

fn level(text: &str) -> Result<Level, &'static str> {
    match Level::parse(text) {
        Level::Other => Err("neither error, warning, info nor debug"),
        level => Ok(level),
    }
}

fn error_code(text: &str) -> Result<ErrorCode, &'static str> {
    match ErrorCode::parse(text) {
        code @ ErrorCode::Code(_) => Ok(code),
        _ => Err("not a code of 1 to 6 digits"),
    }
}

fn rate(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0).ok_or("not a number above 0")
}
