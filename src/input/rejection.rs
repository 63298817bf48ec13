//! Every way to refuse a request, in one place.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::signature::Refusal;
use crate::intake::AcceptError;
use crate::listener::CHALLENGE;
use crate::metrics::RejectionReason;

/// A reason to refuse a request: one status and one value of the `reason` label, so that what the sender is told and what is
/// counted cannot drift apart. The text is for our log; the sender gets the status, and a body that says nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The path of no public URL.
    #[error("path is not that of a public URL")]
    NotFound,
    /// Anything but POST.
    #[error("method is not POST")]
    Method,
    /// Neither a form nor JSON.
    #[error("content type is neither application/x-www-form-urlencoded nor application/json")]
    ContentType,
    /// Compressed, which Twilio never does; inflating it would be the sender's choice of our memory.
    #[error("content encoding is not identity")]
    ContentEncoding,
    /// A request whose end or address can be read in two ways.
    #[error("{0}")]
    Framing(&'static str),
    /// A body above the limit, announced or sent.
    #[error("body exceeds {bytes_max} bytes")]
    TooLarge {
        /// `webhook.body_bytes_max`.
        bytes_max: usize,
    },
    /// Basic auth is configured and no known name and password came.
    #[error("no valid user name and password")]
    Unauthenticated,
    /// Not Twilio's, as far as the signature says.
    #[error(transparent)]
    Unbelieved(#[from] Refusal),
    /// Cannot be stored now.
    #[error(transparent)]
    NotStored(#[from] AcceptError),
    /// The process is ending.
    #[error("shutting down")]
    ShuttingDown,
}

impl Rejection {
    /// What the sender is told.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Framing(_) | Self::Unbelieved(Refusal::TooManyFields(_)) => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Unbelieved(_) => StatusCode::FORBIDDEN,
            Self::NotStored(_) | Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is counted.
    #[must_use]
    pub fn reason(&self) -> RejectionReason {
        match self {
            Self::NotFound => RejectionReason::NotFound,
            Self::Method => RejectionReason::Method,
            Self::ContentType | Self::ContentEncoding => RejectionReason::ContentType,
            Self::Framing(_) | Self::Unbelieved(Refusal::TooManyFields(_)) => RejectionReason::Framing,
            Self::TooLarge { .. } => RejectionReason::TooLarge,
            Self::Unauthenticated => RejectionReason::Unauthenticated,
            Self::Unbelieved(Refusal::Unsigned) => RejectionReason::Unsigned,
            Self::Unbelieved(Refusal::UnknownAccount) => RejectionReason::UnknownAccount,
            Self::Unbelieved(Refusal::BadSignature) => RejectionReason::BadSignature,
            Self::NotStored(AcceptError::Full | AcceptError::QueueFull) => RejectionReason::StoreFull,
            Self::NotStored(AcceptError::Failed) => RejectionReason::StoreFailed,
            Self::NotStored(AcceptError::Timeout | AcceptError::Late) => RejectionReason::Timeout,
            Self::ShuttingDown => RejectionReason::ShuttingDown,
        }
    }

    /// What an operator can do about requests refused for this reason.
    #[must_use]
    pub fn advice(reason: RejectionReason) -> &'static str {
        match reason {
            RejectionReason::NotFound => {
                "Compare the path in Twilio's console with public_url; scanners cause this too."
            }
            RejectionReason::Method => {
                "Set the webhook's method to POST in Twilio's console; a redirect turns POST into GET."
            }
            RejectionReason::ContentType => {
                "Something other than Twilio's Debugger or Event Streams posts here, or a proxy compresses."
            }
            RejectionReason::Framing => "Look at the proxy in front: it sends two lengths, two hosts or no length.",
            RejectionReason::TooLarge => "Raise webhook.body_bytes_max if these are Twilio's.",
            RejectionReason::Unsigned => "Probably not Twilio: every request of Twilio's is signed.",
            RejectionReason::UnknownAccount => "Add the account and its auth token to accounts, if it is yours.",
            RejectionReason::BadSignature => {
                "Compare public_url with Twilio's console, letter by letter, and the token with the account's; \
                 twilio-debugger-exporter verify explains a captured request."
            }
            RejectionReason::Unauthenticated => {
                "Normal once a delivery: Twilio sends name and password after a 401. If all fail, check the URL's userinfo."
            }
            RejectionReason::StoreFull => "Raise store.bytes_max, free the disk, or bring the log endpoint back.",
            RejectionReason::StoreFailed => "Look at the disk: a write or a sync failed.",
            RejectionReason::ShuttingDown => "Normal during a restart.",
            RejectionReason::Timeout => {
                "The disk takes seconds to sync, or another program has locked the store: use a faster disk, end the program."
            }
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = Response::new(Body::from(status.canonical_reason().unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        // Twilio raises an event of its own for an answer without a content type.
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static(CHALLENGE);
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            _ => {}
        }
        // The body has not been read to its end: the connection cannot be used again without doing so.
        if !matches!(status, StatusCode::FORBIDDEN) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
