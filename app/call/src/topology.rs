//! Who sends what to whom. Nothing else assumes that everybody is connected to everybody.

use hearth_base::TrackId;
use hearth_protocol::PeerId;

/// Decides between whom there are connections and which tracks go over them.
pub(crate) trait Topology: Send {
    /// Whether there should be a connection to `peer`.
    fn connects(&self, peer: PeerId) -> bool;
    /// Whether `track` of ours goes to `peer`.
    fn sends(&self, track: TrackId, peer: PeerId) -> bool;
}

/// Everybody to everybody: no server sees the media, and CPU for encoding does not grow with the room.
#[derive(Debug, Default)]
pub(crate) struct Mesh;

impl Topology for Mesh {
    fn connects(&self, _peer: PeerId) -> bool {
        true
    }

    fn sends(&self, _track: TrackId, _peer: PeerId) -> bool {
        true
    }
}
