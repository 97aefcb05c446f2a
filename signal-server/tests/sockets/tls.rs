//! HTTPS with the generated certificate.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async;

use crate::client::request;
use crate::{protected, start, within};

/// Trusts the certificate in the state folder and nothing else, and checks names as a browser would.
fn connector(state: &std::path::Path) -> TlsConnector {
    trusting(&std::fs::read_to_string(state.join("cert.pem")).unwrap())
}

/// Trusts this PEM certificate alone.
pub(crate) fn trusting(pem: &str) -> TlsConnector {
    let body: String = pem.split("-----").nth(2).unwrap().split_whitespace().collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(der)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn the_key_that_is_announced_is_the_key_that_is_met() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(protected(folder.path())).await;
    let connector = connector(folder.path());
    for name in ["127.0.0.1", "localhost", "talk.example.org", "::1"] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = name.to_owned().try_into().unwrap();
        let stream = within(connector.connect(name, stream)).await.unwrap();
        let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        let parsed = rustls::server::ParsedCertificate::try_from(&certificate).unwrap();
        let met = Sha256::digest(parsed.subject_public_key_info());
        assert_eq!(server.spki.unwrap().0, *met);
    }
    let stream = TcpStream::connect(server.address).await.unwrap();
    let other = connector.connect("evil.example".try_into().unwrap(), stream).await;
    assert!(other.is_err(), "the certificate is for our own names");

    let stream = TcpStream::connect(server.address).await.unwrap();
    let stream = connector.connect("127.0.0.1".try_into().unwrap(), stream).await.unwrap();
    let (_, response) = within(Box::pin(client_async(request(server.address), stream))).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "hearth.v1");
    server.stop().await;
}

/// What comes back for these bytes, sent in pieces of `piece`, until the other side closes.
pub(crate) async fn answer_to(address: SocketAddr, bytes: &[u8], piece: usize) -> String {
    let mut plain = within(TcpStream::connect(address)).await.unwrap();
    plain.set_nodelay(true).unwrap();
    for piece in bytes.chunks(piece) {
        if plain.write_all(piece).await.is_err() {
            break; // it has had enough
        }
    }
    let mut answer = Vec::new();
    // What was read before a reset counts.
    drop(within(plain.read_to_end(&mut answer)).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn plain_http_is_sent_to_https_of_our_own_name_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(protected(folder.path())).await;
    let ours = server.address.to_string();
    for (request, piece, expected) in [
        (format!("GET /r/123456789?relay=1 HTTP/1.1\r\nhost: {ours}\r\n\r\n"), 4096, Some("/r/123456789?relay=1")),
        (format!("GET / HTTP/1.1\r\nhost: {ours}\r\n\r\n"), 1, Some("/")),
        (format!("POST //evil.example/x HTTP/1.1\r\nhost: {ours}\r\n\r\n"), 4096, Some("//evil.example/x")),
        (format!("GET http://evil.example/x HTTP/1.1\r\nhost: {ours}\r\n\r\n"), 4096, Some("/x")),
        (format!("OPTIONS * HTTP/1.1\r\nhost: {ours}\r\n\r\n"), 4096, Some("/")),
        ("GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n".into(), 4096, None),
        ("GET / HTTP/1.1\r\n\r\n".into(), 4096, None),
        (format!("GET / HTTP/1.1\r\nhost: {ours}\r\nhost: evil.example\r\n\r\n"), 4096, None),
    ] {
        let answer = answer_to(server.address, request.as_bytes(), piece).await;
        let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
        match expected {
            Some(path) => {
                assert!(answer.starts_with("HTTP/1.1 308 ") && answer.contains("no-store"), "{request} gave {answer}");
                assert_eq!(location, Some(&*format!("https://{ours}{path}")), "{request}");
            }
            None => assert!(answer.starts_with("HTTP/1.1 400 ") && location.is_none(), "{request} gave {answer}"),
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn who_speaks_neither_is_dropped_and_the_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(protected(folder.path())).await;
    let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(64 * 1024));
    let address = server.address;
    let mut rude = JoinSet::new();
    // Silence, one byte of either kind, half a head, a head without end, noise.
    for bytes in [&b""[..], b"G", b"\x16", b"GET / HT", long.as_bytes(), b"\0\xff\x80 noise \r\n\r\n"] {
        let bytes = bytes.to_vec();
        rude.spawn(async move { answer_to(address, &bytes, 4096).await });
    }
    let stream = TcpStream::connect(address).await.unwrap();
    let connected = within(connector(folder.path()).connect("localhost".try_into().unwrap(), stream)).await;
    assert!(connected.is_ok());
    while let Some(answer) = rude.join_next().await {
        let answer = answer.unwrap();
        let refused = ["HTTP/1.1 4", "\x15"].iter().any(|start| answer.starts_with(start)); // an alert, in TLS
        assert!(answer.is_empty() || refused, "{answer:?}");
    }
    server.stop().await;
}
