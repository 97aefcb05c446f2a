//! Whether the relays that share a secret with us take what we sign: each is asked at the start, and now and then.
//!
//! A relay that reads another secret, or whose clock is wrong, refuses everybody, and nobody here would hear of it:
//! clients talk to it alone. So this server comes as a client, by UDP, TCP or TLS as the URL says, and its log says
//! what came of it. A relay whose certificate no public authority vouches for is shown no credential. Relays by DTLS
//! (`turns:` with `transport=udp`), to which no browser comes, are not asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hearth_turn::probe::{Probe, ProbeOutcome};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clock;
use crate::rooms::TurnRest;
use crate::tls::{TlsError, web_client};

/// How often relays are asked. A secret that was changed on one side alone is noticed within that.
const EVERY: Duration = Duration::from_secs(300);
/// How long an answer may take before the question is sent again, by UDP; and how often it is sent.
const AGAIN: Duration = Duration::from_millis(500);
const SENT: u32 = 6;
/// How long all of it may take.
const WITHIN: Duration = Duration::from_secs(10);
/// How long the credential is good that is shown, seconds.
const GOOD_FOR_S: u64 = 600;
/// Longest message that is read: a challenge is a few hundred bytes.
const MESSAGE: usize = 2048;
/// The ports of `turn:` and `turns:` URLs that name none (RFC 7065 section 3.2).
const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;

/// The relays that are asked.
pub(crate) struct Relays {
    asked: Option<Asked>,
}

struct Asked {
    turn: TurnRest,
    tls: TlsConnector,
}

/// What messages travel by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carriage {
    Udp,
    Tcp,
    Tls,
}

/// Where a URL leads, and how.
#[derive(Debug, PartialEq, Eq)]
struct RelayTarget<'a> {
    host: &'a str,
    port: u16,
    carriage: Carriage,
}

/// What came of a question.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Answer(ProbeOutcome),
    /// Its certificate is no good, and this is why: it was not asked.
    Untrusted(String),
    Silence,
}

impl Relays {
    /// The relays among `turn`'s that are at these URLs.
    pub(crate) fn new(turn: Option<&TurnRest>, urls: Vec<String>) -> Result<Self, TlsError> {
        let Some(turn) = turn.filter(|_| !urls.is_empty()) else { return Ok(Self { asked: None }) };
        let tls = TlsConnector::from(Arc::new(web_client(None)?));
        Ok(Self { asked: Some(Asked { turn: TurnRest { urls, ..turn.clone() }, tls }) })
    }

    /// Asks for ever; ends only by being dropped.
    pub(crate) async fn run(self) {
        let Some(Asked { turn, tls }) = self.asked else { return std::future::pending().await };
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = BTreeMap::new();
        loop {
            ticks.tick().await;
            for url in &turn.urls {
                let Some(way) = way(url) else { continue };
                let Some(probe) = probe(&turn) else { continue };
                let found = timeout(WITHIN, ask(&way, probe, &tls)).await.unwrap_or(Found::Silence);
                if known.get(url) != Some(&found) {
                    tell(url, &found, known.get(url));
                    known.insert(url, found);
                }
            }
        }
    }
}

/// A question with a credential that is good for a while.
fn probe(turn: &TurnRest) -> Option<Probe> {
    let username = format!("{}:hearth-signal", clock::unix_s().saturating_add(GOOD_FOR_S));
    let password = turn.sign(&username)?;
    Some(Probe::new(username, password, rand::random()))
}

/// Says what is new.
fn tell(url: &str, found: &Found, before: Option<&Found>) {
    match found {
        Found::Answer(ProbeOutcome::Refused(code)) => tracing::warn!(
            "{url} refuses the credentials that this server signs ({code}): nobody is relayed. Give both the same secret, and set their clocks"
        ),
        Found::Answer(ProbeOutcome::Taken) if before.is_some_and(|before| *before != Found::Silence) => {
            tracing::info!("{url} takes the credentials that this server signs again")
        }
        Found::Answer(ProbeOutcome::Taken) => tracing::debug!("{url} takes the credentials that this server signs"),
        Found::Answer(ProbeOutcome::Other) => {
            tracing::warn!("{url} is no relay that takes credentials; correct the URL")
        }
        Found::Untrusted(why) => tracing::warn!(
            "{url} shows a certificate that is not trusted ({why}), so it was not asked whether it shares our secret; \
             browsers will not use it either. Give it a certificate of a public authority for that name"
        ),
        Found::Silence => {
            tracing::info!("{url} does not answer this server; members may reach it all the same")
        }
    }
}

/// The way that a URL names; none for one by DTLS.
fn way(url: &str) -> Option<RelayTarget<'_>> {
    let (scheme, rest) = url.split_once(':')?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (carriage, usual) = match (scheme, query) {
        ("turn", "transport=tcp") => (Carriage::Tcp, PORT),
        ("turn", _) => (Carriage::Udp, PORT),
        ("turns", "transport=udp") => return None,
        ("turns", _) => (Carriage::Tls, TLS_PORT),
        _ => return None,
    };
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(usual), |port| port.parse().ok())?;
    Some(RelayTarget { host, port, carriage })
}

/// Asks one relay.
async fn ask(way: &RelayTarget<'_>, probe: Probe, tls: &TlsConnector) -> Found {
    let address = lookup_host((way.host, way.port)).await.ok().and_then(|mut addresses| addresses.next());
    let Some(address) = address else { return Found::Silence };
    let verdict = match way.carriage {
        Carriage::Udp => by_udp(address, probe).await,
        Carriage::Tcp => match TcpStream::connect(address).await {
            Ok(stream) => by_stream(stream, probe).await,
            Err(_) => None,
        },
        Carriage::Tls => match shake_hands(way.host, address, tls).await {
            Ok(stream) => by_stream(stream, probe).await,
            Err(error) => match distrust(&error) {
                Some(why) => return Found::Untrusted(why),
                None => None,
            },
        },
    };
    verdict.map_or(Found::Silence, Found::Answer)
}

async fn shake_hands(host: &str, address: SocketAddr, tls: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    tls.connect(name, TcpStream::connect(address).await?).await
}

/// What is the matter with the certificate, where it is that for which there is no connection.
fn distrust(error: &std::io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    if let rustls::Error::InvalidCertificate(why) = error { Some(why.to_string()) } else { None }
}

async fn by_udp(address: SocketAddr, mut probe: Probe) -> Option<ProbeOutcome> {
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(address).await.ok()?;
    let mut answer = [0; MESSAGE];
    for _ in 0..SENT {
        socket.send(&probe.request()).await.ok()?;
        let Ok(Ok(length)) = timeout(AGAIN, socket.recv(&mut answer)).await else { continue };
        if let Some(verdict) = probe.handle(answer.get(..length)?) {
            if verdict == ProbeOutcome::Taken {
                socket.send(&probe.request()).await.ok()?;
            }
            return Some(verdict);
        }
    }
    None
}

async fn by_stream<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, mut probe: Probe) -> Option<ProbeOutcome> {
    for _ in 0..SENT {
        stream.write_all(&probe.request()).await.ok()?;
        stream.flush().await.ok()?;
        let mut head = [0; 20];
        stream.read_exact(&mut head).await.ok()?;
        let [_, _, high, low, ..] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let mut answer = head.to_vec();
        if length > MESSAGE || (&mut stream).take(length as u64).read_to_end(&mut answer).await.ok()? < length {
            return None;
        }
        if let Some(verdict) = probe.handle(&answer) {
            if verdict == ProbeOutcome::Taken {
                stream.write_all(&probe.request()).await.ok()?;
                stream.flush().await.ok()?;
            }
            return Some(verdict);
        }
    }
    None
}

#[cfg(test)]
mod tests;
