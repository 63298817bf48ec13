//! A listener's certificate, for those who run without a proxy.
//!
//! TLS 1.2 and 1.3 with ring, HTTP/1.1 alone in ALPN. Certificates are read whole and checked against their key before a
//! listener uses them, so that a reload with half a certificate keeps the old one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// A server's certificate chain and key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// The chain, leaf first.
    pub cert_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}

/// How a listener shakes hands, beyond its own certificate.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// Whether clients must show a certificate too.
    pub clients: ClientCertificates,
    /// The versions that are spoken; never empty.
    pub versions: Vec<&'static SupportedProtocolVersion>,
}

/// What is asked of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Nothing.
    NotAsked,
    /// A certificate of one of the authorities in this PEM file, if it shows one at all.
    VerifiedIfGiven(PathBuf),
    /// A certificate of one of the authorities in this PEM file.
    Required(PathBuf),
}

/// A certificate, key or authority that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read, or is no PEM.
    #[error("{} cannot be read", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A file without a certificate in it.
    #[error("{} holds no certificate", .file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// An authority that is no certificate, or none at all.
    #[error("{} holds no usable authority", .file.display())]
    Authority {
        /// The file.
        file: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
    /// A chain and a key that do not belong together, or that ring cannot use.
    #[error("{} and {} cannot be used together", .cert_file.display(), .key_file.display())]
    Unusable {
        /// The chain.
        cert_file: PathBuf,
        /// The key.
        key_file: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl Default for Handshake {
    fn default() -> Self {
        Self { clients: ClientCertificates::NotAsked, versions: rustls::ALL_VERSIONS.to_vec() }
    }
}

/// Reads the files and makes a listener's TLS configuration of them.
///
/// # Errors
///
/// [`TlsError`], which names the file.
pub fn server_config(identity: &ServerTls, handshake: &Handshake) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |source| TlsError::Unusable {
        cert_file: identity.cert_file.clone(),
        key_file: identity.key_file.clone(),
        source,
    };
    let chain = certificates(&identity.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&identity.key_file)
        .map_err(|source| TlsError::Unreadable { file: identity.key_file.clone(), source })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&handshake.versions)
        .map_err(unusable)?;
    let verifier = |file: &Path| {
        let authorities = certificates(file)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities);
        Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)))
    };
    let authority = |file: &Path, source| TlsError::Authority { file: file.to_owned(), source };
    let builder = match &handshake.clients {
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
        ClientCertificates::VerifiedIfGiven(file) => {
            let verifier = verifier(file)?.allow_unauthenticated().build().map_err(|source| authority(file, source))?;
            builder.with_client_cert_verifier(verifier)
        }
        ClientCertificates::Required(file) => {
            builder.with_client_cert_verifier(verifier(file)?.build().map_err(|source| authority(file, source))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { file: file.to_owned(), source };
    let chain = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match chain.map_err(unreadable)? {
        chain if chain.is_empty() => Err(TlsError::NoCertificate { file: file.to_owned() }),
        chain => Ok(chain),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::{ClientCertificates, Handshake, ServerTls, server_config};
    use crate::causes::with_causes;

    /// A certificate and its key, and a key that is not its own.
    fn files() -> (TempDir, ServerTls, PathBuf) {
        let dir = TempDir::new().expect("a directory");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let other = rcgen::KeyPair::generate().expect("a key");
        let path = |name: &str, text: String| {
            let path = dir.path().join(name);
            fs::write(&path, text).expect(name);
            path
        };
        let identity = ServerTls {
            cert_file: path("cert.pem", made.cert.pem()),
            key_file: path("key.pem", made.signing_key.serialize_pem()),
        };
        let other = path("other.pem", other.serialize_pem());
        (dir, identity, other)
    }

    #[test]
    fn a_certificate_with_its_key_speaks_http_1_alone() {
        let (_dir, identity, _) = files();
        let config = server_config(&identity, &Handshake::default()).expect("usable");
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
        for clients in [
            ClientCertificates::VerifiedIfGiven(identity.cert_file.clone()),
            ClientCertificates::Required(identity.cert_file.clone()),
        ] {
            server_config(&identity, &Handshake { clients, ..Handshake::default() }).expect("an authority");
        }
    }

    #[test]
    fn whatever_is_wrong_is_named_with_its_file() {
        let (dir, identity, other_key) = files();
        let missing = dir.path().join("missing.pem");
        let fault = |cert_file: &PathBuf, key_file: &PathBuf, clients| {
            let identity = ServerTls { cert_file: cert_file.clone(), key_file: key_file.clone() };
            let error = server_config(&identity, &Handshake { clients, ..Handshake::default() });
            with_causes(&error.expect_err("a fault"))
        };
        let (cert, key) = (&identity.cert_file, &identity.key_file);
        let none = || ClientCertificates::NotAsked;
        for (fault, wanted) in [
            (fault(&missing, key, none()), "missing.pem cannot be read: "),
            (fault(cert, &missing, none()), "missing.pem cannot be read: "),
            (fault(key, key, none()), "key.pem holds no certificate"),
            (fault(cert, cert, none()), "cert.pem cannot be read: "),
            (fault(cert, &other_key, none()), "other.pem cannot be used together: "),
            (fault(cert, key, ClientCertificates::Required(missing.clone())), "missing.pem cannot be read: "),
            (fault(cert, key, ClientCertificates::Required(key.clone())), "key.pem holds no certificate"),
        ] {
            assert!(fault.contains(wanted), "{wanted} in {fault}");
        }
    }
}
