//! Backfill: fetches what push has not brought. Twilio keeps every alert for 30 days, and lists them on request.
//!
//! [`Backfill::follow`] reads each account's alerts from where it last ended to a little before now, every few minutes. `window` says
//! which stretches of time to list, `client` asks, `page` and `row` read what comes, `reader` hands it to the store, with the mark that
//! says how far it has come: in one transaction, so that a crash repeats a page at most and leaves none out.
//!
//! What is added twice would be counted twice, so it matters that an event has the same Sid here and where push brought it. Twilio says
//! so nowhere. The store adds what only the list has once that is proved (`store/feeds.rs`), and `comparison` looks for the contrary.
//!
//! Source: <https://www.twilio.com/docs/usage/monitor-alert>

mod alert_text;
mod client;
mod comparison;
mod feed;
mod opened;
mod page;
mod reader;
mod row;
mod window;

use std::time::Duration;

use reqwest::Url;

pub use self::client::{ANSWER_BYTES_MAX, REQUEST_TIMEOUT, RETRY_AFTER_MAX};
pub use self::feed::{Backfill, Once, Rules};
pub use self::reader::{Found, Progress};
pub use self::window::{LOOK_BACK_MAX, MARGIN, OVERLAP, ROWS_MAX};

/// Where Twilio lists alerts.
pub const URL: &str = "https://monitor.twilio.com";

/// `backfill`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether alerts are read while the exporter runs.
    pub enabled: bool,
    /// Where they are read: scheme, host, perhaps a port and a path before that of the API.
    pub url: Url,
    /// How often.
    pub interval: Duration,
    /// How long before the first start they begin.
    pub first: Duration,
    /// Whether each new alert is asked for by itself as well, for the request and the answer that belong to it.
    pub details: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: false,
            url: URL.parse().expect("a constant URL"),
            interval: Duration::from_mins(5),
            first: Duration::ZERO,
            details: false,
        }
    }
}
