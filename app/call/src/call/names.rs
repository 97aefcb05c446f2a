//! Candidates that hide their address behind a name (draft-ietf-mmusic-mdns-ice-candidates): Chromium's, on a page that
//! was given no device.
//!
//! The name is asked for by multicast only, which is the shell's business; the candidate waits here for the answer.
//! Owner of: the candidates that wait. A name is looked up once for all who say it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use hearth_protocol::{Candidate, Pc, PeerId, SessionId, Signal, SignalBody};

use super::{Call, Output};
use crate::candidates::hidden_name;

/// Names asked for at once: a room of twelve browsers with two interfaces each. Full: the newest is refused.
const NAMES: usize = 32;
/// Candidates that wait for one name.
const WAITING: usize = 8;

/// What waits for a name.
#[derive(Debug, Default)]
pub(super) struct Names {
    waiting: BTreeMap<String, Vec<PendingName>>,
}

#[derive(Debug)]
struct PendingName {
    peer: PeerId,
    pc: Pc,
    sid: SessionId,
    candidate: Candidate,
}

impl Call {
    /// Holds back a signal that names a hidden address; gives any other back.
    pub(super) fn hold_hidden(&mut self, from: PeerId, signal: Signal) -> Option<Signal> {
        let SignalBody::Cand(candidate) = &signal.body else { return Some(signal) };
        let Some(name) = hidden_name(&candidate.candidate) else { return Some(signal) };
        let name = name.to_ascii_lowercase();
        let known = self.names.waiting.contains_key(&name);
        if !known && self.names.waiting.len() >= NAMES {
            self.room.refused_signals += 1;
            return None;
        }
        let waiting = self.names.waiting.entry(name.clone()).or_default();
        if waiting.len() < WAITING {
            waiting.push(PendingName { peer: from, pc: signal.pc, sid: signal.sid, candidate: candidate.clone() });
        }
        if !known {
            self.shared.outputs.push(Output::Resolve(name));
        }
        None
    }

    /// Somebody answered for a name, or nobody did.
    pub(super) fn on_resolved(&mut self, name: &str, address: Option<IpAddr>, now: Instant) {
        let waiting = self.names.waiting.remove(name).unwrap_or_default();
        let Some(address) = address else {
            tracing::info!(name, "nobody answers for a hidden address");
            return;
        };
        for PendingName { peer, pc, sid, mut candidate } in waiting {
            candidate.candidate = candidate
                .candidate
                .split(' ')
                .map(|field| if field.eq_ignore_ascii_case(name) { address.to_string() } else { field.to_owned() })
                .collect::<Vec<_>>()
                .join(" ");
            let body = SignalBody::Cand(candidate);
            self.on_signal(Signal { to: None, from: Some(peer), pc, sid, body }, now);
        }
    }
}
