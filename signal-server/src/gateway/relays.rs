//! Whether the relays that share a secret with us take what we sign: each is asked at the start, and now and then.
//!
//! A relay that reads another secret, or whose clock is wrong, refuses everybody, and nobody here would hear of it: clients talk to it
//! alone. So this server comes as a client, by UDP or TCP as the URL says, and its log says what came of it. Relays by TLS are not asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hearth_turn::probe::{Probe, Verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock;
use crate::rooms::TurnRest;

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
/// The port of URLs that name none (RFC 7065 section 3.2).
const PORT: u16 = 3478;

/// The relays that are asked.
pub(crate) struct Relays {
    turn: Option<TurnRest>,
}

/// Where a URL leads, and how.
#[derive(Debug, PartialEq, Eq)]
struct Way<'a> {
    host: &'a str,
    port: u16,
    is_tcp: bool,
}

impl Relays {
    /// The relays among `turn`'s that stand at these URLs.
    pub(crate) fn new(turn: Option<&TurnRest>, urls: Vec<String>) -> Self {
        Self { turn: turn.filter(|_| !urls.is_empty()).map(|turn| TurnRest { urls, ..turn.clone() }) }
    }

    /// Asks for ever; ends only by being dropped.
    pub(crate) async fn run(self) {
        let Some(turn) = self.turn else { return std::future::pending().await };
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = BTreeMap::new();
        loop {
            ticks.tick().await;
            for url in &turn.urls {
                let Some(way) = way(url) else { continue };
                let username = format!("{}:hearth-signal", clock::unix_s().saturating_add(GOOD_FOR_S));
                let Some(password) = turn.sign(&username) else { continue };
                let probe = Probe::new(username, password, rand::random());
                let verdict = timeout(WITHIN, ask(&way, probe)).await.ok().flatten();
                let before = known.insert(url, verdict);
                if before != Some(verdict) {
                    tell(url, verdict, before.flatten());
                }
            }
        }
    }
}

/// Says what is new.
fn tell(url: &str, verdict: Option<Verdict>, before: Option<Verdict>) {
    match verdict {
        Some(Verdict::Refused(code)) => tracing::warn!(
            "{url} refuses the credentials that this server signs ({code}): nobody is relayed. Give both the same secret, and set their clocks"
        ),
        Some(Verdict::Taken) if before.is_some() => {
            tracing::info!("{url} takes the credentials that this server signs again")
        }
        Some(Verdict::Taken) => tracing::debug!("{url} takes the credentials that this server signs"),
        Some(Verdict::Other) => tracing::warn!("{url} is no relay that takes credentials; correct the URL"),
        None => tracing::info!("{url} does not answer this server; members may reach it all the same"),
    }
}

/// The way that a URL names; none for one by TLS.
fn way(url: &str) -> Option<Way<'_>> {
    let rest = url.strip_prefix("turn:")?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let is_tcp = query == "transport=tcp";
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(PORT), |port| port.parse().ok())?;
    Some(Way { host, port, is_tcp })
}

/// Asks one relay; none when no answer came.
async fn ask(way: &Way<'_>, probe: Probe) -> Option<Verdict> {
    let address = lookup_host((way.host, way.port)).await.ok()?.next()?;
    if way.is_tcp { by_tcp(address, probe).await } else { by_udp(address, probe).await }
}

async fn by_udp(address: SocketAddr, mut probe: Probe) -> Option<Verdict> {
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(address).await.ok()?;
    let mut answer = [0; MESSAGE];
    for _ in 0..SENT {
        socket.send(&probe.request()).await.ok()?;
        let Ok(Ok(length)) = timeout(AGAIN, socket.recv(&mut answer)).await else { continue };
        if let Some(verdict) = probe.handle(answer.get(..length)?) {
            if verdict == Verdict::Taken {
                socket.send(&probe.request()).await.ok()?;
            }
            return Some(verdict);
        }
    }
    None
}

async fn by_tcp(address: SocketAddr, mut probe: Probe) -> Option<Verdict> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    for _ in 0..SENT {
        stream.write_all(&probe.request()).await.ok()?;
        let mut head = [0; 20];
        stream.read_exact(&mut head).await.ok()?;
        let [_, _, high, low, ..] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let mut answer = head.to_vec();
        if length > MESSAGE || (&mut stream).take(length as u64).read_to_end(&mut answer).await.ok()? < length {
            return None;
        }
        if let Some(verdict) = probe.handle(&answer) {
            if verdict == Verdict::Taken {
                stream.write_all(&probe.request()).await.ok()?;
            }
            return Some(verdict);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_way() {
        let way = |url| way(url).map(|way| (way.host, way.port, way.is_tcp));
        assert_eq!(way("turn:relay.example"), Some(("relay.example", 3478, false)));
        assert_eq!(way("turn:relay.example:5000?transport=tcp"), Some(("relay.example", 5000, true)));
        assert_eq!(way("turn:[::1]:5000?transport=udp"), Some(("::1", 5000, false)));
        assert_eq!(way("turn:[::1]"), Some(("::1", 3478, false)));
        assert_eq!((way("turns:relay.example"), way("turn:a:b")), (None, None));
    }
}
