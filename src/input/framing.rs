//! Whether a request's header can be read in one way only, and is one that Twilio would send.
//!
//! Whatever two programs in a row could read differently (where a body ends, whom it is for) is refused here, although hyper
//! would let some of it pass. Cheap checks, before a byte of the body is asked for.
//!
//! HTTP/1.0 is let through when it has a host and a length: nginx speaks it to its upstreams by default.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};

use super::delivery::Format;
use super::rejection::Rejection;
use super::signature::Refusal;

/// The header in which Twilio signs.
pub(super) const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("x-twilio-signature");

/// Checks everything that the header alone can tell, in the order in which a sender would want to know; gives what the body is.
///
/// # Errors
///
/// The [`Rejection`] to answer with.
pub fn check(head: &Parts, knows_path: impl Fn(&str) -> bool, bytes_max: usize) -> Result<Format, Rejection> {
    if head.uri.authority().is_some() || head.uri.scheme().is_some() {
        return Err(Rejection::Framing("request target is not a path"));
    }
    if !knows_path(head.uri.path()) {
        return Err(Rejection::NotFound);
    }
    if head.method != Method::POST {
        return Err(Rejection::Method);
    }
    let headers = &head.headers;
    if headers.get_all(header::HOST).iter().count() != 1 {
        return Err(Rejection::Framing("not exactly one Host"));
    }
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Rejection::Framing("transfer encoding instead of a length"));
    }
    let length = content_length(headers)?;
    let format = format_of(headers).ok_or(Rejection::ContentType)?;
    let identity = |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(identity) {
        return Err(Rejection::ContentEncoding);
    }
    if length > bytes_max as u64 {
        return Err(Rejection::TooLarge { bytes_max });
    }
    Ok(format)
}

/// Checks that there is a signature at all: what has none is not worth reading.
///
/// # Errors
///
/// [`Refusal::Unsigned`].
pub(super) fn check_signed(headers: &HeaderMap) -> Result<(), Rejection> {
    match headers.get(SIGNATURE_HEADER) {
        Some(signature) if !signature.is_empty() => Ok(()),
        _ => Err(Refusal::Unsigned.into()),
    }
}

fn content_length(headers: &HeaderMap) -> Result<u64, Rejection> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let (Some(length), None) = (lengths.next(), lengths.next()) else {
        return Err(Rejection::Framing("not exactly one Content-Length"));
    };
    let digits = length.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(Rejection::Framing("Content-Length is not a number"))
}

/// The content types that are taken, without their parameters.
const FORMATS: [(&str, Format); 4] = [
    ("application/x-www-form-urlencoded", Format::Form),
    ("application/json", Format::Json),
    ("application/cloudevents+json", Format::Json),
    ("application/cloudevents-batch+json", Format::Json),
];

/// What the one content type says, with whatever parameters; none where there are two, or another.
fn format_of(headers: &HeaderMap) -> Option<Format> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else {
        return None;
    };
    let essence = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    FORMATS.iter().find(|(name, _)| essence.eq_ignore_ascii_case(name.as_bytes())).map(|(_, format)| *format)
}
