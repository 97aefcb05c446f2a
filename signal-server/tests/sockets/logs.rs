//! A log that cannot be written ends nothing.

use std::fs::File;
use std::process::Stdio;

use futures_util::SinkExt as _;

use crate::client::{connect, hear_on, open};
use crate::program::{address, program, start, stop};

/// Outputs that take no line: a full disk, a pipe whose reader has gone, and one whose reader reads nothing.
fn bad_outputs() -> Vec<(&'static str, Stdio, Option<std::io::PipeReader>)> {
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

#[tokio::test]
async fn a_log_that_cannot_be_written_ends_nothing() {
    for (what, log, reader) in bad_outputs() {
        let mut command = program("--plain-http --listen 127.0.0.1:0 --turn --turn-listen 127.0.0.1:0");
        command.stderr(log).env("HEARTH_LOG", "debug"); // more lines than a pipe holds
        let (child, lines) = start(command, 2).await;
        let at = address(&lines[0], "listening http://");
        for _ in 0..40 {
            let mut stranger = open(at).await;
            for _ in 0..30 {
                // What closes us early is what we want.
                drop(stranger.send("{not json".into()).await);
            }
            while hear_on(&mut stranger).await.is_ok() {}
        }
        let mut host = connect(at).await;
        host.create().await;
        drop(reader);
        println!("{what}");
        stop(child).await; // with success
    }
}

#[tokio::test]
async fn a_server_whose_outputs_are_both_full_serves_and_its_mistakes_end_it_with_an_error() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = program(&format!("--plain-http --listen 127.0.0.1:{port}"));
    let mut child = command.stdout(full()).stderr(full()).spawn().unwrap();
    let at = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut tries = tokio::time::interval(std::time::Duration::from_millis(20));
    crate::within(async {
        while tokio::net::TcpStream::connect(at).await.is_err() {
            tries.tick().await;
            assert!(child.try_wait().unwrap().is_none(), "it has ended");
        }
    })
    .await;
    connect(at).await.create().await;
    stop(child).await;
    let mut command = program("--plain-http --listen 127.0.0.1:0 --static /nonexistent");
    let status = crate::within(command.stdout(full()).stderr(full()).status()).await.unwrap();
    assert_eq!(status.code(), Some(1));
}
