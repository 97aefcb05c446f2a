//! The look in the mirror before the door: how do I look, which microphone is it, what am I called?

use eframe::egui::{Align, Key, Layout, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use hearth_base::DeviceKind;
use hearth_call::Switch;
use rust_i18n::t;

use super::call::{TileContent, empty_tile};
use super::parts::{Button, IconButton, Parts as _, card, field, section, switch};
use super::state::{Dialog, Draft, UiState};
use super::tokens::{control, letters, radius, space};
use super::video::{Fit, Placement, TilePainter};
use super::{devices, icons, pickers, when};
use crate::view::{Action, PreJoin, PreJoinView, Spot, View};

/// Longest name in characters: the server takes 64 bytes, and Chinese ones have three each.
pub(super) const NICK_LIMIT: usize = 20;
/// Of the card with the devices.
const CARD: f32 = 360.0;
const CARD_HEIGHT: f32 = 470.0;
/// No preview is wider.
const PREVIEW: f32 = 1040.0;
/// Of name and door below the preview, and of what is said under them.
const DOOR: f32 = 90.0;
const HINT: f32 = 24.0;
/// From the top of a field's label to the field.
const LABEL: f32 = 25.0;

/// Draws it.
pub(super) fn prejoin(ui: &mut Ui, view: &View, door: &PreJoin, state: &mut UiState, tiles: &mut dyn TilePainter) {
    header(ui, &door.door, state);
    if view.fault.is_some() {
        let place = ui.available_rect_before_wrap().shrink2(vec2(space::XL, 0.0));
        ui.scope_builder(UiBuilder::new().max_rect(place), |ui| super::call::fault(ui, view, state));
        ui.add_space(space::M);
    }
    let rect = ui.available_rect_before_wrap();
    let (left, right) = columns(rect.shrink2(vec2(space::XL, 0.0)).with_max_y(rect.bottom() - space::L), below(door));
    ui.scope_builder(UiBuilder::new().max_rect(left), |ui| mirror(ui, view, door, state, tiles));
    ui.scope_builder(UiBuilder::new().max_rect(right), |ui| {
        ScrollArea::vertical().show(ui, |ui| {
            let inside = right.height() - 2.0 * (space::XL + control::LINE);
            card(ui, |ui| {
                ui.set_min_height(inside);
                choices(ui, view, door, state);
            });
        });
    });
}

/// What is below the preview takes so much.
fn below(door: &PreJoin) -> f32 {
    if is_asked(door) { DOOR + HINT } else { DOOR }
}

/// Whether the host is asked to let us in.
fn is_asked(door: &PreJoin) -> bool {
    matches!(door.door, PreJoinView::Join { invited: false, .. })
}

/// Mirror and card side by side, equally high, in the middle of what there is.
fn columns(rect: Rect, below: f32) -> (Rect, Rect) {
    let card = CARD.min(rect.width() * 0.48);
    // As wide as the picture can be with its name and its door below it.
    let room = ((rect.height() - below) * 16.0 / 9.0).max(240.0);
    let mirror = (rect.width() - card - space::XL).min(room).min(PREVIEW);
    let height = (mirror * 9.0 / 16.0 + below).max(CARD_HEIGHT).min(rect.height());
    let size = vec2(mirror + space::XL + card, height);
    // A little above the middle is where the eye looks for it.
    let top = rect.top() + (rect.height() - height) * 0.42;
    let left = Rect::from_min_size(pos2(rect.center().x - size.x / 2.0, top), vec2(mirror, height));
    let right = Rect::from_min_size(pos2(left.right() + space::XL, top), vec2(card, height));
    (left, right)
}

fn header(ui: &mut Ui, door: &PreJoinView, state: &mut UiState) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 60.0), Sense::hover());
    let inner = rect.shrink2(vec2(space::L, space::S));
    ui.scope_builder(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)), |ui| {
        if IconButton::new(icons::BACK, t!("ui.prejoin.back")).show(ui) {
            state.drafts.nick = None;
            state.action(Action::Leave);
        }
        match door {
            PreJoinView::Start => ui.title(t!("ui.prejoin.start_title")),
            PreJoinView::Join { room, .. } => ui.title(t!("ui.prejoin.join_title", room = when::number(room.as_str()))),
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if IconButton::new(icons::SETTINGS, t!("ui.settings.title")).show(ui) {
                state.open(Dialog::Settings);
            }
        });
    });
}

fn mirror(ui: &mut Ui, view: &View, door: &PreJoin, state: &mut UiState, tiles: &mut dyn TilePainter) {
    let size = vec2(ui.available_width(), (ui.available_height() - below(door)).max(120.0));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    preview(ui, view, door, rect, tiles);
    toggles(ui, view, rect, state);
    ui.add_space(space::M);
    enter(ui, view, door, state);
}

fn preview(ui: &Ui, view: &View, door: &PreJoin, rect: Rect, tiles: &mut dyn TilePainter) {
    let place = Placement { rect, radius: radius::L, fit: Fit::Fill, is_mirrored: view.settings.mirror };
    let is_on = door.camera == Switch::On && super::call::runs(view, DeviceKind::Camera);
    let feed = door.feed.as_ref().filter(|_| is_on);
    if feed.is_some_and(|feed| tiles.paint(ui.painter(), feed, place)) {
        return;
    }
    let why = match door.camera {
        Switch::Off => t!("ui.prejoin.camera_off").into_owned(),
        Switch::On => devices::state(DeviceKind::Camera, &view.devices.camera, Spot::Door)
            .map_or_else(|| t!("ui.prejoin.no_picture").into_owned(), |(sentence, _)| sentence),
    };
    let nick = &view.settings.nick;
    empty_tile(ui, rect, &TileContent { id: "me", nick, under: Some(&why) });
}

/// Microphone and camera, on the picture's lower edge.
fn toggles(ui: &mut Ui, view: &View, rect: Rect, state: &mut UiState) {
    const SIDE: f32 = 48.0;
    let size = vec2(2.0 * SIDE + space::M, SIDE);
    let place = Rect::from_center_size(pos2(rect.center().x, rect.bottom() - SIDE / 2.0 - space::M), size);
    let ctx = ui.ctx().clone();
    ui.scope_builder(UiBuilder::new().max_rect(place).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        for (command, kind) in super::call::DEVICE_COMMANDS {
            let look = super::call::device_button(kind, view);
            let tip = command.tip_where_typed(ui.ctx(), &look.label);
            let button = IconButton::new(look.icon, look.label).tip(tip).off(look.is_off);
            if button.filled().size(SIDE, SIDE).show(ui) {
                command.act(&ctx, view, state);
            }
        }
    });
}

/// Our name, and through the door.
fn enter(ui: &mut Ui, view: &View, door: &PreJoin, state: &mut UiState) {
    let word = match &door.door {
        PreJoinView::Start => t!("ui.prejoin.start"),
        PreJoinView::Join { invited: true, .. } => t!("ui.prejoin.join"),
        PreJoinView::Join { invited: false, .. } => t!("ui.prejoin.ask"),
    };
    let icon = if door.door == PreJoinView::Start { icons::START } else { icons::ENTER };
    let button = Button::new(word).icon(icon).primary().large();
    let width = (ui.available_width() * 0.4).clamp(132.0, 240.0);
    let mut is_entered = false;
    ui.horizontal(|ui| {
        ui.vertical(|ui| {
            ui.set_width(ui.available_width() - width - space::M);
            nick(ui, view, state);
        });
        ui.vertical(|ui| {
            // On the line of the field, whose label is above it.
            ui.add_space(LABEL - (control::LARGE - control::MEDIUM) / 2.0);
            is_entered = button.min_width(width).show(ui);
        });
    });
    if is_asked(door) {
        ui.hint(t!("ui.prejoin.ask_hint"));
    }
    let is_free = state.dialogs.open.is_none() && ui.ctx().memory(|memory| memory.focused()).is_none();
    let pressed = is_free && ui.input(|input| input.key_pressed(Key::Enter));
    if is_entered || pressed {
        commit(state);
        state.action(Action::Enter);
    }
}

fn nick(ui: &mut Ui, view: &View, state: &mut UiState) {
    let color = ui.tokens().weak;
    ui.label(RichText::new(t!("ui.prejoin.name")).size(letters::SMALL).color(color));
    let draft = state.drafts.nick.get_or_insert_with(|| Draft::of(view.settings.nick.clone()));
    let (label, hint) = (t!("ui.prejoin.name"), t!("ui.prejoin.name_hint"));
    let response = field(ui, &mut draft.text, &label, &hint, ui.available_width(), NICK_LIMIT);
    // Who has no name is asked for one.
    if !std::mem::replace(&mut state.keyboard.is_name_asked, true) && draft.text.is_empty() {
        response.request_focus();
    }
    draft.is_touched |= response.changed();
    if response.lost_focus() {
        commit(state);
    }
}

/// The name as it was typed is our name.
fn commit(state: &mut UiState) {
    if let Some(nick) = state.drafts.nick.as_mut().and_then(Draft::finish) {
        state.action(Action::SetNick(nick));
    }
}

fn choices(ui: &mut Ui, view: &View, door: &PreJoin, state: &mut UiState) {
    section(ui, icons::SOUND, t!("ui.prejoin.devices"));
    ui.add_space(space::XS);
    let width = ui.available_width();
    for kind in [DeviceKind::Camera, DeviceKind::Microphone, DeviceKind::Speaker] {
        ui.hint(devices::kind(kind));
        pickers::device(ui, view, kind, state);
        match kind {
            DeviceKind::Microphone => super::parts::meter(ui, loudness(door), &t!("ui.prejoin.level"), width),
            DeviceKind::Speaker => pickers::test_sound(ui, state),
            DeviceKind::Camera => {}
        }
        ui.add_space(space::S);
    }
    ui.separator();
    if switch(ui, view.settings.mirror, &t!("ui.prejoin.mirror")).clicked() {
        state.change(view, |settings| settings.mirror = !settings.mirror);
    }
}

fn loudness(door: &PreJoin) -> f32 {
    match door.microphone {
        Switch::On => door.level,
        Switch::Off => 0.0,
    }
}
