//! A place of ours in the crate's chain of interceptors.
//!
//! The crate's interface is a queue in either direction, and most of what we put there lets pass what it does not care
//! about. Here is that part, once; a [`Stage`] says what it does differently. Owner of: what passes in one turn, which
//! the crate takes out in the same; its order and bounds are the chain's.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{Interceptor, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// Packets that go on to the next place.
pub(super) type Onward = VecDeque<TaggedPacket>;

/// What one of ours does to what passes. Packets come decrypted and leave before they are encrypted.
pub(super) trait Stage: Send + Sync {
    /// A packet comes from the wire.
    fn inbound(&mut self, packet: TaggedPacket, onward: &mut Onward) {
        onward.push_back(packet);
    }

    /// A packet goes to the wire.
    fn outbound(&mut self, packet: TaggedPacket, onward: &mut Onward) {
        onward.push_back(packet);
    }

    /// The next packet of its own for the wire, asked for when nothing else is left to leave.
    fn poll_own(&mut self) -> Option<TaggedPacket> {
        None
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// A stream of ours, with its retransmissions, is agreed on.
    fn bind_local(&mut self, _info: &StreamInfo) {}

    fn unbind_local(&mut self, _info: &StreamInfo) {}

    /// They stopped sending a stream.
    fn unbind_remote(&mut self, _info: &StreamInfo) {}
}

/// A stage as the crate wants it.
pub(super) struct InChain<S> {
    stage: S,
    inbound: Onward,
    outbound: Onward,
}

impl<S: Stage> InChain<S> {
    pub(super) fn new(stage: S) -> Self {
        Self { stage, inbound: Onward::new(), outbound: Onward::new() }
    }
}

impl<S: Stage> Protocol<TaggedPacket, TaggedPacket, ()> for InChain<S> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.stage.inbound(packet, &mut self.inbound);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.stage.outbound(packet, &mut self.outbound);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front().or_else(|| self.stage.poll_own())
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.stage.handle_timeout(now);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.stage.poll_timeout()
    }
}

impl<S: Stage> Interceptor for InChain<S> {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.stage.bind_local(info);
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.stage.unbind_local(info);
    }

    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.stage.unbind_remote(info);
    }
}
