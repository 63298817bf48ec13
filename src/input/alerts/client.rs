//! Asks Twilio for alerts, and says what its answers mean.
//!
//! Source: <https://www.twilio.com/docs/usage/monitor-alert>, <https://www.twilio.com/docs/iam/api-keys>

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{self, HeaderMap};
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::window::Window;
use crate::account::Account;
use crate::http_client::{self, ClientPem};
use crate::metrics::BackfillFailure;
use crate::sid::EventSid;

/// How long one request may take, its answer included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The most rows on one page, which is the most that can be asked for.
const PAGE_ROWS: usize = 1_000;

/// The most bytes of one answer. A thousand rows are a megabyte or two.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The longest a server may ask us to wait.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);

/// What Twilio is asked with.
#[derive(Debug)]
struct Credential {
    user: String,
    password: SecretString,
}

/// A client of one account.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    list: Url,
    /// At least one.
    credentials: Vec<Credential>,
    /// The one that was taken last.
    current: AtomicUsize,
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Fault {
    /// What it is counted as.
    pub(super) class: BackfillFailure,
    /// How long the server asks us to wait.
    pub(super) after: Option<Duration>,
    /// In a sentence, without a word of the answer.
    pub(super) detail: String,
}

impl Fault {
    pub(super) fn new(class: BackfillFailure, detail: impl Into<String>) -> Self {
        Self { class, after: None, detail: detail.into() }
    }

    /// Whether asking again soon may help.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.class, BackfillFailure::Throttled | BackfillFailure::Unavailable | BackfillFailure::Timeout)
    }

    /// Whether the fault may be in what was asked for, so that the parts of it may do.
    pub(super) fn is_of_the_page(&self) -> bool {
        matches!(self.class, BackfillFailure::Invalid | BackfillFailure::ForeignPage)
    }
}

impl Client {
    /// A client of `account` for the API at `base`.
    ///
    /// # Errors
    ///
    /// If the system's roots cannot be loaded.
    pub(super) fn new(base: &Url, account: &Account, timeout: Duration) -> Result<Self, reqwest::Error> {
        let http = http_client::build(timeout, HeaderMap::new(), &ClientPem::default())?;
        let mut list = base.clone();
        list.set_path(&format!("{}/v1/Alerts", base.path().trim_end_matches('/')));
        let credentials = match &account.api_key {
            Some(key) => vec![Credential { user: key.sid.clone(), password: key.secret.clone() }],
            // Of several tokens one is in force, and which one changes.
            None => account
                .auth_tokens
                .iter()
                .map(|token| Credential { user: account.sid.to_string(), password: token.clone() })
                .collect(),
        };
        Ok(Self { http, list, credentials, current: AtomicUsize::new(0) })
    }

    /// Where the list of a window begins.
    pub(super) fn list_of(&self, window: &Window) -> Url {
        let mut url = self.list.clone();
        let (from, through) = window.ends();
        let mut query = url.query_pairs_mut();
        query.append_pair("PageSize", &PAGE_ROWS.to_string());
        query.append_pair("StartDate", &from.to_string()).append_pair("EndDate", &through.to_string());
        if let Some(level) = window.level {
            query.append_pair("LogLevel", level);
        }
        drop(query);
        url
    }

    /// Where one alert is.
    pub(super) fn alert(&self, sid: &EventSid) -> Url {
        let mut url = self.list.clone();
        url.set_path(&format!("{}/{sid}", self.list.path()));
        url
    }

    /// The body of the answer at `url`.
    ///
    /// # Errors
    ///
    /// [`Fault`], for everything but 200 and a body within [`ANSWER_BYTES_MAX`].
    pub(super) async fn get(&self, url: &Url) -> Result<Vec<u8>, Fault> {
        let mut refused = 0;
        loop {
            let current = self.current.load(Ordering::Relaxed);
            let credential = &self.credentials[current % self.credentials.len()];
            let request =
                self.http.get(url.clone()).basic_auth(&credential.user, Some(credential.password.expose_secret()));
            let answer =
                request.header(header::ACCEPT, "application/json").send().await.map_err(|error| unanswered(&error))?;
            let Some(fault) = fault_of(&answer) else { return body_of(answer).await };
            refused += 1;
            if fault.class != BackfillFailure::Unauthorized || refused >= self.credentials.len() {
                return Err(fault);
            }
            self.current.store(current + 1, Ordering::Relaxed);
        }
    }
}

async fn body_of(mut answer: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unanswered(&error))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            let detail = format!("the answer is longer than {ANSWER_BYTES_MAX} bytes");
            return Err(Fault::new(BackfillFailure::Invalid, detail));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unanswered(error: &reqwest::Error) -> Fault {
    // Without its URL, which says nothing new; and in full, for the reason is among its causes.
    if error.is_timeout() {
        Fault::new(BackfillFailure::Timeout, "no answer in time")
    } else {
        let cause = std::error::Error::source(error).map(crate::causes::with_causes);
        Fault::new(
            BackfillFailure::Unavailable,
            format!("no answer: {}", cause.unwrap_or_else(|| "it broke off".into())),
        )
    }
}

fn fault_of(answer: &Response) -> Option<Fault> {
    let status = answer.status();
    let class = match status {
        StatusCode::OK => return None,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => BackfillFailure::Unauthorized,
        StatusCode::TOO_MANY_REQUESTS => BackfillFailure::Throttled,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => BackfillFailure::Timeout,
        status if status.is_server_error() => BackfillFailure::Unavailable,
        _ => BackfillFailure::Refused,
    };
    let asked = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = asked.and_then(|value| http_client::retry_after(value, Timestamp::now(), RETRY_AFTER_MAX));
    Some(Fault { class, after, detail: format!("answered {}", status.as_u16()) })
}
