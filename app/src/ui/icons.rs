//! Every picture that stands for a word: code points of Phosphor Icons in the two fonts of `assets/fonts`.

use eframe::egui::{Align2, Color32, FontId, Painter, Pos2};

use super::fonts;

/// A picture of one colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Icon {
    glyph: char,
    is_filled: bool,
}

impl Icon {
    const fn line(glyph: char) -> Self {
        Self { glyph, is_filled: false }
    }

    const fn fill(glyph: char) -> Self {
        Self { glyph, is_filled: true }
    }

    /// Draws it with its middle at a point.
    pub(super) fn paint(self, painter: &Painter, center: Pos2, size: f32, color: Color32) {
        let family = if self.is_filled { fonts::icons_filled() } else { fonts::icons() };
        painter.text(center, Align2::CENTER_CENTER, self.glyph, FontId::new(size, family), color);
    }
}

/// The microphone.
pub(super) const MICROPHONE: Icon = Icon::line('\u{e326}');
/// The microphone, off.
pub(super) const MICROPHONE_OFF: Icon = Icon::fill('\u{e328}');
/// The camera.
pub(super) const CAMERA: Icon = Icon::line('\u{e4da}');
/// The camera, off.
pub(super) const CAMERA_OFF: Icon = Icon::fill('\u{e4dc}');
/// The people.
pub(super) const PEOPLE: Icon = Icon::line('\u{e4d6}');
/// Somebody without a name.
pub(super) const PERSON: Icon = Icon::fill('\u{e4c2}');
/// To take somebody out.
pub(super) const REMOVE: Icon = Icon::line('\u{e4ce}');
/// A raised hand.
pub(super) const HAND: Icon = Icon::fill('\u{e298}');
/// What is written.
pub(super) const CHAT: Icon = Icon::line('\u{e16c}');
/// To leave.
pub(super) const LEAVE: Icon = Icon::fill('\u{e3c4}');
/// The settings.
pub(super) const SETTINGS: Icon = Icon::line('\u{e270}');
/// To copy.
pub(super) const COPY: Icon = Icon::line('\u{e1ca}');
/// To close.
pub(super) const CLOSE: Icon = Icon::line('\u{e4f6}');
/// What opens upwards.
pub(super) const UP: Icon = Icon::line('\u{e13c}');
/// What opens downwards.
pub(super) const DOWN: Icon = Icon::line('\u{e136}');
/// What is chosen or done.
pub(super) const CHECK: Icon = Icon::line('\u{e182}');
/// Something new.
pub(super) const START: Icon = Icon::line('\u{e3d4}');
/// To go in.
pub(super) const ENTER: Icon = Icon::line('\u{e428}');
/// The network.
pub(super) const NETWORK: Icon = Icon::line('\u{e4ea}');
/// No connection.
pub(super) const LOST: Icon = Icon::line('\u{e4f2}');
/// A poor connection.
pub(super) const POOR: Icon = Icon::line('\u{e4ee}');
/// The speaker.
pub(super) const SPEAKER: Icon = Icon::line('\u{e44a}');
/// The speaker, off.
pub(super) const SPEAKER_OFF: Icon = Icon::line('\u{e45a}');
/// The whole screen.
pub(super) const FULL_SCREEN: Icon = Icon::line('\u{e1d0}');
/// The host.
pub(super) const HOST: Icon = Icon::fill('\u{e616}');
/// What nobody else can read.
pub(super) const ENCRYPTED: Icon = Icon::line('\u{e308}');
/// What has been vouched for.
pub(super) const SAFE: Icon = Icon::line('\u{e40c}');
/// Take care.
pub(super) const WARNING: Icon = Icon::fill('\u{e4e0}');
/// Know this.
pub(super) const NOTE: Icon = Icon::line('\u{e2ce}');
/// To send.
pub(super) const SEND: Icon = Icon::fill('\u{e396}');
/// Back.
pub(super) const BACK: Icon = Icon::line('\u{e058}');
/// What was.
pub(super) const RECENT: Icon = Icon::line('\u{e1a0}');
/// A room.
pub(super) const DOOR: Icon = Icon::line('\u{e7e6}');
/// To forget.
pub(super) const FORGET: Icon = Icon::line('\u{e4a6}');
/// What can I do here?
pub(super) const HELP: Icon = Icon::line('\u{e3e8}');
/// Something went wrong.
pub(super) const FAULT: Icon = Icon::fill('\u{e4e2}');
/// To invite.
pub(super) const INVITE: Icon = Icon::line('\u{e4d0}');
/// To wait.
pub(super) const WAITING: Icon = Icon::line('\u{e2b8}');
/// Who runs Hearth itself.
pub(super) const PROGRAM: Icon = Icon::line('\u{e560}');
/// Who comes by a browser.
pub(super) const BROWSER: Icon = Icon::line('\u{e288}');
/// From one to the other.
pub(super) const DIRECT: Icon = Icon::line('\u{eb5a}');
/// Through a relay.
pub(super) const RELAYED: Icon = Icon::line('\u{e408}');
/// How it looks.
pub(super) const LOOKS: Icon = Icon::line('\u{e6c8}');
/// How it sounds.
pub(super) const SOUND: Icon = Icon::line('\u{e434}');
/// To see what is hidden.
pub(super) const SHOW: Icon = Icon::line('\u{e220}');
/// To hide it.
pub(super) const HIDE: Icon = Icon::line('\u{e224}');
/// What opens a door.
pub(super) const KEY: Icon = Icon::line('\u{e2d6}');
/// A screen that is shared.
pub(super) const SCREEN: Icon = Icon::line('\u{e32e}');
