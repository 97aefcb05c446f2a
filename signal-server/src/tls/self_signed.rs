//! A key of our own that stays, and a certificate that follows the network.
//!
//! Owns both files in the state folder. Clients pin the key, so the certificate may change with the addresses.

mod certificate;

use std::path::{Path, PathBuf};

use hearth_protocol::SpkiHash;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;

use super::{TlsError, files, into_acceptor, server_config};
use certificate::Certificate;

/// A key, and the certificate of the moment.
pub(crate) struct SelfSigned {
    folder: PathBuf,
    key: KeyPair,
    certificate: Certificate,
    acceptor: TlsAcceptor,
}

impl SelfSigned {
    /// The identity kept in `folder`, made where there is none, with a certificate for `names` at `unix_s`.
    pub(super) fn load(folder: &Path, names: &[String], unix_s: u64) -> Result<Self, TlsError> {
        files::make_folder(folder)?;
        let key = load_key(&folder.join("key.pem"))?;
        let kept = files::read(&folder.join("cert.pem"))?.and_then(|text| Certificate::parse(&text));
        let usable = kept.filter(|c| c.serves(names, unix_s)).and_then(|c| Some((acceptor(&key, &c).ok()?, c)));
        let (acceptor, certificate) = match usable {
            Some(usable) => usable,
            None => make(folder, &key, names, unix_s)?,
        };
        Ok(Self { folder: folder.to_owned(), key, certificate, acceptor })
    }

    /// Makes a new certificate of the same key, if the old one lacks a name or grows old. True when it did.
    pub(super) fn renew(&mut self, names: &[String], unix_s: u64) -> Result<bool, TlsError> {
        if self.certificate.serves(names, unix_s) {
            return Ok(false);
        }
        (self.acceptor, self.certificate) = make(&self.folder, &self.key, names, unix_s)?;
        tracing::info!("new certificate of the same key");
        Ok(true)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// What desktop clients pin.
    pub(super) fn spki(&self) -> SpkiHash {
        SpkiHash(Sha256::digest(self.key.subject_public_key_info()).into())
    }

    /// What browsers show.
    pub(super) fn certificate_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate.der).into()
    }
}

fn load_key(path: &Path) -> Result<KeyPair, TlsError> {
    if let Some(text) = files::read(path)? {
        files::make_private(path)?;
        return KeyPair::from_pem(&text).map_err(|_| TlsError::Key(path.to_owned()));
    }
    // P-256: what every browser takes.
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|e| TlsError::Make(e.to_string()))?;
    files::write_private(path, &key.serialize_pem())?;
    Ok(key)
}

fn make(folder: &Path, key: &KeyPair, names: &[String], unix_s: u64) -> Result<(TlsAcceptor, Certificate), TlsError> {
    let certificate = Certificate::make(key, names, unix_s).map_err(|e| TlsError::Make(e.to_string()))?;
    files::write_private(&folder.join("cert.pem"), &certificate.to_text())?;
    let acceptor = acceptor(key, &certificate).map_err(|e| TlsError::Make(e.to_string()))?;
    Ok((acceptor, certificate))
}

/// Fails when the certificate is not of this key.
fn acceptor(key: &KeyPair, certificate: &Certificate) -> Result<TlsAcceptor, rustls::Error> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = server_config()?.with_single_cert(vec![certificate.der.clone().into()], key)?;
    Ok(into_acceptor(config))
}

#[cfg(test)]
mod tests;
