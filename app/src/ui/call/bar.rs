//! The bar under the tiles: what is ours at the left, what is everybody's in the middle, the way out at the right.

use eframe::egui::{Align, Layout, Popup, PopupCloseBehavior, Rect, RectAlign, ScrollArea, Ui, vec2};
use hearth_base::DeviceKind;
use hearth_call::Hand;
use hearth_protocol::Role;
use rust_i18n::t;

use super::{DEVICE_COMMANDS, child, device_button, unread};
use crate::ui::command::UiCommand;
use crate::ui::parts::{Button, IconButton, Parts as _};
use crate::ui::pickers;
use crate::ui::state::{Panel, UiState};
use crate::ui::style::corner;
use crate::ui::tokens::{radius, space};
use crate::ui::{devices, icons};
use crate::view::{Fault, Room, Spot, View};

/// Of one button.
const WIDTH: f32 = 68.0;
const HEIGHT: f32 = 58.0;
/// Of the whole, at most: a hand should not have to travel.
const WIDEST: f32 = 1240.0;
/// Of the small one that opens a menu.
const CARET: f32 = 22.0;
/// Of a menu.
const MENU: f32 = 280.0;
const MENU_HEIGHT: f32 = 440.0;

/// Below this there is no room for words under the pictures.
const WORDLESS: f32 = 740.0;

/// Of one button in a bar of this width.
fn side(bar: f32) -> f32 {
    if bar < WORDLESS { 50.0 } else { WIDTH }
}

/// Draws it.
pub(super) fn bar(ui: &mut Ui, view: &View, room: &Room, rect: Rect, state: &mut UiState) {
    let t = ui.tokens();
    let width = (rect.width() - 2.0 * space::M).min(WIDEST);
    let ground = Rect::from_center_size(rect.center(), vec2(width, rect.height()))
        .with_max_y(rect.bottom() - space::M)
        .with_min_y(rect.top() + space::S);
    ui.painter().rect_filled(ground, corner(radius::XL), t.surface);
    let inner = ground.shrink2(vec2(space::M, 3.0));
    let layout = Layout::left_to_right(Align::Center);
    let side = side(rect.width());
    let left = inner.with_max_x(inner.left() + 2.0 * (side + CARET) + 3.0 * space::XS);
    child(ui, left, layout, |ui| ours(ui, view, side, state));
    let middle = Rect::from_center_size(inner.center(), vec2(middle_width(side), inner.height()));
    let middle = middle.translate(vec2((left.right() + space::S - middle.left()).max(0.0), 0.0));
    child(ui, middle, layout, |ui| everybodys(ui, view, room, side, state));
    child(ui, inner, Layout::right_to_left(Align::Center), |ui| leave(ui, view, room, state));
}

fn ours(ui: &mut Ui, view: &View, side: f32, state: &mut UiState) {
    ui.spacing_mut().item_spacing.x = 1.0;
    for (command, kind) in DEVICE_COMMANDS {
        let ctx = ui.ctx().clone();
        let look = device_button(kind, view);
        let trouble = trouble(view, kind);
        let tip = match state.panel {
            Some(Panel::Chat) => command.tip_where_typed(&ctx, &look.label),
            Some(Panel::People | Panel::Invite | Panel::Connection(_)) | None => command.tip(&ctx, &look.label),
        };
        let tip = trouble.clone().unwrap_or(tip);
        let button = captioned(IconButton::new(look.icon, look.label), look.caption, side).tip(tip).off(look.is_off);
        let button = button.trouble(trouble.is_some());
        if button.size(side, HEIGHT).show(ui) {
            command.act(&ctx, view, state);
        }
        menu(ui, view, kind, state);
        ui.add_space(space::XS);
    }
}

/// What does not work behind a button; the speaker is behind the microphone's.
fn trouble(view: &View, kind: DeviceKind) -> Option<String> {
    let is_here = |of: DeviceKind| match of {
        DeviceKind::Camera => kind == DeviceKind::Camera,
        DeviceKind::Microphone | DeviceKind::Speaker => kind == DeviceKind::Microphone,
    };
    let mut broken = crate::ui::facts::broken(view).filter(|(of, _)| is_here(*of));
    broken.next().map(|(of, why)| Fault::Device(of, why.clone()).told(Spot::Call))
}

/// The small button that opens the devices of a kind.
fn menu(ui: &mut Ui, view: &View, kind: DeviceKind, state: &mut UiState) {
    let label = t!("ui.call.device_menu", device = devices::kind(kind));
    let response = ui.add(IconButton::new(icons::UP, label).size(CARET, HEIGHT));
    Popup::menu(&response)
        .align(RectAlign::TOP_START)
        .width(MENU)
        .close_behavior(PopupCloseBehavior::CloseOnClick)
        .show(|ui| {
            ui.set_width(MENU);
            let height = MENU_HEIGHT.min(ui.ctx().content_rect().height() - HEIGHT - 3.0 * space::XL);
            ScrollArea::vertical().max_height(height).show(ui, |ui| {
                pickers::menu(ui, view, kind, MENU - space::M, state);
                if kind == DeviceKind::Microphone {
                    ui.separator();
                    pickers::menu(ui, view, DeviceKind::Speaker, MENU - space::M, state);
                }
            });
        });
}

/// The buttons that open a panel.
const PANELS: [(UiCommand, Panel); 3] =
    [(UiCommand::People, Panel::People), (UiCommand::Chat, Panel::Chat), (UiCommand::Invite, Panel::Invite)];

/// How wide the buttons in the middle are: those of the panels, the hand, and what is shared.
fn middle_width(side: f32) -> f32 {
    let buttons = PANELS.len() as f32 + 2.0;
    buttons * side + (buttons - 1.0) * space::XS
}

fn everybodys(ui: &mut Ui, view: &View, room: &Room, side: f32, state: &mut UiState) {
    ui.spacing_mut().item_spacing.x = space::XS;
    let ctx = ui.ctx().clone();
    let left = ui.max_rect().left();
    for (command, panel) in PANELS {
        let name = command.name();
        let badge = match panel {
            Panel::People => room.lobby.len(),
            Panel::Chat => unread(room, state),
            Panel::Invite | Panel::Connection(_) => 0,
        };
        let caption = match panel {
            Panel::People => t!("ui.call.people_short", count = room.people.len() + 1).into_owned(),
            Panel::Chat | Panel::Invite | Panel::Connection(_) => name.clone(),
        };
        let tip = command.tip(&ctx, &name);
        let button = captioned(IconButton::new(command.icon(), name), caption, side).tip(tip).badge(badge);
        if button.chosen(state.panel == Some(panel)).size(side, HEIGHT).show(ui) {
            command.act(&ctx, view, state);
        }
    }
    hand(ui, view, room, side, state);
    share(ui, view, room, side, state);
    // Another button here is another button there: else the bar's middle is not in the middle.
    debug_assert!((ui.min_rect().right() - left - middle_width(side)).abs() < 1.0, "middle_width() counts the buttons");
}

/// Our hand, which stays marked while it is up.
fn hand(ui: &mut Ui, view: &View, room: &Room, side: f32, state: &mut UiState) {
    let ctx = ui.ctx().clone();
    let (name, caption, is_up) = match room.me.hand {
        Hand::Up => (t!("ui.call.lower_hand"), t!("ui.call.lower_hand_short"), true),
        Hand::Down => (t!("ui.call.raise_hand"), t!("ui.call.raise_hand_short"), false),
    };
    let button = captioned(IconButton::new(UiCommand::Hand.icon(), name.clone()), caption.into_owned(), side);
    if button.tip(UiCommand::Hand.tip(&ctx, &name)).chosen(is_up).size(side, HEIGHT).show(ui) {
        UiCommand::Hand.act(&ctx, view, state);
    }
}

/// Our screen, which stays marked while it is shared.
fn share(ui: &mut Ui, view: &View, room: &Room, side: f32, state: &mut UiState) {
    let ctx = ui.ctx().clone();
    let is_shared = room.me.shared.is_some();
    let (name, caption) = if is_shared {
        (t!("ui.call.stop_sharing"), t!("ui.call.stop_sharing_short"))
    } else {
        (t!("ui.call.share"), t!("ui.call.share_short"))
    };
    let button = captioned(IconButton::new(UiCommand::Share.icon(), name.clone()), caption.into_owned(), side);
    if button.tip(UiCommand::Share.tip(&ctx, &name)).chosen(is_shared).size(side, HEIGHT).show(ui) {
        UiCommand::Share.act(&ctx, view, state);
    }
}

/// With its word, where there is room for one.
fn captioned(button: IconButton, caption: String, side: f32) -> IconButton {
    if side < WIDTH { button } else { button.caption(caption) }
}

fn leave(ui: &mut Ui, view: &View, room: &Room, state: &mut UiState) {
    let ctx = ui.ctx().clone();
    let is_end = room.role == Role::Host && room.invite.as_ref().is_some_and(|invite| invite.is_hosted);
    let name = if is_end { t!("ui.call.end") } else { t!("ui.call.leave") };
    let tip = UiCommand::Leave.tip(&ctx, &name);
    if Button::new(name).icon(icons::LEAVE).tip(tip).danger().show(ui) {
        UiCommand::Leave.act(&ctx, view, state);
    }
}
