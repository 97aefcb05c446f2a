//! HTTPS with the generated certificate.

use std::sync::Arc;

use base64::Engine as _;
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async;

use crate::client::request;
use crate::{protected, start, within};

/// Trusts the certificate in the state folder and nothing else, and checks names as a browser would.
fn connector(state: &std::path::Path) -> TlsConnector {
    let text = std::fs::read_to_string(state.join("cert.pem")).unwrap();
    let body: String = text.split("-----").nth(2).unwrap().split_whitespace().collect();
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

#[tokio::test]
async fn who_speaks_no_tls_is_refused_and_the_others_served() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(protected(folder.path())).await;
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // An alert, or a reset: what it is, it is no page.
    let read = within(plain.read_to_end(&mut answer)).await;
    assert!(read.is_err() || !answer.starts_with(b"HTTP"), "{answer:?}");
    let stream = TcpStream::connect(server.address).await.unwrap();
    let connected = within(connector(folder.path()).connect("localhost".try_into().unwrap(), stream)).await;
    assert!(connected.is_ok());
    server.stop().await;
}
