//! Files of a running server that cannot be read any more, and names that lead elsewhere.

use std::cell::RefCell;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::server::{Server, certificate, eventually, free_port};
use crate::wire::{Answer, Client};

fn shown(port: u16) -> String {
    let script =
        format!("openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint");
    let output = Command::new("timeout").args(["10", "sh", "-c", &script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn one_file_that_cannot_be_read_does_not_stop_the_reload_of_the_rest() {
    let keys = tempfile::tempdir().unwrap();
    let (chain, secret) = certificate(keys.path());
    let server = Server::start(&format!(
        "tls-listening-port={}\ncert={}\npkey={}",
        free_port(),
        chain.display(),
        secret.display()
    ));
    let before = shown(server.port);
    assert!(before.contains("Fingerprint="), "{before}");
    fs::remove_file(&chain).unwrap();
    let path = server.folder.path().join("turnserver.conf");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("user=abc:123", "user=new:word")).unwrap();
    server.signal("HUP");
    let address = server.address();
    eventually("the new user comes in", || {
        (Client::new(address, "new", "word").allocate() == Some(Answer::Success)).then_some(())
    });
    assert_eq!(shown(server.port), before, "the certificate stands");
    eventually("the file is named", || server.log().contains("cert.pem").then_some(()));
    // A renewal that is half written, with a user that goes at the same time.
    fs::write(&chain, "half a certificate").unwrap();
    fs::write(&path, text.replace("user=abc:123", "user=third:word")).unwrap();
    server.signal("HUP");
    eventually("the third user comes in", || {
        (Client::new(address, "third", "word").allocate() == Some(Answer::Success)).then_some(())
    });
    certificate(keys.path());
    eventually("the renewed certificate is shown", || (shown(server.port) != before).then_some(()));
}

/// As certbot leaves them: links in `live`, files in `archive`, both closed to all but root.
#[test]
fn a_renewed_certificate_in_a_folder_of_roots_is_taken_after_the_change_of_user() {
    if !nix::unistd::geteuid().is_root() {
        return println!("only root can become somebody else");
    }
    let folder = tempfile::tempdir().unwrap();
    allow(folder.path(), 0o755);
    let [live, archive] = ["live", "archive"].map(|name| folder.path().join(name));
    for path in [&live, &archive] {
        fs::create_dir(path).unwrap();
        allow(path, 0o700);
    }
    let renew = |number: u32| {
        let made = archive.join(number.to_string());
        fs::create_dir(&made).unwrap();
        let (chain, secret) = certificate(&made);
        for (file, name) in [(chain, "fullchain.pem"), (secret, "privkey.pem")] {
            allow(&file, 0o600);
            let link = live.join(name);
            let fresh = live.join(format!("{name}.new"));
            symlink(file, &fresh).unwrap();
            fs::rename(fresh, link).unwrap();
        }
    };
    renew(1);
    let lines = format!(
        "tls-listening-port={}\ncert={}\npkey={}\nproc-user=nobody",
        free_port(),
        live.join("fullchain.pem").display(),
        live.join("privkey.pem").display()
    );
    let mut server = Server::start(&lines);
    let first = shown(server.port);
    assert!(first.contains("Fingerprint="), "{first}");
    eventually("it is said at the start", || {
        let log = server.log();
        (log.contains("fullchain.pem cannot be read by nobody") && log.contains("helper")).then_some(())
    });
    renew(2);
    eventually("the renewed certificate is shown", || (shown(server.port) != first).then_some(()));
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let uid = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
    assert!(!uid.split_whitespace().skip(1).any(|uid| uid == "0"), "it is somebody else: {uid}");
    server.signal("TERM");
    assert!(server.wait().success(), "a helper that it may not end holds it up by nothing");
}

#[test]
fn the_helper_reads_what_was_named_at_the_start_and_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "text").unwrap();
    let script =
        "printf 'r\\000\\000\\000\\000r\\000\\000\\000\\001x\\000\\000\\000\\000' | \"$0\" read-files -- a | od -An -c";
    let output = Command::new("timeout")
        .args(["10", "sh", "-c", script, env!("CARGO_BIN_EXE_hearth-turn")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said: String = String::from_utf8(output.stdout).unwrap().split_whitespace().collect();
    assert!(output.status.success() && said.starts_with(r"001\0\0\0004text\0\0\0\0"), "{said}");
}

#[test]
fn the_helper_reads_nothing_that_others_may_have_put_there() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::write(open.join("a"), "text").unwrap();
    fs::write(folder.path().join("b"), "text").unwrap();
    symlink(open.join("a"), folder.path().join("link")).unwrap();
    let script = "printf 'r\\000\\000\\000\\000' | \"$0\" read-files -- \"$1\"";
    let read = |path: &str| {
        let program = env!("CARGO_BIN_EXE_hearth-turn");
        let mut command = Command::new("timeout");
        command.args(["10", "sh", "-c", script, program, path]).current_dir(folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{path}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(read("open/a").contains("text"));
    for mode in [0o775, 0o757] {
        allow(&open, mode);
        for path in ["open/a", "link"] {
            let said = read(path);
            assert!(said.contains("others may change") && !said.contains("text"), "{mode:o} {path}: {said}");
        }
    }
    allow(&open, 0o1777);
    assert!(read("open/a").contains("text"), "in a sticky folder nobody replaces another's file");
    if chown(&open, Some(65534), None).is_ok() {
        // Only root gives a folder away.
        assert!(read("open/a").contains("others may change"), "it is somebody else's");
    }
    assert!(read("b").contains("text"));
}

#[test]
fn peers_are_told_where_the_name_of_the_outside_leads() {
    // Of this machine, so that the system answers for it without a network.
    let server = Server::start("external-ip=localhost/127.0.0.1");
    let mut client = Client::new(server.address(), "abc", "123");
    assert_eq!(client.allocate(), Some(Answer::Success));
    assert!(!server.log().contains("leads nowhere"), "{}", server.log());
    drop(server);
    let server = Server::start("external-ip=nowhere.invalid");
    eventually("it is said", || server.log().contains("nowhere.invalid").then_some(()));
    assert_eq!(Client::new(server.address(), "abc", "123").allocate(), Some(Answer::Success), "it serves all the same");
}

#[test]
fn peers_are_told_where_the_name_leads_once_it_leads_elsewhere() {
    let server = Server::start_among("192.0.2.7 relay.test\n", "external-ip=relay.test");
    // Kept: the system would give the port of one that is gone to the next, who would be told of its allocation.
    let clients = RefCell::new(Vec::new());
    let relayed = || {
        let mut client = Client::new(server.address(), "abc", "123");
        assert_eq!(client.allocate(), Some(Answer::Success));
        let relayed = client.relayed;
        clients.borrow_mut().push(client);
        relayed
    };
    assert_eq!(relayed(), Some([192, 0, 2, 7].into()));
    let moves = |names: &str, to: [u8; 4]| {
        fs::write(server.folder.path().join("hosts"), names).unwrap();
        server.signal("HUP");
        // Each look at it allocates: it begins once there is something to see, or the quota would be used up.
        let moved = format!("as {} now", Ipv4Addr::from(to));
        eventually("it says that it moved", || server.log().contains(&moved).then_some(()));
        eventually("it has moved", || (relayed() == Some(to.into())).then_some(()));
    };
    moves("192.0.2.8 relay.test\n", [192, 0, 2, 8]);
    // Of several it stays the one that it is, in whatever order they are.
    moves("192.0.2.9 relay.test\n192.0.2.10 relay.test\n", [192, 0, 2, 9]);
    fs::write(server.folder.path().join("hosts"), "192.0.2.10 relay.test\n192.0.2.9 relay.test\n").unwrap();
    server.signal("HUP");
    eventually("it was read again", || (server.log().matches("settings were read again").count() >= 3).then_some(()));
    // At once, and once the system was asked.
    for _ in 0..20 {
        assert_eq!(relayed(), Some([192, 0, 2, 9].into()));
    }
    moves("192.0.2.11 relay.test\n", [192, 0, 2, 11]);
    assert!(!server.log().contains("as 192.0.2.10 now"), "{}", server.log());
}

#[test]
fn coturns_number_with_text_behind_it_and_an_old_client_are_taken() {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "listening-port={port} # the main one\nlistening-ip=127.0.0.1\nuse-auth-secret\nstatic-auth-secret=abc\n"
    );
    fs::write(folder.path().join("turnserver.conf"), text).unwrap();
    let server = Server::start_with(port, folder, &["-c", "turnserver.conf"]);
    // RFC 3489 knows no cookie.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = [&[0, 1, 0, 0][..], &[7; 16]].concat();
    socket.send_to(&request, server.address()).unwrap();
    let mut answer = [0; 200];
    let (length, from) = socket.recv_from(&mut answer).unwrap();
    let SocketAddr::V4(own) = socket.local_addr().unwrap() else { panic!() };
    let [p0, p1] = own.port().to_be_bytes();
    assert_eq!(from, server.address());
    assert_eq!(answer[..2], [1, 1]);
    assert_eq!(answer[4..20], [7; 16]);
    assert_eq!(answer[20..32], [0, 1, 0, 8, 0, 1, p0, p1, 127, 0, 0, 1]);
    assert!(length <= 56, "{length}");
}

#[test]
fn a_relay_that_refuses_every_credential_says_so() {
    let server = Server::start("use-auth-secret\nstatic-auth-secret=north");
    let mut client = Client::new(server.address(), "9000000000:ann", "signed by another secret");
    assert_eq!(client.allocate(), Some(Answer::Error(401)));
    eventually("the log says so", || server.log().contains("the same secret").then_some(()));
}
