//! Questions that are in the way of everything else, because what follows cannot be undone.

use eframe::egui::{Align, Layout, RichText, ScrollArea, Ui, ViewportCommand};
use hearth_protocol::{PeerId, Role};
use rust_i18n::t;

use super::command::{self, UiCommand};
use super::facts;
use super::facts::in_room;
use super::modal::{Closed, answers, cancel, modal, question};
use super::parts::{Button, Parts as _};
use super::state::{Dialog, UiState};
use super::tokens::{control, letters, space};
use super::when::number;
use super::{passwords, settings, sharing};
use crate::view::{Action, Room, Stage, View};

/// Draws the one that is open.
pub(super) fn dialogs(ui: &mut Ui, view: &View, state: &mut UiState) {
    let Some(dialog) = state.dialogs.open else { return };
    match (dialog, in_room(view)) {
        (Dialog::Unlock, _) => match &view.stage {
            Stage::Room(room) => match room.admission.prompt {
                Some(ask) => passwords::unlock(ui, room, ask, state),
                None => state.dialogs.open = None,
            },
            Stage::Home | Stage::PreJoin(_) => state.dialogs.open = None,
        },
        (Dialog::Password, Some(room)) => passwords::password(ui, room, state),
        (Dialog::Settings, _) => settings::settings(ui, view, state),
        (Dialog::Help, _) => help(ui, state),
        (Dialog::Share, Some(_)) => sharing::dialog(ui, view, state),
        (Dialog::Leave, Some(room)) => leave(ui, room, state),
        (Dialog::Close, Some(room)) => close(ui, room, state),
        (Dialog::Remove(id), Some(room)) => remove(ui, room, id, state),
        (Dialog::HandOver(id), Some(room)) => hand_over(ui, room, id, state),
        (Dialog::Elsewhere, _) => match &view.stage {
            Stage::Room(room) => elsewhere(ui, view, room, state),
            Stage::Home | Stage::PreJoin(_) => state.dialogs.open = None,
        },
        // The room is over, and the question with it.
        (
            Dialog::Share | Dialog::Leave | Dialog::Close | Dialog::Remove(_) | Dialog::HandOver(_) | Dialog::Password,
            None,
        ) => {
            state.dialogs.open = None;
        }
    }
}

fn is_hosted(room: &Room) -> bool {
    room.invite.as_ref().is_some_and(|invite| invite.is_hosted)
}

/// What a question is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Cancel,
    Leave,
    End,
    Minimise,
    Remove,
    RemoveAndRenew,
    HandOver,
    Go,
}

fn leave(ui: &Ui, room: &Room, state: &mut UiState) {
    modal(ui, "leave", control::DIALOG, state, |ui, state| {
        let (title, text) = if is_hosted(room) {
            (t!("ui.leave.title_end"), t!("ui.leave.hosted"))
        } else {
            (t!("ui.leave.title"), t!("ui.leave.host"))
        };
        question(ui, &title, &text);
        let mut row = vec![(cancel(), Answer::Cancel)];
        if !is_hosted(room) {
            row.push((Button::new(t!("ui.call.leave")), Answer::Leave));
        }
        row.push((Button::new(t!("ui.call.end")).danger(), Answer::End));
        match answers(ui, row, state) {
            Some(Answer::End) => finish(state, Action::EndForAll),
            Some(Answer::Leave) => finish(state, Action::Leave),
            Some(_) => state.dialogs.open = None,
            None => {}
        }
    });
}

/// A link was opened in another program.
fn elsewhere(ui: &Ui, view: &View, room: &Room, state: &mut UiState) {
    let Some((_, other)) = &view.elsewhere else {
        state.dialogs.open = None; // answered, or no longer asked
        return;
    };
    let closed = modal(ui, "elsewhere", control::DIALOG, state, |ui, state| {
        let text = match room.role {
            Role::Host if is_hosted(room) => t!("ui.elsewhere.hosted"),
            Role::Host | Role::Guest => t!("ui.elsewhere.text"),
        };
        question(ui, &t!("ui.elsewhere.title", room = number(other.as_str())), &text);
        let row = vec![
            (Button::new(t!("ui.elsewhere.stay")).quiet(), Answer::Cancel),
            (Button::new(t!("ui.elsewhere.go")).danger(), Answer::Go),
        ];
        match answers(ui, row, state) {
            Some(Answer::Go) => finish(state, Action::GoElsewhere),
            Some(_) => finish_asking(state),
            None => {}
        }
    });
    if closed != Closed::No {
        finish_asking(state);
    }
}

fn finish_asking(state: &mut UiState) {
    state.dialogs.open = None;
    state.action(Action::Stay);
}

fn finish(state: &mut UiState, action: Action) {
    state.dialogs.open = None;
    state.panel = None;
    state.action(action);
}

/// The window should be closed while others are in the room, or wait to be.
fn close(ui: &Ui, room: &Room, state: &mut UiState) {
    modal(ui, "close", control::DIALOG, state, |ui, state| {
        let is_host = room.role == Role::Host;
        let text = match (is_host, is_hosted(room)) {
            (true, true) if room.people.is_empty() => t!("ui.close_window.hosted_waiting"),
            (true, false) if room.people.is_empty() => t!("ui.close_window.host_waiting"),
            (true, true) => t!("ui.close_window.hosted"),
            (true, false) => t!("ui.close_window.host"),
            (false, _) => t!("ui.close_window.guest"),
        };
        question(ui, &t!("ui.close_window.title"), &text);
        let mut row = vec![(cancel(), Answer::Cancel)];
        if is_hosted(room) {
            row.push((Button::new(t!("ui.close_window.keep")).primary(), Answer::Minimise));
        } else {
            let button = Button::new(t!("ui.call.leave"));
            row.push((if is_host { button } else { button.danger() }, Answer::Leave));
        }
        if is_host {
            row.push((Button::new(t!("ui.call.end")).danger(), Answer::End));
        }
        match answers(ui, row, state) {
            Some(Answer::End) => shut(ui, state, Action::EndForAll),
            Some(Answer::Leave) => shut(ui, state, Action::Leave),
            Some(Answer::Minimise) => {
                state.dialogs.open = None;
                ui.ctx().send_viewport_cmd(ViewportCommand::Minimized(true));
            }
            Some(_) => state.dialogs.open = None,
            None => {}
        }
    });
}

fn shut(ui: &Ui, state: &mut UiState, action: Action) {
    finish(state, action);
    state.dialogs.may_close = true;
    ui.ctx().send_viewport_cmd(ViewportCommand::Close);
}

fn remove(ui: &Ui, room: &Room, id: PeerId, state: &mut UiState) {
    let Some(person) = room.people.iter().find(|person| person.id == id) else {
        state.dialogs.open = None; // gone by themselves
        return;
    };
    modal(ui, "remove", control::DIALOG, state, |ui, state| {
        let nick = facts::named(&person.nick);
        let text = if room.admission.is_invite_only { t!("ui.remove.text") } else { t!("ui.remove.text_open") };
        question(ui, &t!("ui.remove.title", nick = nick), &text);
        let mut row = vec![(cancel(), Answer::Cancel), (Button::new(t!("ui.remove.button")).danger(), Answer::Remove)];
        if room.admission.is_invite_only {
            row.push((Button::new(t!("ui.remove.with_link")).danger(), Answer::RemoveAndRenew));
        }
        let Some(answer) = answers(ui, row, state) else { return };
        state.dialogs.open = None;
        if matches!(answer, Answer::Remove | Answer::RemoveAndRenew) {
            state.action(Action::Kick(id));
        }
        if answer == Answer::RemoveAndRenew {
            state.action(Action::RenewLink);
        }
    });
}

fn hand_over(ui: &Ui, room: &Room, id: PeerId, state: &mut UiState) {
    let Some(person) = room.people.iter().find(|person| person.id == id) else {
        state.dialogs.open = None; // gone meanwhile
        return;
    };
    modal(ui, "hand over", control::DIALOG, state, |ui, state| {
        let nick = facts::named(&person.nick);
        question(ui, &t!("ui.hand_over.title", nick = nick), &t!("ui.hand_over.text"));
        let row =
            vec![(cancel(), Answer::Cancel), (Button::new(t!("ui.hand_over.button")).primary(), Answer::HandOver)];
        let Some(answer) = answers(ui, row, state) else { return };
        state.dialogs.open = None;
        if answer == Answer::HandOver {
            state.action(Action::MakeHost(id));
        }
    });
}

fn help(ui: &Ui, state: &mut UiState) {
    modal(ui, "help", control::DIALOG, state, |ui, state| {
        ui.title(t!("ui.help.title"));
        ui.add_space(space::S);
        let height = (ui.ctx().content_rect().height() - 200.0).max(100.0);
        ScrollArea::vertical().max_height(height).show(ui, |ui| {
            for command in UiCommand::ALL {
                let keys = command.keys().iter().map(|key| command::shown(ui.ctx(), key));
                line(ui, &command.name(), &keys.collect::<Vec<_>>());
            }
            line(ui, &t!("ui.help.talk"), &[t!("ui.help.space").into_owned()]);
            line(ui, &t!("ui.help.press"), &[t!("ui.help.enter").into_owned()]);
        });
        ui.add_space(space::M);
        if answers(ui, vec![(Button::new(t!("ui.close")), ())], state).is_some() {
            state.dialogs.open = None;
        }
    });
}

/// What is done, and the keys for it as one sees them on a keyboard.
fn line(ui: &mut Ui, name: &str, keys: &[String]) {
    let t = ui.tokens();
    ui.horizontal(|ui| {
        ui.words(name);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            for key in keys.iter().rev() {
                let frame = eframe::egui::Frame::new()
                    .fill(t.raised)
                    .stroke(eframe::egui::Stroke::new(control::LINE, t.line))
                    .corner_radius(super::style::corner(super::tokens::radius::S))
                    .inner_margin(eframe::egui::Margin::symmetric(8, 3));
                frame.show(ui, |ui| ui.label(RichText::new(key).size(letters::SMALL).color(t.text)));
            }
        });
    });
}
