//! What a collector's answer means for the records it was sent.
//!
//! Pure. The specification knows answers that may be retried and answers that may not. Read to the letter, an expired token (401,
//! not retryable) would empty the store into quarantine in seconds. So there are three kinds of no: never for these records, which
//! is a [`Verdict`] on them; and later, or not while the destination is set up like that, which are [`SendError`]s and say
//! nothing of any record.
//!
//! Source: <https://opentelemetry.io/docs/specs/otlp/>

use std::time::Duration;

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::http_client;
use crate::metrics::OtlpFailure;

/// The longest a collector may ask us to wait.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

/// The most bytes of a collector's words that are kept.
const DETAIL_BYTES_MAX: usize = 500;

/// What a collector says of the records it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Taken, perhaps with a remark.
    Delivered {
        /// The collector's remark.
        warning: Option<String>,
    },
    /// Taken, but some records were dropped; which ones it does not say. Must not be sent again.
    Partial {
        /// How many.
        rejected: u64,
        /// Why, in the collector's words.
        message: String,
    },
    /// Not these records.
    Rejected {
        /// Why, in the collector's words.
        detail: String,
    },
    /// Too much at once.
    TooLarge {
        /// Why, in the collector's words.
        detail: String,
    },
}

/// A reason why there is no [`Verdict`]: no record is at fault, and all of them may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not now.
    #[error("{detail}")]
    Later {
        /// What kind of not now.
        class: OtlpFailure,
        /// How long to wait, if it says so; at most [`RETRY_AFTER_MAX`].
        after: Option<Duration>,
        /// In the collector's words, or in those of the connection.
        detail: String,
    },
    /// Not at this address, with these credentials, or in this form.
    #[error("{detail}")]
    Destination {
        /// In the collector's words.
        detail: String,
    },
}

impl Verdict {
    /// How it is counted, and how often; none for records that were all taken.
    #[must_use]
    pub fn failure(&self) -> Option<(OtlpFailure, u64)> {
        match self {
            Self::Delivered { .. } => None,
            Self::Partial { rejected, .. } => Some((OtlpFailure::PartialSuccess, *rejected)),
            Self::Rejected { .. } => Some((OtlpFailure::Rejected, 1)),
            Self::TooLarge { .. } => Some((OtlpFailure::TooLarge, 1)),
        }
    }

    /// Whether nothing was taken.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::TooLarge { .. })
    }

    /// Whether two verdicts find the same fault, as far as their words tell; numbers and ids in them differ from request to
    /// request.
    pub(super) fn finds_the_same_fault_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rejected { detail: one }, Self::Rejected { detail: other })
            | (Self::TooLarge { detail: one }, Self::TooLarge { detail: other }) => words(one).eq(words(other)),
            _ => false,
        }
    }
}

impl SendError {
    /// How it is counted.
    #[must_use]
    pub fn class(&self) -> OtlpFailure {
        match self {
            Self::Later { class, .. } => *class,
            Self::Destination { .. } => OtlpFailure::Destination,
        }
    }
}

/// Reads a gRPC error.
pub(super) fn of_status(status: &Status) -> Result<Verdict, SendError> {
    let detail = cut(format!("{:?}: {}", status.code(), status.message()));
    let retry_info = status.get_details_retry_info().map(|info| info.retry_delay.unwrap_or_default());
    let after = retry_info.map(|after| after.min(RETRY_AFTER_MAX));
    match status.code() {
        Code::InvalidArgument => Ok(Verdict::Rejected { detail }),
        Code::ResourceExhausted if after.is_some() => {
            Err(SendError::Later { class: OtlpFailure::Throttled, after, detail })
        }
        // Servers on tonic answer OUT_OF_RANGE to a message above their limit.
        Code::ResourceExhausted | Code::OutOfRange => Ok(Verdict::TooLarge { detail }),
        Code::Unimplemented
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::NotFound
        | Code::FailedPrecondition => Err(SendError::Destination { detail }),
        Code::DeadlineExceeded | Code::Cancelled => {
            Err(SendError::Later { class: OtlpFailure::Timeout, after, detail })
        }
        _ => Err(SendError::Later { class: OtlpFailure::Unavailable, after, detail }),
    }
}

/// Reads an HTTP answer; `now` is for a `Retry-After` that is a date.
pub(super) fn of_http(
    status: u16,
    retry_after: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<Verdict, SendError> {
    let after = retry_after.and_then(|text| http_client::retry_after(text, now, RETRY_AFTER_MAX));
    let said = String::from_utf8_lossy(&body[..body.len().min(DETAIL_BYTES_MAX)]);
    let printable: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let detail = cut(format!("HTTP {status}: {}", printable.trim()));
    match status {
        200..=299 => match ExportLogsServiceResponse::decode(body) {
            Ok(response) => Ok(of_response(response)),
            Err(_) => Err(SendError::Destination { detail: format!("HTTP {status}, but the body is not OTLP") }),
        },
        // 422 is what Loki and others answer to content that they cannot take.
        400 | 422 => Ok(Verdict::Rejected { detail }),
        413 => Ok(Verdict::TooLarge { detail }),
        429 => Err(SendError::Later { class: OtlpFailure::Throttled, after, detail }),
        300..=399 | 401..=407 | 410 | 415 | 421 | 426 => Err(SendError::Destination { detail }),
        408 | 504 => Err(SendError::Later { class: OtlpFailure::Timeout, after, detail }),
        _ => Err(SendError::Later { class: OtlpFailure::Unavailable, after, detail }),
    }
}

/// Reads the message of a request that was taken.
pub(super) fn of_response(response: ExportLogsServiceResponse) -> Verdict {
    let Some(partial) = response.partial_success else {
        return Verdict::Delivered { warning: None };
    };
    let message = cut(partial.error_message);
    match u64::try_from(partial.rejected_log_records) {
        Ok(rejected) if rejected > 0 => Verdict::Partial { rejected, message },
        _ => Verdict::Delivered { warning: Some(message).filter(|message| !message.is_empty()) },
    }
}

/// The words of a text that have no digits in them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()))
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(DETAIL_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests;
