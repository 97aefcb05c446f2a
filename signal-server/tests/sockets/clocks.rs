//! The wall clock of the program is set while it runs, by libfaketime: no clock of its own, a machine that was paused,
//! a hand.

use std::fs;
use std::path::PathBuf;

use futures_util::SinkExt as _;
use hearth_protocol::{Joined, ServerMessage, Ticket};
use serde_json::json;
use tokio::process::Command;

use crate::client::{Client, connect, hear_on, open};
use crate::program::{address, program, start, stop};
use crate::relay::allocates;

/// The library that is put in front of the C library's clocks, where the system keeps it.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path().join("faketime"));
    let found = folders.map(|folder| folder.join("libfaketime.so.1")).find(|path| path.exists());
    found.expect("libfaketime is installed (cargo xtask test installs it)")
}

/// A server with a relay, whose wall clock is what `file` says.
fn faked(arguments: &str, file: &std::path::Path) -> Command {
    let mut command = program(arguments);
    command
        .env("LD_PRELOAD", library())
        .env("FAKETIME_TIMESTAMP_FILE", file)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("FAKETIME_DISABLE_SHM", "1");
    command
}

async fn create(client: &mut Client) -> Joined {
    client.say(r#""type":"create","nick":"Host""#).await;
    let heard = client.hear().await;
    let ServerMessage::Joined(joined) = heard else { panic!("{heard:?}") };
    joined
}

fn credential(joined: &Joined) -> (String, String) {
    let server = joined.ice_servers.iter().find(|server| server.username.is_some()).unwrap();
    (server.username.clone().unwrap(), server.credential.clone().unwrap())
}

async fn ticket(client: &mut Client) -> Ticket {
    let heard = client.hear().await;
    let ServerMessage::Ticket { ticket } = heard else { panic!("{heard:?}") };
    ticket
}

#[tokio::test]
async fn a_newcomer_is_relayed_after_the_clock_was_set() {
    for jump in ["+7h", "+400d", "-30y"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("offset");
        fs::write(&file, "+0\n").unwrap();
        let command = faked("--plain-http --listen 127.0.0.1:0 --turn --turn-listen 127.0.0.1:0", &file);
        let (child, lines) = start(command, 2).await;
        let (at, relay) = (address(&lines[0], "listening http://"), address(&lines[1], "relaying turn:"));
        let before = create(&mut connect(at).await).await;
        let (name, password) = credential(&before);
        assert!(allocates(relay, &name, &password).await);
        fs::write(&file, format!("{jump}\n")).unwrap();
        let (name, password) = credential(&create(&mut connect(at).await).await);
        let old: u64 = credential(&before).0.split(':').next().unwrap().parse().unwrap();
        let new: u64 = name.split(':').next().unwrap().parse().unwrap();
        assert!(new.abs_diff(old) > 6 * 3600, "{jump}: the server's clock was set");
        assert!(allocates(relay, &name, &password).await, "{jump}");
        stop(child).await;
    }
}

#[tokio::test]
async fn a_ticket_is_good_after_the_clock_was_set_and_a_restart() {
    for jump in ["+7h", "+400d", "-30y"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("offset");
        fs::write(&file, "+0\n").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments = format!("--plain-http --listen 127.0.0.1:{port} --state {}", folder.path().display());
        let (child, lines) = start(faked(&arguments, &file), 1).await;
        let at = address(&lines[0], "listening http://");
        let mut host = connect(at).await;
        let joined = create(&mut host).await;
        let first = ticket(&mut host).await;
        fs::write(&file, format!("{jump}\n")).unwrap();
        // The next thing that the server hears makes it look at the clock.
        let _guest = connect(at).await;
        let second = ticket(&mut host).await;
        assert_ne!(serde_json::to_value(&first).unwrap(), serde_json::to_value(&second).unwrap());
        stop(child).await;
        let (child, _) = start(faked(&arguments, &file), 1).await;
        let mut socket = open(at).await;
        let resume = json!({ "token": host.token.reveal(), "last_seq": host.heard, "ticket": second });
        let hello = json!({ "type": "hello", "v": [1], "resume": resume });
        socket.send(hello.to_string().into()).await.unwrap();
        let ServerMessage::Session { peer_id, .. } = hear_on(&mut socket).await.unwrap().message else {
            panic!("{jump}")
        };
        let back = hear_on(&mut socket).await.unwrap().message;
        assert!(matches!(back, ServerMessage::Joined(back) if back.room == joined.room), "{jump}");
        assert_eq!(peer_id, host.id);
        stop(child).await;
    }
}
