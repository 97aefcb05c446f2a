//! What of this desktop is shared in the call.

use hearth_base::{ScreenEntry, ScreenFault, TrackSource};
use hearth_call::{Command, Input};

use super::{CallLoop, clock};

impl CallLoop {
    /// Shares this, in the place of what is shared; or nothing any more.
    pub(super) fn share(&mut self, entry: Option<ScreenEntry>) {
        self.view.sharing.fault = None;
        self.unpublish();
        if let Some(entry) = entry {
            self.call.handle(Input::Command(Command::Publish(TrackSource::Screen)), clock::now());
            let track = self.call.tracks().into_iter().find(|track| track.source == TrackSource::Screen);
            if let Some(Err(error)) = track.map(|track| self.media.share(track.id, entry)) {
                self.view.sharing.fault = Some(ScreenFault::Refused(error.to_string()));
                self.unpublish();
            }
        }
        self.on_devices();
    }

    /// What was shared may be over by itself: a window that was closed, a display that is gone.
    pub(super) fn look_at_screen(&mut self) {
        if let Some(fault) = self.media.poll_screen_fault() {
            self.view.sharing.fault = Some(fault);
            self.unpublish();
        }
    }

    /// The next thing that is shared is another track: what was seen last of this one is not taken for it.
    fn unpublish(&mut self) {
        self.media.stop_sharing();
        for track in self.call.tracks().into_iter().filter(|track| track.source == TrackSource::Screen) {
            self.call.handle(Input::Command(Command::Unpublish(track.id)), clock::now());
        }
    }
}
