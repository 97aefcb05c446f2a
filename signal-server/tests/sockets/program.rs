//! The program itself: one command that is rooms, page, files, metrics and relay, and what it says before and after.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};

use hearth_protocol::ServerMessage;
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixDatagram};
use tokio::process::{Child, Command};

use crate::client::connect;
use crate::http::ask;
use crate::relay::allocates;
use crate::tls::trusting;
use crate::within;

pub(crate) fn program(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-signal"));
    command.args(arguments.split_whitespace()).kill_on_drop(true).stderr(Stdio::piped());
    command
}

async fn output(arguments: &str) -> Output {
    within(program(arguments).output()).await.unwrap()
}

/// Starts it, and reads `lines` lines that say what is where.
pub(crate) async fn start(mut command: Command, lines: usize) -> (Child, Vec<String>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut all = Vec::new();
    while all.len() < lines {
        all.push(within(said.next_line()).await.unwrap().expect("it says where it listens"));
    }
    (child, all)
}

pub(crate) async fn stop(mut child: Child) {
    let pid = child.id().unwrap().to_string();
    assert!(within(Command::new("kill").arg(pid).status()).await.unwrap().success());
    assert!(within(child.wait()).await.unwrap().success());
}

pub(crate) fn address(line: &str, start: &str) -> SocketAddr {
    let rest = line.strip_prefix(start).unwrap_or_else(|| panic!("{line}"));
    rest.split([' ', '/']).next().unwrap().parse().unwrap()
}

/// A certificate for `name` and its key, as the older set-up has them.
fn certificate(folder: &Path, name: &str) -> String {
    let key = KeyPair::generate().unwrap();
    let pem = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    fs::write(folder.join("talk.pem"), &pem).unwrap();
    fs::write(folder.join("talk.key"), key.serialize_pem()).unwrap();
    pem
}

#[tokio::test]
async fn one_command_serves_what_took_four_programs() {
    let folder = tempfile::tempdir().unwrap();
    let pem = certificate(folder.path(), "talk.example");
    fs::create_dir(folder.path().join("html")).unwrap();
    fs::write(folder.path().join("html/index.html"), "<script>webrtc()</script>").unwrap();
    let config = folder.path().join("development.json");
    let text = r#"{"isDev": true, "server": {"port": 0, "secure": true, "cert": "talk.pem", "key": "talk.key"},
        "rooms": {"maxClients": 3}, "turnservers": [{"urls": ["turn:talk.example:3478"], "username": "abc",
        "credential": "123", "secret": "", "expiry": 86400}]}"#;
    fs::write(&config, text).unwrap();
    let more = format!(
        "-c {} --listen 127.0.0.1:0 --listen 127.0.0.1:0 --redirect 127.0.0.1:0 --static {} --metrics 127.0.0.1:0 \
         --turn --turn-listen 127.0.0.1:0",
        config.display(),
        folder.path().join("html").display()
    );
    let (child, lines) = start(program(&more), 5).await;
    let ports = [address(&lines[0], "listening https://"), address(&lines[1], "listening https://")];
    assert!(lines[0].contains(" spki=") && lines[0].contains(" cert_sha256="), "{lines:?}");
    for port in ports {
        let stream = TcpStream::connect(port).await.unwrap();
        let mut stream = within(trusting(&pem).connect("talk.example".try_into().unwrap(), stream)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: talk.example\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.ends_with("<script>webrtc()</script>"), "{answer}");
    }
    let redirect = address(&lines[2], "redirecting http://");
    let moved = ask(redirect, "/", "host: talk.example\r\n").await;
    assert!(moved.contains(&format!("location: https://talk.example:{}/", ports[0].port())), "{moved}");
    let metrics = address(&lines[3], "metrics http://");
    let figures = ask(metrics, "/metrics", &format!("host: {metrics}\r\n")).await;
    assert!(figures.contains("hearth_signal_relay_allocations 0"), "{figures}");
    address(&lines[4], "relaying turn:");
    stop(child).await;
}

#[tokio::test]
async fn members_are_told_of_the_relay_in_the_same_process_and_it_takes_their_credentials() {
    let (child, lines) = start(program("--plain-http --listen 127.0.0.1:0 --turn --turn-listen 127.0.0.1:0"), 2).await;
    let mut host = connect(address(&lines[0], "listening http://")).await;
    host.say(r#""type":"create","nick":"Host""#).await;
    let ServerMessage::Joined(joined) = host.hear().await else { panic!() };
    let [ice] = &joined.ice_servers[..] else { panic!("{:?}", joined.ice_servers) };
    let relay = address(&lines[1], "relaying turn:");
    assert_eq!(ice.urls, [format!("turn:{relay}"), format!("turn:{relay}?transport=tcp")]);
    let (username, credential) = (ice.username.as_deref().unwrap(), ice.credential.as_deref().unwrap());
    assert!(allocates(relay, username, credential).await);
    assert!(!allocates(relay, username, "123").await, "a wrong password");
    assert!(!allocates(relay, "abc", credential).await, "a name without a time");
    stop(child).await;
}

#[tokio::test]
async fn a_configuration_is_checked_without_being_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.json");
    fs::write(&good, r#"{"server": {"secure": false, "port": 8800}, "unknown": 1, "turnservers": [{"urls": "turn:a", "secret": "hidden"}]}"#)
        .unwrap();
    let checked = output(&format!("--check-config -c {}", good.display())).await;
    let [out, log] = [checked.stdout, checked.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(
        checked.status.success() && out.contains("serves http://[::]:8800") && out.contains("signs for turn:a"),
        "{out}"
    );
    assert!(log.contains("`unknown` means nothing here") && !format!("{out}{log}").contains("hidden"), "{log}");
    let bad = folder.path().join("bad.toml");
    fs::write(&bad, "[tls]\ncert = 'only.pem'\n").unwrap();
    let checked = output(&format!("--check-config -c {}", bad.display())).await;
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&checked.stderr).contains("`tls.key` is missing"));
}

#[tokio::test]
async fn the_environment_goes_before_the_file_and_flags_before_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, "plain_http = true\nlisten = ['127.0.0.1:1']\nnames = ['file.example']\n").unwrap();
    for (flags, expected) in [("", "127.0.0.1:2"), (" --listen 127.0.0.1:3", "127.0.0.1:3")] {
        let mut command = program(&format!("--check-config -c {}{flags}", file.display()));
        command.env("HEARTH_SIGNAL_LISTEN", "127.0.0.1:2,127.0.0.1:4").env("HEARTH_SIGNAL_TURN", "0");
        let out = String::from_utf8(within(command.output()).await.unwrap().stdout).unwrap();
        assert!(out.starts_with(&format!("serves http://{expected}\n")) && out.contains("file.example"), "{out}");
        assert!(!out.contains("relays"), "{out}");
    }
}

#[tokio::test]
async fn pages_written_for_signalmaster_come_in_unless_told_otherwise() {
    for (more, status) in [("", 200), (" --legacy no", 404)] {
        let (child, lines) = start(program(&format!("--plain-http --listen 127.0.0.1:0{more}")), 1).await;
        let at = address(&lines[0], "listening http://");
        let headers = format!("host: {at}\r\norigin: http://127.0.0.1\r\n");
        let answer = ask(at, "/socket.io/?EIO=3&transport=polling&b64=1", &headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        stop(child).await;
    }
}

#[tokio::test]
async fn systemd_is_told_when_it_serves_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = program("--plain-http --listen 127.0.0.1:0");
    command.env("NOTIFY_SOCKET", &path);
    let (child, _) = start(command, 1).await;
    let mut word = [0; 64];
    let length = within(socket.recv(&mut word)).await.unwrap();
    assert_eq!(word[..length].trim_ascii(), b"READY=1");
    stop(child).await;
    let length = within(socket.recv(&mut word)).await.unwrap();
    assert_eq!(word[..length].trim_ascii(), b"STOPPING=1");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_one_sentence() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    for (arguments, word) in [
        (String::new(), "`state` names no folder".to_owned()),
        (format!("--plain-http --listen 127.0.0.1:{port}"), format!("Port {port} is used by another program")),
        ("--plain-http --listen 127.0.0.1:0 --static /nonexistent/html".to_owned(), "cannot be served".to_owned()),
        (
            "--listen 127.0.0.1:0 --tls-cert /nonexistent/c --tls-key /nonexistent/k".to_owned(),
            "cannot be opened".to_owned(),
        ),
        ("-c /nonexistent/c.toml".to_owned(), "cannot be read".to_owned()),
        (
            "--plain-http --listen 127.0.0.1:0 --turn --turn-listen 192.0.2.1:1".to_owned(),
            "The relay cannot start".to_owned(),
        ),
    ] {
        let refused = output(&arguments).await;
        let log = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{arguments}: {log}");
        assert!(log.contains(&word) && log.trim_end().lines().count() == 1, "{arguments}: {log}");
    }
}
