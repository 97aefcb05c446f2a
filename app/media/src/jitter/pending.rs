//! Sound that is decoded and not played yet: a packet may hold more than ten milliseconds.
//!
//! Owner of: those samples. Allocates once.

use hearth_base::AudioBlock;

use super::{Playout, PlayoutKind};
use crate::codec::MAX_PACKET_SAMPLES;

/// One packet may be added while there is less than a block.
const CAPACITY: usize = MAX_PACKET_SAMPLES + AudioBlock::LEN;

#[derive(Debug)]
pub(super) struct Pending {
    samples: Box<[f32]>,
    from: usize,
    to: usize,
    /// The worst of what is in there.
    kind: PlayoutKind,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self { samples: vec![0.0; CAPACITY].into_boxed_slice(), from: 0, to: 0, kind: PlayoutKind::Silence }
    }

    pub(super) fn len(&self) -> usize {
        self.to - self.from
    }

    pub(super) fn clear(&mut self) {
        self.from = self.to;
    }

    /// Where the next samples go: room for a packet, as long as less than a block is there.
    pub(super) fn room(&mut self) -> &mut [f32] {
        self.samples.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        self.samples.get_mut(self.to..).unwrap_or_default()
    }

    /// So many samples were written into the room.
    pub(super) fn add(&mut self, count: usize, kind: PlayoutKind) {
        self.kind = if self.len() == 0 { kind } else { self.kind.max(kind) };
        self.to = (self.to + count).min(CAPACITY);
    }

    /// Takes a block, once there is one.
    pub(super) fn take(&mut self) -> Option<Playout> {
        let block = self.samples.get(self.from..self.to)?.first_chunk::<{ AudioBlock::LEN }>()?;
        self.from += AudioBlock::LEN;
        Some(Playout { samples: *block, kind: self.kind })
    }
}
