//! The identity through restarts, changes of the network and damaged files.

use super::*;

const START: u64 = 1_800_000_000;
const DAY: u64 = 24 * 3600;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

#[test]
fn a_restart_keeps_key_and_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let ours = names(&["localhost", "10.0.0.1", "::1"]);
    let first = SelfSigned::load(&state, &ours, START).unwrap();
    let second = SelfSigned::load(&state, &ours, START + DAY).unwrap();
    assert_eq!(first.spki(), second.spki());
    assert_eq!(first.certificate_sha256(), second.certificate_sha256());
    #[cfg(unix)]
    for (name, mode) in [("", 0o700), ("key.pem", 0o600), ("cert.pem", 0o600)] {
        use std::os::unix::fs::PermissionsExt as _;
        let found = std::fs::metadata(state.join(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
}

#[test]
fn a_new_address_or_age_makes_a_new_certificate_of_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut identity = SelfSigned::load(folder.path(), &names(&["localhost"]), START).unwrap();
    let (spki, mut seen) = (identity.spki(), vec![identity.certificate_sha256()]);
    for (ours, at, renewed) in [
        (names(&["localhost"]), START + DAY, false),
        (names(&["localhost", "10.0.0.1"]), START + DAY, true),
        (names(&["localhost"]), START + 2 * DAY, false),
        (names(&["localhost"]), START + 365 * DAY, true),
    ] {
        assert_eq!(identity.renew(&ours, at).unwrap(), renewed);
        seen.extend(renewed.then(|| identity.certificate_sha256()));
        assert_eq!(identity.spki(), spki);
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
    let again = SelfSigned::load(folder.path(), &names(&["localhost"]), START + 365 * DAY).unwrap();
    assert_eq!(Some(&again.certificate_sha256()), seen.last());
}

#[test]
fn damaged_files_never_change_the_key_silently() {
    let folder = tempfile::tempdir().unwrap();
    let ours = names(&["localhost"]);
    let spki = SelfSigned::load(folder.path(), &ours, START).unwrap().spki();
    for text in ["", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "names: localhost\nrenew-at: x"] {
        std::fs::write(folder.path().join("cert.pem"), text).unwrap();
        assert_eq!(SelfSigned::load(folder.path(), &ours, START).unwrap().spki(), spki);
    }
    let other = tempfile::tempdir().unwrap();
    SelfSigned::load(other.path(), &ours, START).unwrap();
    std::fs::copy(other.path().join("cert.pem"), folder.path().join("cert.pem")).unwrap();
    assert_eq!(SelfSigned::load(folder.path(), &ours, START).unwrap().spki(), spki, "a certificate of another key");
    std::fs::write(folder.path().join("key.pem"), "not a key").unwrap();
    let refused = SelfSigned::load(folder.path(), &ours, START).map(|i| i.spki()).unwrap_err();
    assert!(matches!(refused, TlsError::Key(_)), "{refused}");
}

/// What phones ask of a certificate: that it is for servers (RFC 5280, section 4.2.1.12), and not for long.
#[test]
fn a_certificate_is_for_servers_and_lasts_less_than_398_days() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let der = Certificate::make(&key, &names(&["localhost", "10.0.0.1", "fd00::1"]), START).unwrap().der;
    let server_auth = [0x2b, 6, 1, 5, 5, 7, 3, 1]; // 1.3.6.1.5.5.7.3.1
    assert!(der.windows(8).any(|bytes| bytes == server_auth));
    // UTCTime (tag 23) of 13 letters, YYMMDDhhmmssZ: from when, and until when.
    let times: Vec<_> =
        der.windows(15).filter(|w| w[..2] == [23, 13] && w[14] == b'Z').map(|w| days(&w[2..8])).collect();
    let [from, until] = times[..] else { panic!("{times:?}") };
    assert!((380..398).contains(&(until - from)), "{} days", until - from);
    assert!(from < i64::try_from(START / DAY).unwrap());
}

/// The day YYMMDD, counted from 1970.
fn days(digits: &[u8]) -> i64 {
    let number = |at: usize| i32::from(digits[at] - b'0') * 10 + i32::from(digits[at + 1] - b'0');
    let month = time::Month::try_from(u8::try_from(number(2)).unwrap()).unwrap();
    let date = time::Date::from_calendar_date(2000 + number(0), month, u8::try_from(number(4)).unwrap()).unwrap();
    (date - time::Date::from_ordinal_date(1970, 1).unwrap()).whole_days()
}
