//! The server over real sockets on loopback: HTTP, TLS, WebSockets, signals. Waits on events with a deadline, never a
//! sleep; every server takes a port that is free.

#![cfg(test)]

mod acme;
#[path = "../../examples/load/any_certificate.rs"]
mod any_certificate;
mod binary;
mod browser;
mod client;
mod clocks;
mod disturbed;
mod given;
mod hostile;
mod http;
mod legacy;
mod logs;
mod names;
mod page;
mod patience;
mod ports;
mod program;
mod proxy;
mod relay;
mod relaying;
mod restart;
mod rooms;
mod servers;
mod simplewebrtc;
mod statics;
mod tls;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use hearth_signal::{Protection, Server, ServerConfig};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

/// Beyond this a test has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// A server that runs until the test ends.
struct Running {
    address: std::net::SocketAddr,
    others: Vec<std::net::SocketAddr>,
    redirects: Vec<std::net::SocketAddr>,
    metrics: Option<std::net::SocketAddr>,
    spki: Option<hearth_protocol::SpkiHash>,
    certificate: watch::Receiver<Option<[u8; 32]>>,
    members: watch::Receiver<BTreeSet<IpAddr>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinSet<()>,
}

fn plain() -> ServerConfig {
    ServerConfig {
        names: vec!["talk.example.org".into()],
        ..ServerConfig::new(([127, 0, 0, 1], 0).into(), Protection::PlainHttp)
    }
}

fn protected(state: &Path) -> ServerConfig {
    ServerConfig { protection: Protection::Generated { state: state.to_owned() }, ..plain() }
}

async fn start(config: ServerConfig) -> Running {
    let server = Server::bind(config).await.unwrap();
    let (address, spki, members) = (server.local_addr(), server.spki(), server.members());
    let (others, redirects) = (server.other_addrs().to_vec(), server.redirect_addrs().to_vec());
    let (metrics, certificate) = (server.metrics_addr(), server.certificate_sha256());
    let (stop, stopped) = oneshot::channel::<()>();
    let mut task = JoinSet::new();
    task.spawn(async move { server.run(async move { drop(stopped.await) }).await.unwrap() });
    Running { address, others, redirects, metrics, spki, certificate, members, stop: Some(stop), task }
}

impl Running {
    /// Asks it to stop and waits until it has.
    async fn stop(mut self) {
        drop(self.stop.take());
        within(self.task.join_next()).await.unwrap().unwrap();
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("nothing happened in time")
}
