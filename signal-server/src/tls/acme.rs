//! A certificate from an authority such as Let's Encrypt (ACME, RFC 8555), proved on our own port (TLS-ALPN-01,
//! RFC 8737).
//!
//! The crate `rustls-acme` asks, waits and renews; it holds the certificate of the moment, and keeps account and
//! certificate in the state folder. Here it is told how, and what it says becomes a line of the log.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeState, EventError, EventOk};
use tokio_rustls::TlsAcceptor;

use super::{TlsError, files, into_acceptor, server_config};

/// Where Let's Encrypt is asked.
pub const LETS_ENCRYPT: &str = rustls_acme::acme::LETS_ENCRYPT_PRODUCTION_DIRECTORY;
/// What the authority asks for when it looks whether the name is ours (RFC 8737, section 6.2).
pub(crate) const CHALLENGE: &[u8] = b"acme-tls/1";

/// Which authority, and for which names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeConfig {
    /// Names that the certificate should be for; each must lead to port 443 of this machine.
    pub domains: Vec<String>,
    /// How the authority may reach who runs the server, as `mailto:` addresses; may be empty.
    pub contact: Vec<String>,
    /// The authority's directory, an `https:` URL.
    pub directory: String,
    /// PEM file of roots that the authority itself is trusted by, where it is not a public one.
    pub roots: Option<PathBuf>,
    /// Folder where account and certificate are kept; made where there is none.
    pub state: PathBuf,
}

/// A certificate that an authority keeps fresh.
pub(crate) struct Acme {
    acceptor: TlsAcceptor,
    names: Vec<String>,
}

/// Asks the authority, and renews, for as long as it is polled.
pub(crate) struct Authority {
    state: AcmeState<std::io::Error>,
    domains: String,
    directory: String,
}

/// Begins to ask; nothing is sent before the authority is polled.
pub(super) fn start(config: &AcmeConfig) -> Result<(Acme, Authority), TlsError> {
    if config.domains.is_empty() {
        return Err(TlsError::Acme("no domain is named".to_owned()));
    }
    files::make_folder(&config.state)?;
    let client = client(config.roots.as_deref())?;
    let acme = rustls_acme::AcmeConfig::new_with_client_config(&config.domains, Arc::new(client))
        .contact(&config.contact)
        .directory(&config.directory)
        .cache(DirCache::new(config.state.clone()));
    let state = acme.state();
    let mut serving = server_config().map_err(|e| TlsError::Acme(e.to_string()))?.with_cert_resolver(state.resolver());
    serving.alpn_protocols.push(CHALLENGE.to_vec());
    let acme = Acme { acceptor: into_acceptor(serving), names: config.domains.clone() };
    Ok((acme, Authority { state, domains: config.domains.join(", "), directory: config.directory.clone() }))
}

/// TLS for who connects elsewhere. Trusts the public roots, or those in the file alone.
pub(crate) fn client(roots: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut store = RootCertStore::empty();
    match roots {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let refuse = |why: &str| TlsError::Given { path: path.to_owned(), why: why.to_owned() };
            let certificates = CertificateDer::pem_file_iter(path).map_err(|_| refuse("cannot be read"))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|_| refuse("holds a certificate that cannot be read"))?;
                store.add(certificate).map_err(|_| refuse("holds a certificate that cannot be read"))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| TlsError::Acme(e.to_string()))?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

impl Acme {
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }
}

impl Authority {
    /// Does what should be done next, and says in the log how it went. Never ends.
    pub(crate) async fn ask(&mut self) {
        match self.state.next().await {
            Some(Ok(EventOk::DeployedNewCert)) => tracing::info!("new certificate for {}", self.domains),
            Some(Ok(EventOk::DeployedCachedCert)) => tracing::info!("the kept certificate for {} serves", self.domains),
            Some(Ok(EventOk::CertCacheStore | EventOk::AccountCacheStore)) => {}
            Some(Err(EventError::Order(e))) => tracing::warn!(
                "{} gives no certificate for {} ({e}). Check that these names lead to port 443 of this machine; it is \
                 asked again in a while.",
                self.directory,
                self.domains
            ),
            Some(Err(e)) => tracing::warn!("{e}: the certificate for {} could not be kept or read", self.domains),
            None => std::future::pending().await,
        }
    }
}
