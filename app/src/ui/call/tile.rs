//! One person on the screen: their picture or what stands for it, their name, and how they are.

use std::borrow::Cow;

use eframe::egui::{
    Align2, Color32, Painter, Pos2, Rect, Role as Part, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};
use hearth_base::{DeviceKind, DeviceState};
use hearth_call::{DescriptionProblem, Hand, Switch};
use hearth_protocol::{PeerId, Role};
use rust_i18n::t;

use crate::ui::facts;
use crate::ui::fonts;
use crate::ui::icons::{self, Icon};
use crate::ui::parts::{Parts as _, elided, focus_ring, paint_avatar};
use crate::ui::signal;
use crate::ui::state::{Panel, UiState};
use crate::ui::style::corner;
use crate::ui::tokens::{self, control, letters, radius, space};
use crate::ui::video::{Fit, Placement, TilePainter};
use crate::view::{Person, Quality, Room, SharedScreen, VideoFeed, View};

/// From this height on there is room for words under the letter.
const WORDY: f32 = 170.0;
/// Of a mark beside a name, and of the button of the connection.
const MARK: f32 = 15.0;
const SIGNAL: f32 = 26.0;

/// Somebody without a picture.
pub(in crate::ui) struct TileContent<'a> {
    /// Chooses the colour.
    pub(in crate::ui) id: &'a str,
    /// What they are called.
    pub(in crate::ui) nick: &'a str,
    /// What is written under the letter.
    pub(in crate::ui) under: Option<&'a str>,
}

/// Where the name of somebody stands on their tile.
pub(super) struct Nameplate {
    id: PeerId,
    name: Rect,
    tile: Rect,
}

/// What is marked beside a name.
struct Label<'a> {
    nick: &'a str,
    is_host: bool,
    is_muted: bool,
    is_camera_off: bool,
    is_hand_up: bool,
    /// What has to have room at its right.
    beside: f32,
    /// How it is with them, in sentences: each is written over the picture or beside the name in the list of people.
    sentences: Vec<Cow<'static, str>>,
}

/// A tile with a letter in it.
pub(in crate::ui) fn empty_tile(ui: &Ui, rect: Rect, shown: &TileContent<'_>) {
    let t = ui.tokens();
    let painter = ui.painter();
    painter.rect_filled(rect, corner(radius::L), t.tile);
    let size = (rect.height().min(rect.width()) * 0.2).clamp(18.0, 72.0);
    let up = if shown.under.is_some() { size * 0.35 } else { 0.0 };
    let center = rect.center() - vec2(0.0, up);
    paint_avatar(painter, center, size, shown.id, shown.nick);
    if let Some(under) = shown.under {
        let width = rect.width() - 2.0 * space::L;
        let galley = painter.layout(under.to_owned(), fonts::plain(letters::SMALL), t.text, width);
        let at = Align2::CENTER_TOP.anchor_size(pos2(rect.center().x, center.y + size + space::M), galley.size());
        painter.galley(at.min, galley, t.text);
    }
}

/// Ourselves.
pub(super) fn mine(ui: &mut Ui, view: &View, room: &Room, rect: Rect, tiles: &mut dyn TilePainter) {
    let me = &room.me;
    let (hears, sees) = (runs(view, DeviceKind::Microphone), runs(view, DeviceKind::Camera));
    let feed = me.feed.as_ref().filter(|_| me.camera == Switch::On && sees);
    let nick = facts::me(&me.nick);
    let label = Label {
        nick: &nick,
        is_host: room.role == Role::Host,
        is_muted: me.microphone == Switch::Off || !hears,
        is_camera_off: me.camera == Switch::Off || !sees,
        is_hand_up: me.hand == Hand::Up,
        beside: 0.0,
        sentences: Vec::new(),
    };
    // In a small tile the name alone has room.
    let why = if me.camera == Switch::On && rect.height() > WORDY {
        crate::ui::devices::short(DeviceKind::Camera, view)
    } else {
        None
    };
    let empty = TileContent { id: &me.color_id(), nick: &me.nick, under: why.as_deref() };
    picture(ui, feed, rect, view.settings.mirror, &empty, tiles);
    // That we speak, we know.
    dress(ui, rect, &label, false);
}

/// Somebody else.
pub(super) fn theirs(ui: &mut Ui, person: &Person, rect: Rect, tiles: &mut dyn TilePainter) -> Nameplate {
    let id = person.id.to_string();
    let nameless = t!("ui.call.nameless");
    let nick = if person.nick.trim().is_empty() { nameless.as_ref() } else { person.nick.as_str() };
    let feed = person.feed.as_ref().filter(|_| person.media.video);
    picture(ui, feed, rect, false, &TileContent { id: &id, nick: &person.nick, under: None }, tiles);
    let hindrance = hindrance(person);
    if let Some((icon, sentence)) = &hindrance {
        veil(ui, rect, *icon, sentence);
    }
    let no_codec = person.lacks_video_codec.then(|| t!("ui.people.no_codec"));
    let label = Label {
        nick,
        is_host: person.role == Role::Host,
        is_muted: !person.media.audio,
        is_camera_off: !person.media.video,
        is_hand_up: person.hand == Hand::Up,
        beside: SIGNAL + space::XS,
        sentences: hindrance
            .map(|(_, sentence)| sentence)
            .into_iter()
            .chain(no_codec)
            .chain(facts::still_pictures(person))
            .collect(),
    };
    Nameplate { id: person.id, name: dress(ui, rect, &label, person.is_speaking), tile: rect }
}

/// The marks of all connections: after what stands over the tiles, as one reads.
pub(super) fn signals(ui: &mut Ui, room: &Room, names: &[Nameplate], state: &mut UiState) {
    for Nameplate { id, name, tile } in names {
        if let Some(person) = room.people.iter().find(|person| person.id == *id) {
            signal(ui, person, *name, *tile, state);
        }
    }
}

/// The mark of the connection: a button that opens its panel. While all is well it is seen by a pointer that is near
/// and by the keyboard.
fn signal(ui: &mut Ui, person: &Person, name: Rect, tile: Rect, state: &mut UiState) {
    let rect = Rect::from_min_size(pos2(name.right() + space::XS, name.top()), vec2(SIGNAL, name.height()));
    let response = ui.interact(rect, ui.scope_id().with(("signal", person.id)), Sense::click());
    let word = signal::word(person.quality);
    let label = t!("ui.connection.open", nick = facts::named(&person.nick), state = word);
    let panel = Panel::Connection(person.id);
    let is_open = state.panel == Some(panel);
    response.widget_info(|| WidgetInfo::selected(Part::Button, true, is_open, label.as_ref()));
    let ink = match person.quality {
        Quality::Poor(_) => Some(tokens::LABEL_WARN),
        Quality::Lost => Some(tokens::LABEL_ALARM),
        Quality::Good(_) | Quality::Connecting => None,
    };
    let is_near = is_open || response.has_focus() || ui.rect_contains_pointer(tile);
    if ink.is_some() || is_near {
        let ground = if response.hovered() { tokens::LINE_HOVER } else { tokens::LABEL };
        ui.painter().rect_filled(rect, corner(radius::S + 2.0), ground);
        signal::icon(person.quality).paint(ui.painter(), rect.center(), MARK, ink.unwrap_or(tokens::ON_LABEL));
    }
    focus_ring(ui, &response, corner(radius::S + 2.0));
    if response.on_hover_text(label).clicked() {
        if is_open { state.panel = None } else { state.show(panel) }
    }
}

/// Why nothing is seen and heard of somebody.
fn hindrance(person: &Person) -> Option<(Icon, Cow<'static, str>)> {
    let problem = person.problem.map(|problem| match problem {
        DescriptionProblem::NoCommonAudio => t!("ui.call.no_common_audio"),
        DescriptionProblem::Incompatible => t!("ui.call.incompatible"),
    });
    match person.quality {
        Quality::Connecting => {
            Some(problem.map_or_else(|| (icons::WAITING, t!("ui.call.connecting")), |problem| (icons::LOST, problem)))
        }
        Quality::Lost => Some((icons::LOST, problem.unwrap_or_else(|| t!("ui.call.lost")))),
        Quality::Good(_) | Quality::Poor(_) => None,
    }
}

/// What somebody shows of their screen: all of it, as letters should be read.
pub(super) fn screen(ui: &mut Ui, person: &Person, rect: Rect, tiles: &mut dyn TilePainter) {
    let name = t!("ui.call.screen", nick = facts::named(&person.nick));
    shared(ui, person.screen.as_ref(), &name, rect, tiles);
}

/// What we share ourselves.
pub(super) fn my_screen(ui: &mut Ui, screen: &SharedScreen, rect: Rect, tiles: &mut dyn TilePainter) {
    shared(ui, screen.feed.as_ref(), &t!("ui.call.my_screen", name = screen.name), rect, tiles);
}

fn shared(ui: &mut Ui, feed: Option<&VideoFeed>, name: &str, rect: Rect, tiles: &mut dyn TilePainter) {
    let t = ui.tokens();
    ui.painter().rect_filled(rect, corner(radius::L), t.tile);
    let place = Placement { rect, radius: radius::L, fit: Fit::Whole, is_mirrored: false };
    let is_shown = feed.is_some_and(|feed| tiles.paint(ui.painter(), feed, place));
    if !is_shown {
        icons::SCREEN.paint(ui.painter(), rect.center(), 48.0, t.weak);
    }
    let label = Label {
        nick: name,
        is_host: false,
        is_muted: false,
        is_camera_off: false,
        is_hand_up: false,
        beside: 0.0,
        sentences: Vec::new(),
    };
    dress(ui, rect, &label, false);
}

/// Whether a device of ours gives anything: what it showed last is not what the others see.
pub(in crate::ui) fn runs(view: &View, kind: DeviceKind) -> bool {
    matches!(facts::device(view, kind).2, DeviceState::On { .. })
}

fn picture(
    ui: &Ui,
    feed: Option<&VideoFeed>,
    rect: Rect,
    is_mirrored: bool,
    empty: &TileContent<'_>,
    tiles: &mut dyn TilePainter,
) {
    let place = Placement { rect, radius: radius::L, fit: Fit::Fill, is_mirrored };
    if !feed.is_some_and(|feed| tiles.paint(ui.painter(), feed, place)) {
        empty_tile(ui, rect, empty);
    }
}

/// Over a picture that stands still.
fn veil(ui: &Ui, rect: Rect, icon: Icon, text: &str) {
    let painter = ui.painter();
    painter.rect_filled(rect, corner(radius::L), tokens::LABEL);
    icon.paint(painter, rect.center() - vec2(0.0, 12.0), 26.0, tokens::ON_LABEL);
    let font = fonts::plain(letters::SMALL);
    let galley = elided(painter, text, font, tokens::ON_LABEL, rect.width() - space::L);
    let at = Align2::CENTER_CENTER.anchor_size(rect.center() + vec2(0.0, 16.0), galley.size());
    painter.galley(at.min, galley, tokens::ON_LABEL);
}

/// Name, marks and the ring, on the picture; where the name stands.
fn dress(ui: &mut Ui, rect: Rect, label: &Label<'_>, is_speaking: bool) -> Rect {
    let t = ui.tokens();
    if is_speaking {
        let ring = Stroke::new(control::RING + 0.5, t.speaks);
        ui.painter().rect_stroke(rect, corner(radius::L), ring, StrokeKind::Inside);
    }
    let id = ui.scope_id().with(("tile", label.nick, rect.min.x as i32, rect.min.y as i32));
    let response = ui.interact(rect, id, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Part::Image, true, spoken(label)));
    name(ui.painter(), rect, label)
}

/// The tile in words.
fn spoken(label: &Label<'_>) -> String {
    let mut words = vec![label.nick.to_owned()];
    words.extend(label.is_host.then(|| t!("ui.call.host").into_owned()));
    words.extend(label.is_muted.then(|| t!("ui.call.is_muted").into_owned()));
    words.extend(label.is_hand_up.then(|| t!("ui.call.is_hand_up").into_owned()));
    words.extend(label.is_camera_off.then(|| t!("ui.call.is_camera_off").into_owned()));
    words.extend(label.sentences.iter().map(|sentence| sentence.clone().into_owned()));
    words.join(", ")
}

fn name(painter: &Painter, rect: Rect, label: &Label<'_>) -> Rect {
    const HEIGHT: f32 = 26.0;
    let marks: Vec<(Icon, Color32)> = [
        label.is_hand_up.then_some((icons::HAND, tokens::LABEL_WARN)),
        label.is_host.then_some((icons::HOST, tokens::LABEL_WARN)),
        label.is_muted.then_some((icons::MICROPHONE_OFF, tokens::LABEL_ALARM)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let marks_width = marks.len() as f32 * (MARK + space::XS);
    let room = rect.width() - 2.0 * space::S - 2.0 * space::S - marks_width - label.beside;
    let galley = elided(painter, label.nick, fonts::plain(letters::SMALL), tokens::ON_LABEL, room);
    let width = galley.size().x + marks_width + 2.0 * space::S;
    let ground =
        Rect::from_min_size(pos2(rect.left() + space::S, rect.bottom() - HEIGHT - space::S), vec2(width, HEIGHT));
    painter.rect_filled(ground, corner(radius::S + 2.0), tokens::LABEL);
    let mut at = Pos2::new(ground.left() + space::S, ground.center().y);
    for (icon, color) in marks {
        icon.paint(painter, at + vec2(MARK / 2.0, 0.0), MARK, color);
        at.x += MARK + space::XS;
    }
    let place = Align2::LEFT_CENTER.anchor_size(at, galley.size());
    painter.galley(place.min, galley, tokens::ON_LABEL);
    ground
}
