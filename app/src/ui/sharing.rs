//! What of the desktop should be shared?

use eframe::egui::{ScrollArea, Ui};
use hearth_base::ScreenEntry;
use rust_i18n::t;

use super::modal::{answers, cancel, modal, question};
use super::parts::{Parts as _, menu_item};
use super::state::UiState;
use super::tokens::{control, space};
use crate::view::{Action, Fault, Screens, View};

/// What is left of the window's height beside the list.
const AROUND: f32 = 280.0;
const LEAST: f32 = 80.0;

/// Draws the question.
pub(super) fn dialog(ui: &Ui, view: &View, state: &mut UiState) {
    modal(ui, "share", control::DIALOG, state, |ui, state| {
        question(ui, &t!("ui.share.title"), &t!("ui.share.text"));
        match &view.screens {
            Screens::Unknown => drop(ui.hint(t!("ui.share.looking"))),
            Screens::Failed(fault) => drop(ui.words(Fault::Screen(fault.clone()).sentence())),
            Screens::Known(entries) if entries.is_empty() => drop(ui.hint(t!("ui.share.none"))),
            Screens::Known(entries) => list(ui, entries, state),
        }
        ui.add_space(space::L);
        if answers(ui, vec![(cancel(), ())], state).is_some() {
            state.dialogs.open = None;
        }
    });
}

fn list(ui: &mut Ui, entries: &[ScreenEntry], state: &mut UiState) {
    let height = (ui.ctx().content_rect().height() - AROUND).max(LEAST);
    ScrollArea::vertical().max_height(height).show(ui, |ui| {
        let width = ui.available_width();
        for entry in entries {
            let line = format!("{} ({})", entry.name, entry.resolution);
            if menu_item(ui, &line, false, width).clicked() {
                state.dialogs.open = None;
                state.action(Action::Share(Some(entry.clone())));
            }
        }
    });
}
