//! What a collector's answer means for the records it was sent.
//!
//! Pure. The specification knows answers that may be retried and answers that may not. Read to the letter, an expired token (401,
//! not retryable) would empty the store into quarantine in seconds. So there are three kinds of no: later, never for this
//! record, and not while the destination is set up like that.
//!
//! Source: <https://opentelemetry.io/docs/specs/otlp/>

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::metrics::OtlpFailure;

/// The longest a collector may ask us to wait.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

/// The most bytes of a collector's words that are kept.
const DETAIL_BYTES_MAX: usize = 500;

/// A collector's answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
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
    /// Not now.
    Later {
        /// What kind of not now.
        class: OtlpFailure,
        /// How long to wait, if it says so; at most [`RETRY_AFTER_MAX`].
        after: Option<Duration>,
        /// In words.
        detail: String,
    },
    /// Not at this address, with these credentials, or in this form: no record's fault.
    Destination {
        /// In words.
        detail: String,
    },
    /// Not these records.
    Refused {
        /// In words.
        detail: String,
    },
    /// Too much at once.
    TooLarge {
        /// In words.
        detail: String,
    },
}

impl Answer {
    /// How a failure is counted; none for a request that was taken.
    #[must_use]
    pub fn failure(&self) -> Option<OtlpFailure> {
        match self {
            Self::Delivered { .. } => None,
            Self::Partial { .. } => Some(OtlpFailure::PartialSuccess),
            Self::Later { class, .. } => Some(*class),
            Self::Destination { .. } => Some(OtlpFailure::Destination),
            Self::Refused { .. } => Some(OtlpFailure::Rejected),
            Self::TooLarge { .. } => Some(OtlpFailure::TooLarge),
        }
    }

    /// Whether it finds fault with what was sent.
    #[must_use]
    pub fn is_about_records(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::TooLarge { .. })
    }

    /// Whether two answers find the same fault, as far as their words tell; numbers and ids in them differ from request to
    /// request.
    #[must_use]
    pub fn finds_the_same_fault_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused { detail: one }, Self::Refused { detail: other })
            | (Self::TooLarge { detail: one }, Self::TooLarge { detail: other }) => words(one).eq(words(other)),
            _ => false,
        }
    }

    /// Reads a gRPC error.
    #[must_use]
    pub fn of_status(status: &Status) -> Self {
        let detail = cut(format!("{:?}: {}", status.code(), status.message()));
        let retry_info = status.get_details_retry_info().map(|info| info.retry_delay.unwrap_or_default());
        let after = retry_info.map(|after| after.min(RETRY_AFTER_MAX));
        match status.code() {
            Code::InvalidArgument => Self::Refused { detail },
            Code::ResourceExhausted if after.is_some() => Self::Later { class: OtlpFailure::Throttled, after, detail },
            // Servers on tonic answer OUT_OF_RANGE to a message above their limit.
            Code::ResourceExhausted | Code::OutOfRange => Self::TooLarge { detail },
            Code::Unimplemented
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::NotFound
            | Code::FailedPrecondition => Self::Destination { detail },
            Code::DeadlineExceeded | Code::Cancelled => Self::Later { class: OtlpFailure::Timeout, after, detail },
            _ => Self::Later { class: OtlpFailure::Unavailable, after, detail },
        }
    }

    /// Reads an HTTP answer; `now` is for a `Retry-After` that is a date.
    #[must_use]
    pub fn of_http(status: u16, retry_after: Option<&str>, body: &[u8], now: Timestamp) -> Self {
        let after = retry_after.and_then(|text| wait_of(text, now));
        let said = String::from_utf8_lossy(&body[..body.len().min(DETAIL_BYTES_MAX)]);
        let printable: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let detail = cut(format!("HTTP {status}: {}", printable.trim()));
        match status {
            200..=299 => match ExportLogsServiceResponse::decode(body) {
                Ok(response) => Self::of_response(response),
                Err(_) => Self::Destination { detail: format!("HTTP {status}, but the body is not OTLP") },
            },
            // 422 is what Loki and others answer to content that they cannot take.
            400 | 422 => Self::Refused { detail },
            413 => Self::TooLarge { detail },
            429 => Self::Later { class: OtlpFailure::Throttled, after, detail },
            300..=399 | 401..=407 | 410 | 415 | 421 | 426 => Self::Destination { detail },
            408 | 504 => Self::Later { class: OtlpFailure::Timeout, after, detail },
            _ => Self::Later { class: OtlpFailure::Unavailable, after, detail },
        }
    }

    /// Reads the message of a request that was taken.
    #[must_use]
    pub fn of_response(response: ExportLogsServiceResponse) -> Self {
        let Some(partial) = response.partial_success else {
            return Self::Delivered { warning: None };
        };
        let message = cut(partial.error_message);
        match u64::try_from(partial.rejected_log_records) {
            Ok(rejected) if rejected > 0 => Self::Partial { rejected, message },
            _ => Self::Delivered { warning: Some(message).filter(|message| !message.is_empty()) },
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered { warning: None } => f.write_str("taken"),
            Self::Delivered { warning: Some(warning) } => write!(f, "taken, with a warning: {warning}"),
            Self::Partial { rejected, message } => write!(f, "taken but for {rejected} records: {message}"),
            Self::Later { detail, .. } => write!(f, "not now: {detail}"),
            Self::Destination { detail } => write!(f, "the endpoint or its credentials are wrong: {detail}"),
            Self::Refused { detail } => write!(f, "refused: {detail}"),
            Self::TooLarge { detail } => write!(f, "too large: {detail}"),
        }
    }
}

/// `Retry-After`: seconds, or a date.
fn wait_of(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => RETRY_AFTER_MAX,
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(date.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
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
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
    use prost::Message as _;
    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::{Answer, wait_of};

    /// The row of the delivery table that an answer falls into.
    fn row(answer: &Answer) -> &'static str {
        match answer {
            Answer::Delivered { .. } => "ok",
            Answer::Partial { .. } => "partial",
            Answer::Later { .. } => "later",
            Answer::Destination { .. } => "hold",
            Answer::Refused { .. } => "halve",
            Answer::TooLarge { .. } => "smaller",
        }
    }

    #[test]
    fn every_http_status_falls_into_its_row() {
        let now = Timestamp::UNIX_EPOCH;
        for (statuses, expected) in [
            (&[200, 202][..], "ok"),
            (&[429, 500, 502, 503, 504, 408, 599], "later"),
            (&[301, 302, 401, 403, 404, 405, 415], "hold"),
            (&[400, 422], "halve"),
            (&[413], "smaller"),
        ] {
            for status in statuses {
                assert_eq!(row(&Answer::of_http(*status, None, b"", now)), expected, "{status}");
            }
        }
        assert_eq!(row(&Answer::of_http(200, None, b"<html>log in</html>", now)), "hold");
    }

    #[test]
    fn every_grpc_code_falls_into_its_row() {
        for (codes, expected) in [
            (&[Code::Unavailable, Code::DeadlineExceeded, Code::Internal, Code::Unknown, Code::Aborted][..], "later"),
            (&[Code::Unimplemented, Code::Unauthenticated, Code::PermissionDenied, Code::NotFound], "hold"),
            (&[Code::InvalidArgument], "halve"),
            (&[Code::ResourceExhausted, Code::OutOfRange], "smaller"),
        ] {
            for code in codes {
                assert_eq!(row(&Answer::of_status(&Status::new(*code, "no"))), expected, "{code:?}");
            }
        }
    }

    /// What tells a quota that is used up, or a compression that cannot be read, from a record that cannot be taken.
    #[test]
    fn the_same_fault_has_the_same_words_whatever_the_numbers() {
        let refused = |detail: &str| Answer::Refused { detail: detail.into() };
        let quota = refused("HTTP 400: quota used up (request 7f3a-1, 2026-11-21T10:00:00Z)");
        assert!(
            quota.finds_the_same_fault_as(&refused("HTTP 400: quota used up (request 81b2-9, 2026-11-21T10:00:01Z)"))
        );
        assert!(!quota.finds_the_same_fault_as(&refused("HTTP 400: timestamp too old: 2020-01-02T03:04:05Z")));
        assert!(!quota.finds_the_same_fault_as(&Answer::TooLarge { detail: "HTTP 413: quota used up".into() }));
        assert!(!quota.finds_the_same_fault_as(&Answer::Delivered { warning: None }));
    }

    #[test]
    fn exhausted_with_a_delay_means_later() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(3600)));
        let status = Status::with_error_details(Code::ResourceExhausted, "slow down", details);
        let Answer::Later { after, .. } = Answer::of_status(&status) else { panic!("later") };
        assert_eq!(after, Some(Duration::from_secs(60)), "absurd delays are capped");
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().expect("RFC 3339");
        for (text, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("86400", Some(60)),
            ("99999999999999999999999", Some(60)),
            ("Sat, 21 Nov 2026 10:00:30 GMT", Some(30)),
            ("Sat, 21 Nov 2026 09:00:00 GMT", Some(0)),
            ("Sat, 21 Nov 2076 10:00:30 GMT", Some(60)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wait_of(text, now), seconds.map(Duration::from_secs), "{text:?}");
        }
    }

    #[test]
    fn a_partial_success_says_how_many() {
        let response = |rejected_log_records, error_message: &str| ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess {
                rejected_log_records,
                error_message: error_message.into(),
            }),
        };
        let of = |response: ExportLogsServiceResponse| {
            Answer::of_http(200, None, &response.encode_to_vec(), Timestamp::UNIX_EPOCH)
        };
        assert_eq!(of(response(3, "old")), Answer::Partial { rejected: 3, message: "old".into() });
        assert_eq!(of(response(0, "deprecated")), Answer::Delivered { warning: Some("deprecated".into()) });
        assert_eq!(of(response(0, "")), Answer::Delivered { warning: None });
    }
}
