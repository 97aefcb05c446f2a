//! Files and signals: what an operator does to a running server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

use crate::server::{Server, certificate, eventually, free_port};
use crate::wire::{Answer, Client, REFRESH};

/// The file of the set-up that Hearth replaces, but for its port.
const REPLACED: &str = "listening-ip=\nrelay-ip=\nalt-listening-port=0\nexternal-ip=\nrealm=abc\nno-tls\nno-dtls\nmobility\n\
                        no-cli\nverbose\nfingerprint\nlt-cred-mech\nstale-nonce=3600\nuser=abc:123\nuserdb=/var/lib/turn/turndb";

fn program(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hearth-turn")).args(arguments).current_dir(folder).output().unwrap()
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_replaced_set_ups_own_file_starts_a_relay() {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("turnserver.conf"), format!("listening-port={port}\n{REPLACED}\n")).unwrap();
    let checked = program(&["-c", "turnserver.conf", "--check-config"], folder.path());
    assert!(checked.status.success());
    let (said, words) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(said.contains("realm         abc") && !said.contains("123"), "{said}");
    assert!(words.contains("`userdb` is refused"), "{words}");
    let server = Server::start_with(port, folder, &["-c", "turnserver.conf"]);
    let mut client = Client::new(server.address(), "abc", "123");
    assert_eq!(client.allocate(), Some(Answer::Success));
    assert_eq!(Client::new(server.address(), "abc", "1234").allocate(), Some(Answer::Error(401)));
    assert!(!server.log().contains("123"), "{}", server.log());
}

#[test]
fn a_mistake_ends_it_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.conf"), "user=secretword\n").unwrap();
    std::fs::write(folder.path().join("bad.toml"), "[auth]\nusers = [\"ann:secretword\", 5]\n").unwrap();
    std::fs::write(folder.path().join("empty"), "").unwrap();
    for (arguments, expected) in [
        (vec!["-c", "bad.conf"], "line 1: user"),
        (vec!["-c", "bad.toml"], "line 2"),
        (vec!["-c", "none.toml"], "cannot read none.toml"),
        (vec!["--users-file", "empty"], "nobody could use"),
        (vec![], "nobody could use"),
    ] {
        let output = program(&arguments, folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said.contains(expected) && !said.contains("secretword"), "{arguments:?}: {said}");
    }
}

#[test]
fn credentials_that_it_prints_open_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "north\n").unwrap();
    let printed = program(&["credentials", "--secret-file", "secret", "--user", "ann"], folder.path());
    let text = String::from_utf8(printed.stdout).unwrap();
    let [name, password] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(name.ends_with(":ann"));
    let server = Server::start("static-auth-secret=north");
    assert_eq!(Client::new(server.address(), name, password).allocate(), Some(Answer::Success));
}

#[test]
fn its_files_are_read_again_when_they_change_and_on_a_signal() {
    let mut server = Server::start("");
    let mut standing = Client::new(server.address(), "abc", "123");
    assert_eq!(standing.allocate(), Some(Answer::Success));
    let path = server.folder.path().join("turnserver.conf");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("user=abc:123", "user=new:word\nuser=abc:changed")).unwrap();
    server.signal("HUP");
    let address = server.address();
    eventually("the new user comes in", || {
        (Client::new(address, "new", "word").allocate() == Some(Answer::Success)).then_some(())
    });
    assert_eq!(Client::new(address, "abc", "123").allocate(), Some(Answer::Error(401)), "the old password is out");
    assert_eq!(standing.ask(REFRESH, &[]), Some(Answer::Success), "what stands goes on");
    // A mistake leaves all as it was.
    std::fs::write(&path, "user=nonsense\n").unwrap();
    eventually("the mistake is told", || server.log().contains("settings were not read again").then_some(()));
    assert_eq!(Client::new(address, "new", "word").allocate(), Some(Answer::Success));
    // Without a signal, too: files are looked at.
    std::fs::write(&path, text.replace("user=abc:123", "user=third:word")).unwrap();
    eventually("the third user comes in", || {
        (Client::new(address, "third", "word").allocate() == Some(Answer::Success)).then_some(())
    });
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn a_renewed_certificate_is_shown_to_whoever_comes_next() {
    let keys = tempfile::tempdir().unwrap();
    let (chain, secret) = certificate(keys.path());
    let server = Server::start(&format!("cert={}\npkey={}", chain.display(), secret.display()));
    let port = server.port;
    let shown = || {
        let script = format!(
            "openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint"
        );
        let output = Command::new("timeout").args(["10", "sh", "-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let first = shown();
    assert!(first.contains("Fingerprint="), "{first}");
    certificate(keys.path());
    server.signal("HUP");
    eventually("another certificate", || (shown() != first).then_some(()));
}

#[test]
fn it_drains_before_it_ends() {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("users"), "abc:123\n").unwrap();
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["--listen", &listen, "--realm", "abc", "--users-file", "users", "--drain", "60"];
    let mut server = Server::start_with(port, folder, &arguments);
    let mut client = Client::new(server.address(), "abc", "123");
    assert_eq!(client.allocate(), Some(Answer::Success));
    server.signal("TERM");
    let address = server.address();
    eventually("nobody new", || {
        let mut other = Client::new(address, "abc", "123");
        let answer = other.allocate();
        if answer == Some(Answer::Success) {
            other.ask(REFRESH, &[(0x0d, &[0; 4])]); // it was quicker than the signal, and is not waited for
        }
        (answer == Some(Answer::Error(486))).then_some(())
    });
    assert_eq!(client.ask(REFRESH, &[]), Some(Answer::Success));
    assert_eq!(client.ask(REFRESH, &[(0x0d, &[0; 4])]), Some(Answer::Success));
    assert!(server.wait().success(), "the last one has ended, and so has the server");
}

#[test]
fn after_a_kill_and_a_restart_clients_learn_it_and_come_back() {
    let server = Server::start("");
    let port = server.port;
    let mut client = Client::new(server.address(), "abc", "123");
    assert_eq!(client.allocate(), Some(Answer::Success));
    server.signal("KILL");
    let text = std::fs::read_to_string(server.folder.path().join("turnserver.conf")).unwrap();
    drop(server);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("turnserver.conf"), text).unwrap();
    let again = Server::start_with(port, folder, &["-c", "turnserver.conf"]);
    // The nonce was of the other run; with a new one, there is no allocation.
    assert_eq!(client.ask(REFRESH, &[]), Some(Answer::Error(438)));
    assert_eq!(client.ask(REFRESH, &[]), Some(Answer::Error(437)));
    assert_eq!(client.allocate(), Some(Answer::Success));
    drop(again);
}

#[test]
fn figures_and_health_are_on_a_port_of_their_own() {
    let metrics = free_port();
    let server = Server::start(&format!("prometheus\nprometheus-port={metrics}"));
    let address = SocketAddr::new([127, 0, 0, 1].into(), metrics);
    assert!(get(address, "/healthz").starts_with("HTTP/1.1 200"));
    let mut client = Client::new(server.address(), "abc", "123");
    assert_eq!(client.allocate(), Some(Answer::Success));
    // Live: while the allocation stands.
    let text = eventually("the allocation is counted", || {
        let text = get(address, "/metrics");
        text.contains("hearth_turn_allocations 1").then_some(text)
    });
    assert!(text.contains("hearth_turn_requests_allocate_total 2"), "{text}");
    assert!(!text.contains("abc") && !text.contains("127.0.0.1"), "no name, no address: {text}");
    assert!(get(address, "/else").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_port_that_is_taken_is_told_and_not_shared() {
    let server = Server::start("relay-threads=2");
    let listen = server.address().to_string();
    std::fs::write(server.folder.path().join("users"), "abc:123\n").unwrap();
    let output = program(&["--listen", &listen, "--users-file", "users", "--workers", "2"], server.folder.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("cannot listen on"), "{said}");
}
