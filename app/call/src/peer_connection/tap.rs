//! Lets inbound RTCP through to us.
//!
//! `rtc` ends inbound RTCP inside its chain of interceptors unless one of them marks it, and routes a compound packet
//! by its first packet alone: a picture loss indication behind an empty receiver report would be lost. This one stands
//! nearest to the application, takes compounds apart and marks every packet. Its order and bounds are the chain's. What
//! comes so far could be decrypted: the streams that it belongs to are told from here.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{Attribute, AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use super::undeclared::{StreamTeller, UndeclaredStream};

/// The place in the chain: beyond every interceptor of the crate.
pub(super) const SLOT: usize = 14_000;

/// Packets that one compound may hold: a datagram of 1500 bytes has room for 180, honest ones hold 3. More are dropped.
const COMPOUND: usize = 32;

/// The tap; it holds nothing but what passes through in the same turn.
pub(super) struct RtcpTap {
    teller: StreamTeller,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl RtcpTap {
    pub(super) fn new(teller: StreamTeller) -> Self {
        Self { teller, inbound: VecDeque::new(), outbound: VecDeque::new() }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for RtcpTap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        let TaggedPacket { now, transport, message } = msg;
        match message.packet {
            Packet::Rtcp(packets) => {
                self.inbound.extend(packets.into_iter().take(COMPOUND).map(|packet| TaggedPacket {
                    now,
                    transport,
                    message: AttributedPacket::new(Packet::Rtcp(vec![packet])).with(Attribute::DeliverToApplication),
                }));
            }
            Packet::Rtp(ref packet) => {
                let header = &packet.header;
                self.teller.tell(UndeclaredStream { ssrc: header.ssrc, payload_type: header.payload_type });
                self.inbound.push_back(TaggedPacket { now, transport, message });
            }
            _ => self.inbound.push_back(TaggedPacket { now, transport, message }),
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.outbound.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }

    fn handle_timeout(&mut self, _now: Instant) -> Result<(), Error> {
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }
}

impl Interceptor for RtcpTap {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
