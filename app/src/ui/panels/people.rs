//! Who is here, how they are connected, how loud they are; and who waits at the door.

use eframe::egui::{
    Align, Align2, Color32, Label, Layout, Rect, Response, RichText, Role as Part, ScrollArea, Sense, Slider, Ui,
    UiBuilder, WidgetInfo, vec2,
};
use hearth_call::{Hand, Switch};
use hearth_protocol::{PeerKind, Role};
use rust_i18n::t;

use crate::ui::facts;
use crate::ui::facts::named;
use crate::ui::fonts;
use crate::ui::icons::{self, Icon};
use crate::ui::parts::{Button, IconButton, Parts as _, focus_ring, paint_avatar, row, row_width};
use crate::ui::signal;
use crate::ui::state::{Dialog, Panel, UiState};
use crate::ui::style::corner;
use crate::ui::tokens::{control, letters, radius, space};
use crate::view::{Action, Knocker, Person, Quality, Room};

/// Of the disc with the letter.
const AVATAR: f32 = 34.0;

/// Draws it.
pub(super) fn people(ui: &mut Ui, room: &Room, state: &mut UiState) {
    let count = room.people.len() + 1;
    if room.admission.capacity > 0 {
        ui.hint(t!("ui.people.count_of", count = count, capacity = room.admission.capacity));
    }
    if room.role == Role::Host {
        rules(ui, room, state);
    }
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().interact_size.y = control::ICON;
        ui.spacing_mut().item_spacing.y = space::XS;
        lobby(ui, room, state);
        me(ui, room);
        // Who asks for the floor is first.
        let mut people: Vec<&Person> = room.people.iter().collect();
        people.sort_by_key(|person| person.hand == Hand::Down);
        for person in people {
            ui.push_id(person.id, |ui| entry(ui, room, person, state));
        }
    });
}

/// What the host decides about everybody.
fn rules(ui: &mut Ui, room: &Room, state: &mut UiState) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::S;
        if Button::new(t!("ui.people.mute_all")).small().tip(t!("ui.people.mute_all_tip")).show(ui) {
            state.action(Action::MuteAll);
        }
        let (word, tip) = if room.admission.is_locked {
            (t!("ui.people.unlock"), t!("ui.people.unlock_tip"))
        } else {
            (t!("ui.people.lock"), t!("ui.people.lock_tip"))
        };
        if Button::new(word).small().tip(tip).show(ui) {
            state.action(Action::SetLocked(!room.admission.is_locked));
        }
        if Button::new(t!("ui.people.password")).small().tip(t!("ui.people.password_tip")).show(ui) {
            state.open(Dialog::Password);
        }
    });
    if room.admission.is_locked {
        ui.hint(t!("ui.people.locked"));
    }
    if room.admission.has_password {
        ui.hint(t!("ui.people.has_password"));
    }
}

fn lobby(ui: &mut Ui, room: &Room, state: &mut UiState) {
    if room.lobby.is_empty() {
        return;
    }
    ui.hint(t!("ui.people.lobby"));
    for knocker in &room.lobby {
        ui.push_id(knocker.id, |ui| {
            ui.horizontal(|ui| {
                let beside = row_width(ui, &answers(knocker)) + space::S;
                let text = RichText::new(named(&knocker.nick)).color(ui.tokens().text);
                ui.scope(|ui| {
                    ui.set_max_width((ui.available_width() - beside).max(0.0));
                    ui.add(Label::new(text).truncate());
                });
                let_in(ui, knocker, state);
            });
            if let Some(text) = same_address(knocker) {
                ui.hint(text);
            }
        });
    }
    ui.separator();
}

/// That somebody comes from where the host removed somebody else.
pub(in crate::ui) fn same_address(knocker: &Knocker) -> Option<String> {
    let other = knocker.same_address_as.as_ref()?;
    Some(t!("ui.people.same_address", nick = named(other)).into_owned())
}

/// Deny or admit.
pub(in crate::ui) fn let_in(ui: &mut Ui, knocker: &Knocker, state: &mut UiState) {
    if let Some(action) = row(ui, answers(knocker), |_| {}) {
        state.action(action);
    }
}

/// What somebody who knocks may be answered.
pub(in crate::ui) fn answers(knocker: &Knocker) -> Vec<(Button, Action)> {
    let nick = named(&knocker.nick);
    let deny = Button::new(t!("ui.people.deny")).small().tip(t!("ui.people.deny_tip", nick = nick));
    let admit = Button::new(t!("ui.people.admit")).small().primary().tip(t!("ui.people.admit_tip", nick = nick));
    vec![(deny, Action::Deny(knocker.id)), (admit, Action::Admit(knocker.id))]
}

fn me(ui: &mut Ui, room: &Room) {
    let me = &room.me;
    let is_off = |switch: Switch| switch == Switch::Off;
    let id = me.color_id();
    let who = Who { id: &id, letter: &me.nick, name: &facts::me(&me.nick), role: room.role, hand: me.hand };
    head(ui, &who, [is_off(me.microphone), is_off(me.camera)], |_| {});
    ui.add_space(space::S);
}

fn entry(ui: &mut Ui, room: &Room, person: &Person, state: &mut UiState) {
    let id = person.id.to_string();
    let nick = named(&person.nick);
    let off = [!person.media.audio, !person.media.video];
    let who = Who { id: &id, letter: &person.nick, name: &nick, role: person.role, hand: person.hand };
    head(ui, &who, off, |ui| {
        if room.role == Role::Host {
            powers(ui, room, person, &nick, state);
        }
    });
    connection(ui, person, &nick, state);
    volume(ui, person, &nick, state);
    ui.add_space(space::M);
}

/// What a host may do to somebody, from left to right.
fn powers(ui: &mut Ui, room: &Room, person: &Person, nick: &str, state: &mut UiState) {
    const SIDE: f32 = 28.0;
    // A room in this program ends with it: nobody else can be its host. Nor can a page that knows no such thing.
    let may_host = person.kind != PeerKind::Legacy && !room.invite.as_ref().is_some_and(|it| it.is_hosted);
    let count = if may_host { 2.0 } else { 1.0 };
    let size = vec2(count * SIDE + (count - 1.0) * space::XS, SIDE);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        let label = t!("ui.people.make_host", nick = nick);
        if may_host && IconButton::new(icons::HOST, label).size(SIDE, SIDE).show(ui) {
            state.open(Dialog::HandOver(person.id));
        }
        let label = t!("ui.people.remove", nick = nick);
        if IconButton::new(icons::REMOVE, label).size(SIDE, SIDE).show(ui) {
            state.open(Dialog::Remove(person.id));
        }
    });
}

/// Who a line is about.
struct Who<'a> {
    id: &'a str,
    /// The name that the letter is of.
    letter: &'a str,
    name: &'a str,
    role: Role,
    hand: Hand,
}

/// Letter, name, marks.
fn head(ui: &mut Ui, who: &Who<'_>, off: [bool; 2], more: impl FnOnce(&mut Ui)) {
    let t = ui.tokens();
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), AVATAR), Sense::hover());
    let disc = Rect::from_min_size(rect.min, vec2(AVATAR, AVATAR));
    paint_avatar(ui.painter(), disc.center(), AVATAR / 2.0, who.id, who.letter);
    let rest = rect.with_min_x(disc.right() + space::S);
    let layout = Layout::right_to_left(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(rest).layout(layout), |ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        more(ui);
        for (is_off, icon) in off.into_iter().zip([icons::MICROPHONE_OFF, icons::CAMERA_OFF]) {
            if is_off {
                mark(ui, icon, t.danger_text);
            }
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            if who.hand == Hand::Up {
                mark(ui, icons::HAND, t.warn).on_hover_text(t!("ui.call.is_hand_up"));
            }
            if who.role == Role::Host {
                mark(ui, icons::HOST, t.warn);
            }
            let text = RichText::new(who.name).font(fonts::names(letters::BODY)).color(t.text);
            ui.add(Label::new(text).truncate());
        });
    });
}

fn mark(ui: &mut Ui, icon: Icon, color: Color32) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
    icon.paint(ui.painter(), rect.center(), 16.0, color);
    response
}

fn connection(ui: &mut Ui, person: &Person, nick: &str, state: &mut UiState) {
    let t = ui.tokens();
    let (from, runs) = match person.kind {
        PeerKind::Native => (icons::PROGRAM, t!("ui.people.native")),
        PeerKind::Web => (icons::BROWSER, t!("ui.people.web")),
        PeerKind::Legacy => (icons::BROWSER, t!("ui.people.legacy")),
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        quality(ui, person, nick, state);
        ui.add_space(space::S);
        mark(ui, from, t.weak);
        ui.add(Label::new(RichText::new(runs).size(letters::SMALL).color(t.weak)).truncate());
    });
    if person.lacks_video_codec {
        ui.label(RichText::new(t!("ui.people.no_codec")).size(letters::SMALL).color(t.warn));
    }
    for sentence in facts::still_pictures(person) {
        ui.label(RichText::new(sentence).size(letters::SMALL).color(t.warn));
    }
}

/// How the connection stands, in a word that opens its panel.
fn quality(ui: &mut Ui, person: &Person, nick: &str, state: &mut UiState) {
    const HEIGHT: f32 = 24.0;
    const ICON: f32 = 18.0;
    let t = ui.tokens();
    let color = match person.quality {
        Quality::Connecting => t.weak,
        Quality::Good(_) => t.good,
        Quality::Poor(_) => t.warn,
        Quality::Lost => t.danger_text,
    };
    let word = signal::word(person.quality);
    let galley = ui.painter().layout_no_wrap(word.to_string(), fonts::plain(letters::SMALL), t.weak);
    let width = ICON + 2.0 * space::XS + galley.size().x;
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click());
    let label = t!("ui.connection.open", nick = nick, state = word);
    response.widget_info(|| WidgetInfo::labeled(Part::Button, true, label.as_ref()));
    if response.hovered() {
        ui.painter().rect_filled(rect.expand2(vec2(2.0, 0.0)), corner(radius::S), t.raised);
    }
    signal::icon(person.quality).paint(ui.painter(), rect.left_center() + vec2(ICON / 2.0, 0.0), 16.0, color);
    let at = Align2::LEFT_CENTER.anchor_size(rect.left_center() + vec2(ICON + space::XS, 0.0), galley.size());
    ui.painter().galley(at.min, galley, t.weak);
    focus_ring(ui, &response, corner(radius::S));
    if response.on_hover_text(label).clicked() {
        state.show(Panel::Connection(person.id));
    }
}

fn volume(ui: &mut Ui, person: &Person, nick: &str, state: &mut UiState) {
    let t = ui.tokens();
    // While it is dragged, the hand is right and the view is late.
    let dragged = state.volume.filter(|(id, _)| *id == person.id).map(|(_, volume)| volume);
    let mut percent = dragged.unwrap_or(person.volume) * 100.0;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::S;
        let icon = if percent < 1.0 { icons::SPEAKER_OFF } else { icons::SPEAKER };
        mark(ui, icon, t.weak);
        ui.spacing_mut().slider_width = (ui.available_width() - 60.0).max(40.0);
        let slider = Slider::new(&mut percent, 0.0..=200.0).show_value(false).step_by(5.0);
        let response = ui.add(slider).accessible_name(t!("ui.people.volume", nick = nick));
        if response.changed() {
            state.volume = Some((person.id, percent / 100.0));
            state.action(Action::SetVolume(person.id, percent / 100.0));
        } else if dragged.is_some() && !response.dragged() {
            state.volume = None;
        }
        ui.label(RichText::new(format!("{percent:.0} %")).size(letters::SMALL).color(t.weak));
    });
}
