//! Files of secrets, users and certificates.
//!
//! [`Files`] is the way to all of them. It remembers what each said when it was last good, so that one that cannot be
//! read later, or is being written, holds up no change of the others.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::SettingsError;
use crate::shell::Identity;
use crate::{Secret, User};

/// Longest file that is read, bytes: a hundred thousand users.
const FILE_BYTES: u64 = 8 << 20;

/// What a file looks like from outside: one that is put in its place looks otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When it was written.
    pub written: Option<SystemTime>,
    /// Its bytes.
    pub length: u64,
}

/// Somebody who may read what this process may not any more.
pub trait Fetch: Send {
    /// The whole file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>>;

    /// What it looks like.
    ///
    /// # Errors
    /// Why that cannot be said.
    fn stamp(&mut self, path: &Path) -> io::Result<Stamp>;
}

/// The way to files, and what they said last.
#[derive(Default)]
pub struct Files {
    good: BTreeMap<PathBuf, Vec<u8>>,
    fetch: Option<Box<dyn Fetch>>,
    complaints: Vec<String>,
}

impl Files {
    /// From now on asks `fetch` for what cannot be read by this process.
    pub fn ask(&mut self, fetch: Box<dyn Fetch>) {
        self.fetch = Some(fetch);
    }

    /// What a file looks like now; `None` where that cannot be said.
    pub fn stamp(&mut self, path: &Path) -> Option<Stamp> {
        let own = stamp(path);
        let fetched = |_| self.fetch.as_mut().map_or(Err(io::ErrorKind::NotFound.into()), |fetch| fetch.stamp(path));
        own.or_else(fetched).ok()
    }

    /// What went wrong with files whose last good contents were taken in their place, a sentence each.
    pub fn take_complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    /// A file's text. One that cannot be read now is taken as it was.
    pub(super) fn settings(&mut self, path: &Path) -> Result<String, SettingsError> {
        let bytes = self.read(path).or_else(|error| {
            let last = self.good.get(path).cloned().ok_or_else(|| error.to_string());
            last.inspect(|_| self.complaints.push(stands(&error))).map_err(|_| error)
        })?;
        self.good.insert(path.to_owned(), bytes.clone());
        text(path, bytes)
    }

    /// What `parse` makes of the files at `paths`, or of what they said when they were last good.
    fn load<T, const N: usize>(
        &mut self,
        paths: [&Path; N],
        parse: impl Fn([Vec<u8>; N]) -> Result<T, SettingsError>,
    ) -> Result<T, SettingsError> {
        let mut contents = [const { Vec::new() }; N];
        let read = contents.iter_mut().zip(paths).try_for_each(|(content, path)| {
            *content = self.read(path)?;
            Ok(())
        });
        match read.and_then(|()| parse(contents.clone())) {
            Ok(good) => {
                self.good.extend(paths.into_iter().map(Path::to_owned).zip(contents));
                Ok(good)
            }
            Err(error) => {
                for (content, path) in contents.iter_mut().zip(paths) {
                    let Some(good) = self.good.get(path) else { return Err(error) };
                    content.clone_from(good);
                }
                self.complaints.push(stands(&error));
                parse(contents)
            }
        }
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, SettingsError> {
        let own = read(path);
        let read = own.or_else(|error| self.fetch.as_mut().map_or(Err(error), |fetch| fetch.read(path)));
        read.map_err(|error| SettingsError::Unreadable { path: path.to_owned(), error })
    }

    /// A user a line.
    pub(super) fn users(&mut self, path: &Path) -> Result<Vec<User>, SettingsError> {
        let wrong = |number: usize| SettingsError::Wrong {
            path: path.to_owned(),
            what: format!("entry {number} is not NAME:PASSWORD; correct or delete it"),
        };
        self.load([path], |[bytes]| {
            lines(path, bytes)?.iter().enumerate().map(|(at, line)| user(line).ok_or_else(|| wrong(at + 1))).collect()
        })
    }

    /// A secret a line.
    pub(super) fn secrets(&mut self, path: &Path) -> Result<Vec<String>, SettingsError> {
        self.load([path], |[bytes]| lines(path, bytes))
    }

    /// A certificate with its key.
    pub(super) fn identity(&mut self, cert: &Path, key: &Path) -> Result<Identity, SettingsError> {
        self.load([cert, key], |[chain, secret]| identity(cert, &chain, key, &secret))
    }
}

fn stands(error: &SettingsError) -> String {
    format!("{error}. Until then what it said before stands; the other files were read again")
}

/// The secrets in a file: one a line, without blanks around it; empty lines and those that begin with `#` say nothing.
/// Anyone who signs does so with the first; a relay takes all, so that one can replace another.
///
/// # Errors
/// [`SettingsError`].
pub fn read_secrets(path: &Path) -> Result<Vec<String>, SettingsError> {
    Files::default().secrets(path)
}

/// A whole file, if it is not far too long.
///
/// # Errors
/// The system's, or one that says so.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is far too long"));
    }
    Ok(bytes)
}

/// What a file looks like to this process.
///
/// # Errors
/// The system's.
pub fn stamp(path: &Path) -> io::Result<Stamp> {
    let found = std::fs::metadata(path)?;
    Ok(Stamp { written: found.modified().ok(), length: found.len() })
}

/// Text, without the mark that some editors put in front.
fn text(path: &Path, bytes: Vec<u8>) -> Result<String, SettingsError> {
    let text = String::from_utf8(bytes).map_err(|_| SettingsError::Wrong {
        path: path.to_owned(),
        what: "this is no text in UTF-8; write it anew, or correct its name".to_owned(),
    })?;
    Ok(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
}

/// The lines of a file, without empty ones and comments.
fn lines(path: &Path, bytes: Vec<u8>) -> Result<Vec<String>, SettingsError> {
    let text = text(path, bytes)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(ToOwned::to_owned).collect())
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

/// What is between the blocks of a file in PEM is anybody's: names in Latin-1, the attributes that `openssl pkcs12`
/// writes.
fn identity(cert: &Path, chain: &[u8], key: &Path, secret: &[u8]) -> Result<Identity, SettingsError> {
    let wrong = |path: &Path, what: &str| SettingsError::Wrong { path: path.to_owned(), what: what.to_owned() };
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|_| wrong(cert, "this is no certificate in PEM; name the file of the whole chain"))?;
    let no_key = "this is no private key in PEM, or it has a password; name a key without one";
    let secret = PrivateKeyDer::from_pem_slice(secret).map_err(|_| wrong(key, no_key))?;
    Identity::new(chain, secret).map_err(|error| wrong(cert, &error.to_string()))
}

#[cfg(test)]
mod tests;
