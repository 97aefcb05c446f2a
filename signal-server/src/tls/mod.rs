//! Who this server is, and how it proves it: by a key of its own, by files that somebody gives it, or by a certificate
//! that it asks an authority for.
//!
//! Each kind owns its files. The listener looks every few seconds whether something has become new.

mod acme;
mod certificate_files;
mod files;
mod names;
mod self_signed;
mod tickets;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_protocol::SpkiHash;
use rustls::server::WantsServerCert;
use rustls::{ConfigBuilder, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;

use acme::Acme;
use certificate_files::CertificateFiles;
use self_signed::SelfSigned;

pub use acme::{AcmeConfig, LETS_ENCRYPT};
pub(crate) use acme::{Authority, CHALLENGE, client as web_client};
pub(crate) use certificate_files::names_in;
pub(crate) use files::{read as read_state, write_private as write_state};
pub(crate) use tickets::ticket_key;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The state folder or a file in it cannot be used.
    #[error("{path} cannot be used ({source}). Check that it is writable, or choose another folder with --state.")]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key file holds no key.
    #[error(
        "{0} holds no key that can be read. Move it away to get a new one; links made before will then be refused."
    )]
    Key(PathBuf),
    /// The libraries refused.
    #[error("No certificate could be made ({0}). Check the names given with --name.")]
    Make(String),
    /// A certificate or key file that was given is no good.
    #[error("{path} {why}. Give the PEM files of a certificate (the whole chain) and of its key.")]
    Given {
        /// Which.
        path: PathBuf,
        /// What is the matter, to be read after the path.
        why: String,
    },
    /// The authority cannot be asked.
    #[error("No certificate can be asked for ({0}). Check the section [tls.acme].")]
    Acme(String),
}

/// What the server proves itself by.
pub(crate) enum Identity {
    /// A key of our own.
    Generated(SelfSigned),
    /// Files of somebody else's.
    Given(CertificateFiles),
    /// An authority.
    Acme(Acme),
}

impl Identity {
    /// The identity kept in `folder`, made where there is none, with a certificate for `names` at `unix_s`.
    pub(crate) fn generated(folder: &Path, names: &[String], unix_s: u64) -> Result<Self, TlsError> {
        SelfSigned::load(folder, names, unix_s).map(Self::Generated)
    }

    /// The certificate chain and key in these files.
    pub(crate) fn given(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        CertificateFiles::load(certificate, key).map(Self::Given)
    }

    /// A certificate from an authority; and what asks for it, to be polled for as long as we serve.
    pub(crate) fn acme(config: &AcmeConfig) -> Result<(Self, Authority), TlsError> {
        acme::start(config).map(|(acme, authority)| (Self::Acme(acme), authority))
    }

    /// Gets a new certificate where one is wanted or given: ours lacks one of `names` or grows old, files have changed.
    /// True when the acceptor is a different one.
    pub(crate) fn renew(&mut self, names: &[String], unix_s: u64) -> Result<bool, TlsError> {
        match self {
            Self::Generated(generated) => generated.renew(names, unix_s),
            Self::Given(given) => given.reload(),
            Self::Acme(_) => Ok(false), // its acceptor asks for the newest one each time
        }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        match self {
            Self::Generated(generated) => generated.acceptor(),
            Self::Given(given) => given.acceptor(),
            Self::Acme(acme) => acme.acceptor(),
        }
    }

    /// What desktop clients pin; none as long as an authority decides it.
    pub(crate) fn spki(&self) -> Option<SpkiHash> {
        match self {
            Self::Generated(generated) => Some(generated.spki()),
            Self::Given(given) => Some(given.spki()),
            Self::Acme(_) => None,
        }
    }

    /// What browsers show; none as long as an authority decides it.
    pub(crate) fn certificate_sha256(&self) -> Option<[u8; 32]> {
        match self {
            Self::Generated(generated) => Some(generated.certificate_sha256()),
            Self::Given(given) => Some(given.certificate_sha256()),
            Self::Acme(_) => None,
        }
    }

    /// The names that somebody else vouches for: those in the certificate of the files, those asked for.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::Generated(_) => &[],
            Self::Given(given) => given.names(),
            Self::Acme(acme) => acme.names(),
        }
    }

    /// Whether browsers may be told to come by https alone from now on: not where each must be talked into trusting
    /// the certificate first.
    pub(crate) fn is_vouched_for(&self) -> bool {
        match self {
            Self::Generated(_) => false,
            Self::Given(_) | Self::Acme(_) => true,
        }
    }
}

/// The beginning of each configuration.
fn server_config() -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?.with_no_client_auth())
}

/// The end of each configuration: HTTP/1.1 is what we speak, which WebSockets need.
fn into_acceptor(mut config: ServerConfig) -> TlsAcceptor {
    config.alpn_protocols.push(b"http/1.1".to_vec());
    TlsAcceptor::from(Arc::new(config))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
