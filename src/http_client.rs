//! The HTTP client of every request that this program makes: log records, spans, and what the commands send and ask.
//!
//! One builder, so that two things hold for all of them. No redirect is followed: a redirected POST arrives as a GET, and
//! whatever answers that says yes to nothing. And nothing is waited for without an end.

mod backoff;
mod retry_after;

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

pub use self::backoff::Backoff;
pub use self::retry_after::retry_after;

/// How long a command waits for an answer: as long as Twilio waits for a webhook's, so that what `send` calls unanswered is
/// what Twilio would. Log export has a time-out of its own, `otlp.timeout`.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Whom a client trusts and who it is; the system's roots and nobody when empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// PEM of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM of the client's certificate chain.
    pub cert_file: Option<PathBuf>,
    /// PEM of the client's key.
    pub key_file: Option<PathBuf>,
}

/// The content of the files of a [`ClientTls`].
#[derive(Default)]
pub struct ClientPem {
    /// The authorities to trust instead of the system's.
    pub authorities: Option<Vec<u8>>,
    /// Who the client is.
    pub identity: Option<IdentityPem>,
}

/// A certificate chain and its key.
pub struct IdentityPem {
    /// The chain.
    pub cert: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
}

/// A file of a [`ClientTls`] that is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// It cannot be read.
    #[error("cannot read {}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no authority in it: nobody would be trusted, and every answer would look like somebody else's.
    #[error("{} holds no certificate", file.display())]
    NoCertificate {
        /// Which file.
        file: PathBuf,
    },
}

impl ClientTls {
    /// Reads the files. Whether certificate and key belong together is for the client to judge.
    ///
    /// # Errors
    ///
    /// [`TlsFileError`], which names the file.
    pub fn read(&self) -> Result<ClientPem, TlsFileError> {
        let authorities = self.ca_file.as_deref().map(read).transpose()?;
        if let (Some(file), Some(pem)) = (&self.ca_file, &authorities)
            && CertificateDer::pem_slice_iter(pem).next().is_none()
        {
            return Err(TlsFileError::NoCertificate { file: file.clone() });
        }
        let identity = match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => Some(IdentityPem { cert: read(cert)?, key: read(key)? }),
            _ => None,
        };
        Ok(ClientPem { authorities, identity })
    }
}

/// Builds a client for a command: no headers of its own, the system's roots, [`ANSWER_TIMEOUT`].
///
/// # Errors
///
/// If the system's roots cannot be loaded.
pub fn for_command() -> Result<Client, reqwest::Error> {
    build(ANSWER_TIMEOUT, HeaderMap::new(), &ClientPem::default())
}

/// Builds a client that sends `headers` with every request and gives up after `timeout`.
///
/// # Errors
///
/// If `tls` is no PEM, or its certificate and key do not belong together.
pub fn build(timeout: Duration, headers: HeaderMap, tls: &ClientPem) -> Result<Client, reqwest::Error> {
    let mut builder = Client::builder().redirect(Policy::none()).default_headers(headers).timeout(timeout);
    if let Some(authorities) = &tls.authorities {
        builder = builder.tls_certs_only(Certificate::from_pem_bundle(authorities)?);
    }
    if let Some(IdentityPem { cert, key }) = &tls.identity {
        builder = builder.identity(Identity::from_pem(&[&key[..], cert].concat())?);
    }
    builder.build()
}

fn read(file: &Path) -> Result<Vec<u8>, TlsFileError> {
    std::fs::read(file).map_err(|source| TlsFileError::Unreadable { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::ClientTls;

    /// It may be mounted late, or empty, or under another name: which of three it was must not have to be guessed.
    #[test]
    fn a_file_that_is_of_no_use_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let (missing, empty) = (dir.path().join("missing.pem"), dir.path().join("empty.pem"));
        std::fs::write(&empty, "no certificate").expect("writable");
        let ca = |file: &std::path::Path| ClientTls { ca_file: Some(file.to_owned()), ..ClientTls::default() };
        let identity = ClientTls { cert_file: Some(empty.clone()), key_file: Some(missing.clone()), ca_file: None };
        for (tls, fault) in [
            (ca(&missing), format!("cannot read {}", missing.display())),
            (identity, format!("cannot read {}", missing.display())),
            (ca(&empty), format!("{} holds no certificate", empty.display())),
        ] {
            assert_eq!(tls.read().err().map(|error| error.to_string()), Some(fault));
        }
    }
}
