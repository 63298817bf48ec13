//! `send`: posts signed events to a URL as Twilio's proxy does, and prints what is answered.
//!
//! What a receiver can tell from the real thing is only the sender's address: [`sample`] has Twilio's fields in Twilio's order,
//! [`sender`] its headers and its way of giving credentials. With `--expect-counted` it also asks the exporter's [`counter`].

mod counter;
mod sample;
mod sender;
mod statistics;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use self::counter::Counter;
pub(super) use self::sample::Sample;
use self::sample::fresh_sid;
pub(super) use self::sender::Sender;
use self::statistics::Statistics;
use super::{CommandError, block_on};
use crate::account::Account;
use crate::config::{Environment, Sources, load_signing};
use crate::error_code::ErrorCode;
use crate::level::Level;
use crate::public_url::PublicUrl;
use crate::sid::{AccountSid, EventSid};

/// What `send` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Account and token come from the configuration or the environment, unless given here.

Examples:
  twilio-debugger-exporter send http://127.0.0.1:8080/twilio --sign-url https://hooks.example.com/twilio
  twilio-debugger-exporter send https://hooks.example.com/twilio --level warning --error-code 30007 --count 100 --rate 10
  twilio-debugger-exporter send http://127.0.0.1:8080/twilio --expect-counted http://127.0.0.1:9979/metrics
  twilio-debugger-exporter send https://hooks.example.com/twilio --file event.json --auth-token-file token")]
pub struct Args {
    /// The URL to post to
    url: String,
    /// The account in the event
    #[arg(long, value_name = "SID", value_parser = AccountSid::parse)]
    account_sid: Option<AccountSid>,
    /// File with the token to sign with
    #[arg(long, value_name = "FILE")]
    auth_token_file: Option<PathBuf>,
    /// The parent account in the event
    #[arg(long, value_name = "SID", value_parser = AccountSid::parse)]
    parent_account_sid: Option<AccountSid>,
    /// error, warning, info or debug
    #[arg(long, default_value = "error", value_parser = level)]
    level: Level,
    /// The code in the event
    #[arg(long, value_name = "CODE", default_value = "11200", value_parser = error_code)]
    error_code: ErrorCode,
    /// The event's Sid [default: a new one for each event]
    #[arg(long, value_parser = EventSid::parse)]
    sid: Option<EventSid>,
    /// How many events
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Events a second [default: as fast as they are answered]
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// Send this: a JSON file with a `form` object, or a form body as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["level", "error_code"])]
    file: Option<PathBuf>,
    /// Sign this URL instead of the one posted to
    #[arg(long, value_name = "URL")]
    sign_url: Option<String>,
    /// Wait until the exporter's metrics at this URL count the events; fail if they do not
    #[arg(long, value_name = "URL", conflicts_with_all = ["sid", "file"])]
    expect_counted: Option<String>,
}

impl Args {
    /// Puts account and token file in the place of the variables of the same meaning.
    pub(super) fn stand_in(&self, environment: &mut Environment) {
        if let Some(sid) = &self.account_sid {
            environment.set("TWILIO_ACCOUNT_SID", sid.as_str());
        }
        if let Some(file) = self.auth_token_file.as_deref().and_then(Path::to_str) {
            environment.set("TWILIO_AUTH_TOKEN_FILE", file);
            environment.remove("TWILIO_AUTH_TOKEN");
        }
    }
}

/// Sends; 0 if every answer was 2xx and, where that is asked for, every event was counted, else 1.
pub(super) fn run(send: &Args, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let accounts = load_signing(sources)?.accounts;
    let sample = send.file.as_deref().map(read_sample).transpose()?;
    let plan = Plan::new(send, &accounts, sample)?;
    let sender = Sender::new(&send.url)?;
    block_on(plan.carry_out(&sender, out))
}

fn read_sample(file: &Path) -> Result<Sample, CommandError> {
    let name = file.display();
    let content =
        std::fs::read(file).map_err(|error| CommandError::Usage(format!("--file {name} cannot be read: {error}")))?;
    Sample::parse(&content).map_err(|error| CommandError::Usage(format!("--file {name} {error}")))
}

/// What is to be sent, checked.
struct Plan<'a> {
    send: &'a Args,
    file: Option<Sample>,
    account: AccountSid,
    token: &'a SecretString,
    sign_url: String,
}

impl<'a> Plan<'a> {
    fn new(send: &'a Args, accounts: &'a [Account], file: Option<Sample>) -> Result<Self, CommandError> {
        let sign_url = send.sign_url.as_deref().unwrap_or(&send.url);
        let sign_url = PublicUrl::parse(sign_url)
            .map_err(|error| CommandError::Usage(format!("the URL to sign {error}")))?
            .to_string();
        let mut file = file;
        for (name, value) in [
            ("Sid", send.sid.as_ref().map(EventSid::as_str)),
            ("AccountSid", send.account_sid.as_ref().map(AccountSid::as_str)),
            ("ParentAccountSid", send.parent_account_sid.as_ref().map(AccountSid::as_str)),
        ] {
            if let (Some(file), Some(value)) = (&mut file, value)
                && !file.set(name, value)
            {
                return Err(CommandError::Usage(format!("--file holds a body, which is sent as it is: {name} stays")));
            }
        }
        let signer = signer(send, accounts, file.as_ref()).ok_or_else(|| {
            CommandError::Usage(
                "no token to sign with: give --account-sid and --auth-token-file, name accounts in --config, or set \
                 TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN_FILE"
                    .into(),
            )
        })?;
        let token = signer.auth_tokens.first().ok_or_else(|| CommandError::Usage("the account has no token".into()))?;
        let account = send.account_sid.clone().unwrap_or_else(|| signer.sid.clone());
        Ok(Self { send, file, account, token, sign_url })
    }

    fn next(&self) -> Sample {
        let documented = || {
            let sid = self.send.sid.as_ref().map_or_else(fresh_sid, |sid| sid.as_str().to_owned());
            let parent = self.send.parent_account_sid.as_ref();
            Sample::documented(&self.account, parent, self.send.level, self.send.error_code, &sid, Timestamp::now())
        };
        self.file.clone().unwrap_or_else(documented)
    }

    async fn carry_out(&self, sender: &Sender, out: &mut impl Write) -> Result<ExitCode, CommandError> {
        let pause = self.send.rate.map(|rate| Duration::from_secs_f64((1.0 / rate).min(86_400.0)));
        let mut ticks = pause.map(tokio::time::interval);
        let mut statistics = Statistics::default();
        let send = self.send;
        let counter = send.expect_counted.as_deref().map(|url| Counter::new(url, send.level, send.error_code));
        let counter = counter.transpose()?;
        let before = match &counter {
            Some(counter) => counter.value().await?,
            None => 0.0,
        };
        let started = Instant::now();
        for _ in 0..self.send.count {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            let sample = self.next();
            let signature = sample.signature(self.token.expose_secret(), &self.sign_url);
            let asked = Instant::now();
            let answer = sender.post(&sample, &signature).await;
            statistics.note(&sample, &answer, asked.elapsed(), out)?;
            out.flush()?;
        }
        statistics.summary(started.elapsed(), out)?;
        if statistics.accepted < send.count {
            return Ok(ExitCode::FAILURE);
        }
        if let Some(counter) = counter {
            #[expect(clippy::cast_precision_loss, reason = "as exact as the counter itself")]
            let line = counter.rise(before, send.count as f64).await?;
            writeln!(out, "{line}")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The account whose token signs: that of the event, else its parent, else the first that is configured.
fn signer<'a>(send: &Args, accounts: &'a [Account], file: Option<&Sample>) -> Option<&'a Account> {
    let named = |name| file.and_then(|file| file.value(name)).filter(|sid| !sid.is_empty());
    let own = named("AccountSid").or_else(|| send.account_sid.as_ref().map(ToString::to_string));
    let parent = named("ParentAccountSid").or_else(|| send.parent_account_sid.as_ref().map(ToString::to_string));
    let of = |sid: String| accounts.iter().find(|account| account.sid.as_str() == sid);
    own.and_then(of).or_else(|| parent.and_then(of)).or(accounts.first())
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
