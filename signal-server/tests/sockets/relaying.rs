//! The relay in the program, and others that share a secret with it: what a password is good for that anybody is given.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hearth_protocol::ServerMessage;
use hearth_turn::settings::read_secrets;
use hearth_turn::shell::{Identity, Listen, Shell};
use hearth_turn::{Config, Secret};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::client::connect;
use crate::program::{address, program, start, stop};
use crate::relay::{ALLOCATE, CREATE_PERMISSION, Client, TCP, UDP, XOR_PEER_ADDRESS, allocates, peer};
use crate::within;

/// A name and password, as anyone who says `create` is given them.
async fn visit(server: SocketAddr) -> (crate::client::Client, String, String) {
    let mut client = connect(server).await;
    client.say(r#""type":"create","nick":"Host""#).await;
    let ServerMessage::Joined(joined) = client.hear().await else { panic!() };
    let ice = joined.ice_servers.into_iter().find(|server| server.username.is_some()).unwrap();
    (client, ice.username.unwrap(), ice.credential.unwrap())
}

async fn bundled(listen: &str) -> (Child, SocketAddr, SocketAddr) {
    let (child, lines) =
        start(program(&format!("--plain-http --listen 127.0.0.1:0 --turn --turn-listen {listen}")), 2).await;
    let (server, relay) = (address(&lines[0], "listening http://"), address(&lines[1], "relaying turn:"));
    (child, server, relay)
}

#[tokio::test]
async fn a_password_that_anybody_is_given_opens_no_proxy() {
    let (child, server, relay) = bundled("127.0.0.1:0").await;
    let (_visit, name, password) = visit(server).await;
    let client = Client::new(relay, &name, &password).await;
    assert_eq!(client.ask(ALLOCATE, &[TCP]).await, Err(442), "no TCP to peers");
    assert_eq!(client.ask(ALLOCATE, &[UDP]).await, Ok(()));
    for (port, expected) in [(53, Err(403)), (1023, Err(403)), (1024, Ok(())), (50_000, Ok(()))] {
        let to = peer([8, 8, 8, 8], port);
        assert_eq!(client.ask(CREATE_PERMISSION, &[(XOR_PEER_ADDRESS, &to)]).await, expected, "port {port}");
    }
    stop(child).await;
}

#[tokio::test]
async fn visits_of_one_address_share_its_allocations() {
    let (child, server, relay) = bundled("127.0.0.1:0").await;
    let mut given = Vec::new();
    let mut visits = Vec::new();
    for _ in 0..6 {
        let (client, name, password) = visit(server).await;
        visits.push(client);
        for _ in 0..65 {
            let client = Client::new(relay, &name, &password).await;
            match client.ask(ALLOCATE, &[UDP]).await {
                Ok(()) => given.push(client),
                Err(code) => {
                    assert_eq!(code, 486);
                    break;
                }
            }
        }
    }
    assert_eq!(given.len(), 288, "64 for each of four visits, 32 for the fifth, none for the sixth");
    stop(child).await;
}

#[tokio::test]
async fn a_relay_of_ipv6_alone_serves_who_names_no_family() {
    let (child, server, relay) = bundled("[::1]:0").await;
    let (_visit, name, password) = visit(server).await;
    assert!(allocates(relay, &name, &password).await);
    stop(child).await;
    let strict = "--plain-http --listen 127.0.0.1:0 --turn --turn-listen [::1]:0 --turn-family ipv4";
    let (child, lines) = start(program(strict), 2).await;
    let (_visit, name, password) = visit(address(&lines[0], "listening http://")).await;
    let client = Client::new(address(&lines[1], "relaying turn:"), &name, &password).await;
    assert_eq!(client.ask(ALLOCATE, &[UDP]).await, Err(440), "as RFC 8656 has it, where that is wanted");
    stop(child).await;
}

/// A relay by itself, with the secrets in a file.
fn relay(secrets: &Path) -> (SocketAddr, oneshot::Sender<()>, JoinSet<()>) {
    relay_behind(secrets, None)
}

/// The same, that comes by TLS too where it has a certificate.
fn relay_behind(secrets: &Path, identity: Option<Arc<Identity>>) -> (SocketAddr, oneshot::Sender<()>, JoinSet<()>) {
    let mut config = Config::new([3; 32]);
    config.secrets = read_secrets(secrets).unwrap().iter().map(|secret| Secret::new(secret).unwrap()).collect();
    let shell = Shell::bind(config, &Listen { identity, ..Listen::on(&[([127, 0, 0, 1], 0).into()]) }).unwrap();
    let at = shell.local_addrs()[0];
    let (stop, stopped) = oneshot::channel::<()>();
    let mut task = JoinSet::new();
    task.spawn(async move {
        shell.run(async { drop(stopped.await) }).await;
    });
    (at, stop, task)
}

/// The next line of the log that holds this.
async fn logged(child: &mut Child, words: &str) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    within(async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the log goes on");
            if line.contains(words) {
                return line;
            }
        }
    })
    .await
}

#[tokio::test]
async fn server_and_relay_read_one_file_of_secrets_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turn-secret");
    for text in ["s3cret", "# secret of the relay\n  s3cret  \n", "# new\n\nn3w\n# old, until Sunday\ns3cret\n"] {
        fs::write(&path, text).unwrap();
        let (at, _stop, _task) = relay(&path);
        let flags =
            format!("--plain-http --listen 127.0.0.1:0 --turn-url turn:{at} --turn-secret-file {}", path.display());
        let mut command = program(&flags);
        command.env("HEARTH_LOG", "debug");
        let (mut child, lines) = start(command, 1).await;
        let (_visit, name, password) = visit(address(&lines[0], "listening http://")).await;
        assert!(allocates(at, &name, &password).await, "{text:?}");
        logged(&mut child, "takes the credentials").await;
        stop(child).await;
    }
}

#[tokio::test]
async fn a_relay_that_refuses_what_the_server_signs_is_told_in_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name));
    fs::write(&ours, "s3cret\n").unwrap();
    fs::write(&theirs, "another\n").unwrap();
    let (at, _stop, _task) = relay(&theirs);
    for transport in ["", "?transport=tcp"] {
        let url = format!("turn:{at}{transport}");
        let flags = format!("--plain-http --listen 127.0.0.1:0 --turn-url {url} --turn-secret-file {}", ours.display());
        let (mut child, _) = start(program(&flags), 1).await;
        let line = logged(&mut child, "refuses the credentials").await;
        assert!(line.contains(&url) && line.contains("same secret") && !line.contains("s3cret"), "{line}");
        stop(child).await;
    }
}

#[tokio::test]
async fn a_relay_whose_certificate_is_not_trusted_is_told_in_the_log_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name));
    fs::write(&ours, "s3cret\n").unwrap();
    fs::write(&theirs, "another\n").unwrap();
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
    let identity = Identity::new(vec![pair.cert.der().clone()], key).unwrap();
    let (at, _stop, _task) = relay_behind(&theirs, Some(Arc::new(identity)));
    let flags =
        format!("--plain-http --listen 127.0.0.1:0 --turn-url turns:{at} --turn-secret-file {}", ours.display());
    let (mut child, _) = start(program(&flags), 1).await;
    let line = logged(&mut child, &format!("turns:{at}")).await;
    assert!(line.contains("certificate that is not trusted") && !line.contains("refuses"), "{line}");
    stop(child).await;
}
