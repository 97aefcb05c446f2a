//! Both servers as programs of their own, started for a benchmark and ended with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::children::Children;
use crate::steps::cargo;
use crate::{Outcome, state};

const SIGNAL: &str = "hearth-signal";
const TURN: &str = "hearth-turn";
/// The profile that tests are built in.
pub(crate) const DEBUG: &str = "debug";
/// The profile of what a person starts.
pub(crate) const RELEASE: &str = "release";

/// The build of all programs, in the whole workspace, so that the tests find the same dependencies built.
pub(crate) fn build() -> Command {
    cargo(&["build", "--workspace", "--bins"])
}

/// Where the rooms are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RoomsAddress {
    /// `https://ADDRESS:PORT`.
    pub(crate) url: String,
    /// The hash of the server's key, for clients to pin.
    pub(crate) spki: Option<String>,
}

/// Any port that is free: another Hearth may run on this machine.
const ANY_PORT: &str = "127.0.0.1:0";

/// Starts both servers on loopback, for programs on this machine alone, as they were built in `profile`; `state` keeps
/// their secret and keys.
pub(crate) fn start(children: &mut Children, state: &Path, profile: &str) -> Outcome<RoomsAddress> {
    let (keys, secret) = (state.join("signal"), state.join("turn-secret"));
    state::private_folder(&keys)?;
    state::write_secret(&secret)?;
    let secret = secret.display().to_string();
    let turn = ["--listen", ANY_PORT, "--secret-file", &secret, "--allow-peer", "127.0.0.0/8"];
    children.start(TURN, &program(TURN, profile)?, &turn.map(str::to_owned))?;
    let relay = format!("turn:{}", children.wait_for(TURN, "ready ")?);
    let keys = keys.display().to_string();
    let rooms = ["--listen", ANY_PORT, "--state", &keys, "--turn-url", &relay, "--turn-secret-file", &secret];
    children.start(SIGNAL, &program(SIGNAL, profile)?, &rooms.map(str::to_owned))?;
    rooms_address(&children.wait_for(SIGNAL, "listening ")?)
}

/// From `https://ADDR:PORT spki=BASE64URL ...`.
pub(crate) fn rooms_address(ready: &str) -> Outcome<RoomsAddress> {
    let mut words = ready.split_whitespace();
    let url = words.next().filter(|url| url.contains("://"));
    let url = url.ok_or_else(|| format!("{SIGNAL} said `{ready}`, which is not understood. Build both anew."))?;
    let spki = words.find_map(|word| word.strip_prefix("spki=")).map(str::to_owned);
    Ok(RoomsAddress { url: url.to_owned(), spki })
}

/// A program of this workspace that was built in a profile: `debug` or `release`.
pub(crate) fn program(name: &str, profile: &str) -> Outcome<String> {
    // This program is in `target/debug`.
    let target = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.to_owned()));
    let path: Option<PathBuf> = target.map(|target| target.join(profile).join(name)).filter(|path| path.is_file());
    let path = path.ok_or_else(|| format!("{name} is not built. Run `cargo build --workspace --bins`."))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_where_it_is_and_by_which_key() {
        let read = rooms_address("https://127.0.0.1:8443 spki=abc cert_sha256=00").unwrap();
        assert_eq!(read, RoomsAddress { url: "https://127.0.0.1:8443".into(), spki: Some("abc".into()) });
        assert!(rooms_address("").is_err() && rooms_address("https").is_err());
    }
}
