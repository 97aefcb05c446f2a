//! One sentence that should be read now, and what can be done about it.

use eframe::egui::{Align, Align2, Layout, Role, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use super::Parts as _;
use crate::ui::fonts;
use crate::ui::icons::{self, Icon};
use crate::ui::style::corner;
use crate::ui::tokens::{control, letters, radius, space};

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
    room: f32,
}

impl Banner {
    /// A sentence.
    pub(in crate::ui) fn new(tone: Tone, text: impl Into<String>) -> Self {
        let icon = match tone {
            Tone::Note => icons::NOTE,
            Tone::Warning => icons::WARNING,
            Tone::Fault => icons::FAULT,
        };
        Self { tone, icon, text: text.into(), room: 0.0 }
    }

    /// With another picture.
    pub(in crate::ui) fn icon(self, icon: Icon) -> Self {
        Self { icon, ..self }
    }

    /// With so much room for what can be done about it, in points.
    pub(in crate::ui) fn room(self, room: f32) -> Self {
        Self { room, ..self }
    }

    /// Draws it, with `actions` at its right, in as much room as was asked for.
    pub(in crate::ui) fn show<R>(self, ui: &mut Ui, buttons: impl FnOnce(&mut Ui) -> R) -> R {
        let t = ui.tokens();
        let (fill, ink) = match self.tone {
            Tone::Note => (t.accent_soft, t.accent_text),
            Tone::Warning => (t.warn_soft, t.warn),
            Tone::Fault => (t.danger_soft, t.danger_text),
        };
        let left = space::M + control::ICON + space::S;
        let width = ui.available_width();
        let text_width = (width - left - self.room - space::M).max(80.0);
        let galley = ui.painter().layout(self.text.clone(), fonts::plain(letters::BODY), t.text, text_width);
        let height = galley.size().y.max(control::SMALL) + 2.0 * space::S;
        let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, &self.text));
        let line = Stroke::new(control::LINE, ink.gamma_multiply(0.35));
        ui.painter().rect(rect, corner(radius::M), fill, line, StrokeKind::Inside);
        let icon = pos2(rect.left() + space::M + control::ICON / 2.0, rect.center().y);
        self.icon.paint(ui.painter(), icon, control::ICON, ink);
        let at = Align2::LEFT_CENTER.anchor_size(pos2(rect.left() + left, rect.center().y), galley.size());
        ui.painter().galley(at.min, galley, t.text);
        let right = rect.shrink2(vec2(space::S, space::S)).with_min_x(rect.right() - self.room - space::S);
        let layout = Layout::left_to_right(Align::Center);
        // A child of its own: what is in it moves nothing below.
        buttons(&mut ui.new_child(UiBuilder::new().max_rect(right).layout(layout)))
    }
}
