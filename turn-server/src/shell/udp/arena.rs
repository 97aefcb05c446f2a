//! The memory that datagrams are read into, and go out from.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use super::{HEADROOM, SLOT, SLOTS, Socket, system};

/// A datagram in the arena.
#[derive(Clone, Debug)]
pub(in crate::shell) struct Arrival {
    pub(in crate::shell) from: SocketAddr,
    /// Where its bytes stand.
    pub(in crate::shell) bytes: Range<usize>,
}

/// The memory that datagrams are read into.
pub(in crate::shell) struct Arena {
    bytes: Vec<u8>,
    used: usize,
    system: system::Receiver,
}

/// What one read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shell) enum Found {
    /// Everything that was there.
    All,
    /// As much as was asked for: there may be more.
    Some,
}

impl Arena {
    pub(in crate::shell) fn new() -> Self {
        // Pages that no datagram ever reached cost nothing.
        Self { bytes: vec![0; SLOT * SLOTS], used: 0, system: system::Receiver::new() }
    }

    pub(in crate::shell) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(in crate::shell) fn get(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    pub(in crate::shell) fn get_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.bytes.get_mut(range).unwrap_or_default()
    }

    /// Slots that are free until the next [`Arena::clear`].
    pub(in crate::shell) fn free(&self) -> usize {
        SLOTS - self.used
    }

    /// Frees all slots. Whatever was to be sent from them must have been.
    pub(in crate::shell) fn clear(&mut self) {
        self.used = 0;
    }

    /// Reads into at most `most` free slots; each gives one datagram or, where the kernel put them together, several.
    pub(in crate::shell) fn read(
        &mut self,
        socket: &Socket,
        most: usize,
        into: &mut Vec<Arrival>,
    ) -> io::Result<Found> {
        let most = most.min(self.free());
        let first = self.used;
        let already = into.len();
        let slots = self.bytes.get_mut(first * SLOT..(first + most) * SLOT).unwrap_or_default();
        let mut is_spread = true;
        let count = self.system.read(socket, slots, |slot, (length, segment), from| {
            let start = (first + slot) * SLOT + HEADROOM;
            let end = start + length;
            if length <= segment {
                into.push(Arrival { from, bytes: start..end });
                return;
            }
            is_spread = false;
            let pieces = (start..end).step_by(segment);
            into.extend(pieces.map(|at| Arrival { from, bytes: at..end.min(at + segment) }));
        })?;
        self.used += count;
        if !is_spread && socket.is_relay {
            self.spread(into.get_mut(already..).unwrap_or_default());
        }
        Ok(if count < most { Found::All } else { Found::Some })
    }

    /// Moves datagrams that stand one behind another apart, so that each has room in front.
    fn spread(&mut self, arrivals: &mut [Arrival]) {
        let mut rest = arrivals;
        while let Some(first) = rest.first() {
            let slot = first.bytes.start / SLOT;
            let pieces = rest.iter().take_while(|arrival| arrival.bytes.start / SLOT == slot).count();
            let Some((own, others)) = rest.split_at_mut_checked(pieces) else { return };
            // From the last one on: none is written over before it was moved.
            for (index, arrival) in own.iter_mut().enumerate().rev() {
                let start = arrival.bytes.start + index * HEADROOM;
                let end = arrival.bytes.end + index * HEADROOM;
                if end <= (slot + 1) * SLOT {
                    self.bytes.copy_within(arrival.bytes.clone(), start);
                    arrival.bytes = start..end;
                }
            }
            rest = others;
        }
    }
}
