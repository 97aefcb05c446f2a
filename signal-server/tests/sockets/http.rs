//! What is answered over plain requests, and to whom.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{plain, start, within};

/// The whole answer to a request with these header lines.
pub(crate) async fn ask(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = within(TcpStream::connect(address)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn only_our_own_names_and_pages_are_served() {
    let server = start(plain()).await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let ours = format!("host: {}\r\n", server.address);
    for (path, headers, status) in [
        ("/", ours.clone(), 200),
        ("/r/123456789", ours.clone(), 200),
        ("/assets/app.js", ours.clone(), 200),
        ("/healthz", ours.clone(), 200),
        ("/healthcheck", ours.clone(), 200),
        ("/healthz", "host: talk.example.org\r\n".into(), 200),
        ("/healthz", "host: localhost:1\r\n".into(), 200),
        ("/healthz", format!("{ours}origin: http://127.0.0.1\r\n"), 200),
        ("/nothing", ours.clone(), 404),
        ("/assets/nothing.js", ours.clone(), 404),
        ("/assets/../Cargo.toml", ours.clone(), 404),
        ("/healthz", String::new(), 421),
        ("/healthz", "host: evil.example\r\n".into(), 421),
        ("/healthz", format!("{ours}host: evil.example\r\n"), 421),
        ("/r/1", "host: 10.9.8.7\r\n".into(), 421),
        ("/healthz", format!("{ours}origin: https://evil.example\r\n"), 403),
        ("/healthz", format!("{ours}origin: null\r\n"), 403),
        ("/ws", ours.clone(), 400),
        ("/ws", format!("{ours}{upgrade}"), 400),
        ("/ws", format!("{ours}{upgrade}sec-websocket-protocol: other\r\n"), 400),
        ("/ws", format!("{ours}{upgrade}sec-websocket-protocol: hearth.v1\r\norigin: https://evil.example\r\n"), 403),
        ("/ws", format!("host: evil.example\r\n{upgrade}sec-websocket-protocol: hearth.v1\r\n"), 421),
    ] {
        let answer = ask(server.address, path, &headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {headers} gave {answer:.80}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{path} {headers}");
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{path} {headers}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_whose_head_never_ends_is_cut_off() {
    let server = start(plain()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(64 * 1024));
    let mut answer = Vec::new();
    // The rest may be refused while we still write.
    let written = stream.write_all(head.as_bytes()).await;
    let read = within(stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 431") || written.is_err() || read.is_err(), "{answer:.80}");
    server.stop().await;
}

#[tokio::test]
async fn the_page_brings_everything_from_the_same_origin() {
    let server = start(plain()).await;
    let host = format!("host: {}\r\n", server.address);
    let page = ask(server.address, "/r/1", &host).await;
    let policy = page.lines().find(|l| l.starts_with("content-security-policy")).unwrap();
    assert!(!policy.contains("unsafe") && policy.contains(&format!("wss://{}", server.address)), "{policy}");
    let body = page.split("\r\n\r\n").nth(1).unwrap();
    assert!(
        !body.contains("http://")
            && !body.contains("https://")
            && !body.contains(" style=")
            && !body.contains(" onclick")
    );
    let mut files: Vec<String> =
        body.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned).collect();
    assert!(files.len() >= 3);
    while let Some(file) = files.pop() {
        let answer = ask(server.address, &file, &host).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{file}");
        let imports = answer.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
        files.extend(imports.map(|name| format!("/assets/{name}")));
    }
    server.stop().await;
}
