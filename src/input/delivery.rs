//! What anyone can send: a request to the webhook, framed and bounded, and not yet believed.

use axum::http::HeaderValue;
use bytes::Bytes;

/// A POST to the webhook's path, before anybody has asked who sent it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Path and query exactly as they arrived.
    pub target: String,
    /// Every `X-Twilio-Signature` header.
    pub signatures: Vec<HeaderValue>,
    /// What the body is said to be.
    pub format: Format,
    /// The body as it arrived.
    pub body: Bytes,
}

impl Delivery {
    /// The target's path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What a body is, by its content type: that decides which input it belongs to, and how it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/x-www-form-urlencoded`: a Debugging Event.
    Form,
    /// `application/json`, or a media type of `CloudEvents`: a batch of Event Streams.
    Json,
}
