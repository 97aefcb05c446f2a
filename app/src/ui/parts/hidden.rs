//! A line that is typed and not read over a shoulder.

use std::fmt;

use eframe::egui::text::CCursor;
use eframe::egui::text_edit::TextEditState;
use eframe::egui::text_selection::CCursorRange;
use eframe::egui::{Context, Id, Response, Ui, pos2, vec2};
use rust_i18n::t;

use super::{IconButton, field};
use crate::ui::icons;
use crate::ui::tokens::{control, space};

/// Of the button at the end of the line.
const EYE: f32 = 32.0;

/// Something secret that is being typed. No log reads it.
#[derive(Default)]
pub(in crate::ui) struct Hidden {
    text: String,
    /// Whether the person wants to see what they type.
    is_shown: bool,
    /// Whether the keyboard has been here since the last time that it was sent away.
    is_visited: bool,
}

impl Hidden {
    /// As it was typed.
    pub(in crate::ui) fn text(&self) -> &str {
        &self.text
    }

    /// The keyboard comes back, and what is there is replaced by what is typed.
    pub(in crate::ui) fn again(&mut self) {
        self.is_visited = false;
    }

    /// Draws it, `width` wide, and gives it the keyboard the first time. No more than `limit` bytes fit.
    pub(in crate::ui) fn show(&mut self, ui: &mut Ui, label: &str, width: f32, limit: usize) -> Response {
        let mut round = field::frame(ui);
        round.inner_margin.right += EYE as i8;
        let edit = field::edit(ui, &mut self.text, width).frame(round).password(!self.is_shown);
        let response = field::show(ui, edit.char_limit(limit), label);
        while self.text.len() > limit {
            self.text.pop(); // letters of several bytes
        }
        if !std::mem::replace(&mut self.is_visited, true) {
            response.request_focus();
            select_all(ui.ctx(), response.id, &self.text);
        }
        self.eye(ui, &response);
        response
    }

    fn eye(&mut self, ui: &mut Ui, field: &Response) {
        let (icon, label) =
            if self.is_shown { (icons::HIDE, t!("ui.password.hide")) } else { (icons::SHOW, t!("ui.password.show")) };
        let middle = pos2(field.rect.right() - EYE / 2.0 - space::XS, field.rect.center().y);
        let rect = eframe::egui::Rect::from_center_size(middle, vec2(EYE, control::SMALL.min(field.rect.height())));
        if ui.put(rect, IconButton::new(icon, label).size(rect.width(), rect.height())).clicked() {
            self.is_shown = !self.is_shown;
            field.request_focus();
        }
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

fn select_all(ctx: &Context, field: Id, text: &str) {
    let mut state = TextEditState::load(ctx, field).unwrap_or_default();
    let all = CCursorRange::two(CCursor::new(0), CCursor::new(text.chars().count()));
    state.cursor.set_char_range(Some(all));
    state.store(ctx, field);
}
