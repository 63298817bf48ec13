//! What anyone can send: a request to the webhook, framed and bounded, and not yet believed.

use axum::http::HeaderValue;
use bytes::Bytes;

/// A form POST to the webhook's path, before anybody has asked who sent it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Path and query exactly as they arrived.
    pub target: String,
    /// Every `X-Twilio-Signature` header.
    pub signatures: Vec<HeaderValue>,
    /// The body as it arrived.
    pub body: Bytes,
}
