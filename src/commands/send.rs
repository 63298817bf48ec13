//! `send`: posts signed events to a URL as Twilio's proxy does, and prints what is answered.
//!
//! What a receiver can tell from the real thing is only the sender's address: [`sample`] has Twilio's fields in Twilio's order,
//! [`sender`] its headers and its way of giving credentials. With `--expect-counted` it also asks the exporter's [`counter`].

mod counter;
mod sample;
mod sender;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};

use self::counter::Counter;
pub(super) use self::sample::Sample;
use self::sample::fresh_sid;
pub(super) use self::sender::Sender;
use super::{CommandError, block_on};
use crate::account::Account;
use crate::causes::with_causes;
use crate::cli;
use crate::config::{Sources, load_signing};
use crate::public_url::PublicUrl;
use crate::sid::{AccountSid, EventSid};

/// Sends; 0 if every answer was 2xx and, where that is asked for, every event was counted, else 1.
pub(super) fn run(send: &cli::Send, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
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
    send: &'a cli::Send,
    file: Option<Sample>,
    account: AccountSid,
    token: &'a SecretString,
    sign_url: String,
}

impl<'a> Plan<'a> {
    fn new(send: &'a cli::Send, accounts: &'a [Account], file: Option<Sample>) -> Result<Self, CommandError> {
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
fn signer<'a>(send: &cli::Send, accounts: &'a [Account], file: Option<&Sample>) -> Option<&'a Account> {
    let named = |name| file.and_then(|file| file.value(name)).filter(|sid| !sid.is_empty());
    let own = named("AccountSid").or_else(|| send.account_sid.as_ref().map(ToString::to_string));
    let parent = named("ParentAccountSid").or_else(|| send.parent_account_sid.as_ref().map(ToString::to_string));
    let of = |sid: String| accounts.iter().find(|account| account.sid.as_str() == sid);
    own.and_then(of).or_else(|| parent.and_then(of)).or(accounts.first())
}

/// What has been answered so far.
#[derive(Debug, Default)]
struct Statistics {
    sent: u64,
    accepted: u64,
    refused: u64,
    unanswered: u64,
    slowest: Duration,
}

impl Statistics {
    fn note(
        &mut self,
        sample: &Sample,
        answer: &Result<StatusCode, impl std::error::Error>,
        took: Duration,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        self.sent += 1;
        self.slowest = self.slowest.max(took);
        let sid = sample.value("Sid").unwrap_or_default();
        match answer {
            Ok(status) => {
                *(if status.is_success() { &mut self.accepted } else { &mut self.refused }) += 1;
                writeln!(out, "{}  {sid}  {}", status.as_u16(), milliseconds(took))
            }
            Err(error) => {
                self.unanswered += 1;
                writeln!(out, "---  {sid}  {}  no answer: {}", milliseconds(took), with_causes(error))
            }
        }
    }

    fn summary(&self, took: Duration, out: &mut impl Write) -> std::io::Result<()> {
        if self.sent < 2 {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.sent as f64 / took.as_secs_f64().max(1e-9);
        let Self { sent, accepted, refused, unanswered, slowest } = self;
        writeln!(
            out,
            "{sent} sent, {accepted} accepted, {refused} refused, {unanswered} without answer; {rate:.1}/s, slowest {}",
            milliseconds(*slowest)
        )
    }
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::StatusCode;

    use super::{Sample, Statistics};

    #[test]
    fn every_answer_is_a_line_and_the_sum_is_the_last() {
        let sample = Sample::parse(b"Sid=NO1&a=b").expect("a form");
        let mut statistics = Statistics::default();
        let mut out = Vec::new();
        for answer in [Ok(StatusCode::NO_CONTENT), Ok(StatusCode::FORBIDDEN), Err(std::io::Error::other("refused"))] {
            statistics.note(&sample, &answer, Duration::from_micros(1500), &mut out).expect("a vector");
        }
        statistics.summary(Duration::from_secs(1), &mut out).expect("a vector");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "204  NO1  1.5 ms\n403  NO1  1.5 ms\n---  NO1  1.5 ms  no answer: refused\n\
             3 sent, 1 accepted, 1 refused, 1 without answer; 3.0/s, slowest 1.5 ms\n"
        );
    }
}
