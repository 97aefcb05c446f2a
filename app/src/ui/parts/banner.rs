//! One sentence that should be read now, and what can be done about it.

use eframe::egui::{Align, Frame, Layout, Margin, Role, Stroke, Ui, WidgetInfo};

use super::Parts as _;
use crate::ui::icons::{self, Icon};
use crate::ui::style::corner;
use crate::ui::tokens::{control, radius, space};

/// How it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ui) enum Tone {
    /// To be known.
    Note,
    /// To be looked at.
    Warning,
    /// Something went wrong.
    Fault,
}

/// A sentence, on a ground of its own.
#[must_use]
pub(in crate::ui) struct Banner {
    tone: Tone,
    icon: Icon,
    text: String,
}

impl Banner {
    /// A sentence.
    pub(in crate::ui) fn new(tone: Tone, text: impl Into<String>) -> Self {
        let icon = match tone {
            Tone::Note => icons::NOTE,
            Tone::Warning => icons::WARNING,
            Tone::Fault => icons::FAULT,
        };
        Self { tone, icon, text: text.into() }
    }

    /// With another picture.
    pub(in crate::ui) fn icon(self, icon: Icon) -> Self {
        Self { icon, ..self }
    }

    /// Draws it, with `actions` at its right, from right to left.
    pub(in crate::ui) fn show<R>(self, ui: &mut Ui, actions: impl FnOnce(&mut Ui) -> R) -> R {
        let t = ui.tokens();
        let (fill, ink) = match self.tone {
            Tone::Note => (t.accent_soft, t.accent_text),
            Tone::Warning => (t.warn_soft, t.warn),
            Tone::Fault => (t.danger_soft, t.danger_text),
        };
        let frame = Frame::new()
            .fill(fill)
            .stroke(Stroke::new(control::LINE, ink.gamma_multiply(0.35)))
            .corner_radius(corner(radius::M))
            .inner_margin(Margin::symmetric(space::M as i8, space::S as i8));
        let inner = frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let inner = actions(ui);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let square = super::button::square(control::ICON);
                    let (rect, _) = ui.allocate_exact_size(square, eframe::egui::Sense::hover());
                    self.icon.paint(ui.painter(), rect.center(), control::ICON, ink);
                    ui.add(eframe::egui::Label::new(self.text.as_str()).wrap().selectable(true));
                });
                inner
            })
            .inner
        });
        inner.response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, &self.text));
        inner.inner
    }
}
