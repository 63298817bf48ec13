//! Every answer falls into its row: what is tried again, held, halved or settled.

use std::time::Duration;

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{SendError, Verdict, of_http, of_status};

/// The row that an answer falls into.
fn row(answer: &Result<Verdict, SendError>) -> &'static str {
    match answer {
        Ok(Verdict::Delivered { .. }) => "ok",
        Ok(Verdict::Partial { .. }) => "partial",
        Err(SendError::Later { .. }) => "later",
        Err(SendError::Destination { .. }) => "hold",
        Ok(Verdict::Rejected { .. }) => "halve",
        Ok(Verdict::TooLarge { .. }) => "smaller",
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
            assert_eq!(row(&of_http(*status, None, b"", now)), expected, "{status}");
        }
    }
    assert_eq!(row(&of_http(200, None, b"<html>log in</html>", now)), "hold");
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
            assert_eq!(row(&of_status(&Status::new(*code, "no"))), expected, "{code:?}");
        }
    }
}

/// What tells a quota that is used up, or a compression that cannot be read, from a record that cannot be taken.
#[test]
fn the_same_fault_has_the_same_words_whatever_the_numbers() {
    let rejected = |detail: &str| Verdict::Rejected { detail: detail.into() };
    let quota = rejected("HTTP 400: quota used up (request 7f3a-1, 2026-11-21T10:00:00Z)");
    assert!(quota.finds_the_same_fault_as(&rejected("HTTP 400: quota used up (request 81b2-9, 2026-11-21T10:00:01Z)")));
    assert!(!quota.finds_the_same_fault_as(&rejected("HTTP 400: timestamp too old: 2020-01-02T03:04:05Z")));
    assert!(!quota.finds_the_same_fault_as(&Verdict::TooLarge { detail: "HTTP 413: quota used up".into() }));
    assert!(!quota.finds_the_same_fault_as(&Verdict::Delivered { warning: None }));
}

#[test]
fn exhausted_with_a_delay_means_later() {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(3600)));
    let status = Status::with_error_details(Code::ResourceExhausted, "slow down", details);
    let Err(SendError::Later { after, .. }) = of_status(&status) else { panic!("later") };
    assert_eq!(after, Some(Duration::from_secs(60)), "absurd delays are capped");
}

#[test]
fn a_partial_success_says_how_many() {
    let response = |rejected_log_records, error_message: &str| ExportLogsServiceResponse {
        partial_success: Some(ExportLogsPartialSuccess { rejected_log_records, error_message: error_message.into() }),
    };
    let of = |response: ExportLogsServiceResponse| of_http(200, None, &response.encode_to_vec(), Timestamp::UNIX_EPOCH);
    assert_eq!(of(response(3, "old")), Ok(Verdict::Partial { rejected: 3, message: "old".into() }));
    assert_eq!(of(response(0, "deprecated")), Ok(Verdict::Delivered { warning: Some("deprecated".into()) }));
    assert_eq!(of(response(0, "")), Ok(Verdict::Delivered { warning: None }));
}
