//! `cargo xtask run`: Hearth on this machine, for people on its network.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::children::{Children, Event};
use crate::network::{self, Place};
use crate::options::{Options, asks_help};
use crate::steps::{aloud, cargo};
use crate::{Outcome, packages, state};

const HELP: &str = "\
Installs what is missing (apt, on Debian), builds, and runs hearth-signal and hearth-turn together with a headless
client that sends a test picture and chirps in a room. Prints the link by which guests on this network join with a
browser or another client. Ctrl-C ends it all.

Usage: cargo xtask run [--port PORT] [--turn-port PORT] [--stats]

  --port PORT        of the rooms and the guest page, 8443 unless given
  --turn-port PORT   of the relay, 3478 unless given
  --stats            print what the headless client counts, one JSON object a line

Keys and the certificate stay in $XDG_STATE_HOME/hearth, or ~/.local/state/hearth.";

const SIGNAL: &str = "hearth-signal";
const TURN: &str = "hearth-turn";
const CLIENT: &str = "hearth";

/// Runs the command.
pub(crate) fn command(arguments: &[String]) -> Outcome<()> {
    if asks_help(arguments) {
        println!("{HELP}");
        return Ok(());
    }
    let options = Options::parse(arguments, &["--port", "--turn-port"], &["--stats"])?;
    if let Some(word) = options.words.first() {
        return Err(format!("`cargo xtask run` takes no {word}. See `cargo xtask run --help`."));
    }
    packages::ensure(packages::BUILD)?;
    println!("Building. The first time this takes minutes.");
    aloud(&mut build())?;
    supervise(&options)
}

/// The build of all three programs, in the whole workspace, so that the tests find the same dependencies built.
pub(crate) fn build() -> Command {
    cargo(&["build", "--workspace", "--bins"])
}

fn supervise(options: &Options) -> Outcome<()> {
    let place = network::place().unwrap_or_else(|| {
        println!("This machine is on no network, so only programs on it can join.");
        network::alone()
    });
    let servers = Servers { place, port: options.port("--port", 8443)?, turn: options.port("--turn-port", 3478)? };
    let mut children = Children::new();
    let address = servers.start(&mut children, &state::folder()?)?;
    let mut client = vec!["--headless".to_owned(), "create".to_owned(), address.url];
    client.extend(address.spki.into_iter().flat_map(|spki| ["--spki".to_owned(), spki]));
    client.extend(["--camera", "pattern", "--microphone", "chirp"].map(str::to_owned));
    if options.has("--stats") {
        client.extend(["--stats", "json"].map(str::to_owned));
    }
    children.start(CLIENT, &program(CLIENT)?, &client)?;
    let link = children.wait_for(CLIENT, "link ")?;
    println!("\nGuest link: {link}\n");
    println!("Open it in a browser on this network. The certificate is this machine's own, so the browser warns once;");
    println!("confirm that you want to go on. Ctrl-C ends everything.");
    if let Some(certificate) = address.certificate {
        println!("The certificate's SHA-256, for who wants to compare: {certificate}");
    }
    println!();
    until_one_ends(&mut children)
}

fn until_one_ends(children: &mut Children) -> Outcome<()> {
    loop {
        match children.next() {
            Some(Event::Line(CLIENT, line)) => println!("{line}"),
            Some(Event::Line(..)) => {}
            Some(Event::Ended(name)) => {
                let status = children.ended(name);
                children.end_all();
                if status.is_some_and(|status| status.success()) {
                    println!("Ended.");
                    return Ok(());
                }
                let status = status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
                return Err(format!("{name} ended by itself ({status}), so all did. What it said stands above."));
            }
            None => return Ok(()),
        }
    }
}

/// The two servers, as they are to run.
#[derive(Debug)]
pub(crate) struct Servers {
    /// Where.
    pub(crate) place: Place,
    /// Port of the rooms.
    pub(crate) port: u16,
    /// Port of the relay.
    pub(crate) turn: u16,
}

/// Where the rooms are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RoomsAddress {
    /// With the address that others reach.
    pub(crate) url: String,
    /// The hash of the server's key, for clients to pin.
    pub(crate) spki: Option<String>,
    /// The hash of its certificate, as browsers show it.
    pub(crate) certificate: Option<String>,
}

impl Servers {
    /// Starts both; `state` keeps their secret and keys.
    pub(crate) fn start(&self, children: &mut Children, state: &Path) -> Outcome<RoomsAddress> {
        let Place { address, range } = &self.place;
        let (keys, secret) = (state.join("signal"), state.join("turn-secret"));
        state::private_folder(&keys)?;
        state::write_secret(&secret)?;
        let secret = secret.display().to_string();
        let relay = with_port(*address, self.turn);
        let turn = ["--listen", &relay, "--secret-file", &secret, "--allow-peer", range];
        children.start(TURN, &program(TURN)?, &turn.map(str::to_owned))?;
        children.wait_for(TURN, "ready ")?;
        let (listen, keys) = (with_port(self.listen_on(), self.port), keys.display().to_string());
        let relay = format!("turn:{relay}");
        let rooms = ["--listen", &listen, "--state", &keys, "--turn-url", &relay, "--turn-secret-file", &secret];
        children.start(SIGNAL, &program(SIGNAL)?, &rooms.map(str::to_owned))?;
        rooms_address(*address, &children.wait_for(SIGNAL, "listening ")?)
    }

    /// On every address of the family, so that this machine also answers itself; alone, only itself.
    fn listen_on(&self) -> IpAddr {
        match self.place.address {
            loopback if loopback.is_loopback() => loopback,
            IpAddr::V4(_) => IpAddr::from([0; 4]),
            IpAddr::V6(_) => IpAddr::from([0; 16]),
        }
    }
}

fn with_port(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

/// From `https://ADDR:PORT spki=BASE64URL ...`, with our own address in place of the one that was bound.
fn rooms_address(address: IpAddr, ready: &str) -> Outcome<RoomsAddress> {
    let not_understood = || format!("{SIGNAL} said `{ready}`, which is not understood. Build both anew.");
    let mut words = ready.split_whitespace();
    let bound = words.next().and_then(|url| url.split_once("://")).ok_or_else(not_understood)?;
    let port = bound.1.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).ok_or_else(not_understood)?;
    let hash = |name: &str| words.clone().find_map(|word| word.strip_prefix(name)).map(str::to_owned);
    let (spki, certificate) = (hash("spki="), hash("cert_sha256="));
    Ok(RoomsAddress { url: format!("{}://{}", bound.0, with_port(address, port)), spki, certificate })
}

/// A program that was built beside this one.
pub(crate) fn program(name: &str) -> Outcome<String> {
    let beside: Option<PathBuf> = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(name)));
    let path = beside.filter(|path| path.is_file());
    let path = path.ok_or_else(|| format!("{name} is not built. Run `cargo build --workspace --bins`."))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_holds_the_address_that_others_reach() {
        let address = IpAddr::from([192, 168, 1, 7]);
        let read = rooms_address(address, "https://0.0.0.0:8443 spki=abc cert_sha256=00").unwrap();
        assert_eq!(
            read,
            RoomsAddress {
                url: "https://192.168.1.7:8443".into(),
                spki: Some("abc".into()),
                certificate: Some("00".into())
            }
        );
        let six = rooms_address(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), "http://[::]:80").unwrap();
        assert_eq!(six, RoomsAddress { url: "http://[::1]:80".into(), spki: None, certificate: None });
        for bad in ["", "https", "https://x", "https://x:y"] {
            assert!(rooms_address(address, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wrong_options_are_refused_with_a_sentence() {
        for bad in ["--port", "--nope", "word"] {
            assert!(command(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(command(&["--help".to_owned()]).is_ok());
    }
}
