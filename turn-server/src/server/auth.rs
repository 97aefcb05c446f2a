//! Who is asking: long-term credentials (RFC 8489 section 9.2), of users and of time-limited names.
//!
//! Nothing is remembered of a request that fails. Whether a source gets an answer at all is decided by `challenges`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::answer::Refusal;
use super::challenges::Challenges;
use super::nonce::{Nonces, SecurityFeatures};
use super::tuple::FiveTuple;
use super::{Request, Server};
use crate::codec::{Message, Writer, attribute};
use crate::crypto::{Key, PasswordAlgorithm, userhash};
use crate::{Config, Secret, User, rest};

/// Longest user name in bytes (RFC 8489 section 14.3: fewer than 509).
const USERNAME: usize = 508;
/// PASSWORD-ALGORITHMS: SHA-256, then MD5, neither with parameters (RFC 8489 section 18.5).
const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// What is between a stranger and a relay.
pub(super) struct Authenticator {
    pub(super) credentials: Credentials,
    pub(super) nonces: Nonces,
    pub(super) challenges: Challenges,
    /// Whether clients are offered SHA-256.
    sha256: bool,
}

/// Everybody who may come in.
pub(super) struct Credentials {
    pub(super) realm: String,
    users: HashMap<Box<[u8]>, Keys>,
    /// Users by the digest of their names.
    hashes: HashMap<[u8; 32], Box<[u8]>>,
    secrets: Vec<Secret>,
}

/// A user's keys, by algorithm.
struct Keys {
    md5: Key,
    /// None where the password is not known.
    sha256: Option<Key>,
}

/// Whether a signature is somebody's.
enum Verification {
    Genuine(Key),
    /// Genuine or not: its time is over.
    Expired,
    Wrong,
}

impl Authenticator {
    pub(super) fn new(config: &Config, nonces: [u8; 32], challenges: [u8; 32]) -> Self {
        let sha256 = config.options.sha256;
        let features = if sha256 { SecurityFeatures::Sha256 } else { SecurityFeatures::None };
        Self {
            credentials: Credentials::new(config.realm.clone(), &config.users, &config.secrets),
            nonces: Nonces::new(nonces, config.options.nonce_lifetime, features),
            challenges: Challenges::new(challenges),
            sha256,
        }
    }

    /// What an answer says to whom has to prove who they are.
    pub(super) fn challenge(&self, response: Writer, client: SocketAddr, unix: Duration) -> Writer {
        let nonce = self.nonces.issue(client, unix);
        let response = response
            .attribute(attribute::REALM, self.credentials.realm.as_bytes())
            .attribute(attribute::NONCE, nonce.as_bytes());
        if self.sha256 { response.attribute(attribute::PASSWORD_ALGORITHMS, &ALGORITHMS) } else { response }
    }

    /// The algorithm that a request chose. Without one it is MD5; with one it must repeat what was offered (else 400),
    /// so that nobody in between can take the better one off the list.
    fn algorithm(&self, message: &Message<'_>) -> Result<PasswordAlgorithm, Refusal> {
        let offered = message.attribute(attribute::PASSWORD_ALGORITHMS);
        let chosen = message.attribute(attribute::PASSWORD_ALGORITHM);
        match (offered, chosen) {
            _ if !self.sha256 => Ok(PasswordAlgorithm::Md5),
            (None, None) => Ok(PasswordAlgorithm::Md5),
            (Some(offered), Some(chosen)) if offered == ALGORITHMS => match chosen {
                [0, 1, 0, 0] => Ok(PasswordAlgorithm::Md5),
                [0, 2, 0, 0] => Ok(PasswordAlgorithm::Sha256),
                _ => Err(Refusal::BadRequest),
            },
            (Some(_) | None, Some(_)) | (Some(_), None) => Err(Refusal::BadRequest),
        }
    }

    /// The user's name, spelled out or as a digest; `None` for a digest of nobody's name.
    fn username<'a>(&'a self, message: &Message<'a>) -> Result<Option<&'a [u8]>, Refusal> {
        if let Some(name) = message.attribute(attribute::USERNAME) {
            return Ok(Some(name));
        }
        let hash = message.attribute(attribute::USERHASH).filter(|_| self.sha256).ok_or(Refusal::BadRequest)?;
        let hash: &[u8; 32] = hash.try_into().map_err(|_| Refusal::BadRequest)?;
        Ok(self.credentials.hashes.get(hash).map(|name| &**name))
    }
}

impl Credentials {
    pub(super) fn new(realm: String, users: &[User], secrets: &[Secret]) -> Self {
        let keys = |user: &User| {
            let derive =
                |algorithm| Key::derived(algorithm, user.name.as_bytes(), realm.as_bytes(), user.password.reveal());
            match user.key {
                Some(key) => Keys { md5: Key::of_md5(key), sha256: None },
                None => Keys { md5: derive(PasswordAlgorithm::Md5), sha256: Some(derive(PasswordAlgorithm::Sha256)) },
            }
        };
        let name = |user: &User| Box::<[u8]>::from(user.name.as_bytes());
        let hash = |user: &User| (userhash(user.name.as_bytes(), realm.as_bytes()), name(user));
        let hashes = users.iter().map(hash).collect();
        let users = users.iter().map(|user| (name(user), keys(user))).collect();
        Self { users, hashes, secrets: secrets.to_vec(), realm }
    }

    /// Whether `username` is no user's with a lasting password: then it begins with its time, or is nobody's.
    pub(super) fn is_timed(&self, username: &[u8]) -> bool {
        !self.users.contains_key(username)
    }

    fn judge(
        &self,
        message: &Message<'_>,
        username: &[u8],
        algorithm: PasswordAlgorithm,
        unix: Duration,
    ) -> Verification {
        if username.len() > USERNAME {
            return Verification::Wrong;
        }
        if let Some(keys) = self.users.get(username) {
            let key = match algorithm {
                PasswordAlgorithm::Md5 => Some(&keys.md5),
                PasswordAlgorithm::Sha256 => keys.sha256.as_ref(),
            };
            return match key.filter(|key| message.is_signed_by(key)) {
                Some(key) => Verification::Genuine(key.clone()),
                None => Verification::Wrong,
            };
        }
        match rest::expiry(username) {
            Some(end) if end > unix.as_secs() => self.judge_shared(message, username, algorithm),
            Some(_) if !self.secrets.is_empty() => Verification::Expired,
            Some(_) | None => Verification::Wrong,
        }
    }

    /// Tries each secret: while one replaces another, both are in use.
    fn judge_shared(&self, message: &Message<'_>, username: &[u8], algorithm: PasswordAlgorithm) -> Verification {
        let key = |secret: &Secret| {
            Key::derived(algorithm, username, self.realm.as_bytes(), rest::password(secret, username).as_bytes())
        };
        self.secrets
            .iter()
            .map(key)
            .find(|key| message.is_signed_by(key))
            .map_or(Verification::Wrong, Verification::Genuine)
    }
}

impl Server {
    /// Walks RFC 8489 section 9.2.4.
    pub(super) fn authenticate<'a>(
        &mut self,
        tuple: FiveTuple,
        message: &'a Message<'a>,
        unix: Duration,
    ) -> Result<Request<'a>, Refusal> {
        // "If the message does not contain a MESSAGE-INTEGRITY": 401 with REALM and NONCE.
        if !message.is_signed() {
            return Err(Refusal::Unauthorized);
        }
        // "If [it] is missing either the USERNAME or USERHASH, REALM, or NONCE": 400.
        let realm = message.attribute(attribute::REALM).ok_or(Refusal::BadRequest)?;
        let nonce = message.attribute(attribute::NONCE).ok_or(Refusal::BadRequest)?;
        let username = self.gate.username(message)?.map(<[u8]>::to_vec);
        // "If the NONCE is no longer valid": 438. Judged first, for nothing is computed then on behalf of a replay.
        if !self.gate.nonces.is_fresh(nonce, tuple.client, unix) {
            return Err(Refusal::StaleNonce);
        }
        let algorithm = self.gate.algorithm(message)?;
        // "If the USERNAME is not valid" and "if the value does not match": 401.
        let username = username.filter(|_| realm == self.gate.credentials.realm.as_bytes());
        let username = username.ok_or(Refusal::Unauthorized)?;
        let key = self.verify(tuple, message, &username, algorithm, unix)?.signing(message.integrity());
        Ok(Request { tuple, message, username, key })
    }

    /// The key that signed. An allocation's own user is known by its key: a time-limited name may end while it stands,
    /// and a call is not cut for that.
    fn verify(
        &mut self,
        tuple: FiveTuple,
        message: &Message<'_>,
        username: &[u8],
        algorithm: PasswordAlgorithm,
        unix: Duration,
    ) -> Result<Key, Refusal> {
        let own = self.table.get(&tuple).or_else(|| self.shown(message)).or_else(|| self.connecting(message));
        let known = own.filter(|allocation| &*allocation.owner.username == username);
        if let Some(key) = known.map(|allocation| &allocation.owner.key).filter(|key| message.is_signed_by(key)) {
            return Ok(key.clone());
        }
        let verdict = self.gate.credentials.judge(message, username, algorithm, unix);
        // Names of users with a password are chosen by anyone who guesses: only signatures by a shared secret tell of
        // the secret.
        let is_shared = self.gate.credentials.is_timed(username) && rest::expiry(username).is_some();
        match verdict {
            Verification::Genuine(key) if !is_shared => Ok(key),
            Verification::Genuine(key) => {
                self.stats.signed += 1;
                let is_honoured = self.commons.roster.honours(rest::account(username));
                if is_honoured { Ok(key) } else { Err(Refusal::Unauthorized) }
            }
            Verification::Wrong => {
                self.stats.refused.signature += u64::from(is_shared);
                Err(Refusal::Unauthorized)
            }
            Verification::Expired => {
                self.stats.refused.expired += 1;
                Err(Refusal::Unauthorized)
            }
        }
    }
}
