//! Bytes between a client's connection and a peer's, both ways. Who does not take them holds the other up: a bounded
//! queue each way, and the kernel's windows behind it.

use super::{Source, Worker};
use crate::shell::clients::Client;
use crate::shell::stream::{Gone, Stream};
use crate::shell::worker::peers::Peer;

/// Bytes that wait for one end. Full: the other end is not read, and its sender waits.
const QUEUE: usize = 64 << 10;
/// Rounds of one pair before everybody else has their turn.
const ROUNDS: usize = 4;

impl Worker {
    /// Carries what is there.
    ///
    /// # Errors
    /// [`Gone`]: one end is over, and all that it sent has been carried; the pair is to be closed.
    pub(super) fn pump(&mut self, client: usize, peer: usize) -> Result<(), Gone> {
        let client_key = client;
        let (Some(client), Some(peer)) = (self.clients.all.get_mut(client), self.peers.all.get_mut(peer)) else {
            return Err(Gone);
        };
        let (Client { stream: client, .. }, Peer { stream: peer, .. }) = (client, peer);
        let (mut to_peer, mut from_peer) = (0, 0);
        let mut rounds = 0;
        while rounds < ROUNDS {
            rounds += 1;
            let (up, down) = (carry(client, peer)?, carry(peer, client)?);
            (to_peer, from_peer) = (to_peer + up, from_peer + down);
            if up + down == 0 {
                break;
            }
        }
        if rounds == ROUNDS {
            self.path.again.push(Source::Client(client_key)); // others first
        }
        let is_over = |from: &Stream, to: &Stream| from.has_ended && from.inbox.is_empty() && to.queued() == 0;
        let is_over = is_over(client, peer) || is_over(peer, client);
        self.core.handle_carried(to_peer, from_peer);
        if is_over { Err(Gone) } else { Ok(()) }
    }
}

/// Moves what there is and what there is room for; gives the number of bytes.
fn carry(from: &mut Stream, to: &mut Stream) -> Result<usize, Gone> {
    to.flush()?;
    if to.queued() >= QUEUE {
        return Ok(0);
    }
    if !from.has_ended {
        from.read()?;
    }
    let moved = from.inbox.len();
    to.push(&from.inbox);
    from.inbox.clear();
    to.flush()?;
    Ok(moved)
}
