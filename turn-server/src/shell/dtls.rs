//! Clients that come by DTLS (RFC 7350): one state machine each, on the listener's own socket.
//!
//! A handshake begins only with a cookie that the client's address has sent back, but the library keeps its state from
//! the first datagram on. So the number of those that have yet to send it is bounded, in all and of each source, and
//! the oldest goes: anyone who forges hellos pushes out others of that kind alone. A source that has shown that it is
//! itself is bounded by its own sessions, done or not, that no allocation is behind.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use dimpl::{Dtls, Output};
use foldhash::quality::RandomState;

use super::tls::Identity;
use super::unauthenticated::{STRANGERS, UnauthenticatedLimits, network};
use crate::FiveTuple;

/// Hellos at once that wait for their cookie, which takes one round trip. Full: the one that came first is forgotten;
/// its client begins again.
const HANDSHAKES: usize = 512;
/// The same of one source, which may be forged. Full: its own oldest is forgotten, and nobody else's.
const HANDSHAKES_OF_ONE: usize = 64;
/// Bytes of one answer with which the library takes a client for proven: a certificate is in it. Before, it asks for a
/// cookie, by a third of that at most (HelloVerifyRequest, or HelloRetryRequest with its extensions).
const PROOF: usize = 300;
/// Sessions at once. Full: nobody new comes in by DTLS.
const SESSIONS: usize = 16_384;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a session is kept behind which no allocation stands.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest record, and some more.
const RECORD: usize = 17 << 10;

/// A client's session.
pub(super) struct Session {
    dtls: Dtls,
    is_open: bool,
    /// Whether its address has sent back a cookie.
    is_proven: bool,
    /// Whether an allocation is behind it.
    is_known: bool,
    deadline: Instant,
    /// When the state machine wants to be woken.
    wake: Option<Instant>,
}

#[cfg(test)]
impl Session {
    /// One whose handshake has just ended, with nobody at the other end.
    pub(super) fn open_for_tests(now: Instant) -> Self {
        let dtls = super::tests::wires::dtls_client(now);
        Self { dtls, is_open: true, is_proven: true, is_known: false, deadline: now + PATIENCE, wake: None }
    }
}

/// What came out of a session.
pub(super) enum Event {
    /// To be sent to the client as it is.
    Send(Vec<u8>),
    /// What the client sent.
    Message(Vec<u8>),
}

/// The first version that is served, DTLS 1.2; versions count downwards (RFC 6347 section 4.1).
const DTLS_1_2: u16 = 0xfefd;
/// A fatal alert, protocol_version, in a record of DTLS 1.0: what a client of that and no later version understands. It
/// is shorter than any ClientHello, and leaves nothing behind.
const PROTOCOL_VERSION: [u8; 15] = [21, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 70];

/// The version that a ClientHello offers; `None` for any other datagram.
fn hello_version(datagram: &[u8]) -> Option<u16> {
    // A record header of 13 bytes, a message header of 12, and then the version (RFC 6347 sections 4.1 and 4.2.2).
    let ([22, ..], Some(1), Some([high, low])) = (datagram, datagram.get(13), datagram.get(25..27)) else {
        return None;
    };
    Some(u16::from_be_bytes([*high, *low]))
}

/// Whether a client offers nothing that is served (RFC 8996 took DTLS 1.0 out of use).
fn is_outdated(datagram: &[u8]) -> bool {
    hello_version(datagram).is_some_and(|version| version > DTLS_1_2)
}

/// All sessions of one worker.
pub(super) struct Sessions {
    all: HashMap<FiveTuple, Session, RandomState>,
    /// Those that are not proven, by deadline.
    opening: BTreeSet<(Instant, FiveTuple)>,
    openings: UnauthenticatedLimits,
    /// Those that are proven and that no allocation is behind.
    strangers: UnauthenticatedLimits,
    buffer: Vec<u8>,
    /// Sessions that were refused since somebody asked.
    refused: u64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            all: HashMap::default(),
            opening: BTreeSet::new(),
            openings: UnauthenticatedLimits::new(HANDSHAKES_OF_ONE),
            strangers: UnauthenticatedLimits::new(STRANGERS),
            buffer: Vec::new(),
            refused: 0,
        }
    }
}

/// Whether a datagram is DTLS, by its first byte (RFC 7983 section 7).
pub(super) fn is_dtls(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|byte| (20..=63).contains(byte))
}

impl Sessions {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes a datagram; a first one begins a session where there is an identity to show.
    pub(super) fn handle(
        &mut self,
        tuple: FiveTuple,
        datagram: &[u8],
        identity: Option<&Identity>,
        now: Instant,
    ) -> Vec<Event> {
        if !self.all.contains_key(&tuple) {
            if identity.is_some() && is_outdated(datagram) {
                return vec![Event::Send(PROTOCOL_VERSION.to_vec())];
            }
            if !self.begin(tuple, datagram, identity, now) {
                return Vec::new();
            }
        }
        let Some(session) = self.all.get_mut(&tuple) else { return Vec::new() };
        let taken = session.dtls.handle_timeout(now).and_then(|()| session.dtls.handle_packet(datagram));
        self.drain(tuple, taken.is_ok())
    }

    fn begin(&mut self, tuple: FiveTuple, datagram: &[u8], identity: Option<&Identity>, now: Instant) -> bool {
        let is_hello = hello_version(datagram).is_some();
        let Some(identity) = identity.filter(|_| is_hello && self.all.len() < SESSIONS) else { return false };
        let source = tuple.client.ip();
        if !self.strangers.admits(source) {
            self.refused += 1; // at once: a handshake is dear
            return false;
        }
        let is_its = |(_, other): &&(Instant, FiveTuple)| network(other.client.ip()) == network(source);
        let oldest = match self.openings.admits(source) {
            false => self.opening.iter().find(is_its),
            true => self.opening.first().filter(|_| self.opening.len() >= HANDSHAKES),
        };
        if let Some((_, oldest)) = oldest.copied() {
            self.forget(oldest);
        }
        let identity = &identity.dtls;
        let dtls = Dtls::new_auto(identity.config.clone(), identity.certificate.clone(), now);
        let deadline = now + HANDSHAKE;
        self.opening.insert((deadline, tuple));
        self.openings.enter(source);
        self.all
            .insert(tuple, Session { dtls, is_open: false, is_proven: false, is_known: false, deadline, wake: None });
        true
    }

    /// Encrypts a message for a client; empty where there is no session that could carry it.
    pub(super) fn send(&mut self, tuple: FiveTuple, message: &[u8]) -> Vec<Event> {
        let Some(session) = self.all.get_mut(&tuple).filter(|session| session.is_open) else { return Vec::new() };
        let taken = session.dtls.send_application_data(message);
        self.drain(tuple, taken.is_ok())
    }

    /// Fetches what a state machine has to say. One that failed says its alert, and is forgotten.
    fn drain(&mut self, tuple: FiveTuple, is_sound: bool) -> Vec<Event> {
        let mut events = Vec::new();
        let (mut is_over, mut is_connected, mut sent) = (!is_sound, false, 0);
        self.buffer.resize(RECORD, 0);
        let Some(session) = self.all.get_mut(&tuple) else { return events };
        loop {
            match session.dtls.poll_output(&mut self.buffer) {
                Output::Packet(packet) => {
                    sent += packet.len();
                    events.push(Event::Send(packet.to_vec()));
                }
                Output::ApplicationData(data) => events.push(Event::Message(data.to_vec())),
                Output::Connected => is_connected = true,
                Output::CloseNotify => is_over = true,
                Output::BufferTooSmall { needed } => self.buffer.resize(needed, 0),
                Output::Timeout(at) => {
                    session.wake = Some(at);
                    break;
                }
                Output::PeerCert(_) | Output::KeyingMaterial(..) | _ => {} // not asked for
            }
        }
        if (is_connected || sent > PROOF) && !self.prove(tuple) {
            self.forget(tuple);
            return Vec::new();
        }
        if let Some(session) = self.all.get_mut(&tuple).filter(|_| is_connected) {
            session.is_open = true;
            session.deadline += PATIENCE;
        }
        if is_over {
            self.forget(tuple);
        }
        events
    }

    /// A client has sent back its cookie: it counts among its source's own from now on. False where that has enough of
    /// them.
    fn prove(&mut self, tuple: FiveTuple) -> bool {
        let Some(session) = self.all.get_mut(&tuple).filter(|session| !session.is_proven) else { return true };
        let source = tuple.client.ip();
        if !self.strangers.admits(source) {
            self.refused += 1;
            return false;
        }
        session.is_proven = true;
        self.opening.remove(&(session.deadline, tuple));
        self.openings.leave(source);
        self.strangers.enter(source);
        true
    }

    fn forget(&mut self, tuple: FiveTuple) -> Option<Session> {
        let session = self.all.remove(&tuple)?;
        if self.opening.remove(&(session.deadline, tuple)) {
            self.openings.leave(tuple.client.ip());
        }
        if session.is_proven && !session.is_known {
            self.strangers.leave(tuple.client.ip());
        }
        Some(session)
    }

    /// Says whether an allocation is behind a session; where none does any more, its patience begins now.
    pub(super) fn acknowledge(&mut self, tuple: &FiveTuple, is_known: bool, now: Instant) {
        let open = |session: &&mut Session| session.is_open;
        let Some(session) = self.all.get_mut(tuple).filter(open) else { return };
        if session.is_known || is_known {
            session.deadline = now + PATIENCE;
        }
        match (session.is_known, is_known) {
            (false, true) => self.strangers.leave(tuple.client.ip()),
            (true, false) => self.strangers.enter(tuple.client.ip()),
            (false, false) | (true, true) => {}
        }
        session.is_known = is_known;
    }

    /// How many sessions were refused since the last time.
    pub(super) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Gives a session away, to another worker.
    pub(super) fn release(&mut self, tuple: FiveTuple) -> Option<Session> {
        self.forget(tuple)
    }

    /// Takes one over, where there is room, and says so: a stranger who is handed from worker to worker is bounded with
    /// each of them.
    pub(super) fn adopt(&mut self, tuple: FiveTuple, session: Session) -> bool {
        let source = tuple.client.ip();
        if self.all.len() >= SESSIONS || !self.strangers.admits(source) {
            self.refused += 1;
            return false;
        }
        self.strangers.enter(source);
        self.all.insert(tuple, Session { is_known: false, ..session });
        true
    }

    /// Wakes who wants it, and forgets who is late: the clients that are gone. `holds` says behind whom an allocation
    /// stands: with its end, patience begins.
    pub(super) fn sweep(
        &mut self,
        now: Instant,
        holds: impl Fn(&FiveTuple) -> bool,
    ) -> (Vec<(FiveTuple, Event)>, Vec<FiveTuple>) {
        let known: Vec<(FiveTuple, bool)> = self.all.keys().map(|tuple| (*tuple, holds(tuple))).collect();
        for (tuple, is_known) in known {
            self.acknowledge(&tuple, is_known, now);
        }
        let mut late: Vec<FiveTuple> = self.all.iter().filter(|(_, s)| s.deadline <= now).map(|(t, _)| *t).collect();
        late.sort_unstable();
        for tuple in &late {
            self.forget(*tuple);
        }
        let due = |session: &Session| session.wake.is_some_and(|at| at <= now);
        let mut woken: Vec<FiveTuple> = self.all.iter().filter(|(_, s)| due(s)).map(|(t, _)| *t).collect();
        woken.sort_unstable();
        let mut events = Vec::new();
        for tuple in woken {
            let Some(session) = self.all.get_mut(&tuple) else { continue };
            session.wake = None;
            let is_sound = session.dtls.handle_timeout(now).is_ok();
            events.extend(self.drain(tuple, is_sound).into_iter().map(|event| (tuple, event)));
        }
        (events, late)
    }

    /// Whether there is a session, or one in the making.
    pub(super) fn has(&self, tuple: &FiveTuple) -> bool {
        self.all.contains_key(tuple)
    }
}

#[cfg(test)]
mod tests;
