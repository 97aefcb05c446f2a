//! One line to type into.

use eframe::egui::{Align2, Frame, Id, Margin, Response, RichText, Stroke, StrokeKind, TextEdit, Ui, vec2};

use super::Parts as _;
use crate::ui::style::corner;
use crate::ui::tokens::{control, letters, radius, space};

/// One line to type into, `width` wide. `label` says what it is to anyone who cannot see it; `hint` is in it while it
/// is empty. No more than `limit` characters fit.
pub(in crate::ui) fn field(
    ui: &mut Ui,
    text: &mut String,
    label: &str,
    hint: &str,
    width: f32,
    limit: usize,
) -> Response {
    let hint = RichText::new(hint).color(ui.tokens().weak);
    let edit = edit(ui, text, width).hint_text(hint).char_limit(limit);
    show(ui, edit, label)
}

/// The same under an id of its own, by which it can be given the keyboard before it is drawn.
pub(in crate::ui) fn field_with_id(ui: &mut Ui, id: Id, text: &mut String, says: Says<'_>, width: f32) -> Response {
    let hint = RichText::new(says.hint).color(ui.tokens().weak);
    let edit = edit(ui, text, width).id(id).hint_text(hint).char_limit(says.limit);
    show(ui, edit, says.label)
}

/// What a field says of itself, and how many characters it takes.
pub(in crate::ui) struct Says<'a> {
    pub(in crate::ui) label: &'a str,
    pub(in crate::ui) hint: &'a str,
    pub(in crate::ui) limit: usize,
}

/// What one types into, before anybody says what is special about it.
pub(super) fn edit<'t>(ui: &Ui, text: &'t mut String, width: f32) -> TextEdit<'t> {
    TextEdit::singleline(text)
        .frame(frame(ui))
        .min_size(vec2(width, control::MEDIUM))
        .align(Align2::LEFT_CENTER)
        .font(crate::ui::fonts::plain(letters::BODY))
        .desired_width(width)
}

/// Draws it under its name, with a ring round what has the keyboard.
pub(super) fn show(ui: &mut Ui, edit: TextEdit<'_>, label: &str) -> Response {
    let response = ui.add(edit).accessible_name(label);
    if response.has_focus() {
        let ring = Stroke::new(control::RING, ui.tokens().focus);
        ui.painter().rect_stroke(response.rect, corner(radius::M), ring, StrokeKind::Inside);
    }
    response
}

/// What lies round a field.
pub(in crate::ui) fn frame(ui: &Ui) -> Frame {
    let t = ui.tokens();
    Frame::new()
        .fill(t.sunken)
        .stroke(Stroke::new(control::LINE, t.outline))
        .corner_radius(corner(radius::M))
        .inner_margin(Margin::symmetric(space::M as i8, space::S as i8))
}
