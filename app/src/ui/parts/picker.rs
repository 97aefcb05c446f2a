//! One of many, in a menu that opens under a button as wide as a field.

use eframe::egui::{
    Align2, Color32, Popup, PopupCloseBehavior, Response, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    pos2, vec2,
};

use super::button::focus_ring;
use super::{Parts as _, elided};
use crate::ui::fonts;
use crate::ui::icons::{self, Icon};
use crate::ui::style::{self, corner};
use crate::ui::tokens::{control, letters, radius, space};

/// No menu is higher, and none higher than the window.
const MENU: f32 = 280.0;

/// Something that can be picked.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ui) struct Pick<T> {
    /// What it is.
    pub(in crate::ui) value: T,
    /// What a person reads.
    pub(in crate::ui) text: String,
}

/// A button that shows what is chosen, and opens what could be; returns what was chosen again.
pub(in crate::ui) fn picker<T: Clone + PartialEq>(
    ui: &mut Ui,
    icon: Icon,
    label: &str,
    chosen: &T,
    picks: &[Pick<T>],
    width: f32,
) -> Option<T> {
    let text = picks.iter().find(|pick| pick.value == *chosen).map_or("", |pick| pick.text.as_str());
    let response = closed(ui, icon, label, text, width);
    let mut new = None;
    Popup::menu(&response).width(width).close_behavior(PopupCloseBehavior::CloseOnClick).show(|ui| {
        let height = MENU.min(ui.ctx().content_rect().height() - 2.0 * space::XL);
        ScrollArea::vertical().max_height(height).show(ui, |ui| {
            for pick in picks {
                if menu_item(ui, &pick.text, pick.value == *chosen, width - 12.0).clicked() {
                    new = Some(pick.value.clone());
                }
            }
        });
    });
    new
}

fn closed(ui: &mut Ui, icon: Icon, label: &str, text: &str, width: f32) -> Response {
    let t = ui.tokens();
    let (rect, response) = ui.allocate_exact_size(vec2(width, control::MEDIUM), Sense::click());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, ui.is_enabled(), label);
        info.current_text_value = Some(text.to_owned());
        info
    });
    let fill = if response.hovered() { t.raised_hover } else { t.sunken };
    ui.painter().rect(rect, corner(radius::M), fill, Stroke::new(control::LINE, t.outline), StrokeKind::Inside);
    focus_ring(ui, &response, corner(radius::M));
    let middle = rect.center().y;
    icon.paint(ui.painter(), pos2(rect.left() + space::XL - 4.0, middle), control::ICON, t.weak);
    icons::DOWN.paint(ui.painter(), pos2(rect.right() - space::L - 2.0, middle), 14.0, t.weak);
    let left = rect.left() + 38.0;
    let room = rect.right() - space::XXL + space::XS - left;
    let galley = elided(ui.painter(), text, fonts::plain(letters::BODY), Color32::PLACEHOLDER, room);
    let place = Align2::LEFT_CENTER.anchor_size(pos2(left, middle), galley.size());
    ui.painter().galley(place.min, galley, t.text);
    response.on_hover_text(text) // all of it, where it was cut
}

/// A line of a menu.
pub(in crate::ui) fn menu_item(ui: &mut Ui, text: &str, is_chosen: bool, width: f32) -> Response {
    let t = ui.tokens();
    let (rect, response) = ui.allocate_exact_size(vec2(width, control::SMALL + 2.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::MenuItemRadio, ui.is_enabled(), is_chosen, text));
    let is_hot = response.hovered() || response.has_focus();
    ui.painter().rect_filled(rect, corner(radius::S), if is_hot { t.raised } else { style::NONE });
    let middle = rect.center().y;
    if is_chosen {
        icons::CHECK.paint(ui.painter(), pos2(rect.left() + space::L, middle), 16.0, t.accent_text);
    }
    let left = rect.left() + 32.0;
    let font = if is_chosen { fonts::strong(letters::BODY) } else { fonts::plain(letters::BODY) };
    let galley = elided(ui.painter(), text, font, Color32::PLACEHOLDER, rect.right() - left - space::S);
    let place = Align2::LEFT_CENTER.anchor_size(pos2(left, middle), galley.size());
    ui.painter().galley(place.min, galley, t.text);
    response
}
