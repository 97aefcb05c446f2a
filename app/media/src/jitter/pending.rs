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
    /// Of each sample, where it comes from: a packet's end and a guess may lie within one block.
    kinds: Box<[PlayoutKind]>,
    from: usize,
    to: usize,
    pub(super) played: Played,
}

/// Samples that were taken, without pauses of the sender.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Played {
    pub(super) samples: u64,
    pub(super) concealed: u64,
    /// Runs of concealed ones.
    pub(super) concealments: u64,
    is_concealed: bool,
}

impl Played {
    fn count(&mut self, kind: PlayoutKind) {
        let is_concealed = kind == PlayoutKind::Concealed;
        self.samples += u64::from(kind != PlayoutKind::Silence);
        self.concealed += u64::from(is_concealed);
        self.concealments += u64::from(is_concealed && !self.is_concealed);
        self.is_concealed = is_concealed;
    }
}

impl Pending {
    pub(super) fn new() -> Self {
        Self {
            samples: vec![0.0; CAPACITY].into_boxed_slice(),
            kinds: vec![PlayoutKind::Silence; CAPACITY].into_boxed_slice(),
            from: 0,
            to: 0,
            played: Played::default(),
        }
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
        self.kinds.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        self.samples.get_mut(self.to..).unwrap_or_default()
    }

    /// So many samples were written into the room.
    pub(super) fn add(&mut self, count: usize, kind: PlayoutKind) {
        let end = (self.to + count).min(CAPACITY);
        self.kinds.get_mut(self.to..end).unwrap_or_default().fill(kind);
        self.to = end;
    }

    /// Takes a block, once there is one. Its kind is the worst of its own samples, and of no others.
    pub(super) fn take(&mut self) -> Option<Playout> {
        let block = self.samples.get(self.from..self.to)?.first_chunk::<{ AudioBlock::LEN }>()?;
        let kinds = self.kinds.get(self.from..self.from + AudioBlock::LEN)?;
        let kind = kinds.iter().copied().max()?;
        kinds.iter().for_each(|kind| self.played.count(*kind));
        self.from += AudioBlock::LEN;
        Some(Playout { samples: *block, kind })
    }
}
