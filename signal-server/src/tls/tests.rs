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
    let first = Identity::load(&state, &ours, START).unwrap();
    let second = Identity::load(&state, &ours, START + DAY).unwrap();
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
    let mut identity = Identity::load(folder.path(), &names(&["localhost"]), START).unwrap();
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
    let again = Identity::load(folder.path(), &names(&["localhost"]), START + 365 * DAY).unwrap();
    assert_eq!(Some(&again.certificate_sha256()), seen.last());
}

#[test]
fn damaged_files_never_change_the_key_silently() {
    let folder = tempfile::tempdir().unwrap();
    let ours = names(&["localhost"]);
    let spki = Identity::load(folder.path(), &ours, START).unwrap().spki();
    for text in ["", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "names: localhost\nrenew-at: x"] {
        std::fs::write(folder.path().join("cert.pem"), text).unwrap();
        assert_eq!(Identity::load(folder.path(), &ours, START).unwrap().spki(), spki);
    }
    let other = tempfile::tempdir().unwrap();
    Identity::load(other.path(), &ours, START).unwrap();
    std::fs::copy(other.path().join("cert.pem"), folder.path().join("cert.pem")).unwrap();
    assert_eq!(Identity::load(folder.path(), &ours, START).unwrap().spki(), spki, "a certificate of another key");
    std::fs::write(folder.path().join("key.pem"), "not a key").unwrap();
    let refused = Identity::load(folder.path(), &ours, START).map(|i| i.spki()).unwrap_err();
    assert!(matches!(refused, TlsError::Key(_)), "{refused}");
}
