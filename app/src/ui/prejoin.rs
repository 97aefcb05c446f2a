//! The look in the mirror before the door: how do I look, which microphone is it, what am I called?

use eframe::egui::{Align, Key, Layout, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use hearth_base::DeviceKind;
use hearth_call::Switch;
use rust_i18n::t;

use super::call::{Shown, empty_tile};
use super::command::Command;
use super::parts::{Button, IconButton, Parts as _, card, field, section};
use super::state::{Dialog, Draft, UiState};
use super::tokens::{letters, radius, space};
use super::video::{Fit, Place, TilePainter};
use super::{devices, icons, pickers, when};
use crate::view::{Door, PreJoin, View, Wish};

/// Longest name in characters: the server takes 64 bytes, and Chinese ones have three each.
pub(super) const NICK_LIMIT: usize = 20;
/// Of the card with the devices.
const CARD: f32 = 350.0;
/// No preview is wider.
const PREVIEW: f32 = 760.0;

/// Draws it.
pub(super) fn prejoin(ui: &mut Ui, view: &View, door: &PreJoin, state: &mut UiState, tiles: &mut dyn TilePainter) {
    header(ui, &door.door, state);
    if view.fault.is_some() {
        let place = ui.available_rect_before_wrap().shrink2(vec2(space::XL, 0.0));
        ui.scope_builder(UiBuilder::new().max_rect(place), |ui| super::call::fault(ui, view, state));
    }
    let rect = ui.available_rect_before_wrap().shrink2(vec2(space::XL, 0.0));
    let card_width = CARD.min(rect.width() * 0.48);
    let gap = space::XL;
    let left_width = (rect.width() - card_width - gap).min(PREVIEW);
    let height = (left_width * 9.0 / 16.0 + 150.0).min(rect.height());
    let width = left_width + gap + card_width;
    let top = rect.top() + ((rect.height() - height.max(460.0)) / 2.5).max(0.0);
    let start = pos2(rect.center().x - width / 2.0, top);
    let left = Rect::from_min_size(start, vec2(left_width, rect.bottom() - top - space::M));
    let right = Rect::from_min_size(pos2(left.right() + gap, top), vec2(card_width, left.height()));
    ui.scope_builder(UiBuilder::new().max_rect(left), |ui| mirror(ui, view, door, state, tiles));
    ui.scope_builder(UiBuilder::new().max_rect(right), |ui| {
        ScrollArea::vertical().show(ui, |ui| card(ui, |ui| choices(ui, view, door, state)));
    });
}

fn header(ui: &mut Ui, door: &Door, state: &mut UiState) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 60.0), Sense::hover());
    let inner = rect.shrink2(vec2(space::L, space::S));
    ui.scope_builder(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)), |ui| {
        if IconButton::new(icons::BACK, t!("ui.prejoin.back")).show(ui) {
            state.drafts.nick = None;
            state.wish(Wish::Leave);
        }
        match door {
            Door::Start => ui.title(t!("ui.prejoin.start_title")),
            Door::Join { room, .. } => ui.title(t!("ui.prejoin.join_title", room = when::number(room.as_str()))),
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if IconButton::new(icons::SETTINGS, t!("ui.settings.title")).show(ui) {
                state.open(Dialog::Settings);
            }
        });
    });
}

fn mirror(ui: &mut Ui, view: &View, door: &PreJoin, state: &mut UiState, tiles: &mut dyn TilePainter) {
    let width = ui.available_width();
    let height = (width * 9.0 / 16.0).min((ui.available_height() - 130.0).max(120.0));
    let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    preview(ui, view, door, rect, tiles);
    toggles(ui, view, rect, state);
    ui.add_space(space::M);
    enter(ui, view, door, state);
}

fn preview(ui: &Ui, view: &View, door: &PreJoin, rect: Rect, tiles: &mut dyn TilePainter) {
    let place = Place { rect, radius: radius::L, fit: Fit::Fill, is_mirrored: view.settings.mirror };
    let film = door.film.as_ref().filter(|_| door.camera == Switch::On);
    if film.is_some_and(|film| tiles.paint(ui.painter(), film, place)) {
        return;
    }
    let why = match door.camera {
        Switch::Off => t!("ui.prejoin.camera_off").into_owned(),
        Switch::On => devices::state(DeviceKind::Camera, &view.devices.camera)
            .map_or_else(|| t!("ui.prejoin.no_picture").into_owned(), |(sentence, _)| sentence),
    };
    let nick = &view.settings.nick;
    empty_tile(ui, rect, &Shown { id: "me", nick, under: Some(&why) });
}

/// Microphone and camera, on the picture's lower edge.
fn toggles(ui: &mut Ui, view: &View, rect: Rect, state: &mut UiState) {
    const SIDE: f32 = 48.0;
    let size = vec2(2.0 * SIDE + space::M, SIDE);
    let place = Rect::from_center_size(pos2(rect.center().x, rect.bottom() - SIDE / 2.0 - space::M), size);
    let ctx = ui.ctx().clone();
    ui.scope_builder(UiBuilder::new().max_rect(place).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        for command in [Command::Microphone, Command::Camera] {
            let look = super::call::device_button(command, view);
            let tip = command.tip(ui.ctx(), &look.label);
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
        Door::Start => t!("ui.prejoin.start"),
        Door::Join { invited: true, .. } => t!("ui.prejoin.join"),
        Door::Join { invited: false, .. } => t!("ui.prejoin.ask"),
    };
    let button = Button::new(word).icon(icons::ENTER).primary().large();
    let is_wide = ui.available_width() > 460.0;
    let mut is_entered = false;
    if is_wide {
        ui.horizontal(|ui| {
            ui.vertical(|ui| {
                ui.set_width(ui.available_width() - 200.0 - space::M);
                nick(ui, view, state);
            });
            ui.vertical(|ui| {
                ui.add_space(letters::SMALL + space::S);
                is_entered = button.min_width(200.0).show(ui);
            });
        });
    } else {
        nick(ui, view, state);
        is_entered = button.min_width(ui.available_width()).show(ui);
    }
    if let Door::Join { invited: false, .. } = door.door {
        ui.hint(t!("ui.prejoin.ask_hint"));
    }
    let is_free = state.dialog.is_none() && ui.ctx().memory(|memory| memory.focused()).is_none();
    let pressed = is_free && ui.input(|input| input.key_pressed(Key::Enter));
    if is_entered || pressed {
        commit(state);
        state.wish(Wish::Enter);
    }
}

fn nick(ui: &mut Ui, view: &View, state: &mut UiState) {
    let color = ui.tokens().weak;
    ui.label(RichText::new(t!("ui.prejoin.name")).size(letters::SMALL).color(color));
    let draft = state.drafts.nick.get_or_insert_with(|| Draft::of(view.settings.nick.clone()));
    let (label, hint) = (t!("ui.prejoin.name"), t!("ui.prejoin.name_hint"));
    let response = field(ui, &mut draft.text, &label, &hint, ui.available_width(), NICK_LIMIT);
    draft.is_touched |= response.changed();
    if response.lost_focus() {
        commit(state);
    }
}

/// The name as it was typed is our name.
fn commit(state: &mut UiState) {
    if let Some(nick) = state.drafts.nick.as_mut().and_then(Draft::finish) {
        state.wish(Wish::SetNick(nick));
    }
}

fn choices(ui: &mut Ui, view: &View, door: &PreJoin, state: &mut UiState) {
    section(ui, icons::SOUND, t!("ui.prejoin.devices"));
    ui.add_space(space::XS);
    let width = ui.available_width();
    for kind in [DeviceKind::Camera, DeviceKind::Microphone, DeviceKind::Speaker] {
        pickers::device(ui, view, kind, state);
        match kind {
            DeviceKind::Microphone => {
                super::parts::meter(ui, loudness(door), &t!("ui.prejoin.level"), width);
            }
            DeviceKind::Speaker => pickers::test_sound(ui, state),
            DeviceKind::Camera => {}
        }
        ui.add_space(space::S);
    }
}

fn loudness(door: &PreJoin) -> f32 {
    match door.microphone {
        Switch::On => door.level,
        Switch::Off => 0.0,
    }
}
