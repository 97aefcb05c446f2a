//! Which layer of a track each link gets, and how its rate is shared between tracks.
//!
//! A layer is a height: 0 up to 180 lines, 1 up to 360, 2 as the camera is. Each is encoded once, however many links
//! get it, at the rate of the slowest of those (or of the others, where that one is thinned: see
//! [`crate::publications`]); a link that bears less than the layer looks good at gets the one below.
//! Without that, one weak link would spoil everybody's picture. Owner of: which layer of each track one link gets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::{Bitrate, FrameKind, Layer, Switch, TrackId, TrackSource, VideoCodec};

use crate::peer_connection::SentVideo;
use crate::publications::Encoding;

/// The smallest, the middle, and what the camera gives.
const LAYERS: [Layer; 3] = [Layer(0), Layer(1), Layer(2)];

/// Rates of a layer, of talking heads at 30 frames a second in H.264 and VP8 alike.
struct Rates {
    /// Below this the layer under it looks better.
    keep: Bitrate,
    /// From here on it looks better than the layer under it; higher than `keep`, so that nobody goes up and down.
    enter: Bitrate,
    /// Above this nothing looks better.
    most: Bitrate,
}

const RATES: [Rates; 3] = [
    Rates { keep: Bitrate::ZERO, enter: Bitrate::ZERO, most: Bitrate::from_kbps(300) },
    Rates { keep: Bitrate::from_kbps(140), enter: Bitrate::from_kbps(200), most: Bitrate::from_kbps(1000) },
    Rates { keep: Bitrate::from_kbps(480), enter: Bitrate::from_kbps(650), most: Bitrate::from_kbps(2500) },
];

/// A screen is never made smaller: letters would go first.
const WHOLE: Layer = Layer(2);
/// A screen comes before cameras, which keep this much each.
const LEAST_CAMERA: Bitrate = Bitrate::from_kbps(80);

/// Which layers one link gets.
#[derive(Debug, Default)]
pub(crate) struct SentLayers {
    tracks: BTreeMap<TrackId, SentLayer>,
    is_eager: bool,
}

/// A track that somebody looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) video: SentVideo,
    pub(crate) enabled: Switch,
    /// The largest layer that is of use.
    pub(crate) most: Layer,
}

#[derive(Clone, Copy, Debug, Default)]
struct SentLayer {
    /// What they get frames of; nothing before the first key frame.
    sent: Option<(Layer, VideoCodec)>,
    /// What they should get, in which codec.
    wanted: Layer,
    codec: Option<VideoCodec>,
    /// Since when the link bears a larger one.
    larger_since: Option<Instant>,
}

impl SentLayer {
    /// The layer to go to: a smaller one at once, a larger one when the link has borne it for a while.
    fn hold(&mut self, best: Layer, before: Option<Layer>, now: Instant) -> Layer {
        let Some(before) = before.filter(|before| *before < best) else {
            self.larger_since = None;
            return best;
        };
        let since = *self.larger_since.get_or_insert(now);
        if now.saturating_duration_since(since) < HOLD {
            return before;
        }
        self.larger_since = None;
        best
    }
}

impl SentLayers {
    /// All layers begin again, each with a key frame.
    pub(crate) fn begin_again(&mut self) {
        self.tracks.clear();
    }

    /// Somebody looks at something else: a larger layer is not waited for.
    pub(crate) fn allow_larger(&mut self) {
        self.is_eager = true;
    }

    /// What of a track goes out, or is about to.
    pub(crate) fn encodings(&self, video: SentVideo) -> impl Iterator<Item = Encoding> + use<> {
        let SentVideo { track, codec, .. } = video;
        let SentLayer { sent, wanted, .. } = self.tracks.get(&track).copied().unwrap_or_default();
        let before =
            sent.filter(|sent| *sent != (wanted, codec)).map(|(layer, codec)| Encoding { track, layer, codec });
        [Some(Encoding { track, layer: wanted, codec }), before].into_iter().flatten()
    }

    /// The rate of each layer that is wanted, and the encodings that are wanted from now on, where the link bears
    /// `rate` of video and `part` of it should be encoded for now.
    pub(crate) fn choose(
        &mut self,
        rate: Bitrate,
        part: f64,
        videos: &[Wanted],
        now: Instant,
    ) -> (Vec<(TrackId, Layer, Bitrate)>, Vec<Encoding>) {
        self.tracks.retain(|track, _| videos.iter().any(|wanted| wanted.video.track == *track));
        let is_eager = std::mem::take(&mut self.is_eager);
        let enabled = videos.iter().filter(|wanted| wanted.enabled == Switch::On);
        let sources: Vec<_> = enabled.map(|wanted| wanted.video.source).collect();
        let mut shares = share(rate, &sources).into_iter();
        let (mut rates, mut begun) = (Vec::new(), Vec::new());
        for Wanted { video: SentVideo { track, source, codec }, enabled, most: largest } in videos.iter().copied() {
            // One that is off takes nothing of the rate, and is about to come back as it was.
            let rate = if enabled == Switch::On { shares.next().unwrap_or_default() } else { rate };
            let known = self.tracks.get(&track);
            let (before, codec_before) = (known.map(|known| known.wanted), known.and_then(|known| known.codec));
            let best = choose(source, rate, before).min(largest);
            let choice = self.tracks.entry(track).or_default();
            let layer = if is_eager { best } else { choice.hold(best, before, now) };
            if (before, codec_before) != (Some(layer), Some(codec)) {
                begun.push(Encoding { track, layer, codec });
            }
            let choice = self.tracks.entry(track).or_default();
            (choice.wanted, choice.codec) = (layer, Some(codec));
            // Too much for the link: nothing more of it. Encoders make the larger layers of a picture first, so with
            // this hardly any picture is sent twice, in two sizes.
            choice.sent = choice.sent.filter(|(sent, of)| *sent <= layer && *of == codec);
            if enabled == Switch::On {
                rates.push((track, layer, rate.min(most(source, layer)).scaled(part)));
            }
        }
        (rates, begun)
    }

    /// What goes out of each track.
    pub(crate) fn sent(&self) -> impl Iterator<Item = (TrackId, Layer)> {
        self.tracks.iter().filter_map(|(track, layer)| Some((*track, layer.sent?.0)))
    }

    /// Whether a frame goes out. A layer begins with a key frame; until then the one before goes on.
    pub(crate) fn takes_frame(&mut self, encoding: Encoding, kind: FrameKind) -> bool {
        let Encoding { track, layer, codec } = encoding;
        let Some(SentLayer { sent, wanted, codec: wanted_codec, .. }) = self.tracks.get_mut(&track) else {
            return false;
        };
        if (*wanted, *wanted_codec) == (layer, Some(codec)) && kind == FrameKind::Key {
            *sent = Some((layer, codec));
        }
        *sent == Some((layer, codec))
    }
}

/// How long a link has to bear a larger layer: each switch costs a key frame.
const HOLD: Duration = Duration::from_millis(1500);

/// The layer of a track for a link that has `rate` for it, and gets `current` so far.
fn choose(source: TrackSource, rate: Bitrate, current: Option<Layer>) -> Layer {
    if source == TrackSource::Screen {
        return WHOLE;
    }
    let fits = |layer: &Layer| {
        let is_kept = current.is_some_and(|current| current >= *layer);
        RATES.get(usize::from(layer.0)).is_some_and(|rates| rate >= if is_kept { rates.keep } else { rates.enter })
    };
    LAYERS.into_iter().rev().find(fits).unwrap_or_default()
}

/// The most that a layer is given.
fn most(source: TrackSource, layer: Layer) -> Bitrate {
    let layer = if source == TrackSource::Screen { WHOLE } else { layer };
    RATES.get(usize::from(layer.0)).map_or(Bitrate::ZERO, |rates| rates.most)
}

/// What of a link's `rate` each of its tracks of video gets: screens first, but for what keeps cameras moving; within a
/// sort all the same.
fn share(rate: Bitrate, tracks: &[TrackSource]) -> Vec<Bitrate> {
    let of = |screen: bool| tracks.iter().filter(|source| (**source == TrackSource::Screen) == screen).count() as u64;
    let (screens, cameras) = (of(true), of(false));
    let reserved = (LEAST_CAMERA.bps() * cameras).min(rate.bps() / 2);
    let wanted = most(TrackSource::Screen, WHOLE).bps() * screens;
    let to_screens = if cameras == 0 { rate.bps() } else { (rate.bps() - reserved).min(wanted) };
    let to_cameras = if screens == 0 { rate.bps() } else { rate.bps() - to_screens };
    let part = |whole: u64, count: u64| Bitrate::from_bps(whole.checked_div(count).unwrap_or(whole));
    let one = |source: &TrackSource| {
        if *source == TrackSource::Screen { part(to_screens, screens) } else { part(to_cameras, cameras) }
    };
    tracks.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: TrackSource = TrackSource::Camera;

    fn kbps(kbps: u64) -> Bitrate {
        Bitrate::from_kbps(kbps)
    }

    #[test]
    fn a_link_gets_what_looks_best_at_its_rate_and_is_not_switched_to_and_fro() {
        for (rate, current, expected) in [
            (50, None, 0),
            (190, None, 0),
            (250, None, 1),
            (600, None, 1),
            (700, None, 2),
            (600, Some(2), 2),
            (470, Some(2), 1),
            (600, Some(1), 1),
            (150, Some(1), 1),
            (150, Some(2), 1),
            (130, Some(1), 0),
            (4000, Some(0), 2),
        ] {
            assert_eq!(choose(CAMERA, kbps(rate), current.map(Layer)), Layer(expected), "{rate}, {current:?}");
        }
        assert_eq!(choose(TrackSource::Screen, kbps(50), None), WHOLE, "letters stay letters");
    }

    #[test]
    fn a_screen_comes_before_a_camera_and_leaves_it_something() {
        let screen = TrackSource::Screen;
        for (rate, tracks, expected) in [
            (1000, vec![CAMERA], vec![1000]),
            (1000, vec![screen], vec![1000]),
            (1000, vec![CAMERA, screen], vec![80, 920]),
            (4000, vec![CAMERA, screen], vec![1500, 2500]),
            (100, vec![CAMERA, screen], vec![50, 50]),
            (1000, vec![CAMERA, CAMERA], vec![500, 500]),
            (1000, vec![], vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(kbps).collect();
            assert_eq!(share(kbps(rate), &tracks), expected, "{rate}, {tracks:?}");
        }
    }
}
