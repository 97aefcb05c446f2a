//! A certificate from an authority on this machine: Pebble, which Let's Encrypt tests clients with.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use hearth_signal::{AcmeConfig, Protection, ServerConfig};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::tls::trusting;
use crate::{any_certificate, plain, protected, start, within};

/// An authority, and the file of the root that it is trusted by.
struct Pebble {
    directory: String,
    roots: std::path::PathBuf,
    program: Child,
}

/// A port that nobody has just now.
async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

impl Pebble {
    /// One that looks for us at `tls_port` of whatever name it is told: every name under localhost is this machine.
    async fn start(folder: &Path, tls_port: u16) -> Self {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let [roots, key_at] = ["authority.pem", "authority.key"].map(|name| folder.join(name));
        std::fs::write(&roots, certificate.pem()).unwrap();
        std::fs::write(&key_at, key.serialize_pem()).unwrap();
        let (listen, management) = (free().await, free().await);
        let settings = json!({"pebble": {
            "listenAddress": listen, "managementListenAddress": management,
            "certificate": roots, "privateKey": key_at, "httpPort": 1, "tlsPort": tls_port,
        }});
        let file = folder.join("pebble.json");
        std::fs::write(&file, settings.to_string()).unwrap();
        let mut program = Command::new("pebble")
            .arg("-config")
            .arg(&file)
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("pebble is installed");
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        while !within(lines.next_line()).await.unwrap().expect("it starts").contains("ACME directory available") {}
        let mut rest = tokio::task::JoinSet::new();
        rest.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        rest.detach_all();
        Self { directory: format!("https://{listen}/dir"), roots, program }
    }
}

fn config(domain: &str, directory: &str, roots: &Path, state: &Path, listen: SocketAddr) -> ServerConfig {
    let acme = AcmeConfig {
        domains: vec![domain.to_owned()],
        contact: vec!["mailto:host@example.org".to_owned()],
        directory: directory.to_owned(),
        roots: Some(roots.to_owned()),
        state: state.to_owned(),
    };
    ServerConfig { listen, protection: Protection::Acme(acme), ..plain() }
}

#[tokio::test]
async fn a_certificate_is_asked_for_proved_kept_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("acme");
    let ours = free().await;
    let mut pebble = Pebble::start(folder.path(), ours.port()).await;
    let mut server = start(config("localhost", &pebble.directory, &pebble.roots, &state, ours)).await;
    for round in 0..2 {
        // Until the certificate is there, no handshake succeeds.
        let mut stream = within(async {
            loop {
                let stream = TcpStream::connect(ours).await.unwrap();
                if let Ok(stream) =
                    any_certificate::connector().unwrap().connect("localhost".try_into().unwrap(), stream).await
                {
                    break stream;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        let chain = stream.get_ref().1.peer_certificates().unwrap();
        assert!(chain.len() >= 2, "an authority stands behind it");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("strict-transport-security"), "{answer}");
        if round == 0 {
            // A restart asks nobody: the authority is gone.
            server.stop().await;
            pebble.program.start_kill().unwrap();
            within(pebble.program.wait()).await.unwrap();
            server = start(config("localhost", &pebble.directory, &pebble.roots, &state, ours)).await;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let generated = start(protected(folder.path())).await; // only for a file of roots
    generated.stop().await;
    let (roots, nobody) = (folder.path().join("cert.pem"), free().await);
    let directory = format!("https://{nobody}/dir");
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = start(config("localhost", &directory, &roots, &folder.path().join("acme"), listen)).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let pem = std::fs::read_to_string(&roots).unwrap();
    let refused = within(trusting(&pem).connect("localhost".try_into().unwrap(), stream)).await;
    assert!(refused.is_err(), "there is nothing to prove itself by");
    server.stop().await;
}
