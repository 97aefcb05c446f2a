//! A call on the screen: tiles, the bar under them, a panel beside them, and what must be read at once.

mod bar;
mod grid;
mod lines;
mod notices;
mod tile;
mod waiting;

use eframe::egui::{Align, Align2, Layout, Rect, RichText, Role as Part, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};
use hearth_base::{DeviceChoice, DeviceKind, DeviceState};
use hearth_call::Switch;
use rust_i18n::t;

use super::command::UiCommand;
use super::icons::{self, Icon};
use super::parts::{IconButton, Parts as _};
use super::state::{Panel, UiState};
use super::tokens::{control, letters, space};
use super::video::TilePainter;
use super::{devices, panels, when};
use crate::ui::facts;
use crate::ui::facts::spot;
use crate::view::{Fault, Progress, Room, ServerKey, View};

pub(super) use notices::fault;
pub(super) use tile::{TileContent, empty_tile, runs};

/// Of the line above the tiles and of the bar below them.
const TOP: f32 = 48.0;
const BAR: f32 = 84.0;
/// Of the buttons at the right of the line above the tiles.
const BUTTONS: f32 = 130.0;

/// Draws it.
pub(super) fn call(ui: &mut Ui, view: &View, room: &Room, state: &mut UiState, tiles: &mut dyn TilePainter) {
    match room.progress {
        Progress::Entering | Progress::Asked | Progress::Waiting => waiting::waiting(ui, view, room, state, tiles),
        Progress::In | Progress::Reconnecting => inside(ui, view, room, state, tiles),
    }
}

fn inside(ui: &mut Ui, view: &View, room: &Room, state: &mut UiState, tiles: &mut dyn TilePainter) {
    let whole = ui.available_rect_before_wrap();
    let (middle, bar) = whole.split_top_bottom_at_y(whole.bottom() - BAR);
    let panel = state.panel;
    let width = if panel.is_some() { control::PANEL.min(whole.width() * 0.46) } else { 0.0 };
    let (stage, side) = middle.split_left_right_at_x(middle.right() - width);
    let (top, stage) = stage.split_top_bottom_at_y(stage.top() + TOP);
    child(ui, top.shrink2(vec2(space::L, 0.0)), Layout::left_to_right(Align::Center), |ui| head(ui, view, room, state));
    let stage = Rect::from_min_max(stage.min + vec2(space::M, 0.0), stage.max - vec2(space::M, 0.0));
    let names = grid::tiles(ui, view, room, stage, tiles);
    notices::notices(ui, view, room, stage, state);
    lines::lines(ui, stage, state);
    tile::signals(ui, room, &names, state);
    child(ui, bar, Layout::left_to_right(Align::Center), |ui| bar::bar(ui, view, room, bar, state));
    if let Some(panel) = panel {
        let side = side.shrink2(vec2(0.0, space::M)).with_max_x(side.right() - space::M);
        child(ui, side, Layout::top_down(Align::Min), |ui| panels::panel(ui, room, panel, state));
    }
}

/// Draws into a place of its own.
fn child<R>(ui: &mut Ui, rect: Rect, layout: Layout, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.scope_builder(UiBuilder::new().max_rect(rect).layout(layout), add).inner
}

/// Which room, since when; and what is not of this call alone.
fn head(ui: &mut Ui, view: &View, room: &Room, state: &mut UiState) {
    let t = ui.tokens();
    if let Some(name) = &room.name {
        let text = when::number(name.as_str());
        let text = RichText::new(text).font(super::fonts::names(letters::BODY)).color(t.text);
        ui.add(eframe::egui::Label::new(text).truncate().selectable(true));
    }
    ui.hint(when::clock(room.seconds));
    safety(ui, room, state);
    const SIDE: f32 = 34.0;
    ui.add_space((ui.available_width() - 3.0 * SIDE - 2.0 * ui.spacing().item_spacing.x).max(0.0));
    let ctx = ui.ctx().clone();
    for command in [UiCommand::FullScreen, UiCommand::Settings, UiCommand::Help] {
        let name = command.name();
        let tip = command.tip(&ctx, &name);
        if IconButton::new(command.icon(), name).tip(tip).size(SIDE, SIDE).show(ui) {
            command.act(&ctx, view, state);
        }
    }
}

/// How safe it is: encrypted always, and whether we know by whom it is hosted.
fn safety(ui: &mut Ui, room: &Room, state: &UiState) {
    let t = ui.tokens();
    let is_known = match &room.server.key {
        ServerKey::Absent => false,
        ServerKey::Unverified { words } => state.acknowledged.same_key.as_deref() == Some(words),
        ServerKey::Verified => true,
    };
    let is_hosted = room.invite.as_ref().is_some_and(|invite| invite.is_hosted);
    let (icon, word, tip, ink) = match (is_known, is_hosted) {
        (false, _) => (icons::ENCRYPTED, t!("ui.call.encrypted"), t!("ui.call.encrypted_tip"), t.weak),
        (true, false) => (icons::SAFE, t!("ui.call.verified"), t!("ui.call.verified_tip"), t.good),
        (true, true) => (icons::SAFE, t!("ui.call.verified"), t!("ui.call.verified_here"), t.good),
    };
    ui.add_space(space::XS);
    let galley = ui.painter().layout_no_wrap(word.to_string(), super::fonts::plain(letters::SMALL), ink);
    let wide = control::ICON + galley.size().x;
    // In a narrow window the picture alone must do.
    let is_wide = ui.available_width() > wide + BUTTONS;
    let width = if is_wide { wide } else { control::ICON };
    let (rect, response) = ui.allocate_exact_size(vec2(width, TOP), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Part::Image, true, tip.as_ref()));
    icon.paint(ui.painter(), rect.left_center() + vec2(8.0, 0.0), 16.0, ink);
    if is_wide {
        let at = Align2::RIGHT_CENTER.anchor_size(rect.right_center(), galley.size());
        ui.painter().galley(at.min, galley, ink);
    }
    response.on_hover_text(tip);
}

/// How the button of a microphone or camera looks now.
pub(super) struct DeviceLook {
    pub(super) icon: Icon,
    /// What pressing it does.
    pub(super) label: String,
    /// The same, short.
    pub(super) caption: String,
    /// Whether nothing comes from it, for whatever reason.
    pub(super) is_off: bool,
    /// Why nothing comes although it is wanted.
    pub(super) fault: Option<String>,
}

/// The commands that switch a device, and which.
pub(super) const DEVICE_COMMANDS: [(UiCommand, DeviceKind); 2] =
    [(UiCommand::Microphone, DeviceKind::Microphone), (UiCommand::Camera, DeviceKind::Camera)];

/// How the button of a microphone or camera looks: what the device does, not what was wished.
pub(super) fn device_button(kind: DeviceKind, view: &View) -> DeviceLook {
    let (microphone, camera) = facts::switches(view).unwrap_or((Switch::Off, Switch::Off));
    let switch = match kind {
        DeviceKind::Camera => camera,
        DeviceKind::Microphone | DeviceKind::Speaker => microphone,
    };
    let (_, chosen, now) = facts::device(view, kind);
    let fault = match now {
        DeviceState::Failed(why) if switch == Switch::On => Some(Fault::Device(kind, why.clone()).told(spot(view))),
        DeviceState::Failed(_) | DeviceState::Off | DeviceState::Opening | DeviceState::On { .. } => None,
    };
    let is_off = switch == Switch::Off || fault.is_some() || *chosen == DeviceChoice::Off;
    let (on, off) = match kind {
        DeviceKind::Camera => (icons::CAMERA, icons::CAMERA_OFF),
        DeviceKind::Microphone | DeviceKind::Speaker => (icons::MICROPHONE, icons::MICROPHONE_OFF),
    };
    let (label, caption) = match devices::short(kind, view) {
        Some(lacking) => (lacking.clone(), lacking),
        None => words(kind, switch),
    };
    DeviceLook { icon: if is_off { off } else { on }, label, caption, is_off, fault }
}

fn words(kind: DeviceKind, switch: Switch) -> (String, String) {
    let (label, caption) = match (kind, switch) {
        (DeviceKind::Camera, Switch::On) => (t!("ui.call.camera_stop"), t!("ui.call.camera_stop_short")),
        (DeviceKind::Camera, Switch::Off) => (t!("ui.call.camera_start"), t!("ui.call.camera_start_short")),
        (DeviceKind::Microphone | DeviceKind::Speaker, Switch::On) => (t!("ui.call.mute"), t!("ui.call.mute_short")),
        (DeviceKind::Microphone | DeviceKind::Speaker, Switch::Off) => {
            (t!("ui.call.unmute"), t!("ui.call.unmute_short"))
        }
    };
    (label.into_owned(), caption.into_owned())
}

/// How many lines of the chat nobody has seen.
fn unread(room: &Room, state: &mut UiState) -> usize {
    if state.panel == Some(Panel::Chat) || room.chat.len() < state.chat.read {
        state.chat.read = room.chat.len();
    }
    room.chat.len() - state.chat.read
}

/// A place at the end of another, so large.
fn right_of(rect: Rect, width: f32, height: f32, margin: f32) -> Rect {
    Rect::from_min_size(pos2(rect.right() - width - margin, rect.bottom() - height - margin), vec2(width, height))
}
