//! Which device it shall be: the same in front of the door, in a call and in the settings.

use eframe::egui::{RichText, Ui};
use hearth_base::{DeviceKind, DeviceState};
use rust_i18n::t;

use super::facts;
use super::facts::spot;
use super::parts::{Button, Parts as _, menu_item, picker};
use super::state::UiState;
use super::tokens::{letters, space};
use super::{devices, icons};
use crate::view::{Action, View};

/// A field that opens what could be chosen, and under it what has become of the choice.
pub(super) fn device(ui: &mut Ui, view: &View, kind: DeviceKind, state: &mut UiState) {
    let (picks, chosen) = (devices::picks(kind, view), facts::device(view, kind).1);
    let width = ui.available_width();
    if let Some(choice) = picker(ui, devices::icon(kind), &devices::kind(kind), chosen, &picks, width) {
        state.action(Action::Choose(kind, choice));
    }
    sentence(ui, kind, view);
}

/// What has become of a device, where that is worth a sentence.
fn sentence(ui: &mut Ui, kind: DeviceKind, view: &View) {
    let t = ui.tokens();
    // Where there is no sound at all, that is said once, of the microphone.
    let (now, heard) = (facts::device(view, kind).2, facts::device(view, DeviceKind::Microphone).2);
    let is_mute = matches!(now, DeviceState::Failed(fault) if facts::is_of_server(fault));
    if kind == DeviceKind::Speaker && is_mute && now == heard {
        return;
    }
    if let Some((sentence, is_fault)) = devices::state(kind, facts::device(view, kind).2, spot(view)) {
        let color = if is_fault { t.danger_text } else { t.weak };
        ui.label(RichText::new(sentence).size(letters::SMALL).color(color));
    }
}

/// A button by which one hears whether the speaker works.
pub(super) fn test_sound(ui: &mut Ui, state: &mut UiState) {
    if Button::new(t!("ui.device.test_sound")).icon(icons::SPEAKER).small().show(ui) {
        state.action(Action::TestSound);
    }
}

/// The same choice as lines of a menu, under a heading.
pub(super) fn menu(ui: &mut Ui, view: &View, kind: DeviceKind, width: f32, state: &mut UiState) {
    let chosen = facts::device(view, kind).1;
    ui.add_space(space::XS);
    ui.hint(devices::kind(kind));
    for pick in devices::picks(kind, view) {
        if menu_item(ui, &pick.text, pick.value == *chosen, width).clicked() {
            state.action(Action::Choose(kind, pick.value));
        }
    }
    sentence(ui, kind, view);
}
