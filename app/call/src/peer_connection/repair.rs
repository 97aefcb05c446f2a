//! Carries packets of repair beside the streams that the crate knows.
//!
//! They have a payload type that no description names and a stream of their own, which the crate would drop. So they
//! leave and are taken off here, at the near end of the chain: numbered, encrypted and reported like all others. Owner
//! of: their numbers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use rtc::interceptor::{AttributedPacket, Packet, TaggedPacket};
use rtc::rtp;
use rtc::shared::TransportContext;

use super::in_chain::{Onward, Stage};

/// The place in the chain: nearer to us than what reports what came, or all repair would count as lost, and than the
/// log, which numbers what leaves here.
pub(super) const SLOT: usize = 13_500;
/// The payload type. Both ends are ours, whose descriptions never give it to a codec.
pub(super) const PAYLOAD_TYPE: u8 = 118;
/// Packets on their way in either direction: they are taken after each input. Full: they are lost, as on the path.
const PACKETS: usize = 256;

/// A packet that is to leave, with the time stamp of the frame that it repairs.
struct Outgoing {
    payload: Bytes,
    time: u32,
    now: Instant,
}

/// Our end, outside of the crate's chain.
pub(super) struct RepairPort {
    outgoing: SyncSender<Outgoing>,
    incoming: Receiver<Bytes>,
    is_open: Arc<AtomicBool>,
}

/// The other end, in the chain.
pub(super) struct RepairTap {
    /// Never locked: the crate wants what it holds to be `Sync`.
    outgoing: Mutex<Receiver<Outgoing>>,
    incoming: SyncSender<Bytes>,
    /// Whether what comes by the payload type is repair: others may have given it to a codec.
    is_open: Arc<AtomicBool>,
    ssrc: u32,
    sequence: u16,
}

/// Both ends; `ssrc` is of what we send.
pub(super) fn pair(ssrc: u32) -> (RepairPort, RepairTap) {
    let (outgoing, to_send) = sync_channel(PACKETS);
    let (came, incoming) = sync_channel(PACKETS);
    let is_open = Arc::new(AtomicBool::new(false));
    let tap = RepairTap { outgoing: Mutex::new(to_send), incoming: came, is_open: is_open.clone(), ssrc, sequence: 0 };
    (RepairPort { outgoing, incoming, is_open }, tap)
}

impl RepairPort {
    /// Lets a packet out, when the crate is asked for what to send.
    pub(super) fn send(&self, payload: Bytes, time: u32, now: Instant) {
        // Full: lost, as on the path.
        drop(self.outgoing.try_send(Outgoing { payload, time, now }));
    }

    /// Whether what comes by the payload type is taken off.
    pub(super) fn set_open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::Relaxed);
    }

    /// Whether the other side takes packets of repair.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// The next one that came.
    pub(super) fn poll(&self) -> Option<Bytes> {
        self.incoming.try_recv().ok()
    }
}

impl RepairTap {
    fn packet(&mut self, payload: Bytes, time: u32) -> rtp::Packet {
        let sequence_number = self.sequence;
        self.sequence = sequence_number.wrapping_add(1);
        let header = rtp::header::Header {
            version: 2,
            payload_type: PAYLOAD_TYPE,
            sequence_number,
            timestamp: time,
            ssrc: self.ssrc,
            ..rtp::header::Header::default()
        };
        rtp::Packet { header, payload }
    }
}

impl Stage for RepairTap {
    fn inbound(&mut self, packet: TaggedPacket, onward: &mut Onward) {
        let repair = match &packet.message.packet {
            Packet::Rtp(rtp) if rtp.header.payload_type == PAYLOAD_TYPE => Some(rtp.payload.clone()),
            Packet::Rtp(_) | Packet::Rtcp(_) | _ => None,
        };
        match repair.filter(|_| self.is_open.load(Ordering::Relaxed)) {
            // Full: lost, as on the path.
            Some(payload) => drop(self.incoming.try_send(payload)),
            None => onward.push_back(packet),
        }
    }

    fn poll_own(&mut self) -> Option<TaggedPacket> {
        let outgoing = self.outgoing.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Outgoing { payload, time, now } = outgoing.try_recv().ok()?;
        let message = AttributedPacket::new(Packet::Rtp(self.packet(payload, time)));
        Some(TaggedPacket { now, transport: TransportContext::default(), message })
    }
}
