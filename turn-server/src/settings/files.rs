//! Files of secrets, users and certificates.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::SettingsError;
use crate::shell::Identity;
use crate::{Secret, User};

/// A file's text.
pub(super) fn text(path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable { path: path.to_owned(), error })
}

/// The lines of a file, without empty ones and comments.
fn lines(path: &Path) -> Result<Vec<String>, SettingsError> {
    let text = text(path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(ToOwned::to_owned).collect())
}

/// A secret a line.
pub(super) fn secrets(path: &Path) -> Result<Vec<String>, SettingsError> {
    lines(path)
}

/// A user a line.
pub(super) fn users(path: &Path) -> Result<Vec<User>, SettingsError> {
    let wrong = |number: usize| SettingsError::Wrong {
        path: path.to_owned(),
        what: format!("entry {number} is not NAME:PASSWORD; correct or delete it"),
    };
    lines(path)?.iter().enumerate().map(|(at, line)| user(line).ok_or_else(|| wrong(at + 1))).collect()
}

/// `NAME:PASSWORD`, or `NAME:0xKEY` with the key that coturn's tools print.
pub(super) fn user(line: &str) -> Option<User> {
    let (name, password) = line.split_once(':')?;
    let secret = Secret::new(password).ok()?;
    let user = User::new(name, secret);
    let key = password.strip_prefix("0x").filter(|digits| digits.len() == 32).and_then(digest);
    (!name.is_empty() && name.len() <= 508).then_some(User { key, ..user })
}

fn digest(digits: &str) -> Option<[u8; 16]> {
    u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes)
}

/// A certificate with its key.
pub(super) fn identity(cert: &Path, key: &Path) -> Result<Identity, SettingsError> {
    let wrong = |path: &Path, what: &str| SettingsError::Wrong { path: path.to_owned(), what: what.to_owned() };
    let (chain, secret) = (text(cert)?, text(key)?);
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let chain = chain.map_err(|_| wrong(cert, "this is no certificate in PEM; name the file of the whole chain"))?;
    let secret = PrivateKeyDer::from_pem_slice(secret.as_bytes());
    let no_key = "this is no private key in PEM, or it has a password; name a key without one";
    let secret = secret.map_err(|_| wrong(key, no_key))?;
    Identity::new(chain, secret).map_err(|error| wrong(cert, &error.to_string()))
}
