//! Lets inbound RTCP through to us.
//!
//! `rtc` ends inbound RTCP inside its chain of interceptors unless one of them marks it, and routes a compound packet
//! by its first packet alone: a picture loss indication behind an empty receiver report would be lost. This one stands
//! nearest to the application, takes compounds apart and marks every packet. What
//! comes so far could be decrypted: the streams that it belongs to are told from here.

use rtc::interceptor::{Attribute, AttributedPacket, Packet, TaggedPacket};

use super::in_chain::{Onward, Stage};
use super::undeclared::{StreamTeller, UndeclaredStream};

/// The place in the chain: beyond every interceptor of the crate.
pub(super) const SLOT: usize = 14_000;

/// Packets that one compound may hold: a datagram of 1500 bytes has room for 180, honest ones hold 3. More are dropped.
const COMPOUND: usize = 32;

/// The tap.
pub(super) struct RtcpTap {
    teller: StreamTeller,
}

impl RtcpTap {
    pub(super) fn new(teller: StreamTeller) -> Self {
        Self { teller }
    }
}

impl Stage for RtcpTap {
    fn inbound(&mut self, packet: TaggedPacket, onward: &mut Onward) {
        let TaggedPacket { now, transport, message } = packet;
        match message.packet {
            Packet::Rtcp(packets) => {
                onward.extend(packets.into_iter().take(COMPOUND).map(|packet| TaggedPacket {
                    now,
                    transport,
                    message: AttributedPacket::new(Packet::Rtcp(vec![packet])).with(Attribute::DeliverToApplication),
                }));
            }
            Packet::Rtp(ref packet) => {
                let header = &packet.header;
                self.teller.tell(UndeclaredStream { ssrc: header.ssrc, payload_type: header.payload_type });
                onward.push_back(TaggedPacket { now, transport, message });
            }
            _ => onward.push_back(TaggedPacket { now, transport, message }),
        }
    }
}
