//! A certificate and its key from files that somebody else keeps, such as certbot, read again when they change.
//!
//! Holds the newest pair that was whole. A pair that is not (one file is new and the other not yet) is said once, and
//! the old one goes on.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hearth_protocol::SpkiHash;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::{TlsError, into_acceptor, names, server_config, sha256};

/// Longest file that is read, bytes. A chain of ten certificates is 20 kB.
const FILE_BYTES: u64 = 1024 * 1024;

/// What is said of a certificate that nobody's browser takes any more. signalmaster's own script makes such.
const VERSION_1: &str = "holds a certificate of X.509 version 1, which browsers refuse; make another one by `openssl req -x509 -newkey \
                         rsa:2048 -nodes -days 365 -subj /CN=NAME -addext subjectAltName=DNS:NAME -keyout KEY -out CERT`";

/// Files in use.
pub(crate) struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    /// How both files looked when they were read last, well or in vain.
    seen: [Option<Stamp>; 2],
    pair: Pair,
}

/// What tells one version of a file from another: when it was written, how long it is, and which one it is, because a
/// renewal often replaces a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    written: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// A certificate that is known to be of its key.
struct Pair {
    acceptor: TlsAcceptor,
    spki: SpkiHash,
    sha256: [u8; 32],
    names: Vec<String>,
}

impl CertificateFiles {
    pub(super) fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let seen = [stamp(certificate), stamp(key)]; // before reading: what changes meanwhile is read again
        let pair = Pair::read(certificate, key)?;
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), seen, pair })
    }

    /// Reads both files again if either looks different. True when there is a new pair.
    pub(super) fn reload(&mut self) -> Result<bool, TlsError> {
        let seen = [stamp(&self.certificate), stamp(&self.key)];
        if seen == self.seen {
            return Ok(false);
        }
        self.seen = seen;
        self.pair = Pair::read(&self.certificate, &self.key)?;
        tracing::info!("the certificate was read again");
        Ok(true)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.pair.acceptor.clone()
    }

    pub(super) fn spki(&self) -> SpkiHash {
        self.pair.spki
    }

    pub(super) fn certificate_sha256(&self) -> [u8; 32] {
        self.pair.sha256
    }

    pub(super) fn names(&self) -> &[String] {
        &self.pair.names
    }
}

impl Pair {
    fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let refuse = |path: &Path, why: &str| TlsError::Given { path: path.to_owned(), why: why.to_owned() };
        let chain = CertificateDer::pem_slice_iter(&bytes_of(certificate)?).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| refuse(certificate, "holds a certificate that cannot be read"))?;
        let Some(first) = chain.first() else { return Err(refuse(certificate, "holds no certificate")) };
        let Some((names, public_key)) = names::read(first) else {
            return Err(refuse(certificate, "holds a certificate that cannot be read"));
        };
        if names::is_version_1(first) {
            return Err(refuse(certificate, VERSION_1));
        }
        let (spki, sha256) = (SpkiHash(sha256(&public_key)), sha256(first));
        let key_der = private_key(key)?;
        let config = server_config().and_then(|builder| builder.with_single_cert(chain, key_der));
        let config = config.map_err(|e| {
            let is_other = matches!(e, rustls::Error::InconsistentKeys(_));
            refuse(
                key,
                &if is_other { "is not the key of the certificate".into() } else { format!("cannot be used ({e})") },
            )
        })?;
        Ok(Self { acceptor: into_acceptor(config), spki, sha256, names })
    }
}

/// The names that the certificate in this file is for.
pub(crate) fn names_in(certificate: &Path) -> Result<Vec<String>, TlsError> {
    let refuse =
        || TlsError::Given { path: certificate.to_owned(), why: "holds a certificate that cannot be read".to_owned() };
    let first = CertificateDer::from_pem_slice(&bytes_of(certificate)?).map_err(|_| refuse())?;
    names::read(&first).map(|(names, _)| names).ok_or_else(refuse)
}

/// A key as PKCS#8, PKCS#1 or SEC1 (RFC 5958, 8017, 5915), whichever is first.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = bytes_of(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let is_locked = pem.windows(9).any(|word| word == b"ENCRYPTED");
        let why = if is_locked {
            "holds a key that is locked by a password; unlock a copy by `openssl pkey -in KEY -out COPY`"
        } else {
            "holds no private key"
        };
        TlsError::Given { path: path.to_owned(), why: why.to_owned() }
    })
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, TlsError> {
    let refuse = |why: String| TlsError::Given { path: path.to_owned(), why };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| refuse(format!("cannot be opened ({e})")))?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| refuse(format!("cannot be read ({e})")))?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(refuse("is far too long".to_owned()));
    }
    Ok(bytes)
}

/// None where there is no such file just now.
fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&found);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { written: found.modified().ok(), length: found.len(), inode })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// Certificate and key for `name`, as PEM.
    fn pair(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names = vec![name.to_owned(), "10.1.2.3".to_owned(), "fd00::5".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn write(folder: &Path, (certificate, key): (&str, &str)) -> (PathBuf, PathBuf) {
        let paths = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&paths.0, certificate).unwrap();
        fs::write(&paths.1, key).unwrap();
        paths
    }

    #[test]
    fn names_and_hashes_are_those_of_the_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair("talk.example");
        let (at, key_at) = write(folder.path(), (&certificate, &key));
        let given = CertificateFiles::load(&at, &key_at).unwrap();
        assert_eq!(given.names(), ["talk.example", "10.1.2.3", "fd00::5"]);
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        assert_eq!(given.certificate_sha256(), sha256(&der));
    }

    /// The files were made by `openssl req -x509 -newkey ec`, `openssl ec` and `openssl genrsa -traditional`.
    #[test]
    fn keys_are_read_in_the_three_forms_in_which_they_are_kept() {
        for (certificate, key, name) in [
            (include_str!("testdata/ec.pem"), include_str!("testdata/ec-pkcs8.pem"), "ec.example"),
            (include_str!("testdata/ec.pem"), include_str!("testdata/ec-sec1.pem"), "ec.example"),
            (include_str!("testdata/rsa.pem"), include_str!("testdata/rsa-pkcs1.pem"), "rsa.example"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (at, key_at) = write(folder.path(), (certificate, key));
            assert_eq!(CertificateFiles::load(&at, &key_at).unwrap().names()[0], name);
        }
    }

    #[test]
    fn a_new_pair_is_read_and_half_a_pair_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (pair("old.example"), pair("new.example.org"));
        let (at, key_at) = write(folder.path(), (&old.0, &old.1));
        let mut given = CertificateFiles::load(&at, &key_at).unwrap();
        assert!(!given.reload().unwrap());
        fs::write(&at, &new.0).unwrap();
        assert!(given.reload().unwrap_err().to_string().contains("is not the key"));
        assert_eq!(given.names()[0], "old.example");
        assert!(!given.reload().unwrap(), "the same fault is said once");
        fs::remove_file(&key_at).unwrap();
        assert!(given.reload().is_err());
        fs::write(&key_at, &new.1).unwrap();
        assert!(given.reload().unwrap());
        assert_eq!(given.names()[0], "new.example.org");
    }

    #[test]
    fn files_that_are_no_good_are_refused_in_a_sentence_each() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair("a.example");
        let (_, other) = pair("b.example");
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let garbled = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let long = "x".repeat(FILE_BYTES as usize + 1);
        for (certificate, key, word) in [
            ("", &*key, "holds no certificate"),
            (garbled, &key, "that cannot be read"),
            (&long, &key, "far too long"),
            (&certificate, "", "holds no private key"),
            (&certificate, &other, "is not the key"),
            (&certificate, locked, "locked by a password"),
            // Of `openssl x509 -req -signkey`, as signalmaster's own script makes them.
            (
                include_str!("testdata/version-1.pem"),
                include_str!("testdata/version-1-key.pem"),
                "version 1, which browsers refuse",
            ),
        ] {
            let (at, key_at) = write(folder.path(), (certificate, key));
            let refused = CertificateFiles::load(&at, &key_at).err().unwrap().to_string();
            assert!(refused.contains(word) && !refused.contains('\n'), "{word}: {refused}");
        }
        let missing =
            CertificateFiles::load(&folder.path().join("none"), &folder.path().join("key.pem")).err().unwrap();
        assert!(missing.to_string().contains("cannot be opened"), "{missing}");
    }
}
