//! How loud the microphone is.

use eframe::egui::{Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::Parts as _;
use crate::ui::style::corner;

/// Into how many parts it is divided.
const PARTS: u8 = 24;

/// A row of small bars, lit up to `level` (0 to 1).
pub(in crate::ui) fn meter(ui: &mut Ui, level: f32, label: &str, width: f32) {
    let t = ui.tokens();
    let (rect, response) = ui.allocate_exact_size(vec2(width, 8.0), Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, label);
        info.value = Some(f64::from(level.clamp(0.0, 1.0)));
        info
    });
    let step = rect.width() / f32::from(PARTS);
    for part in 0..PARTS {
        let is_lit = level > f32::from(part) / f32::from(PARTS);
        let is_loud = part > PARTS - 5;
        let color = match (is_lit, is_loud) {
            (false, _) => t.raised_hover,
            (true, false) => t.good,
            (true, true) => t.warn,
        };
        let left = pos2(rect.left() + step * f32::from(part), rect.top());
        let bar = eframe::egui::Rect::from_min_size(left, vec2(step - 3.0, rect.height()));
        ui.painter().rect_filled(bar, corner(2.0), color);
    }
}
