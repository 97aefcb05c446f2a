//! Whom we talk to: a server is known by its public key, which the link carries, not by a name on a certificate.
//!
//! A LAN's addresses change and no authority knows them, so the certificate is generated and the key's SHA-256 pinned.
//! Without a pin the certificate is checked as browsers do; where that fails too, the connection is made all the same
//! and said to be unverified: trust on first use.

use std::sync::{Arc, OnceLock};

use hearth_protocol::SpkiHash;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

/// How sure we are of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Its key is the one in the link.
    Pinned,
    /// An authority vouches for its name.
    Verified,
    /// Nobody vouches for it.
    FirstUse,
}

/// What was seen of the server.
pub(crate) type Seen = Arc<OnceLock<(SpkiHash, Trust)>>;

/// Checks the server's certificate.
#[derive(Debug)]
pub(crate) struct PinVerifier {
    pin: Option<SpkiHash>,
    web: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    /// rustls gives a verifier no way to return anything: the handshake leaves it here, its caller takes it.
    seen: Seen,
}

impl PinVerifier {
    pub(crate) fn new(pin: Option<SpkiHash>, seen: Seen) -> Result<Self, rustls::client::VerifierBuilderError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let web = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
        Ok(Self { pin, web, provider, seen })
    }

    fn remember(&self, spki: SpkiHash, trust: Trust) {
        // One verifier sees one handshake, and a second certificate in it would not count.
        self.seen.get_or_init(|| (spki, trust));
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let spki = SpkiHash(Sha256::digest(certificate.subject_public_key_info()).into());
        let trust = match self.pin {
            Some(pin) if pin == spki => Trust::Pinned,
            Some(_) => return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
            None => {
                let known = self.web.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
                if known.is_ok() { Trust::Verified } else { Trust::FirstUse }
            }
        };
        self.remember(spki, trust);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
