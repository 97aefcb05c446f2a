//! Time-limited credentials (the "TURN REST API", draft-uberti-behave-turn-rest-00): user name `UNIX[:NAME]`, password
//! `base64(HMAC-SHA1(secret, user name))`. Anyone who shares the secret can issue them, and no list of users is kept.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Secret;
use crate::crypto::hmac_sha1;

/// Credentials that admit new allocations for `ttl` from `unix_now` (time since 1970): `(username, password)`.
///
/// `user` names whom quotas count; empty is allowed and counts each issue by itself. An allocation that is may be
/// refreshed past the end, so that a call is not cut.
pub fn credentials(secret: &Secret, user: &str, ttl: Duration, unix_now: Duration) -> (String, String) {
    let until = unix_now.saturating_add(ttl).as_secs();
    let username = if user.is_empty() { until.to_string() } else { format!("{until}:{user}") };
    let password = password(secret, username.as_bytes());
    (username, password)
}

/// The password that belongs to `username`.
pub(crate) fn password(secret: &Secret, username: &[u8]) -> String {
    STANDARD.encode(hmac_sha1(secret.reveal(), &[username]))
}

/// When `username` ends, in seconds since 1970; `None` when it is not of the form `UNIX[:NAME]`.
pub(crate) fn expiry(username: &[u8]) -> Option<u64> {
    let digits = username.split(|b| *b == b':').next()?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Whom quotas count: the name behind the time where there is one, so that a fresh time buys no fresh quota.
pub(crate) fn account(username: &[u8]) -> &[u8] {
    let name = username.iter().position(|b| *b == b':').and_then(|at| username.get(at + 1..));
    match name {
        Some(name) if !name.is_empty() && expiry(username).is_some() => name,
        Some(_) | None => username,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_one_that_coturn_computes() {
        let secret = Secret::new("north").unwrap();
        let (username, password) = credentials(&secret, "ann", Duration::from_secs(100), Duration::from_secs(900));
        assert_eq!(username, "1000:ann");
        // printf 1000:ann | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(password, "ICVUx/OiMdLACdl6Tuh/EWH2pMI=");
    }

    #[test]
    fn a_username_that_starts_with_no_time_has_no_expiry() {
        let cases: [(&[u8], Option<u64>); 9] = [
            (b"1000", Some(1000)),
            (b"1000:ann", Some(1000)),
            (b"1000:", Some(1000)),
            (b"", None),
            (b":ann", None),
            (b"+5:ann", None),
            (b"-5", None),
            (b"99999999999999999999999", None),
            (b"ann:1000", None),
        ];
        for (username, expected) in cases {
            assert_eq!(expiry(username), expected, "{}", username.escape_ascii());
        }
    }

    #[test]
    fn quotas_count_the_name_and_not_the_time() {
        assert_eq!(account(b"1000:ann"), b"ann");
        assert_eq!(account(b"1000"), b"1000");
        assert_eq!(account(b"1000:"), b"1000:");
        assert_eq!(account(b"ann:bob"), b"ann:bob");
    }
}
