//! What must be read at once, above the tiles: who knocks, what went wrong, what to compare.

use eframe::egui::{Align, Layout, Rect, Ui, vec2};
use hearth_base::DeviceKind;
use hearth_call::Switch;
use hearth_protocol::Role;
use rust_i18n::t;

use super::child;
use crate::ui::command::Command;
use crate::ui::icons;
use crate::ui::parts::{Banner, Button, IconButton, Tone};
use crate::ui::pickers;
use crate::ui::state::UiState;
use crate::ui::tokens::space;
use crate::ui::{devices, panels};
use crate::view::{Progress, Room, View, Wish};

/// No notice is wider.
const WIDTH: f32 = 600.0;
/// Two buttons, in the longer language.
const ACTIONS: f32 = 160.0;
/// More people at the door are a number; all of them stand in the panel.
const KNOCKERS: usize = 3;

/// Draws them, one under the other.
pub(super) fn notices(ui: &mut Ui, view: &View, room: &Room, stage: Rect, state: &mut UiState) {
    let width = WIDTH.min(stage.width() - 2.0 * space::M);
    let corner = stage.center_top() + vec2(-width / 2.0, space::M);
    let rect = Rect::from_min_size(corner, vec2(width, stage.height() - space::L));
    child(ui, rect, Layout::top_down(Align::Min), |ui| {
        if room.progress == Progress::Reconnecting {
            Banner::new(Tone::Warning, t!("ui.call.reconnecting")).icon(icons::LOST).show(ui, |_| {});
        }
        fault(ui, view, state);
        knockers(ui, room, state);
        unverified(ui, room, state);
        broken_devices(ui, view, room);
        talking(ui, view, room, state);
        alone(ui, view, room, state);
    });
}

/// The fault of the moment, until it is dismissed.
pub(in crate::ui) fn fault(ui: &mut Ui, view: &View, state: &mut UiState) {
    if let Some(fault) = &view.fault {
        Banner::new(Tone::Fault, fault.sentence()).room(36.0).show(ui, |ui| {
            if IconButton::new(icons::CLOSE, t!("ui.dismiss")).size(30.0, 30.0).show(ui) {
                state.wish(Wish::Dismiss);
            }
        });
    }
}

fn knockers(ui: &mut Ui, room: &Room, state: &mut UiState) {
    for knocker in room.lobby.iter().take(KNOCKERS) {
        let text = t!("ui.call.knocks", nick = panels::named(&knocker.nick));
        Banner::new(Tone::Note, text).icon(icons::DOOR).room(ACTIONS).show(ui, |ui| panels::let_in(ui, knocker, state));
    }
    let more = room.lobby.len().saturating_sub(KNOCKERS);
    if more > 0 {
        Banner::new(Tone::Note, t!("ui.call.knock_more", count = more)).icon(icons::DOOR).show(ui, |_| {});
    }
}

/// A server that nobody vouches for: its words are to be compared with the host's.
fn unverified(ui: &mut Ui, room: &Room, state: &mut UiState) {
    let Some(words) = room.unverified.as_ref().filter(|words| state.compared.as_ref() != Some(*words)) else { return };
    Banner::new(Tone::Warning, t!("ui.call.unverified", words = words)).room(ACTIONS).show(ui, |ui| {
        if Button::new(t!("ui.call.compared")).small().show(ui) {
            state.compared = Some(words.clone());
        }
    });
}

/// What is wanted and does not run.
fn broken_devices(ui: &mut Ui, view: &View, room: &Room) {
    let wanted = [
        (DeviceKind::Microphone, room.me.microphone == Switch::On),
        (DeviceKind::Camera, room.me.camera == Switch::On),
        (DeviceKind::Speaker, true),
    ];
    for (kind, _) in wanted.into_iter().filter(|(_, is_wanted)| *is_wanted) {
        let (_, _, now) = pickers::of(view, kind);
        if let Some((sentence, true)) = devices::state(kind, now) {
            Banner::new(Tone::Warning, sentence).icon(devices::icon(kind)).show(ui, |_| {});
        }
    }
}

fn talking(ui: &mut Ui, view: &View, room: &Room, state: &mut UiState) {
    if !room.me.is_muted_talking || room.me.microphone == Switch::On {
        return;
    }
    Banner::new(Tone::Note, t!("ui.call.muted_talking")).icon(icons::MICROPHONE_OFF).room(ACTIONS).show(ui, |ui| {
        if Button::new(t!("ui.call.unmute")).small().show(ui) {
            Command::Microphone.act(&ui.ctx().clone(), view, state);
        }
    });
}

/// Nobody is here yet: how do they come?
fn alone(ui: &mut Ui, view: &View, room: &Room, state: &mut UiState) {
    if !room.people.is_empty() || state.panel.is_some() || room.progress != Progress::In {
        return;
    }
    let text = if room.role == Role::Host { t!("ui.call.alone_host") } else { t!("ui.call.alone") };
    Banner::new(Tone::Note, text).icon(icons::INVITE).room(ACTIONS).show(ui, |ui| {
        if room.invite.is_some() && Button::new(t!("ui.call.invite")).small().primary().show(ui) {
            Command::Invite.act(&ui.ctx().clone(), view, state);
        }
    });
}
