//! A log that cannot be written ends nothing.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::server::{Server, eventually, free_port};
use crate::wire::{Answer, Client};

/// Outputs that take no line: a full disk, a pipe whose reader has gone, and one whose reader reads nothing.
pub(crate) fn bad_outputs() -> Vec<(&'static str, Stdio, Option<std::io::PipeReader>)> {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (gone, broken) = std::io::pipe().unwrap();
    drop(gone);
    let (idle, stuck) = std::io::pipe().unwrap();
    vec![
        ("a full disk", full.into(), None),
        ("a pipe without a reader", broken.into(), None),
        ("a pipe that nobody reads", stuck.into(), Some(idle)),
    ]
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    for (what, log, reader) in bad_outputs() {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        // Each line that means nothing is a line of the log, at the start and at each reading: more than a pipe holds.
        let unknown: String = (0..2000).map(|n| format!("no-such-key-{n:0>40}=1\n")).collect();
        let text = format!(
            "listening-port={port}\nlistening-ip=127.0.0.1\nrealm=abc\nuser=abc:123\nallow-loopback-peers\nno-rfc5780\n{unknown}"
        );
        std::fs::write(folder.path().join("turnserver.conf"), &text).unwrap();
        let mut server = Server::start_into(port, folder, &["-c", "turnserver.conf"], log);
        assert_eq!(Client::new(server.address(), "abc", "123").allocate(), Some(Answer::Success), "{what}");
        std::fs::write(server.folder.path().join("turnserver.conf"), text.replace("abc:123", "abc:1234")).unwrap();
        server.signal("HUP");
        let address = server.address();
        eventually("the files are read again, and that is logged", || {
            (Client::new(address, "abc", "1234").allocate() == Some(Answer::Success)).then_some(())
        });
        server.signal("TERM");
        assert!(server.wait().success(), "{what}");
        drop(reader);
    }
}

#[test]
fn an_output_that_nobody_reads_ends_nothing_and_an_error_is_told_by_the_status() {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("users"), "abc:123\n").unwrap();
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["--listen", &listen, "--realm", "abc", "--users-file", "users", "--stats", "json"];
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-turn"));
    command.args(arguments).current_dir(folder.path()).stdout(full()).stderr(full());
    let mut child = command.spawn().unwrap();
    let address = std::net::SocketAddr::new([127, 0, 0, 1].into(), port);
    eventually("it serves", || (Client::new(address, "abc", "123").allocate() == Some(Answer::Success)).then_some(()));
    assert!(child.try_wait().unwrap().is_none());
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    // A mistake is an error, whether or not its sentence is read.
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-turn"));
    let status = command.args(["--users-file", "none"]).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}
