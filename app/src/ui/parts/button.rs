//! Buttons with words on them.

use eframe::egui::{Align2, Color32, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, Widget, WidgetInfo, vec2};

use super::{Parts as _, elided};
use crate::ui::fonts;
use crate::ui::icons::Icon;
use crate::ui::style::{self, corner};
use crate::ui::tokens::{Tokens, control, letters, radius, space};

/// How loudly a button speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    /// The one thing to do here.
    Primary,
    /// One of several.
    Plain,
    /// Beside the point.
    Quiet,
    /// Ends or harms.
    Danger,
}

/// A button with words on it.
#[must_use]
pub(in crate::ui) struct Button {
    text: String,
    icon: Option<Icon>,
    voice: Voice,
    height: f32,
    min_width: f32,
    is_enabled: bool,
    tip: Option<String>,
}

impl Button {
    /// A button that says `text`.
    pub(in crate::ui) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            icon: None,
            voice: Voice::Plain,
            height: control::MEDIUM,
            min_width: 0.0,
            is_enabled: true,
            tip: None,
        }
    }

    /// The one thing to do here.
    pub(in crate::ui) fn primary(self) -> Self {
        Self { voice: Voice::Primary, ..self }
    }

    /// Beside the point.
    pub(in crate::ui) fn quiet(self) -> Self {
        Self { voice: Voice::Quiet, ..self }
    }

    /// Ends or harms.
    pub(in crate::ui) fn danger(self) -> Self {
        Self { voice: Voice::Danger, ..self }
    }

    /// Larger than others.
    pub(in crate::ui) fn large(self) -> Self {
        Self { height: control::LARGE, ..self }
    }

    /// Smaller than others.
    pub(in crate::ui) fn small(self) -> Self {
        Self { height: control::SMALL, ..self }
    }

    /// With a picture before the words.
    pub(in crate::ui) fn icon(self, icon: Icon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    /// At least so wide.
    pub(in crate::ui) fn min_width(self, min_width: f32) -> Self {
        Self { min_width, ..self }
    }

    /// Whether it can be pressed.
    pub(in crate::ui) fn enabled(self, is_enabled: bool) -> Self {
        Self { is_enabled, ..self }
    }

    /// What is said to a pointer that rests.
    pub(in crate::ui) fn tip(self, tip: impl Into<String>) -> Self {
        Self { tip: Some(tip.into()), ..self }
    }

    /// Draws it; whether it was pressed.
    pub(in crate::ui) fn show(self, ui: &mut Ui) -> bool {
        ui.add(self).clicked()
    }

    /// How wide it will be, where there are `room` points.
    pub(in crate::ui) fn width(&self, ui: &Ui, room: f32) -> f32 {
        let galley = self.galley(ui, room);
        (galley.size().x + self.beside()).max(self.min_width)
    }

    /// What is beside its words: an icon and the edges.
    fn beside(&self) -> f32 {
        let padding = if self.height <= control::SMALL { space::M } else { space::L };
        self.icon.map_or(0.0, |_| control::ICON - 2.0 + space::S) + 2.0 * padding
    }

    fn galley(&self, ui: &Ui, room: f32) -> std::sync::Arc<eframe::egui::Galley> {
        let strong = self.voice != Voice::Quiet;
        let font = if strong { fonts::strong(self.letters()) } else { fonts::plain(self.letters()) };
        elided(ui.painter(), &self.text, font, Color32::PLACEHOLDER, (room - self.beside()).max(0.0))
    }

    fn letters(&self) -> f32 {
        if self.height >= control::LARGE { letters::HEADING } else { letters::BODY }
    }

    fn draw(&self, ui: &Ui, response: &Response, galley: std::sync::Arc<eframe::egui::Galley>, ink: Color32) {
        let t = ui.tokens();
        let (fill, line, _) = paint_of(self.voice, t, response);
        let rect = response.rect;
        let rounding = corner(if self.height <= control::SMALL { radius::M - 2.0 } else { radius::M });
        ui.painter().rect(rect, rounding, fill, line, StrokeKind::Inside);
        focus_ring(ui, response, rounding);
        let icon_width = self.icon.map_or(0.0, |_| control::ICON - 2.0 + space::S);
        let mut left = rect.center().x - (galley.size().x + icon_width) / 2.0;
        if let Some(icon) = self.icon {
            let size = control::ICON - 2.0;
            icon.paint(ui.painter(), eframe::egui::pos2(left + size / 2.0, rect.center().y), size, ink);
            left += icon_width;
        }
        let at = Align2::LEFT_CENTER.anchor_size(eframe::egui::pos2(left, rect.center().y), galley.size());
        ui.painter().galley(at.min, galley, ink);
    }
}

impl Widget for Button {
    fn ui(self, ui: &mut Ui) -> Response {
        let is_enabled = self.is_enabled;
        let builder = eframe::egui::UiBuilder::new();
        let builder = if is_enabled { builder } else { builder.disabled() };
        ui.scope_builder(builder, |ui| {
            let t = ui.tokens();
            let galley = self.galley(ui, ui.available_width());
            let width = (galley.size().x + self.beside()).max(self.min_width);
            let (_, response) = ui.allocate_exact_size(vec2(width, self.height), Sense::click());
            response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), &self.text));
            if ui.is_rect_visible(response.rect) {
                let (_, _, ink) = paint_of(self.voice, t, &response);
                self.draw(ui, &response, galley, ink);
            }
            match self.tip {
                Some(tip) => response.on_hover_text(tip),
                None => response,
            }
        })
        .inner
    }
}

fn paint_of(voice: Voice, t: &Tokens, response: &Response) -> (Color32, Stroke, Color32) {
    let is_hot = response.hovered();
    let pick = |rest: Color32, hot: Color32| if is_hot { hot } else { rest };
    match voice {
        Voice::Primary => (pick(t.accent, t.accent_hover), Stroke::NONE, t.on_accent),
        Voice::Plain => (pick(t.raised, t.raised_hover), Stroke::new(control::LINE, t.line), t.text),
        Voice::Quiet => (pick(style::NONE, t.raised), Stroke::NONE, pick(t.accent_text, t.accent_text)),
        Voice::Danger => (pick(t.danger, t.danger_hover), Stroke::NONE, t.on_danger),
    }
}

/// The ring round what has the keyboard.
pub(in crate::ui) fn focus_ring(ui: &Ui, response: &Response, rounding: eframe::egui::CornerRadius) {
    if response.has_focus() {
        let ring = Stroke::new(control::RING, ui.tokens().focus);
        ui.painter().rect_stroke(response.rect.expand(2.0), rounding, ring, StrokeKind::Outside);
    }
}

/// The room that a square button takes.
pub(in crate::ui) const fn square(side: f32) -> Vec2 {
    Vec2::splat(side)
}
