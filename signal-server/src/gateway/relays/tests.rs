//! What relays by TLS answer, asked by real sockets; those by UDP and TCP are asked by the program
//! (`sockets::relaying`).

use hearth_turn::shell::{Identity, Listen, Shell};
use hearth_turn::{Config, Secret};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::*;
use crate::rooms::TurnSecret;

/// A relay behind TLS on loopback, and its certificate.
struct Relay {
    port: u16,
    certificate: CertificateDer<'static>,
    stop: oneshot::Sender<()>,
    /// The counters that it ends with.
    ended: JoinSet<hearth_turn::Stats>,
}

fn relay(secret: &str) -> Relay {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let identity = Identity::new(vec![certificate.clone()], key).unwrap();
    let mut config = Config::new([3; 32]);
    config.secrets = vec![Secret::new(secret).unwrap()];
    let listen = Listen { identity: Some(Arc::new(identity)), ..Listen::on(&[([127, 0, 0, 1], 0).into()]) };
    let shell = Shell::bind(config, &listen).unwrap();
    let port = shell.local_addrs()[0].port();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut ended = JoinSet::new();
    ended.spawn(shell.run(async { drop(stopped.await) }));
    Relay { port, certificate, stop, ended }
}

/// What comes of asking it, with the secret `north`, for anyone who trusts these certificates.
async fn asked(url: &str, trusted: &[&CertificateDer<'static>]) -> Found {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add((*certificate).clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()));
    let (secret, second) = (TurnSecret::new("north").unwrap(), Duration::from_secs(60));
    let turn = TurnRest { urls: Vec::new(), secret, lifetime: second, before_join: second };
    timeout(WITHIN, ask(&way(url).unwrap(), probe(&turn).unwrap(), &tls)).await.unwrap()
}

#[tokio::test]
async fn a_relay_by_tls_takes_or_refuses_and_nothing_is_left_there() {
    for (secret, verdict) in [("north", ProbeOutcome::Taken), ("south", ProbeOutcome::Refused(401))] {
        let mut relay = relay(secret);
        let url = format!("turns:127.0.0.1:{}?transport=tcp", relay.port);
        assert_eq!(asked(&url, &[&relay.certificate]).await, Found::Answer(verdict));
        drop(relay.stop);
        assert_eq!(relay.ended.join_next().await.unwrap().unwrap().allocations, 0);
    }
}

#[tokio::test]
async fn a_relay_whose_certificate_is_not_trusted_is_not_asked_and_does_not_count_as_refusing() {
    let (relay, other) = (relay("south"), relay("north"));
    let url = format!("turns:127.0.0.1:{}", relay.port);
    let by_nobody = asked(&url, &[]).await;
    assert!(matches!(&by_nobody, Found::Untrusted(why) if !why.is_empty()), "{by_nobody:?}");
    assert!(matches!(asked(&url, &[&other.certificate]).await, Found::Untrusted(_)), "another's name for it");
    let url = format!("turns:localhost:{}", relay.port);
    assert!(matches!(asked(&url, &[&relay.certificate]).await, Found::Untrusted(_)), "it has another name");
}

#[tokio::test]
async fn what_speaks_no_tls_is_silent() {
    let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("turns:{}", door.local_addr().unwrap());
    let (found, ()) = tokio::join!(asked(&url, &[]), async {
        let (mut stream, _) = door.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    assert_eq!(found, Found::Silence);
}

#[test]
fn a_url_names_a_way() {
    let way = |url| way(url).map(|way| (way.host, way.port, way.carriage));
    assert_eq!(way("turn:relay.example"), Some(("relay.example", 3478, Carriage::Udp)));
    assert_eq!(way("turn:relay.example:5000?transport=tcp"), Some(("relay.example", 5000, Carriage::Tcp)));
    assert_eq!(way("turn:[::1]:5000?transport=udp"), Some(("::1", 5000, Carriage::Udp)));
    assert_eq!(way("turn:[::1]"), Some(("::1", 3478, Carriage::Udp)));
    assert_eq!(way("turns:relay.example"), Some(("relay.example", 5349, Carriage::Tls)));
    assert_eq!(way("turns:[::1]:443?transport=tcp"), Some(("::1", 443, Carriage::Tls)));
    assert_eq!(way("turns:relay.example?transport=udp"), None, "DTLS");
    assert_eq!((way("stun:relay.example"), way("turn:a:b")), (None, None));
}
