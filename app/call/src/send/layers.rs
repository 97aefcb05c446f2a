//! Which layer of a track each peer gets.

use hearth_base::{Bitrate, Layer, TrackId};

/// Chooses layers.
pub(crate) trait LayerPolicy: Send {
    /// The layer of `track` for a peer whose link bears `available`.
    fn layer_for(&self, track: TrackId, available: Bitrate) -> Layer;
}

/// There is one layer, and everybody gets it; the encoder follows the slowest link.
#[derive(Debug, Default)]
pub(crate) struct OneLayer;

impl LayerPolicy for OneLayer {
    fn layer_for(&self, _track: TrackId, _available: Bitrate) -> Layer {
        Layer::default()
    }
}
