//! Several ports of one server, the one that only leads to https, and the one of the metrics.

use hearth_protocol::ServerMessage;
use hearth_signal::{ConnectionLimits, ServerConfig};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::client::connect;
use crate::http::ask;
use crate::tls::answer_to;
use crate::{plain, protected, start, within};

const ANY: &str = "127.0.0.1:0";

fn two_ports() -> ServerConfig {
    ServerConfig { also_listen: vec![ANY.parse().unwrap()], metrics: ANY.parse().ok(), ..plain() }
}

#[tokio::test]
async fn people_of_two_ports_meet_in_one_room() {
    let server = start(two_ports()).await;
    let mut host = connect(server.address).await;
    let room = host.create().await;
    let mut guest = connect(server.others[0]).await;
    guest.join(&room).await;
    assert!(matches!(host.hear().await, ServerMessage::PeerJoined { .. }));
    server.stop().await;
}

#[tokio::test]
async fn connections_of_all_ports_count_together() {
    let connections = ConnectionLimits { all: 2, of_one_source: 2 };
    let server = start(ServerConfig { connections, ..two_ports() }).await;
    let held = [connect(server.address).await, connect(server.others[0]).await];
    for address in [server.address, server.others[0]] {
        let mut third = TcpStream::connect(address).await.unwrap();
        let refused = within(third.read(&mut [0; 16])).await;
        assert!(matches!(refused, Ok(0) | Err(_)), "{refused:?}");
    }
    let metrics = server.metrics.unwrap();
    let figures = ask(metrics, "/metrics", &format!("host: {metrics}\r\n")).await;
    for line in [
        "hearth_signal_connections 2\n",
        "hearth_signal_websockets 2\n",
        "hearth_signal_sessions 2\n",
        "hearth_signal_connections_refused_total 2\n",
    ] {
        assert!(figures.contains(line), "{line} in {figures}");
    }
    drop(held);
    server.stop().await;
}

#[tokio::test]
async fn metrics_stand_on_their_own_port_and_name_nobody() {
    let server = start(two_ports()).await;
    let mut host = connect(server.address).await;
    let room = host.create().await;
    let metrics = server.metrics.unwrap();
    let ours = format!("host: {metrics}\r\n");
    let figures = ask(metrics, "/metrics", &ours).await;
    assert!(figures.starts_with("HTTP/1.1 200 ") && figures.ends_with("# EOF\n"), "{figures}");
    assert!(figures.contains("application/openmetrics-text") && figures.contains("\nhearth_signal_rooms 1\n"));
    assert!(!figures.contains(room.as_str()) && !figures.contains(&host.id.to_string()) && !figures.contains('{'));
    for (path, headers, status) in
        [("/", &*ours, 404), ("/ws", &ours, 404), ("/metrics", "host: evil.example\r\n", 421), ("/metrics", "", 421)]
    {
        let answer = ask(metrics, path, headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {headers}: {answer}");
    }
    let elsewhere = ask(server.address, "/metrics", &format!("host: {}\r\n", server.address)).await;
    assert!(elsewhere.starts_with("HTTP/1.1 404 "), "{elsewhere}");
    server.stop().await;
}

#[tokio::test]
async fn the_port_of_plain_http_leads_to_the_port_of_https_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(ServerConfig { redirect: vec![ANY.parse().unwrap()], ..protected(folder.path()) }).await;
    let (plain, port) = (server.redirects[0], server.address.port());
    for (host, location) in [
        ("127.0.0.1", Some(format!("https://127.0.0.1:{port}/r/1?a=b"))),
        ("talk.example.org:80", Some(format!("https://talk.example.org:{port}/r/1?a=b"))),
        ("[::1]:80", Some(format!("https://[::1]:{port}/r/1?a=b"))),
        ("evil.example", None),
    ] {
        let request = format!("GET /r/1?a=b HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let answer = answer_to(plain, request.as_bytes(), 4096).await;
        let status = if location.is_some() { "308" } else { "400" };
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
        let met = answer.lines().find_map(|line| line.strip_prefix("location: "));
        assert_eq!(met.map(str::to_owned), location, "{host}");
    }
    // It has nothing else: no page, no WebSocket, no TLS.
    let hello = answer_to(plain, b"\x16\x03\x01\x00\x05hello", 4096).await;
    assert!(hello.is_empty() || hello.starts_with("HTTP/1.1 400"), "{hello}");
    server.stop().await;
}
