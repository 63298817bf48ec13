//! What every listener is made of: the server that accepts, the TLS it speaks, the users it knows.
//!
//! Nothing here knows a path or a page. The webhook and the telemetry listener are each one [`Server`] with [`Controls`] that a
//! reload may turn, and something that [`Answers`].

mod basic_auth;
mod places;
mod server;
mod tls;

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use rustls::ServerConfig;

pub use self::basic_auth::{BasicAuth, BasicAuthError, CHALLENGE};
pub use self::server::{Answers, Controls, HEADER_BYTES_MAX, HEADER_FIELDS_MAX, HEADER_TIMEOUT, Malformed, Server};
pub use self::tls::{ClientCertificates, Handshake, ServerTls, TlsError, server_config};

/// What stands between a listener and its callers; open when empty.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// TLS, or plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// User names and passwords, or anyone.
    pub basic_auth: Option<BasicAuth>,
    /// Headers of every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}
