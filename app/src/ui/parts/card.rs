//! Grounds on which things lie together.

use eframe::egui::{Frame, Margin, Stroke, Ui};

use super::Parts as _;
use crate::ui::icons::Icon;
use crate::ui::style::{self, corner};
use crate::ui::tokens::{control, radius, space};

/// A card.
pub(in crate::ui) fn card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let t = ui.tokens();
    let frame = Frame::new()
        .fill(t.surface)
        .stroke(Stroke::new(control::LINE, t.line))
        .corner_radius(corner(radius::XL))
        .inner_margin(Margin::from(style::CARD));
    frame
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            add(ui)
        })
        .inner
}

/// The first line of a part of a card: a picture and what follows.
pub(in crate::ui) fn section(ui: &mut Ui, icon: Icon, text: impl Into<String>) {
    let t = ui.tokens();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::S;
        let (rect, _) = ui.allocate_exact_size(super::button::square(control::ICON), eframe::egui::Sense::hover());
        icon.paint(ui.painter(), rect.center(), control::ICON, t.accent_text);
        ui.subtitle(text);
    });
}
