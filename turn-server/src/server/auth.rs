//! Who is asking: long-term credentials (RFC 8489 section 9.2), of users and of time-limited names.
//!
//! Nothing is remembered of a request that fails. Whether a source gets an answer at all is decided by `challenges`.

use std::collections::HashMap;
use std::time::Duration;

use super::allocation::FiveTuple;
use super::answer::Refusal;
use super::{Request, Server};
use crate::codec::{Message, attribute};
use crate::crypto::Key;
use crate::{Config, Secret, rest};

/// Longest user name in bytes (RFC 8489 section 14.3: fewer than 509).
const USERNAME: usize = 508;

/// Everybody who may come in.
pub(super) struct Credentials {
    pub(super) realm: String,
    users: HashMap<Box<[u8]>, Key>,
    secrets: Vec<Secret>,
}

/// Whether a signature is somebody's.
enum Verdict {
    Genuine(Key),
    /// Genuine or not: its time is over.
    Expired,
    Wrong,
}

impl Credentials {
    pub(super) fn new(config: &Config) -> Self {
        let realm = config.realm.clone();
        let key = |name: &str, password: &Secret| Key::long_term(name.as_bytes(), realm.as_bytes(), password.reveal());
        let users = config.users.iter().map(|user| (user.name.as_bytes().into(), key(&user.name, &user.password)));
        Self { users: users.collect(), secrets: config.secrets.clone(), realm }
    }

    fn judge(&self, message: &Message<'_>, username: &[u8], unix: Duration) -> Verdict {
        if username.len() > USERNAME {
            return Verdict::Wrong;
        }
        if let Some(key) = self.users.get(username) {
            return if message.is_signed_by(key) { Verdict::Genuine(key.clone()) } else { Verdict::Wrong };
        }
        match rest::expiry(username) {
            Some(end) if end > unix.as_secs() => self.judge_shared(message, username),
            Some(_) if !self.secrets.is_empty() => Verdict::Expired,
            Some(_) | None => Verdict::Wrong,
        }
    }

    /// Tries each secret: while one replaces another, both are in use.
    fn judge_shared(&self, message: &Message<'_>, username: &[u8]) -> Verdict {
        let key = |secret: &Secret| {
            Key::long_term(username, self.realm.as_bytes(), rest::password(secret, username).as_bytes())
        };
        self.secrets.iter().map(key).find(|key| message.is_signed_by(key)).map_or(Verdict::Wrong, Verdict::Genuine)
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
        // "If the message contains [it] but is missing either the USERNAME, REALM, or NONCE": 400.
        let username = message.attribute(attribute::USERNAME).ok_or(Refusal::BadRequest)?;
        let realm = message.attribute(attribute::REALM).ok_or(Refusal::BadRequest)?;
        let nonce = message.attribute(attribute::NONCE).ok_or(Refusal::BadRequest)?;
        // "If the NONCE is no longer valid": 438. Judged first, for nothing is computed then on behalf of a replay.
        if !self.nonces.is_fresh(nonce, tuple.client, unix) {
            return Err(Refusal::StaleNonce);
        }
        // "If the USERNAME is not valid" and "if the value does not match": 401.
        if realm != self.credentials.realm.as_bytes() {
            return Err(Refusal::Unauthorized);
        }
        let key = self.verify(tuple, message, username, unix)?;
        Ok(Request { tuple, message, username, key })
    }

    /// The key that signed. An allocation's own user is known by its key: a time-limited name may end while it stands,
    /// and a call is not cut for that.
    fn verify(
        &mut self,
        tuple: FiveTuple,
        message: &Message<'_>,
        username: &[u8],
        unix: Duration,
    ) -> Result<Key, Refusal> {
        let known = self.table.get(&tuple).filter(|allocation| &*allocation.username == username);
        if let Some(key) = known.map(|allocation| &allocation.key).filter(|key| message.is_signed_by(key)) {
            return Ok(key.clone());
        }
        match self.credentials.judge(message, username, unix) {
            Verdict::Genuine(key) => Ok(key),
            Verdict::Wrong => Err(Refusal::Unauthorized),
            Verdict::Expired => {
                self.stats.refused.expired += 1;
                Err(Refusal::Unauthorized)
            }
        }
    }
}
