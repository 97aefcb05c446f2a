//! Behind a reverse proxy: who is counted as whom, by the header alone and with Debian's nginx.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use hearth_protocol::{ErrorCode, RoomName, ServerMessage};
use hearth_signal::TrustedProxies;
use hearth_signal::rooms::LegacyRules;
use tokio::net::{TcpSocket, TcpStream};

use crate::client::{Client, greet_on, open_on, request};
use crate::http::ask;
use crate::{plain, start, within};

/// Wrong numbers that one source may try at once.
const GUESSES: usize = 10;

fn trusting(words: &[&str]) -> TrustedProxies {
    TrustedProxies::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// Somebody whom a proxy says to be at `caller`.
async fn through(server: SocketAddr, caller: &str) -> Client {
    let stream = within(TcpStream::connect(server)).await.unwrap();
    let mut request = request(server);
    request.headers_mut().insert("x-forwarded-for", caller.parse().unwrap());
    greet_on(open_on(stream, request).await, "").await
}

/// Tries wrong numbers until they are refused; how many were answered.
async fn guess(client: &mut Client) -> usize {
    for n in 0..=GUESSES {
        client.say(&format!(r#""type":"join","room":"99999999{n}""#)).await;
        let answer = client.hear().await;
        let ServerMessage::Error { code, .. } = answer else { panic!("{answer:?}") };
        if code == ErrorCode::RateLimited {
            return n;
        }
        assert_eq!(code, ErrorCode::NoSuchRoom);
    }
    GUESSES + 1
}

async fn joins(client: &mut Client, room: &RoomName) -> bool {
    client.say(&format!(r#""type":"join","room":"{room}""#)).await;
    let answer = client.hear().await;
    let is_refused = matches!(answer, ServerMessage::Error { code: ErrorCode::RateLimited, .. });
    assert!(is_refused || matches!(answer, ServerMessage::Joined(_)), "{answer:?}");
    !is_refused
}

#[tokio::test]
async fn behind_a_proxy_that_is_named_each_caller_is_a_source_of_their_own() {
    for (words, others_pass) in [(&["loopback"][..], true), (&["127.0.0.0/8"], true), (&["10.0.0.0/8"], false)] {
        let mut config = plain();
        config.proxies = trusting(words);
        let server = start(config).await;
        let mut host = through(server.address, "203.0.113.1").await;
        let room = host.create().await;
        let mut guesser = through(server.address, "203.0.113.2").await;
        assert_eq!(guess(&mut guesser).await, GUESSES, "{words:?}");
        let mut other = through(server.address, "203.0.113.3").await;
        assert_eq!(joins(&mut other, &room).await, others_pass, "{words:?}");
        server.stop().await;
    }
}

/// An address of this test's own, so that the port that is found free stays free.
fn own_address() -> SocketAddr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 88, high, low.max(1));
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap()
}

/// Debian's nginx in front of a server, with the lines that the README gives; ended when dropped.
struct Nginx {
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Nginx {
    fn start(server: SocketAddr) -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), own_address());
        let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
        let snippet = readme.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let snippet = snippet.replace("127.0.0.1:8800", &server.to_string());
        let place = |name: &str| folder.path().join(name).display().to_string();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};", place(name)))
            .concat();
        // Root's workers stay root: the folder is readable for nobody else.
        let user = if is_root() { "user root;" } else { "" };
        let text = format!(
            "{user} pid {}; error_log {}; events {{}} http {{ access_log off; {temporary}\n{}\n\
             server {{ listen {address}; server_name localhost;\n{}\n}} }}",
            place("pid"),
            place("error.log"),
            snippet.lines().filter(|line| line.starts_with("map")).collect::<String>(),
            snippet.lines().filter(|line| !line.starts_with("map")).collect::<Vec<_>>().join("\n"),
        );
        fs::write(folder.path().join("nginx.conf"), text).unwrap();
        let nginx = Self { folder, address };
        // It comes back once it listens.
        assert!(nginx.command(&[]).status().expect("nginx is installed").success());
        nginx
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nginx");
        command.arg("-p").arg(self.folder.path()).args(["-e", "error.log", "-c", "nginx.conf"]).args(arguments);
        command
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ended = self.command(&["-s", "stop"]).status();
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

async fn from_address(caller: Ipv4Addr, proxy: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((caller, 0).into()).unwrap();
    within(socket.connect(proxy)).await.unwrap()
}

/// Somebody at an address of their own, through the proxy.
async fn from(caller: Ipv4Addr, proxy: SocketAddr) -> Client {
    let stream = from_address(caller, proxy).await;
    let mut request = request(proxy);
    request.headers_mut().insert("host", "localhost".parse().unwrap());
    greet_on(open_on(stream, request).await, "").await
}

#[tokio::test]
async fn nginx_as_the_readme_has_it_leads_both_protocols_through_and_names_each_caller() {
    let mut config = plain();
    config.rooms.legacy = Some(LegacyRules::default());
    config.proxies = trusting(&["127.0.0.1"]);
    let server = start(config).await;
    let nginx = Nginx::start(server.address);
    let mut host = from(Ipv4Addr::new(127, 7, 0, 1), nginx.address).await;
    let room = host.create().await;
    let mut guesser = from(Ipv4Addr::new(127, 7, 0, 2), nginx.address).await;
    assert_eq!(guess(&mut guesser).await, GUESSES);
    let mut other = from(Ipv4Addr::new(127, 7, 0, 3), nginx.address).await;
    assert!(joins(&mut other, &room).await);
    // What somebody says of themselves counts for nothing.
    for n in 0..3 {
        let mut request = request(nginx.address);
        request.headers_mut().insert("host", "localhost".parse().unwrap());
        request.headers_mut().insert("forwarded", format!("for=203.0.113.{n}").parse().unwrap());
        let stream = from_address(Ipv4Addr::new(127, 7, 0, 2), nginx.address).await;
        let mut again = greet_on(open_on(stream, request).await, "").await;
        assert_eq!(guess(&mut again).await, 0, "the same source as before");
    }
    let page = ask(nginx.address, "/socket.io/?EIO=3&b64=1&transport=polling", "host: localhost\r\n").await;
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains(r#""sid":"#), "{page}");
    drop(nginx);
    server.stop().await;
}
