//! coturn's own clients, judged by what they sent and received: each must have all of it back.

use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::server::{Server, certificate, eventually, free_port};

/// Every run that coturn's server passes, and those of mobility over TCP, TLS and DTLS that it fails.
const RUNS: &[&str] = &[
    "",
    "-g",
    "-s",
    "-D -l 171",
    "-G",
    "-c",
    "-y",
    "-y -s",
    "-B",
    "-a 500000",
    "-o ORIGIN",
    "-m 100",
    "-x",
    "-Z",
    "-y -Z",
    "-M",
    "-M -s",
    "-y -M",
    "-t",
    "-t -s",
    "-t -y",
    "-T",
    "-T -x",
    "-T -S",
    "-t -S -E CERT",
    "-S",
    "-S -y -s",
    "-M -t",
    "-M -S",
    "-M -t -S -E CERT",
    "-W north",
    "-W north -t",
];

/// Clients at once: they mostly wait.
const AT_ONCE: usize = 8;

/// The program that plays the peer.
struct Peer {
    child: Child,
    port: u16,
}

impl Peer {
    fn start() -> Self {
        let port = free_port();
        let mut command = Command::new("turnutils_peer");
        command.args(["-L", "127.0.0.1", "-L", "::1", "-p", &port.to_string()]);
        let child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("coturn's clients are installed");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        eventually("an echo of the peer", || {
            socket.send_to(b"there?", ("127.0.0.1", port)).ok()?;
            socket.recv(&mut [0; 16]).ok()
        });
        Self { child, port }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One run of the client. Its own bound ends it when it hangs.
fn client(arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["60", "turnutils_uclient"]).args(arguments);
    command.output().expect("coturn's clients are installed")
}

/// What it counted at its end: sent, received.
fn counted(output: &Output) -> Option<(u64, u64)> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find(|line| line.contains("start_mclient: tot_send_msgs="))?;
    let number = |name: &str| line.split_once(name)?.1.split([',', ' ']).next()?.parse().ok();
    Some((number("tot_send_msgs=")?, number("tot_recv_msgs=")?))
}

/// The arguments of a run against `port`, with `peer` behind the relay.
fn arguments<'a>(run: &'a str, port: &'a str, peer: &'a str, cert: &'a str) -> Vec<&'a str> {
    let mut all = vec![
        "-u",
        "abc",
        "-n",
        "50",
        "-m",
        "2",
        "-l",
        "170",
        "-z",
        "5",
        "-e",
        "127.0.0.1",
        "-r",
        peer,
        "-X",
        "-p",
        port,
    ];
    if !run.contains("-W") {
        all.extend(["-w", "123"]);
    }
    all.extend(run.split_whitespace().map(|word| if word == "CERT" { cert } else { word }));
    all.push("127.0.0.1");
    all
}

#[test]
fn every_run_of_coturns_clients_has_all_of_it_back() {
    let keys = tempfile::tempdir().unwrap();
    let (chain, secret) = certificate(keys.path());
    let (chain, secret) = (chain.display().to_string(), secret.display().to_string());
    // A client that fails by design leaves allocations: the quota is for people.
    let server =
        Server::start(&format!("static-auth-secret=north\nmobility\nuser-quota=2000\ncert={chain}\npkey={secret}"));
    let peer = Peer::start();
    let (port, peer_port) = (server.port.to_string(), peer.port.to_string());
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(run) = RUNS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let output = client(&arguments(run, &port, &peer_port, &chain));
                    let counts = counted(&output);
                    if !counts.is_some_and(|(sent, received)| sent > 0 && sent == received) {
                        let said = String::from_utf8_lossy(&output.stdout)
                            .lines()
                            .rev()
                            .take(8)
                            .collect::<Vec<_>>()
                            .join("\n");
                        faults.lock().unwrap().push(format!("[{run}] {counts:?} {}\n{said}", output.status));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), server.log());
}

#[test]
fn a_client_on_ipv6_is_relayed() {
    let server = Server::start("");
    let peer = Peer::start();
    let (port, peer_port) = (server.port.to_string(), peer.port.to_string());
    let arguments = [
        "-u", "abc", "-w", "123", "-n", "20", "-m", "2", "-l", "170", "-z", "5", "-e", "::1", "-r", &peer_port, "-x",
        "-p", &port, "::1",
    ];
    let output = client(&arguments);
    let (sent, received) = counted(&output).unwrap_or_else(|| panic!("{output:?}"));
    assert!(sent > 0 && sent == received);
}

#[test]
fn wrong_passwords_are_refused() {
    let server = Server::start("static-auth-secret=north");
    let port = server.port.to_string();
    for wrong in [["-w", "124"], ["-W", "south"]] {
        let arguments = ["-u", "abc", wrong[0], wrong[1], "-n", "1", "-m", "1", "-X", "-y", "-p", &port, "127.0.0.1"];
        assert_eq!(client(&arguments).status.code(), Some(255), "{wrong:?}");
    }
}

#[test]
fn coturns_probes_learn_addresses_and_the_nats_behaviour() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("users"), "abc:123\n").unwrap();
    let port = free_port();
    let (one, two) = (format!("127.0.0.1:{port}"), format!("127.0.0.2:{port}"));
    let arguments = ["--nat-discovery", "--listen", &one, "--listen", &two, "--users-file", "users"];
    let server = Server::start_with(port, folder, &arguments);
    let number = server.port.to_string();
    let run = |program: &str, arguments: &[&str]| {
        let output =
            Command::new("timeout").args(["60", program]).args(arguments).args(["-p", &number, "127.0.0.1"]).output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    };
    let said = run("turnutils_natdiscovery", &["-m", "-f"]);
    assert!(said.contains("NAT with Endpoint Independent Mapping") || said.contains("No NAT"), "{said}");
    assert!(said.contains("NAT with Endpoint Independent Filtering"), "{said}");
    let said = run("turnutils_stunclient", &[]);
    assert!(
        said.contains("UDP reflexive addr: 127.0.0.1") && said.contains(&format!("127.0.0.2:{}", port + 1)),
        "{said}"
    );
}
