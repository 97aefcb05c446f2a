//! What came of a world, printed at its end: for comparing one seed before and after a change.

use crate::world::World;

impl Drop for World {
    fn drop(&mut self) {
        let got = || self.clients.iter().flat_map(|client| client.sink.got.values());
        let (frames, sounds) = got().fold((0, 0), |(f, s), got| (f + got.frames.len() as u64, s + got.sounds));
        let peers = self.clients.iter().flat_map(|client| client.call.snapshot().peers);
        let (handshakes, restarts) =
            peers.fold((0, 0), |(h, r), peer| (h + peer.connection.handshakes, r + peer.connection.restarts));
        println!(
            "world {}: {:?}, {} events, {frames} frames, {sounds} sounds, {handshakes} handshakes, {restarts} restarts",
            self.seed,
            self.elapsed(),
            self.steps
        );
    }
}
