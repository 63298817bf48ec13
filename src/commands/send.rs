//! `send`: posts signed events to a URL as Twilio's proxy does, and prints what is answered.
//!
//! What a receiver can tell from the real thing is only the sender's address: method, headers, order of the fields and the
//! way of giving credentials (after a challenge, never before) are Twilio's. Redirects are not followed: Twilio follows them
//! without the event, so to the sender they are failures.
//!
//! Source: <https://www.twilio.com/docs/usage/security#http-authentication>

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use reqwest::header::{ACCEPT, CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE};
use reqwest::{Client, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use super::counted::Counter;
use super::sample::{Sample, fresh_sid};
use super::{CommandError, block_on, sentence};
use crate::account::Account;
use crate::cli;
use crate::config::{Need, Sources, load};
use crate::public_url::PublicUrl;
use crate::sid::{AccountSid, EventSid};

/// How long Twilio waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Sends; 0 if every answer was 2xx and, where that is asked for, every event was counted, else 1.
pub(super) fn run(send: &cli::Send, sources: &Sources, out: &mut impl Write) -> Result<ExitCode, CommandError> {
    let accounts = load(sources, Need::Accounts)?.settings.accounts;
    let sample = send.file.as_deref().map(|file| {
        let content = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"));
        let sample = content.and_then(|content| Sample::parse(&content).map_err(|error| error.to_string()));
        sample.map_err(|fault| CommandError::Usage(format!("--file {} {fault}", file.display())))
    });
    let plan = Plan::new(send, &accounts, sample.transpose()?)?;
    let sender = Sender::new(&send.url)?;
    block_on(plan.carry_out(&sender, out))
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
        let mut tally = Tally::default();
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
            tally.note(&sample, &answer, asked.elapsed(), out)?;
            out.flush()?;
        }
        tally.summary(started.elapsed(), out)?;
        if tally.accepted < send.count {
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

/// Posts as Twilio does.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client,
    url: Url,
    credentials: Option<(String, SecretString)>,
}

impl Sender {
    /// Prepares for `url`. Its user name and password are kept for a challenge.
    pub(super) fn new(url: &str) -> Result<Self, CommandError> {
        let mut url = Url::parse(url).map_err(|error| CommandError::Usage(format!("the URL is none: {error}")))?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = (!url.username().is_empty())
            .then(|| (decoded(url.username()), SecretString::from(decoded(url.password().unwrap_or_default()))));
        // Only a URL without a host refuses, and there is nothing to take out of that.
        let _ = (url.set_username(""), url.set_password(None));
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(ANSWER_TIMEOUT).build();
        let client = client.map_err(|error| CommandError::failed("cannot send", &error))?;
        Ok(Self { client, url, credentials })
    }

    /// Posts one event; the status of the answer, or why there is none.
    pub(super) async fn post(&self, sample: &Sample, signature: &str) -> Result<StatusCode, String> {
        let token = uuid();
        let request = || {
            self.client
                .post(self.url.clone())
                .header(USER_AGENT, "TwilioProxy/1.1")
                .header(ACCEPT, "*/*")
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
                .header("I-Twilio-Idempotency-Token", &token)
                .header("X-Twilio-Signature", signature)
                .body(sample.body())
        };
        let answer = request().send().await.map_err(|error| sentence(&error.without_url()))?;
        let challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let basic = challenges
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic")));
        match &self.credentials {
            Some((user, password)) if answer.status() == StatusCode::UNAUTHORIZED && basic => {
                let again = request().basic_auth(user, Some(password.expose_secret())).send().await;
                Ok(again.map_err(|error| sentence(&error.without_url()))?.status())
            }
            _ => Ok(answer.status()),
        }
    }
}

/// A random UUID, version 4.
fn uuid() -> String {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid().to_string()
}

/// What has been answered so far.
#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    accepted: u64,
    refused: u64,
    unanswered: u64,
    slowest: Duration,
}

impl Tally {
    fn note(
        &mut self,
        sample: &Sample,
        answer: &Result<StatusCode, String>,
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
            Err(fault) => {
                self.unanswered += 1;
                writeln!(out, "---  {sid}  {}  no answer: {fault}", milliseconds(took))
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
    use secrecy::ExposeSecret;

    use super::{Sample, Sender, Tally, uuid};

    #[test]
    fn an_idempotency_token_is_a_uuid() {
        let token = uuid();
        let parts: Vec<usize> = token.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&token[14..15], "4");
        assert!("89ab".contains(&token[19..20]), "{token}");
    }

    #[test]
    fn credentials_wait_for_a_challenge_outside_the_url() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sender = Sender::new("https://us%40er:p%3Ass@example.com/twilio#rc=5").expect("a URL");
        let (user, password) = sender.credentials.as_ref().expect("credentials");
        assert_eq!((user.as_str(), password.expose_secret()), ("us@er", "p:ss"));
        assert_eq!(sender.url.as_str(), "https://example.com/twilio#rc=5");
        assert!(!format!("{sender:?}").contains("p:ss"));
    }

    #[test]
    fn every_answer_is_a_line_and_the_sum_is_the_last() {
        let sample = Sample::parse(b"Sid=NO1&a=b").expect("a form");
        let mut tally = Tally::default();
        let mut out = Vec::new();
        for answer in [Ok(StatusCode::NO_CONTENT), Ok(StatusCode::FORBIDDEN), Err("refused".to_owned())] {
            tally.note(&sample, &answer, Duration::from_micros(1500), &mut out).expect("a vector");
        }
        tally.summary(Duration::from_secs(1), &mut out).expect("a vector");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "204  NO1  1.5 ms\n403  NO1  1.5 ms\n---  NO1  1.5 ms  no answer: refused\n\
             3 sent, 1 accepted, 1 refused, 1 without answer; 3.0/s, slowest 1.5 ms\n"
        );
    }
}
