//! Buttons side by side, at the right of where they stand, in the order in which they are read.

use eframe::egui::{Response, Ui};

use super::Button;

/// Draws them, and returns what the one that was pressed means. The keyboard goes from left to right. One is under the
/// other where a language is long. `each` sees every button.
pub(in crate::ui) fn row<A>(ui: &mut Ui, row: Vec<(Button, A)>, mut each: impl FnMut(&Response)) -> Option<A> {
    let room = ui.available_width();
    let widths: Vec<f32> = row.iter().map(|(button, _)| button.width(ui, room)).collect();
    let whole = row_width(ui, &row);
    let mut answer = None;
    let mut draw = |ui: &mut Ui, (button, means): (Button, A)| {
        let response = ui.add(button);
        each(&response);
        if response.clicked() {
            answer = Some(means);
        }
    };
    if whole <= room {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.add_space(room - whole);
            ui.spacing_mut().item_spacing.x = GAP;
            row.into_iter().for_each(|entry| draw(ui, entry));
        });
    } else {
        row.into_iter().zip(widths).for_each(|(entry, width)| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                ui.add_space((room - width).max(0.0));
                draw(ui, entry);
            });
        });
    }
    answer
}

/// Between two buttons.
const GAP: f32 = crate::ui::tokens::space::S;

/// How wide a row is.
pub(in crate::ui) fn row_width<A>(ui: &Ui, row: &[(Button, A)]) -> f32 {
    let widths = row.iter().map(|(button, _)| button.width(ui, f32::INFINITY));
    widths.sum::<f32>() + GAP * row.len().saturating_sub(1) as f32
}
