//! The label values that are known in advance: closed enums, so that every series exists at 0 from the first scrape.

use strum::{IntoStaticStr, VariantArray};

/// Why a request was refused: the `reason` label of `twilio_debugger_exporter_rejected_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RejectionReason {
    /// The path is not that of a public URL.
    NotFound,
    /// Not POST.
    Method,
    /// Not a form, or compressed.
    ContentType,
    /// Two lengths, two hosts, a transfer encoding, a body that does not come.
    Framing,
    /// Body or header above its limit.
    TooLarge,
    /// No signature.
    Unsigned,
    /// No token for the account.
    UnknownAccount,
    /// No token gives this signature.
    BadSignature,
    /// Basic auth is configured and was not given.
    Unauthenticated,
    /// The store is at its limit, the disk is full, or the queue is.
    StoreFull,
    /// Writing or syncing failed.
    StoreFailed,
    /// The process is ending.
    ShuttingDown,
    /// Not synced in time, and withdrawn.
    Timeout,
}

impl RejectionReason {
    /// Every reason, in the order of the metrics page.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The value of the label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why an export failed: the `class` label of `twilio_debugger_exporter_otlp_failures_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum OtlpFailure {
    /// No connection, a lost one, or an answer that says "later": 502, 503, 504, `UNAVAILABLE`.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// Told to slow down: 429, or `RESOURCE_EXHAUSTED` with a delay.
    Throttled,
    /// The destination is at fault, not the record: 401, 403, 404, `UNIMPLEMENTED`, an answer that is not OTLP.
    Destination,
    /// The records are: 400, `INVALID_ARGUMENT`.
    Rejected,
    /// The request was too large: 413, `RESOURCE_EXHAUSTED`.
    TooLarge,
    /// Records that the collector dropped from a request it took.
    PartialSuccess,
}

impl OtlpFailure {
    /// Every class, in the order of the metrics page.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The value of the label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a backfill brought less than it should: the `class` label of `twilio_debugger_exporter_backfill_failures_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum BackfillFailure {
    /// 401 or 403 to every credential of the account.
    Unauthorized,
    /// Told to slow down: 429.
    Throttled,
    /// No connection, a lost one, or 5xx.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// Any other status that is no list.
    Refused,
    /// An answer that is no list of alerts, or longer than one may be.
    Invalid,
    /// The next page is said to be somewhere else. It is never asked.
    ForeignPage,
    /// One second holds more alerts of a level than a list may. The others are not brought.
    Truncated,
    /// Nothing was read for so long that Twilio no longer lists what there was.
    Gap,
    /// The list has an account's events under other Sids than push. Nothing of it is added any more.
    Identity,
    /// Not yet known whether the list has an account's events under the same Sids as push. What only the list has waits.
    Unproved,
    /// The store could not take what was read.
    Store,
}

impl BackfillFailure {
    /// Every class, in the order of the metrics page.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The value of the label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The statuses that the webhook answers with: the `code` label of `twilio_debugger_exporter_requests_total`.
pub const STATUS_CODES: [u16; 10] = [204, 400, 401, 403, 404, 405, 413, 415, 431, 503];
