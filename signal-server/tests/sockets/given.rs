//! HTTPS with a certificate from files, and what becomes of it when they change.

use std::path::Path;

use hearth_signal::{Protection, ServerConfig};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::tls::trusting;
use crate::{Running, plain, start, within};

/// Writes a certificate for `name` and its key, and gives the certificate.
fn write(folder: &Path, name: &str) -> String {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    std::fs::write(folder.join("cert.pem"), &certificate).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    certificate
}

fn config(folder: &Path) -> ServerConfig {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    ServerConfig { protection: Protection::Files { certificate, key }, ..plain() }
}

/// The answer to a request by `name`, over TLS that trusts `pem` alone.
async fn ask(server: &Running, pem: &str, name: &str, host: &str) -> std::io::Result<String> {
    let stream = TcpStream::connect(server.address).await?;
    let mut stream = within(trusting(pem).connect(name.to_owned().try_into().unwrap(), stream)).await?;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await?;
    Ok(answer)
}

#[tokio::test]
async fn the_names_in_the_certificate_are_answered_to_and_browsers_keep_to_https() {
    let folder = tempfile::tempdir().unwrap();
    let pem = write(folder.path(), "given.example");
    let server = start(config(folder.path())).await;
    let answer = ask(&server, &pem, "given.example", "given.example:8800").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("strict-transport-security: max-age="), "{answer}");
    let other = ask(&server, &pem, "given.example", "other.example").await.unwrap();
    assert!(other.starts_with("HTTP/1.1 421 "), "{other}");
    server.stop().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let old = write(folder.path(), "old.example");
    let server = start(config(folder.path())).await;
    let mut certificate = server.certificate.clone();
    let new = write(folder.path(), "new.example");
    within(certificate.changed()).await.unwrap();
    assert!(ask(&server, &new, "new.example", "new.example").await.unwrap().starts_with("HTTP/1.1 200 "));
    assert!(ask(&server, &old, "old.example", "old.example").await.is_err(), "the old one is gone");
    server.stop().await;
}
