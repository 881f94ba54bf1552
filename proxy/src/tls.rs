//! TLS on both legs: Shunt's certificate for clients, and how far home's is trusted.
//!
//! Encryption is on by default as in MySQL itself, whose server makes itself a certificate and whose clients take any:
//! that keeps listeners out, not impostors. Who wants more gives a certificate for clients and a CA for home.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime, pem::PemObject},
};

use crate::config::Certificate;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM of the kind it should hold.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The self-signed certificate could not be made.
    #[error("cannot make a self-signed certificate: {0}")]
    SelfSigned(#[from] rcgen::Error),
    /// The certificate and the key do not go together, or are of a kind that is not supported.
    #[error("cannot use the certificate: {0}")]
    Unusable(#[from] rustls::Error),
}

/// What both legs need to start TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Towards clients.
    pub server: Arc<ServerConfig>,
    /// Towards home.
    pub client: Arc<ClientConfig>,
}

impl Tls {
    /// With a `certificate` for clients, or a self-signed one; home's certificate is checked, its name included, if
    /// there is a file of CAs to check it with.
    ///
    /// # Errors
    /// When a file or what it holds cannot be used.
    pub fn new(certificate: Option<&Certificate>, home_ca: Option<&Path>) -> Result<Self, TlsError> {
        Ok(Self { server: Arc::new(server(certificate)?), client: Arc::new(client(home_ca)?) })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn server(certificate: Option<&Certificate>) -> Result<ServerConfig, TlsError> {
    let (chain, key) = match certificate {
        Some(files) => read_certificate(files)?,
        None => self_signed()?,
    };
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(config.with_no_client_auth().with_single_cert(chain, key)?)
}

type CertificateAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_certificate(files: &Certificate) -> Result<CertificateAndKey, TlsError> {
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| file(&files.key, e))?;
    Ok((read_certificates(&files.certificate)?, key))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|e| file(path, e))?;
    let all: Vec<_> = read.collect::<Result<_, _>>().map_err(|e| file(path, e))?;
    if all.is_empty() {
        return Err(file(path, "no certificate in it"));
    }
    Ok(all)
}

fn file(path: &Path, reason: impl ToString) -> TlsError {
    TlsError::File { path: path.to_path_buf(), reason: reason.to_string() }
}

/// As MySQL's server does it when it has none. Made anew at each start: nothing could be tied to it.
fn self_signed() -> Result<CertificateAndKey, TlsError> {
    let made = rcgen::generate_simple_self_signed(["shunt".to_owned(), "localhost".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    Ok((vec![made.cert.der().clone()], key.into()))
}

fn client(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let config =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let Some(ca) = ca else {
        let any = Arc::new(AnyCertificate { provider });
        return Ok(config.dangerous().with_custom_certificate_verifier(any).with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(ca)? {
        roots.add(certificate)?;
    }
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Takes any certificate, like a MySQL client without a CA. Its signatures are not looked at either: whoever may show
/// any certificate may show one of his own. And it must be so: what `openssl` makes by default is often of version
/// 1, which cannot be verified here.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn works_without_any_file() {
        Tls::new(None, None).unwrap();
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let files = Certificate { certificate: "/no/cert.pem".into(), key: "/no/key.pem".into() };
        let error = Tls::new(Some(&files), None).unwrap_err().to_string();
        assert!(error.starts_with("/no/key.pem: "), "{error}");
        let error = Tls::new(None, Some(Path::new("/no/ca.pem"))).unwrap_err().to_string();
        assert!(error.starts_with("/no/ca.pem: "), "{error}");
    }
}
