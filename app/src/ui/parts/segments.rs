//! One of a few, side by side.

use eframe::egui::{Align2, Color32, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use super::button::focus_ring;
use super::{Parts as _, elided};
use crate::ui::fonts;
use crate::ui::style::{self, corner};
use crate::ui::tokens::{control, letters, radius, space};

/// A row of choices; returns the one that was chosen again.
pub(in crate::ui) fn segments<T: Copy + PartialEq>(ui: &mut Ui, chosen: T, choices: &[(T, String)]) -> Option<T> {
    let t = ui.tokens();
    let mut new = None;
    let count = choices.len().max(1) as f32;
    let width = ui.available_width();
    let (ground, _) = ui.allocate_exact_size(vec2(width, control::MEDIUM), Sense::hover());
    ui.painter().rect_filled(ground, corner(radius::M), t.raised);
    for (at, (choice, text)) in choices.iter().enumerate() {
        let left = ground.left() + width / count * at as f32;
        let rect = eframe::egui::Rect::from_min_size(
            eframe::egui::pos2(left, ground.top()),
            vec2(width / count, ground.height()),
        )
        .shrink(3.0);
        let response = ui.interact(rect, ui.auto_id_with(at), Sense::click());
        let is_chosen = *choice == chosen;
        response.widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), is_chosen, text));
        let (fill, line, ink) = match (is_chosen, response.hovered()) {
            (true, _) => (t.surface, Stroke::new(control::LINE, t.outline), t.text),
            (false, true) => (t.raised_hover, Stroke::NONE, t.text),
            (false, false) => (style::NONE, Stroke::NONE, t.weak),
        };
        ui.painter().rect(rect, corner(radius::M - 3.0), fill, line, StrokeKind::Inside);
        let font = if is_chosen { fonts::strong(letters::SMALL) } else { fonts::plain(letters::SMALL) };
        let galley = elided(ui.painter(), text, font, Color32::PLACEHOLDER, rect.width() - 2.0 * space::XS);
        let place = Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size());
        ui.painter().galley(place.min, galley, ink);
        focus_ring(ui, &response, corner(radius::M - 3.0));
        if response.clicked() && !is_chosen {
            new = Some(*choice);
        }
    }
    new
}
