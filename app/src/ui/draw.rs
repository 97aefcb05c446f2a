//! One frame: the screen of the stage, what lies over it, and the keys.

use std::time::Duration;

use eframe::egui::{CentralPanel, Color32, Frame, Theme, Ui, Visuals};
use hearth_call::Switch;

use super::facts::in_room;
use super::state::UiState;
use super::tokens::Tokens;
use super::video::TilePainter;
use super::{call, dialogs, home, keys, passwords, prejoin};
use crate::view::{Action, Stage, View};

/// The clock of a room.
const CLOCK: Duration = Duration::from_secs(1);
/// Meters: faster than this nobody sees.
const METER: Duration = Duration::from_millis(100);

/// Draws a view, and returns what the person wants.
pub fn draw(ui: &mut Ui, view: &View, state: &mut UiState, tiles: &mut dyn TilePainter) -> Vec<Action> {
    state.locale.follow(ui, &view.settings);
    state.settle(view);
    passwords::settle(view, state);
    state.look(ui.ctx(), view);
    keys::read(&ui.ctx().clone(), view, state);
    CentralPanel::default().frame(Frame::new()).show(ui, |ui| match &view.stage {
        Stage::Home => home::home(ui, view, state),
        Stage::PreJoin(door) => prejoin::prejoin(ui, view, door, state, tiles),
        Stage::Room(room) => call::call(ui, view, room, state, tiles),
    });
    dialogs::dialogs(ui, view, state);
    tiles.settle(ui.painter());
    again(ui, view);
    state.take_actions()
}

/// What lies under a view. Anyone who shows it clears the window to this: a rectangle as large as the window would cost
/// each of its pixels a second time.
pub fn ground(view: &View, visuals: &Visuals) -> Color32 {
    let t = Tokens::of(Theme::from_dark_mode(visuals.dark_mode));
    if in_room(view).is_some() { t.stage } else { t.canvas }
}

/// Asks for another frame where something moves of itself. Pictures ask for themselves, and at home nothing moves.
fn again(ui: &Ui, view: &View) {
    let ctx = ui.ctx();
    match &view.stage {
        Stage::Home => {}
        Stage::PreJoin(door) if door.microphone == Switch::On => ctx.request_repaint_after(METER),
        Stage::PreJoin(_) => {}
        Stage::Room(_) => ctx.request_repaint_after(CLOCK),
    }
}
