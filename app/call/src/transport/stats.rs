//! What is counted on a transport, put together: by the library, by our numbering, and by what is thought of the path.

use std::time::Instant;

use super::Transport;
use super::pair_counts::Look;
use crate::connection_stats::{ConnectionStats, OutboundStats};
use crate::peer_connection::{LinkStats, SentStream};
use crate::shared::Shared;

impl Transport {
    /// What was counted so far; `None` where there is no connection at the moment.
    pub(crate) fn stats(&mut self, shared: &Shared, now: Instant) -> Option<ConnectionStats> {
        let connection = self.connection.as_mut()?;
        let link = connection.link.stats(now);
        let inbound = self.inbound.stats(&link);
        let LinkStats { mut transport, pair, sent, .. } = link;
        let is_in_use = pair.is_some();
        pair.into_iter().for_each(|pair| connection.pair_counts.look(Look::Asked, pair));
        transport.selected_candidate_pair_changes += connection.pair_counts.switches;
        let mut pairs = connection.pair_counts.stats();
        if let Some(pair) = pairs.first_mut().filter(|_| is_in_use) {
            pair.is_selected = true;
            pair.available_outgoing_bitrate = Some(self.outbound.estimate().bps() as f64);
        }
        let outbound = sent.into_iter().map(|stream| self.outbound_stats(stream, shared)).collect();
        Some(ConnectionStats { transport, pairs, inbound, outbound, clock: self.remote_clock.read(now) })
    }

    fn outbound_stats(&self, stream: SentStream, shared: &Shared) -> OutboundStats {
        let SentStream { track, codec, packets, remote } = stream;
        let layer = self.outbound.sent_layers().find(|(of, _)| *of == track.id).map(|(_, layer)| layer);
        let counts = self.outbound.counts(track.id);
        OutboundStats {
            track: track.id,
            source: track.source,
            codec,
            layer,
            watched: self.outbound.watched_layer(track.source),
            ssrc: track.ssrc,
            active: shared.publications.is_enabled(track.id),
            packets,
            frames_sent: codec.video().map(|_| counts.frames),
            target_bitrate: layer.and_then(|layer| shared.publications.target(self.id, track.id, layer)),
            fec_packets_sent: counts.repairs,
            remote,
        }
    }
}
