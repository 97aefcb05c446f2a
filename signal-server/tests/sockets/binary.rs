//! The program itself: its ready line, its end, its complaints.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use crate::within;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hearth-signal");

#[tokio::test]
async fn it_says_where_it_listens_and_ends_well_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["--listen", "127.0.0.1:0", "--state"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let [listening, address, spki, certificate] = words[..] else { panic!("{line}") };
    assert_eq!(listening, "listening");
    assert!(address.starts_with("https://127.0.0.1:"));
    let spki = spki.strip_prefix("spki=").and_then(hearth_protocol::SpkiHash::parse);
    assert!(spki.is_some() && certificate.strip_prefix("cert_sha256=").is_some_and(|hex| hex.len() == 64), "{line}");
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(within(child.wait()).await.unwrap().success());
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let secret = ["--turn-url", "turn:10.0.0.1:3478", "--turn-secret-file", empty.to_str().unwrap()];
    for (arguments, sentence) in [
        (vec!["--listen", &address, "--plain-http"], "is used by another program"),
        (vec!["--listen", "192.0.2.1:0", "--plain-http"], "Choose an address of this machine."),
        (vec!["--listen", "127.0.0.1:0", "--state", "/proc/nowhere"], "choose another folder with --state"),
        ([&["--listen", "127.0.0.1:0", "--plain-http"][..], &secret[..]].concat(), "is empty."),
    ] {
        let mut child =
            Command::new(PROGRAM).args(&arguments).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut said = String::new();
        within(child.stderr.take().unwrap().read_to_string(&mut said)).await.unwrap();
        assert!(!within(child.wait()).await.unwrap().success(), "{arguments:?}");
        assert!(said.contains(sentence) && said.lines().count() == 1, "{arguments:?} said {said}");
    }
}
