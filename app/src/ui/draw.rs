//! One frame: the screen of the stage, what lies over it, and the keys.

use std::time::Duration;

use eframe::egui::{CentralPanel, Frame, Ui};
use hearth_call::Switch;

use super::parts::Parts as _;
use super::state::{UiState, in_room};
use super::video::TilePainter;
use super::{call, dialogs, home, keys, prejoin};
use crate::view::{Stage, View, Wish};

/// The clock of a room.
const CLOCK: Duration = Duration::from_secs(1);
/// Meters: faster than this nobody sees.
const METER: Duration = Duration::from_millis(100);

/// Draws a view, and returns what the person wants.
pub fn draw(ui: &mut Ui, view: &View, state: &mut UiState, tiles: &mut dyn TilePainter) -> Vec<Wish> {
    state.follow(ui, &view.settings);
    state.settle(view);
    keys::read(&ui.ctx().clone(), view, state);
    let t = ui.tokens();
    let ground = if in_room(view).is_some() { t.stage } else { t.canvas };
    CentralPanel::default().frame(Frame::new().fill(ground)).show(ui, |ui| match &view.stage {
        Stage::Home => home::home(ui, view, state),
        Stage::PreJoin(door) => prejoin::prejoin(ui, view, door, state, tiles),
        Stage::Room(room) => call::call(ui, view, room, state, tiles),
    });
    dialogs::dialogs(ui, view, state);
    tiles.settle(ui.painter());
    again(ui, view);
    state.take_wishes()
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
