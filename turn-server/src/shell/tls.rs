//! Who the server says it is, over TLS and DTLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain and its key, made ready for both.
pub struct Identity {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) dtls: Dtls,
}

/// What DTLS takes: a P-256 or P-384 key. There the library has no RSA.
pub(super) struct Dtls {
    pub(super) config: Arc<dimpl::Config>,
    pub(super) certificate: dimpl::DtlsCertificate,
    /// Whether it is the operator's own certificate.
    is_own: bool,
}

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The chain is empty.
    #[error("the certificate's file holds no certificate; put the whole chain into it, in PEM")]
    Empty,
    /// Certificate and key do not fit, or are of no kind that is known.
    #[error("certificate and key cannot be used together ({0}); name the two files of one pair")]
    Unfit(rustls::Error),
    /// The stand-in for DTLS could not be made.
    #[error("no certificate could be made for DTLS ({0}); report it, and turn DTLS off meanwhile")]
    StandIn(String),
}

impl Identity {
    /// Takes a chain, the server's own certificate first, and its key.
    ///
    /// A key that is not of ECDSA serves TLS alone; DTLS gets one that is made here, which clients that check
    /// certificates refuse ([`Identity::is_whole`]).
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, IdentityError> {
        let leaf = chain.first().ok_or(IdentityError::Empty)?.to_vec();
        let own = own_dtls(leaf, &key);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = builder.and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let (certificate, is_own) = match own {
            Some(certificate) => (certificate, true),
            None => (stand_in()?, false),
        };
        let config = dtls_config()?;
        let tls = Arc::new(tls.map_err(IdentityError::Unfit)?);
        Ok(Self { tls, dtls: Dtls { config, certificate, is_own } })
    }

    /// Whether DTLS has the operator's own certificate, as TLS has.
    pub fn is_whole(&self) -> bool {
        self.dtls.is_own
    }
}

fn dtls_config() -> Result<Arc<dimpl::Config>, IdentityError> {
    let config = dimpl::Config::builder().require_client_certificate(false).use_server_cookie(true).build();
    config.map(Arc::new).map_err(|error| IdentityError::StandIn(error.to_string()))
}

/// The operator's certificate, where its key is one that DTLS can use: tried by a state machine of it.
fn own_dtls(certificate: Vec<u8>, key: &PrivateKeyDer<'_>) -> Option<dimpl::DtlsCertificate> {
    let is_ecdsa = is_ecdsa(key);
    is_ecdsa.then(|| dimpl::DtlsCertificate { certificate, private_key: key.secret_der().to_vec() })
}

fn is_ecdsa(key: &PrivateKeyDer<'_>) -> bool {
    let signing = rustls::crypto::ring::sign::any_ecdsa_type(key);
    signing.is_ok()
}

fn stand_in() -> Result<dimpl::DtlsCertificate, IdentityError> {
    let failed = |error: rcgen::Error| IdentityError::StandIn(error.to_string());
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let parameters = rcgen::CertificateParams::new(vec!["hearth-turn".to_owned()]).map_err(failed)?;
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    Ok(dimpl::DtlsCertificate { certificate: certificate.der().to_vec(), private_key: key.serialize_der() })
}
