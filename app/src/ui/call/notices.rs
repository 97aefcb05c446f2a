//! What must be read at once: who knocks, what went wrong, what to compare. It lies over the tiles, and moves none.

use eframe::egui::{Align, Layout, Rect, Ui, pos2, vec2};
use hearth_base::{DeviceFault, DeviceKind};
use hearth_call::Switch;
use hearth_protocol::Role;
use rust_i18n::t;

use super::child;
use crate::ui::command::UiCommand;
use crate::ui::facts;
use crate::ui::facts::broken;
use crate::ui::icons;
use crate::ui::parts::{Banner, Button, IconButton, Tone, row, row_width};
use crate::ui::state::{Panel, UiState};
use crate::ui::tokens::space;
use crate::ui::{devices, panels};
use crate::view::{Action, Fault, Knocker, Progress, Room, Spot, View};

/// No notice is wider, and none is narrower where two stand side by side.
const WIDTH: f32 = 600.0;
const NARROW: f32 = 400.0;
/// So many stand one under the other before they stand side by side.
const COLUMN: usize = 2;
/// What closes a notice.
const CLOSE: f32 = 36.0;
/// More people at the door are a number; all of them are in the panel.
const KNOCKERS: usize = 3;

/// One thing to be read.
enum Notice<'a> {
    Reconnecting,
    Fault,
    Knocker(&'a Knocker),
    MoreKnockers(usize),
    /// A server that nobody vouches for: its words should be compared with the host's.
    Unverified(&'a str),
    /// Something that is wanted and does not run.
    Device(DeviceKind, &'a DeviceFault),
    MutedTalking,
    /// Nobody is here yet: how do they come?
    Alone,
}

/// Draws them at the top of the stage.
pub(super) fn notices(ui: &mut Ui, view: &View, room: &Room, stage: Rect, state: &mut UiState) {
    let found = gather(view, room, state);
    if found.is_empty() {
        return;
    }
    let room_for_two = stage.width() >= 2.0 * NARROW + space::S;
    let columns = if found.len() > COLUMN && room_for_two { 2 } else { 1 };
    let gaps = space::S * (columns - 1) as f32;
    let width = ((stage.width() - gaps) / columns as f32).min(WIDTH);
    let left = stage.center().x - (width * columns as f32 + gaps) / 2.0;
    for column in 0..columns {
        let corner = pos2(left + (width + space::S) * column as f32, stage.top());
        let rect = Rect::from_min_size(corner, vec2(width, stage.height()));
        child(ui, rect, Layout::top_down(Align::Min), |ui| {
            for notice in found.iter().skip(column).step_by(columns) {
                show(ui, notice, view, room, state);
            }
        });
    }
}

/// What there should be read, the most urgent first.
fn gather<'a>(view: &'a View, room: &'a Room, state: &UiState) -> Vec<Notice<'a>> {
    let mut found = Vec::new();
    if room.progress == Progress::Reconnecting {
        found.push(Notice::Reconnecting);
    }
    found.extend(view.fault.as_ref().map(|_| Notice::Fault));
    found.extend(room.lobby.iter().take(KNOCKERS).map(Notice::Knocker));
    let more = room.lobby.len().saturating_sub(KNOCKERS);
    if more > 0 {
        found.push(Notice::MoreKnockers(more));
    }
    let unverified = room.server.key.unverified_words().filter(|words| !state.acknowledged.has_key(words));
    found.extend(unverified.map(Notice::Unverified));
    found.extend(
        broken(view)
            .filter(|(kind, _)| !state.acknowledged.devices.contains(kind))
            .map(|(kind, why)| Notice::Device(kind, why)),
    );
    // That we are muted is said once: by whom, if it was not by us.
    let is_said = matches!(view.fault, Some(Fault::Silenced(_)));
    if room.me.is_muted_talking && room.me.microphone == Switch::Off && !is_said {
        found.push(Notice::MutedTalking);
    }
    if room.people.is_empty() && state.panel.is_none() && room.progress == Progress::In {
        found.push(Notice::Alone);
    }
    found
}

fn show(ui: &mut Ui, notice: &Notice<'_>, view: &View, room: &Room, state: &mut UiState) {
    match notice {
        Notice::Reconnecting => {
            let text = if room.server.is_lost { t!("ui.call.server_lost") } else { t!("ui.call.reconnecting") };
            Banner::new(Tone::Warning, text).icon(icons::LOST).show(ui, |_| {});
        }
        Notice::Fault if matches!(view.fault, Some(Fault::Silenced(_))) => silenced(ui, view, state),
        Notice::Fault => fault(ui, view, state),
        Notice::Knocker(knocker) => {
            let text = t!("ui.call.knocks", nick = facts::named(&knocker.nick)).into_owned();
            let text = panels::same_address(knocker).map_or(text.clone(), |more| format!("{text} {more}"));
            let buttons = row_width(ui, &panels::answers(knocker));
            let banner = Banner::new(Tone::Note, text).icon(icons::DOOR).room(buttons);
            banner.show(ui, |ui| panels::let_in(ui, knocker, state));
        }
        Notice::MoreKnockers(more) => {
            Banner::new(Tone::Note, t!("ui.call.knock_more", count = more)).icon(icons::DOOR).show(ui, |_| {});
        }
        Notice::Unverified(words) => unverified(ui, words, state),
        Notice::Device(kind, why) => device(ui, *kind, why, state),
        Notice::MutedTalking => talking(ui, view, state),
        Notice::Alone => alone(ui, view, room, state),
    }
}

/// The fault of the moment, until it is dismissed.
pub(in crate::ui) fn fault(ui: &mut Ui, view: &View, state: &mut UiState) {
    if let Some(fault) = &view.fault {
        let tone = if fault.is_alarm() { Tone::Fault } else { Tone::Note };
        Banner::new(tone, fault.told(super::spot(view))).room(CLOSE).show(ui, |ui| {
            if close(ui) {
                state.action(Action::Dismiss);
            }
        });
    }
}

/// The host has silenced us: by whom, and the way back beside it, whatever a bare key means now.
fn silenced(ui: &mut Ui, view: &View, state: &mut UiState) {
    let Some(fault) = &view.fault else { return };
    let unmute = Button::new(t!("ui.call.unmute")).small();
    let buttons = unmute.width(ui, f32::INFINITY) + space::S + CLOSE;
    let banner = Banner::new(Tone::Note, fault.sentence()).icon(icons::MICROPHONE_OFF).room(buttons);
    banner.show(ui, |ui| {
        if unmute.show(ui) {
            state.action(Action::SetMicrophone(Switch::On));
        }
        if close(ui) {
            state.action(Action::Dismiss);
        }
    });
}

fn close(ui: &mut Ui) -> bool {
    IconButton::new(icons::CLOSE, t!("ui.dismiss")).size(30.0, 30.0).show(ui)
}

fn unverified(ui: &mut Ui, words: &str, state: &mut UiState) {
    #[derive(Clone, Copy)]
    enum Compared {
        Same,
        Other,
        Later,
    }
    let entries = vec![
        (Button::new(t!("ui.call.later")).small().quiet(), Compared::Later),
        (Button::new(t!("ui.call.differ")).small(), Compared::Other),
        (Button::new(t!("ui.call.compared")).small().primary(), Compared::Same),
    ];
    // The words are what should be read: the answers are under them where there is no room.
    let buttons = row_width(ui, &entries);
    let banner = Banner::new(Tone::Warning, t!("ui.call.unverified", words = words)).room(buttons);
    match banner.show(ui, |ui| row(ui, entries, |_| {})) {
        Some(Compared::Same) => state.acknowledged.same_key = Some(words.to_owned()),
        // Anyone who hosts this is not who was meant.
        Some(Compared::Other) => state.action(Action::Leave),
        Some(Compared::Later) => state.acknowledged.later_key = Some(words.to_owned()),
        None => {}
    }
}

fn device(ui: &mut Ui, kind: DeviceKind, why: &DeviceFault, state: &mut UiState) {
    let sentence = Fault::Device(kind, why.clone()).told(Spot::Call);
    Banner::new(Tone::Warning, sentence).icon(devices::icon(kind)).room(CLOSE).show(ui, |ui| {
        if close(ui) {
            state.acknowledged.devices.push(kind);
        }
    });
}

fn talking(ui: &mut Ui, view: &View, state: &mut UiState) {
    let entries = vec![(Button::new(t!("ui.call.unmute")).small(), ())];
    // With the chat open a bare M is a letter.
    let text = match state.panel {
        Some(Panel::Chat) => t!("ui.call.muted_typing"),
        Some(Panel::People | Panel::Invite | Panel::Connection(_)) | None => t!("ui.call.muted_talking"),
    };
    let banner = Banner::new(Tone::Note, text).icon(icons::MICROPHONE_OFF);
    banner.room(row_width(ui, &entries)).show(ui, |ui| {
        if row(ui, entries, |_| {}).is_some() {
            UiCommand::Microphone.act(&ui.ctx().clone(), view, state);
        }
    });
}

fn alone(ui: &mut Ui, view: &View, room: &Room, state: &mut UiState) {
    let text = if room.role == Role::Host { t!("ui.call.alone_host") } else { t!("ui.call.alone") };
    let entries = room.invite.iter().map(|_| (Button::new(t!("ui.call.invite")).small().primary(), ()));
    let entries: Vec<_> = entries.collect();
    Banner::new(Tone::Note, text).icon(icons::INVITE).room(row_width(ui, &entries)).show(ui, |ui| {
        if row(ui, entries, |_| {}).is_some() {
            UiCommand::Invite.act(&ui.ctx().clone(), view, state);
        }
    });
}
