//! The password of a room: typed by who comes, set by the host.

use eframe::egui::{Key, RichText, Ui, vec2};
use hearth_protocol::RoomPassword;
use rust_i18n::t;

use super::modal::{Closed, answers, cancel, modal, question};
use super::parts::{Button, Hidden, Parts as _};
use super::state::{Dialog, UiState};
use super::tokens::{control, letters, space};
use super::{icons, when};
use crate::view::{Action, PasswordPrompt, PasswordPromptState, Progress, Room, Stage, View};

/// Opens the question by itself where nothing else leads into the room, and closes it once it is answered. What was
/// typed does not outlive it.
pub(super) fn settle(view: &View, state: &mut UiState) {
    let room = if let Stage::Room(room) = &view.stage { Some(room) } else { None };
    let ask = room.and_then(|room| room.admission.prompt);
    let is_asked = room.is_some_and(|room| room.progress == Progress::Asked);
    if is_asked && state.dialogs.open.is_none() {
        state.open(Dialog::Unlock);
    }
    if state.dialogs.open == Some(Dialog::Unlock) {
        match ask {
            Some(ask) => follow(ask, state),
            None => state.dialogs.open = None,
        }
    }
    if !matches!(state.dialogs.open, Some(Dialog::Unlock | Dialog::Password)) {
        state.drafts.password = Hidden::default();
        state.drafts.refusals = ask.map_or(0, |ask| ask.refusals);
    }
}

/// An answer gives the keyboard back to the field, with what was typed marked.
fn follow(ask: PasswordPrompt, state: &mut UiState) {
    if std::mem::replace(&mut state.drafts.refusals, ask.refusals) != ask.refusals {
        state.drafts.password.again();
    }
}

/// Asks for the password of the room that we stand before.
pub(super) fn unlock(ui: &Ui, room: &Room, ask: PasswordPrompt, state: &mut UiState) {
    let closed = modal(ui, "unlock", control::DIALOG, state, |ui, state| {
        let name = room.name.as_ref().map(|name| when::number(name.as_str())).unwrap_or_default();
        let text = match room.progress {
            Progress::Waiting => t!("ui.unlock.text_waiting"),
            Progress::Asked | Progress::Entering | Progress::In | Progress::Reconnecting => t!("ui.unlock.text"),
        };
        question(ui, &t!("ui.unlock.title", room = name), &text);
        let is_entered = field(ui, &t!("ui.unlock.label"), state);
        said(ui, ask.state);
        let typed = RoomPassword::parse(state.drafts.password.text()).ok();
        let can = typed.is_some() && matches!(ask.state, PasswordPromptState::Wanted | PasswordPromptState::Wrong);
        let word = if ask.state == PasswordPromptState::Trying { t!("ui.call.entering") } else { t!("ui.home.join") };
        let join = Button::new(word).icon(icons::ENTER).primary().enabled(can);
        state.dialogs.is_asking = false; // the field has the keyboard
        let answer = answers(ui, vec![(cancel(), None), (join, typed.clone())], state);
        match answer {
            Some(None) if room.progress == Progress::Asked => state.action(Action::Leave),
            Some(None) => state.dialogs.open = None,
            Some(Some(_)) | None => {}
        }
        let said = answer.flatten().or(typed.filter(|_| is_entered));
        if let Some(password) = said.filter(|_| can) {
            state.action(Action::Unlock(password));
        }
    });
    // Nothing else leads in, and it is left on purpose only: a press beside it is none.
    if room.progress == Progress::Asked {
        state.dialogs.open = Some(Dialog::Unlock);
        if closed == Closed::Escape {
            state.action(Action::Leave);
        }
    }
}

/// What became of it, on a line that is always there: nothing moves when there is something to say.
fn said(ui: &mut Ui, ask: PasswordPromptState) {
    let t = ui.tokens();
    let text = match ask {
        PasswordPromptState::Wanted | PasswordPromptState::Trying => String::new(),
        PasswordPromptState::Wrong => t!("fault.bad_password").into_owned(),
        PasswordPromptState::TooOften { seconds } => t!("ui.unlock.too_often", seconds = seconds).into_owned(),
    };
    ui.add_space(space::XS);
    let line = vec2(ui.available_width(), 2.0 * letters::BODY);
    ui.allocate_ui(line, |ui| {
        ui.set_min_height(line.y);
        ui.label(RichText::new(text).size(letters::SMALL).color(t.danger_text));
    });
    ui.add_space(space::S);
}

/// Lets the host set, change and remove it.
pub(super) fn password(ui: &Ui, room: &Room, state: &mut UiState) {
    modal(ui, "password", control::DIALOG, state, |ui, state| {
        let text = if room.admission.is_invite_only { t!("ui.password.text") } else { t!("ui.password.text_open") };
        question(ui, &t!("ui.password.title"), &text);
        let label = if room.admission.has_password { t!("ui.password.new") } else { t!("ui.password.label") };
        let is_entered = field(ui, &label, state);
        ui.add_space(space::XS);
        ui.hint(if room.admission.has_password { t!("ui.password.is_set") } else { t!("ui.password.is_unset") });
        ui.add_space(space::L);
        let typed = RoomPassword::parse(state.drafts.password.text()).ok();
        let word = if room.admission.has_password { t!("ui.password.change") } else { t!("ui.password.set") };
        let mut row = vec![(cancel(), Decision::Nothing)];
        if room.admission.has_password {
            row.push((Button::new(t!("ui.password.remove")), Decision::Remove));
        }
        row.push((Button::new(word).primary().enabled(typed.is_some()), Decision::Set));
        state.dialogs.is_asking = false; // the field has the keyboard
        match (answers(ui, row, state), typed) {
            (Some(Decision::Nothing), _) => state.dialogs.open = None,
            (Some(Decision::Remove), _) => decide(state, None),
            (Some(Decision::Set), Some(password)) => decide(state, Some(password)),
            (None, Some(password)) if is_entered => decide(state, Some(password)),
            (Some(Decision::Set) | None, _) => {}
        }
    });
}

/// What the host decides about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Nothing,
    Remove,
    Set,
}

fn decide(state: &mut UiState, password: Option<RoomPassword>) {
    state.dialogs.open = None;
    state.action(Action::SetPassword(password));
}

/// Whether Enter was pressed in it.
fn field(ui: &mut Ui, label: &str, state: &mut UiState) -> bool {
    let width = ui.available_width();
    let field = state.drafts.password.show(ui, label, width, RoomPassword::MAX);
    let is_entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if is_entered {
        field.request_focus(); // what was typed stays where it can be mended
    }
    is_entered
}
