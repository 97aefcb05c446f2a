//! What of others is looked at: how large each picture was drawn, so that nobody sends more than that.
//!
//! Owner of: what each person in the room was told last. A window that is hidden looks at nothing. A person
//! without a picture yet, or without a screen, is not told to send none, or it would begin late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use eframe::egui::Painter;
use eframe::glow;
use hearth_base::TrackId;
use hearth_call::{Switch, Watching};
use hearth_protocol::PeerId;

use super::facts;
use super::video::{Placement, TilePainter};
use crate::view::{Action, Person, VideoFeed, View};

/// Between two words to everybody: while a window is made larger, its tiles have another size in each frame.
const PACE: Duration = Duration::from_millis(500);
/// Everything is told again after so long; nothing happens where it was heard.
const AGAIN: Duration = Duration::from_secs(10);
/// Sizes are told in steps of so many lines.
const STEP: f32 = 30.0;

/// The lines that each feed was drawn with in one frame, in the screen's pixels.
pub(super) type DrawnLines = BTreeMap<TrackId, f32>;

/// Draws, and writes down how large.
pub(super) struct DrawnSizes<'a> {
    inner: &'a mut dyn TilePainter,
    pub(super) drawn: DrawnLines,
}

impl<'a> DrawnSizes<'a> {
    pub(super) fn new(inner: &'a mut dyn TilePainter) -> Self {
        Self { inner, drawn: DrawnLines::new() }
    }
}

impl TilePainter for DrawnSizes<'_> {
    fn paint(&mut self, painter: &Painter, feed: &VideoFeed, place: Placement) -> bool {
        // A place that is wider than the picture is filled by more lines than are seen.
        let lines = place.rect.height().max(place.rect.width() * 9.0 / 16.0) * painter.pixels_per_point();
        let largest = self.drawn.entry(feed.track).or_default();
        *largest = largest.max(lines);
        self.inner.paint(painter, feed, place)
    }

    fn settle(&mut self, painter: &Painter) {
        self.inner.settle(painter);
    }

    fn free(&mut self, gl: &glow::Context) {
        self.inner.free(gl);
    }
}

/// Tells what has changed.
#[derive(Debug, Default)]
pub(super) struct Gaze {
    told: BTreeMap<PeerId, Watching>,
    at: Option<Instant>,
    /// When everything was last told again: an action may be dropped on its way.
    again: Option<Instant>,
}

impl Gaze {
    /// A frame was drawn; nothing in it, while the window is hidden. What is wanted of whom from now on.
    pub(super) fn look(&mut self, view: &View, drawn: &DrawnLines, now: Instant) -> Vec<Action> {
        let people = facts::in_room(view).map_or(&[][..], |room| room.people.as_slice());
        self.told.retain(|id, _| people.iter().any(|person| person.id == *id));
        if self.at.is_some_and(|at| now.saturating_duration_since(at) < PACE) {
            return Vec::new();
        }
        let is_again = self.again.is_none_or(|again| now.saturating_duration_since(again) >= AGAIN);
        if is_again {
            self.again = Some(now);
        }
        let mut actions = Vec::new();
        for person in people {
            let watching = if view.settings.audio_only { Watching::NOTHING } else { watching(person, drawn) };
            let told = self.told.insert(person.id, watching).unwrap_or_default();
            if told != watching || (is_again && watching != Watching::default()) {
                actions.push(Action::Watch(person.id, watching));
                self.at = Some(now);
            }
        }
        actions
    }
}

fn watching(person: &Person, drawn: &DrawnLines) -> Watching {
    let lines = |feed: &VideoFeed| drawn.get(&feed.track).copied();
    let whole = Watching::default();
    let camera = person.feed.as_ref().filter(|_| person.media.video).map(|feed| {
        let steps = (lines(feed).unwrap_or_default() / STEP).ceil();
        (steps * STEP).min(f32::from(u16::MAX)) as u16
    });
    let screen = person.screen.as_ref().map(|feed| if lines(feed).is_some() { Switch::On } else { Switch::Off });
    Watching { camera: camera.unwrap_or(whole.camera), screen: screen.unwrap_or(whole.screen) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hearth_base::Picture;
    use hearth_protocol::{MediaState, PeerKind};

    use super::*;
    use crate::view::{Pictures, Progress, Room, Stage};

    struct NoPictures;

    impl Pictures for NoPictures {
        fn take(&self) -> Option<Picture> {
            None
        }
    }

    fn view(people: &[(PeerId, Option<u32>, Option<u32>)]) -> View {
        let feed = |track: u32| VideoFeed::new(TrackId(track), Arc::new(NoPictures));
        let person = |(id, camera, screen): &(PeerId, Option<u32>, Option<u32>)| Person {
            id: *id,
            nick: String::new(),
            kind: PeerKind::Native,
            role: Default::default(),
            media: MediaState { audio: true, video: camera.is_some(), screen: screen.is_some() },
            is_speaking: false,
            feed: camera.map(feed),
            screen: screen.map(feed),
            hand: Default::default(),
            quality: Default::default(),
            volume: 1.0,
            problem: None,
            lacks_video_codec: false,
            pictures: Default::default(),
            connection: Default::default(),
        };
        let room = Room { people: people.iter().map(person).collect(), progress: Progress::In, ..Room::default() };
        View { stage: Stage::Room(room), ..View::default() }
    }

    fn ann() -> PeerId {
        PeerId::from_random([1; 12])
    }

    fn bea() -> PeerId {
        PeerId::from_random([2; 12])
    }

    #[test]
    fn each_is_told_what_is_drawn_of_theirs_and_once() {
        let (start, mut gaze) = (crate::engine::clock::now(), Gaze::default());
        let (ann, bea) = (ann(), bea());
        let scene = view(&[(ann, Some(1), None), (bea, None, Some(2))]);
        let drawn = DrawnLines::from([(TrackId(1), 275.0), (TrackId(2), 900.0)]);
        let small = Watching { camera: 300, screen: Switch::On };
        assert_eq!(gaze.look(&scene, &drawn, start), [Action::Watch(ann, small)], "a screen is looked at as it is");
        assert_eq!(gaze.look(&scene, &drawn, start + PACE), []);

        let other = DrawnLines::from([(TrackId(1), 600.0)]);
        let large = Watching { camera: 600, screen: Switch::On };
        let hidden = Watching { camera: u16::MAX, screen: Switch::Off };
        let told = [Action::Watch(ann, large), Action::Watch(bea, hidden)];
        assert_eq!(gaze.look(&scene, &other, start + PACE), told);
        assert_eq!(gaze.look(&scene, &DrawnLines::new(), start + PACE), [], "not in every frame");
        let nothing = Watching { camera: 0, screen: Switch::On };
        assert_eq!(gaze.look(&scene, &DrawnLines::new(), start + PACE * 2), [Action::Watch(ann, nothing)]);
    }

    #[test]
    fn who_wants_sound_alone_is_sent_no_picture() {
        let (start, mut gaze) = (crate::engine::clock::now(), Gaze::default());
        let mut scene = view(&[(ann(), None, None)]);
        assert_eq!(gaze.look(&scene, &DrawnLines::new(), start), [], "it may begin at once");
        scene.settings.audio_only = true;
        let ann = ann();
        assert_eq!(gaze.look(&scene, &DrawnLines::new(), start), [Action::Watch(ann, Watching::NOTHING)]);
        scene.settings.audio_only = false;
        assert_eq!(gaze.look(&scene, &DrawnLines::new(), start + PACE), [Action::Watch(ann, Watching::default())]);
    }
}
