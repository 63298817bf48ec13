//! Certificates made on the spot.

use reqwest::tls::Certificate as Trusted;

/// A certificate of `127.0.0.1` that is its own authority, and its key, both PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub cert: String,
    pub key: String,
}

impl Certificate {
    /// A new one.
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        Self { cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// A client that trusts nothing else, and opens a connection for each request.
    pub fn client(&self) -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trusted = Trusted::from_pem(self.cert.as_bytes()).expect("PEM");
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).tls_certs_only([trusted]);
        client.build().expect("a client")
    }
}
