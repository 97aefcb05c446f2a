//! The program without a window, whose log and last sentence nobody can read: it ends as it should, with the status
//! that says how.

#![cfg(test)]

use std::fs::File;
use std::process::{Command, Stdio};

/// Outputs that take no line: a full disk, and a pipe whose reader has gone.
fn bad_outputs() -> [Stdio; 2] {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    [full.into(), writer.into()]
}

#[test]
fn an_error_that_nobody_reads_ends_the_client_with_its_status_and_no_crash() {
    for output in bad_outputs() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
        command.args(["--headless", "join"]).env("HEARTH_LINK", "no link").stderr(output);
        assert_eq!(command.status().unwrap().code(), Some(1));
    }
}

#[test]
fn a_log_that_cannot_be_written_ends_no_call() {
    for output in bad_outputs() {
        // A server that nobody is at: the client tries, logs that, and says so by its status.
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        drop(taken);
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
        command
            .args(["--headless", "create", &format!("http://{address}"), "--leave-after", "2"])
            .env("HEARTH_LOG", "trace")
            .stderr(output);
        let code = command.status().unwrap().code();
        assert!(matches!(code, Some(0 | 1)), "{code:?}");
    }
}
