//! `cargo xtask bench turn`: the relay beside coturn's, in one interleaved run.
//!
//! The load comes from a program of its own, which the environment names: it counts each server's processor time a
//! datagram, checks every payload, and prints the ratios. Here both servers are started alike.

use std::io::Write as _;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::bench::temporary_folder;
use crate::children::Children;
use crate::packages::has_program;
use crate::servers::program;
use crate::steps::{aloud, cargo, printed};

/// The variable that names the load generator.
const GENERATOR: &str = "HEARTH_TURNLOAD";
/// Release: this is about processor time.
const RELEASE: &str = "release";
/// What both servers are told, each beside a port of its own. Relays are below the ports that the system gives the
/// generator: coturn would look for a free one for minutes otherwise.
const CONFIGURATION: &str = "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nrealm=abc\nno-tls\nno-dtls\nno-cli\nlt-cred-mech\n\
                             user=abc:123\nallow-loopback-peers\nno-rfc5780\nsimple-log\nmin-port=10000\nmax-port=32000\n";
/// What is measured: a name, and the generator's arguments. Seven rounds at least, so that a median is one.
const RUNS: &[(&str, &[&str])] = &[
    (
        "saturated echo, 10 clients",
        &["relay", "--clients", "10", "--len", "160,1200", "--rounds", "7", "--duration", "2"],
    ),
    (
        "paced audio, 100 clients, 20,000 datagrams a second",
        &["relay", "--clients", "100", "--len", "160", "--rate", "20000", "--rounds", "7", "--duration", "2"],
    ),
    (
        "paced video, 20 clients, bursts of 6",
        &[
            "relay",
            "--clients",
            "20",
            "--len",
            "1200",
            "--rate",
            "20000",
            "--burst",
            "6",
            "--rounds",
            "7",
            "--duration",
            "2",
        ],
    ),
    (
        "relay to relay, 10 clients",
        &["relay", "--clients", "10", "--len", "160", "--dir", "c2c", "--rounds", "7", "--duration", "2"],
    ),
    ("allocations, 5000", &["alloc", "--clients", "5000", "--rounds", "3"]),
];

/// Runs it, where there is a generator.
pub(super) fn run() -> Outcome<()> {
    let Some(generator) = std::env::var_os(GENERATOR).map(PathBuf::from) else {
        return Err(format!("{GENERATOR} names no load generator. Set it to the path of one, such as turnload."));
    };
    if !has_program("turnserver") {
        return Err(
            "coturn is not installed, and there is nothing to compare with. Install it: apt-get install coturn"
                .to_owned(),
        );
    }
    aloud(&mut cargo(&["build", "--quiet", "--release", "-p", "hearth-turn", "--bins"]))?;
    let folder = temporary_folder()?;
    let mut children = Children::new();
    let (theirs, ours) = start(&mut children, &folder)?;
    println!("coturn {}", printed(Command::new("dpkg-query").args(["-W", "-f", "${Version}", "coturn"]))?);
    for (name, arguments) in RUNS {
        println!("\n{name}:");
        let mut load = Command::new(&generator);
        load.args(*arguments).args(["--server", &theirs, "--server", &ours]);
        // The generator fails a run in which any client did, of either server: the next one is of other clients.
        if let Err(error) = aloud(&mut load) {
            println!("{error}");
        }
    }
    children.end_all();
    std::fs::remove_dir_all(&folder)
        .map_err(|error| format!("{} cannot be removed ({error}). Remove it by hand.", folder.display()))
}

/// Starts both, and gives what the generator calls them: name, address, process, credentials.
fn start(children: &mut Children, folder: &Path) -> Outcome<(String, String)> {
    let (theirs, ours) = (free_port()?, free_port()?);
    let own = format!("user-quota=40000\ntotal-quota=16000\nlistening-port={ours}\n");
    let (their_file, our_file) = (write(folder, "coturn.conf", theirs, "")?, write(folder, "hearth.conf", ours, &own)?);
    children.start("coturn", "turnserver", &["-c".to_owned(), their_file])?;
    children.start("hearth", &program("hearth-turn", RELEASE)?, &["-c".to_owned(), our_file])?;
    children.wait_for("hearth", "ready")?;
    answers(theirs)?;
    let named = |name: &str, port: u16| {
        let id = children.id(name).ok_or_else(|| format!("{name} has ended. Start it by hand to see why."))?;
        Ok::<_, String>(format!("{name}=127.0.0.1:{port},{id},abc:123"))
    };
    Ok((named("coturn", theirs)?, named("hearth", ours)?))
}

fn write(folder: &Path, name: &str, port: u16, more: &str) -> Outcome<String> {
    let path = folder.join(name);
    let file = |kind: &str| folder.join(format!("{name}.{kind}")).display().to_string();
    let text = format!(
        "listening-port={port}\n{CONFIGURATION}pidfile={}\nlog-file={}\nuserdb={}\n{more}",
        file("pid"),
        file("log"),
        file("db")
    );
    let written = std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{} cannot be written ({error}).", path.display()))?;
    Ok(path.display().to_string())
}

fn free_port() -> Outcome<u16> {
    let socket = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    socket.map(|address| address.port()).map_err(|error| format!("No port is free on loopback ({error})."))
}

/// Waits until a server answers a Binding request.
fn answers(port: u16) -> Outcome<()> {
    let failed = |error: std::io::Error| format!("Nothing can be sent on loopback ({error}).");
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
    socket.set_read_timeout(Some(std::time::Duration::from_millis(200))).map_err(failed)?;
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    request.extend([7; 12]);
    for _ in 0..50 {
        socket.send_to(&request, ("127.0.0.1", port)).map_err(failed)?;
        if socket.recv(&mut [0; 1500]).is_ok() {
            return Ok(());
        }
    }
    Err("coturn does not answer. Start it by hand to see why.".to_owned())
}
