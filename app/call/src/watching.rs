//! What of somebody's pictures is looked at: the sizes that tiles have, and whether there are any.
//!
//! Everybody says so to everybody, and gets no more than that: a small tile needs no large layer, one that is hidden
//! needs none, and who wants sound alone gets sound alone. Values; pure functions.

use hearth_base::{Layer, Switch, TrackSource};

use crate::channel::ChannelMessage;

/// How much larger a layer may be shown than it is, before the next larger one is sent: a quarter is hardly seen.
const STRETCHED: f64 = 1.25;
/// The lines of a layer, its smaller side; the largest is what the camera gives.
const LINES: [(Layer, u16); 2] = [(Layer(0), 180), (Layer(1), 360)];
const LARGEST: Layer = Layer(2);

/// What of one participant's pictures is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watching {
    /// So many lines of their cameras, the smaller side of the picture on the screen in its pixels; 0 where none is
    /// shown.
    pub camera: u16,
    /// Whether their screens are looked at.
    pub screen: Switch,
}

impl Default for Watching {
    /// Everything, as who says nothing of it.
    fn default() -> Self {
        Self { camera: u16::MAX, screen: Switch::On }
    }
}

impl Watching {
    /// Nothing: sound alone.
    pub const NOTHING: Self = Self { camera: 0, screen: Switch::Off };

    /// The largest layer of a track that is of use; nothing, where none of it is looked at.
    pub(crate) fn most(self, source: TrackSource) -> Option<Layer> {
        if source == TrackSource::Screen {
            return (self.screen == Switch::On).then_some(LARGEST);
        }
        let is_enough = |lines: u16| f64::from(lines) * STRETCHED >= f64::from(self.camera);
        let smallest = LINES.into_iter().find(|(_, lines)| is_enough(*lines));
        (self.camera > 0).then(|| smallest.map_or(LARGEST, |(layer, _)| layer))
    }

    pub(crate) fn to_message(self) -> ChannelMessage {
        ChannelMessage::Watching { camera: self.camera, screen: self.screen == Switch::On }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_gets_the_smallest_layer_that_fills_it() {
        let camera = |lines| Watching { camera: lines, ..Watching::default() }.most(TrackSource::Camera);
        for (lines, expected) in
            [(0, None), (1, Some(0)), (225, Some(0)), (226, Some(1)), (450, Some(1)), (451, Some(2))]
        {
            assert_eq!(camera(lines), expected.map(Layer), "{lines} lines");
        }
        assert_eq!(camera(u16::MAX), Some(LARGEST));
        let nothing = Watching::NOTHING;
        assert_eq!((nothing.most(TrackSource::Camera), nothing.most(TrackSource::Screen)), (None, None));
        assert_eq!(Watching { camera: 0, ..Watching::default() }.most(TrackSource::Screen), Some(LARGEST));
    }
}
