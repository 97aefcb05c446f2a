//! Buttons with a picture on them, whose words are in their tip, and under them where there is room.

use eframe::egui::{Align2, Color32, Rect, Response, Role, Sense, Ui, Widget, WidgetInfo, pos2, vec2};

use super::Parts as _;
use super::button::focus_ring;
use crate::ui::fonts;
use crate::ui::icons::{self, Icon};
use crate::ui::style::{self, corner};
use crate::ui::tokens::{Tokens, control, letters, radius, space};

/// What a button tells by its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Nothing.
    Calm,
    /// What it opens is open.
    Chosen,
    /// What it switches is off, and somebody should see that.
    Off,
}

/// A button with a picture on it.
#[must_use]
pub(in crate::ui) struct IconButton {
    icon: Icon,
    label: String,
    tip: Option<String>,
    caption: Option<String>,
    mood: Mood,
    badge: usize,
    has_trouble: bool,
    width: f32,
    height: f32,
    is_filled: bool,
}

impl IconButton {
    /// A button that shows `icon`, and means `label`.
    pub(in crate::ui) fn new(icon: Icon, label: impl Into<String>) -> Self {
        Self {
            icon,
            label: label.into(),
            tip: None,
            caption: None,
            mood: Mood::Calm,
            badge: 0,
            has_trouble: false,
            width: control::MEDIUM,
            height: control::MEDIUM,
            is_filled: false,
        }
    }

    /// What is said to a pointer that rests, where that is more than the label.
    pub(in crate::ui) fn tip(self, tip: impl Into<String>) -> Self {
        Self { tip: Some(tip.into()), ..self }
    }

    /// A word under the picture.
    pub(in crate::ui) fn caption(self, caption: impl Into<String>) -> Self {
        Self { caption: Some(caption.into()), ..self }
    }

    /// Whether what it opens is open.
    pub(in crate::ui) fn chosen(self, is_chosen: bool) -> Self {
        if is_chosen { Self { mood: Mood::Chosen, ..self } } else { self }
    }

    /// Whether what it switches is off.
    pub(in crate::ui) fn off(self, is_off: bool) -> Self {
        if is_off { Self { mood: Mood::Off, ..self } } else { self }
    }

    /// So many things wait behind it.
    pub(in crate::ui) fn badge(self, badge: usize) -> Self {
        Self { badge, ..self }
    }

    /// Whether something behind it does not work.
    pub(in crate::ui) fn trouble(self, has_trouble: bool) -> Self {
        Self { has_trouble, ..self }
    }

    /// So large.
    pub(in crate::ui) fn size(self, width: f32, height: f32) -> Self {
        Self { width, height, ..self }
    }

    /// With a ground of its own also while no pointer is near.
    pub(in crate::ui) fn filled(self) -> Self {
        Self { is_filled: true, ..self }
    }

    /// Draws it; whether it was pressed.
    pub(in crate::ui) fn show(self, ui: &mut Ui) -> bool {
        ui.add(self).clicked()
    }

    fn colors(&self, t: &Tokens, response: &Response) -> (Color32, Color32) {
        let is_hot = response.hovered();
        match self.mood {
            Mood::Chosen => (t.accent_soft, t.accent_text),
            Mood::Off => (if is_hot { t.raised_hover } else { t.danger_soft }, t.danger_text),
            Mood::Calm if is_hot => (if self.is_filled { t.raised_hover } else { t.raised }, t.text),
            Mood::Calm => (if self.is_filled { t.raised } else { style::NONE }, t.text),
        }
    }

    fn draw(&self, ui: &Ui, response: &Response) {
        let t = ui.tokens();
        let (fill, ink) = self.colors(t, response);
        let rect = response.rect;
        let rounding = corner(if self.caption.is_some() { radius::L } else { radius::M });
        ui.painter().rect_filled(rect, rounding, fill);
        focus_ring(ui, response, rounding);
        let mut middle = rect.center();
        if let Some(caption) = &self.caption {
            middle.y -= 8.0;
            let color = if self.mood == Mood::Calm { t.weak } else { ink };
            let at = pos2(rect.center().x, rect.bottom() - space::S);
            ui.painter().text(at, Align2::CENTER_BOTTOM, caption, fonts::plain(letters::CAPTION), color);
        }
        let size = if self.caption.is_some() { control::ICON + 2.0 } else { control::ICON };
        self.icon.paint(ui.painter(), middle, size, ink);
        if self.has_trouble {
            let at = middle + vec2(12.0, -8.0);
            ui.painter().circle_filled(at, 8.0, t.surface);
            icons::WARNING.paint(ui.painter(), at, 14.0, t.warn);
        }
        if self.badge > 0 {
            badge(ui, middle + vec2(12.0, -9.0), self.badge);
        }
    }
}

impl Widget for IconButton {
    fn ui(self, ui: &mut Ui) -> Response {
        let (_, response) = ui.allocate_exact_size(vec2(self.width, self.height), Sense::click());
        response.widget_info(|| match self.mood {
            Mood::Chosen => WidgetInfo::selected(Role::Button, ui.is_enabled(), true, &self.label),
            Mood::Calm | Mood::Off => WidgetInfo::labeled(Role::Button, ui.is_enabled(), &self.label),
        });
        if ui.is_rect_visible(response.rect) {
            self.draw(ui, &response);
        }
        response.on_hover_text(self.tip.unwrap_or(self.label))
    }
}

fn badge(ui: &Ui, center: eframe::egui::Pos2, count: usize) {
    const MOST: usize = 99;
    let t = ui.tokens();
    let text = if count > MOST { format!("{MOST}+") } else { count.to_string() };
    let galley = ui.painter().layout_no_wrap(text, fonts::strong(11.0), t.on_accent);
    let rect = Rect::from_center_size(center, vec2((galley.size().x + 8.0).max(16.0), 16.0));
    ui.painter().rect_filled(rect, corner(8.0), t.accent);
    let at = Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size());
    ui.painter().galley(at.min, galley, t.on_accent);
}
