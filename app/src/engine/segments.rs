//! Datagrams that leave in one call (UDP generic segmentation offload).
//!
//! A frame's packets leave in bursts, all of the same length but the last, to the same place: together they cost the
//! system little more than one. Owner of: the datagrams that wait for the end of their burst, which is that of the
//! input that made them.

use std::net::SocketAddr;

use hearth_call::SocketId;

/// Bytes of one call: what the length of an IP packet can say, less the headers.
const LONGEST: usize = 65_000;

/// A run of datagrams, cut again by the system or the network card.
#[derive(Debug, Default)]
pub(super) struct Segments {
    to: Option<(SocketId, SocketAddr)>,
    /// Length of each but the last.
    length: usize,
    count: usize,
    contents: Vec<u8>,
}

impl Segments {
    /// Whether a datagram goes with those that wait, of which one call takes `most`.
    pub(super) fn takes(&self, socket: SocketId, to: SocketAddr, payload: &[u8], most: usize) -> bool {
        let is_cut_evenly = self.contents.len() == self.length * self.count;
        self.to == Some((socket, to))
            && is_cut_evenly
            && payload.len() <= self.length
            && !payload.is_empty()
            && self.count < most
            && self.contents.len() + payload.len() <= LONGEST
    }

    /// Adds one that is taken, or the first.
    pub(super) fn push(&mut self, socket: SocketId, to: SocketAddr, payload: &[u8]) {
        if self.count == 0 {
            (self.to, self.length) = (Some((socket, to)), payload.len());
        }
        self.count += 1;
        self.contents.extend_from_slice(payload);
    }

    /// Where those that wait go; nothing, where none does.
    pub(super) fn destination(&self) -> Option<(SocketId, SocketAddr)> {
        self.to
    }

    /// The run, and the length to cut it by where it is more than one.
    pub(super) fn run(&self) -> (&[u8], Option<usize>) {
        (&self.contents, (self.count > 1).then_some(self.length))
    }

    /// Each of them.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.contents.chunks(self.length.max(1))
    }

    /// They have left.
    pub(super) fn clear(&mut self) {
        (self.to, self.count) = (None, 0);
        self.contents.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: SocketId = SocketId(1);

    fn run(lengths: &[usize], most: usize) -> Vec<(usize, Option<usize>)> {
        let to = SocketAddr::from(([127, 0, 0, 1], 9));
        let (mut segments, mut runs) = (Segments::default(), Vec::new());
        let leave = |segments: &mut Segments, runs: &mut Vec<_>| {
            let (contents, length) = segments.run();
            runs.push((contents.len(), length));
            segments.clear();
        };
        for length in lengths {
            let payload = vec![7; *length];
            if segments.destination().is_some() && !segments.takes(SOCKET, to, &payload, most) {
                leave(&mut segments, &mut runs);
            }
            segments.push(SOCKET, to, &payload);
        }
        leave(&mut segments, &mut runs);
        runs
    }

    #[test]
    fn a_frame_leaves_at_once_and_what_is_longer_begins_another_run() {
        assert_eq!(run(&[1200, 1200, 1200, 300], 64), [(3900, Some(1200))]);
        assert_eq!(run(&[1200, 300, 300], 64), [(1500, Some(1200)), (300, None)], "after a short one comes no other");
        assert_eq!(run(&[100, 1200], 64), [(100, None), (1200, None)]);
        assert_eq!(run(&[1200; 5], 2), [(2400, Some(1200)), (2400, Some(1200)), (1200, None)]);
        assert_eq!(run(&[1200; 5], 1), [(1200, None); 5], "where the system cuts none");
        assert_eq!(run(&[1200; 60], 64), [(64_800, Some(1200)), (7200, Some(1200))]);
    }

    #[test]
    fn what_goes_elsewhere_does_not_go_along() {
        let (here, there) = (SocketAddr::from(([127, 0, 0, 1], 9)), SocketAddr::from(([127, 0, 0, 1], 10)));
        let mut segments = Segments::default();
        assert!(!segments.takes(SOCKET, here, &[1; 10], 64));
        segments.push(SOCKET, here, &[1; 10]);
        assert!(segments.takes(SOCKET, here, &[1; 10], 64));
        assert!(!segments.takes(SOCKET, there, &[1; 10], 64) && !segments.takes(SocketId(2), here, &[1; 10], 64));
        assert_eq!(segments.each().count(), 1);
    }
}
