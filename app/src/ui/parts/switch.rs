//! On or off, with words beside it.

use eframe::egui::{Align2, Color32, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::button::focus_ring;
use super::{Parts as _, elided};
use crate::ui::fonts;
use crate::ui::style::corner;
use crate::ui::tokens::{control, letters, space};

/// The knob's way.
const TRACK: eframe::egui::Vec2 = vec2(40.0, 22.0);

/// A switch; says whether it was turned.
pub(in crate::ui) fn switch(ui: &mut Ui, is_on: bool, text: &str) -> Response {
    let t = ui.tokens();
    let size = vec2(ui.available_width(), control::SMALL + 2.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), is_on, text));
    let track = Align2::RIGHT_CENTER.anchor_size(rect.right_center(), TRACK);
    let (fill, line, knob) = if is_on { (t.accent, t.accent, t.on_accent) } else { (t.raised, t.outline, t.outline) };
    ui.painter().rect(track, corner(TRACK.y / 2.0), fill, Stroke::new(1.5, line), StrokeKind::Inside);
    let x = if is_on { track.right() - TRACK.y / 2.0 } else { track.left() + TRACK.y / 2.0 };
    ui.painter().circle_filled(pos2(x, track.center().y), TRACK.y / 2.0 - 5.0, knob);
    let room = track.left() - rect.left() - space::M;
    let galley = elided(ui.painter(), text, fonts::plain(letters::BODY), Color32::PLACEHOLDER, room);
    let at = Align2::LEFT_CENTER.anchor_size(rect.left_center(), galley.size());
    ui.painter().galley(at.min, galley, t.text);
    focus_ring(ui, &response, corner(8.0));
    response
}
