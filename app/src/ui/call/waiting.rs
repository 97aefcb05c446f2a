//! On the way into a room: a calm picture, and a way back.

use eframe::egui::{Align2, Rect, RichText, Role as Part, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, vec2};
use hearth_base::DeviceKind;
use hearth_call::Switch;
use rust_i18n::t;

use super::tile::{TileContent, empty_tile};
use super::{DEVICE_COMMANDS, device_button, notices};
use crate::ui::facts;
use crate::ui::parts::{Button, IconButton, Parts as _, paint_logo};
use crate::ui::state::{Dialog, UiState};
use crate::ui::tokens::{letters, radius, space};
use crate::ui::video::{Fit, Placement, TilePainter};
use crate::ui::{fonts, icons, when};
use crate::view::{Action, Progress, Room, View};

/// Of what is in the middle.
const WIDTH: f32 = 400.0;
const HEIGHT: f32 = 440.0;

/// Draws it.
pub(super) fn waiting(ui: &mut Ui, view: &View, room: &Room, state: &mut UiState, tiles: &mut dyn TilePainter) {
    let whole = ui.available_rect_before_wrap();
    let height = HEIGHT.min(whole.height());
    let rect = Rect::from_center_size(whole.center(), vec2(WIDTH.min(whole.width() - space::XL), height));
    ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
        let scroll = ScrollArea::vertical().auto_shrink(false);
        scroll.show(ui, |ui| {
            ui.vertical_centered(|ui| {
                notices::fault(ui, view, state);
                mirror(ui, view, room, tiles);
                ui.add_space(space::L);
                words(ui, room);
                ui.add_space(space::L);
                switches(ui, view, state);
                ui.add_space(space::M);
                let may_unlock = room.progress == Progress::Waiting && room.admission.prompt.is_some();
                if may_unlock && Button::new(t!("ui.call.unlock")).icon(icons::KEY).quiet().show(ui) {
                    state.open(Dialog::Unlock);
                }
                if Button::new(t!("ui.call.leave")).min_width(160.0).show(ui) {
                    state.action(Action::Leave);
                }
            })
        });
    });
}

fn mirror(ui: &mut Ui, view: &View, room: &Room, tiles: &mut dyn TilePainter) {
    let (rect, response) = ui.allocate_exact_size(vec2(256.0, 144.0), Sense::hover());
    let me = &room.me;
    response.widget_info(|| WidgetInfo::labeled(Part::Image, true, facts::me(&me.nick)));
    let place = Placement { rect, radius: radius::L, fit: Fit::Fill, is_mirrored: view.settings.mirror };
    let is_on = me.camera == Switch::On && super::runs(view, DeviceKind::Camera);
    let feed = me.feed.as_ref().filter(|_| is_on);
    if feed.is_some_and(|feed| tiles.paint(ui.painter(), feed, place)) {
        return;
    }
    if me.nick.trim().is_empty() {
        let logo = Align2::CENTER_CENTER.anchor_size(rect.center(), vec2(96.0, 96.0));
        paint_logo(ui.painter(), logo);
    } else {
        empty_tile(ui, rect, &TileContent { id: &me.color_id(), nick: &me.nick, under: None });
    }
}

fn words(ui: &mut Ui, room: &Room) {
    let t = ui.tokens();
    let (title, hint) = match room.progress {
        Progress::Waiting => (t!("ui.call.waiting"), t!("ui.call.waiting_hint")),
        Progress::Asked => (t!("ui.call.asked"), t!("ui.unlock.text")),
        Progress::Entering | Progress::In | Progress::Reconnecting => {
            (t!("ui.call.entering"), t!("ui.call.entering_hint"))
        }
    };
    ui.label(RichText::new(title).font(fonts::strong(letters::TITLE)).color(t.text));
    ui.hint(hint);
    if let Some(name) = &room.name {
        ui.add_space(space::XS);
        ui.marked(when::number(name.as_str()), letters::HEADING);
    }
}

fn switches(ui: &mut Ui, view: &View, state: &mut UiState) {
    const SIDE: f32 = 46.0;
    let ctx = ui.ctx().clone();
    let (rect, _) = ui.allocate_exact_size(vec2(2.0 * SIDE + space::M, SIDE), Sense::hover());
    ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            for (command, kind) in DEVICE_COMMANDS {
                let look = device_button(kind, view);
                let tip = look.fault.unwrap_or_else(|| command.tip(&ctx, &look.label));
                let button = IconButton::new(look.icon, look.label).tip(tip).off(look.is_off);
                if button.filled().size(SIDE, SIDE).show(ui) {
                    command.act(&ctx, view, state);
                }
            }
        });
    });
}
