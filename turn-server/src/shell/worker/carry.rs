//! Bytes between a client's connection and a peer's, both ways. Who does not take them holds the other up: a bounded
//! queue each way, and the kernel's windows behind it. So does an allocation's rate, until its next share is there.

use super::{PollSource, Worker};
use crate::DataRate;
use crate::shell::clients::Client;
use crate::shell::stream::{BufferedStream, Gone, Progress};
use crate::shell::worker::peers::Peer;

/// Bytes that wait for one end. Full: the other end is not read, and its sender waits.
const QUEUE: usize = 64 << 10;
/// Rounds of one pair before everybody else has their turn.
const ROUNDS: usize = 4;

/// What one way of one round came to.
struct Carried {
    bytes: usize,
    /// Whether another round may find more.
    progress: Progress,
}

impl Worker {
    /// Carries what is there, unless the pair waits for its share of a rate.
    ///
    /// # Errors
    /// [`Gone`]: one end is over, and all that it sent has been carried; the pair should be closed.
    pub(super) fn pump(&mut self, client: usize, peer: usize) -> Result<(), Gone> {
        let client_key = client;
        let peer_key = peer;
        if self.peers.is_held(peer_key, self.now) {
            return Ok(());
        }
        let (Some(client), Some(peer)) = (self.clients.all.get_mut(client), self.peers.all.get_mut(peer)) else {
            return Err(Gone);
        };
        let (Client { stream: client, .. }, Peer { id, stream: peer, .. }) = (client, peer);
        let (id, mut left) = (*id, self.core.allowance(*id, self.now));
        let (mut to_peer, mut from_peer) = (0, 0);
        let mut rounds = 0;
        while rounds < ROUNDS {
            rounds += 1;
            let (up, down) = (carry(client, peer, left.to_peer)?, carry(peer, client, left.from_peer)?);
            (to_peer, from_peer) = (to_peer + up.bytes, from_peer + down.bytes);
            left = DataRate { to_peer: left.to_peer - up.bytes, from_peer: left.from_peer - down.bytes };
            if (up.progress, down.progress) == (Progress::Drained, Progress::Drained) {
                break;
            }
        }
        let is_over =
            |from: &BufferedStream, to: &BufferedStream| from.has_ended && from.inbox.is_empty() && to.queued() == 0;
        let is_over = is_over(client, peer) || is_over(peer, client);
        let on_at = self.core.handle_carried(id, to_peer, from_peer, self.now);
        match on_at {
            Some(on_at) => self.peers.hold(peer_key, on_at, to_peer + from_peer > 0),
            None if rounds == ROUNDS => self.path.again.push(PollSource::Client(client_key)), // others first
            None => {}
        }
        if is_over { Err(Gone) } else { Ok(()) }
    }

    /// Goes on with the pairs that waited for their share.
    pub(super) fn resume(&mut self) {
        for key in self.peers.due(self.now) {
            self.take_peer(key);
        }
    }
}

/// Moves what there is and what there is room for, at most `most` bytes.
fn carry(from: &mut BufferedStream, to: &mut BufferedStream, most: usize) -> Result<Carried, Gone> {
    to.flush()?;
    if to.queued() >= QUEUE || most == 0 {
        return Ok(Carried { bytes: 0, progress: Progress::Drained });
    }
    let mut progress = Progress::Drained;
    if from.inbox.is_empty() && !from.has_ended {
        progress = from.read()?;
    }
    let bytes = from.inbox.len().min(most);
    to.push(from.inbox.get(..bytes).unwrap_or_default());
    from.inbox.drain(..bytes);
    to.flush()?;
    Ok(Carried { bytes, progress: if bytes > 0 { Progress::More } else { progress } })
}
