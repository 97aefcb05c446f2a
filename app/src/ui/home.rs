//! The first screen: start a room, join one, find one, and what should be read first.

use eframe::egui::{Align, Key, Layout, RichText, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};
use rust_i18n::t;

use super::parts::{Banner, Button, IconButton, Parts as _, Says, Tone, card, field_with_id, paint_logo, section};
use super::state::{Dialog, UiState};
use super::tokens::{control, letters, space};
use super::{fonts, icons, join_field, when};
use crate::view::{Action, NearbyRoom, RecentRoom, View};

/// Wider than this, what is found is beside what can be done.
const TWO_COLUMNS: f32 = 700.0;
/// No column is wider.
const COLUMN: f32 = 420.0;
/// A link holds an address, a number, a secret and a key: 200 characters; some paste a whole invitation.
const LINK_LIMIT: usize = 4000;

/// Draws it.
pub(super) fn home(ui: &mut Ui, view: &View, state: &mut UiState) {
    header(ui, state);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let is_wide = ui.available_width() >= TWO_COLUMNS;
        let room = ui.available_width() - 2.0 * space::XL;
        let content = if is_wide { (2.0 * COLUMN + space::XXL).min(room) } else { COLUMN.min(room) };
        let margin = (ui.available_width() - content) / 2.0;
        let top = if is_wide { ((ui.available_height() - 480.0) / 2.0).max(space::S) } else { 0.0 };
        let rect = ui.available_rect_before_wrap();
        let inner = eframe::egui::Rect::from_min_size(rect.min + vec2(margin, top), vec2(content, rect.height() - top));
        ui.scope_builder(UiBuilder::new().max_rect(inner), |ui| {
            notices(ui, view, state);
            if is_wide {
                two_columns(ui, view, state);
            } else {
                one_column(ui, view, state);
            }
            ui.add_space(space::XL);
        });
    });
}

fn header(ui: &mut Ui, state: &mut UiState) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 60.0), Sense::hover());
    // From left to right, as it is read, up to the right edge.
    let inner = rect.shrink2(vec2(space::XL, space::S));
    let inner = inner.with_min_x(inner.right() - 2.0 * control::MEDIUM - space::S);
    ui.scope_builder(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)), |ui| {
        if IconButton::new(icons::HELP, t!("ui.help.title")).show(ui) {
            state.open(Dialog::Help);
        }
        if IconButton::new(icons::SETTINGS, t!("ui.settings.title")).show(ui) {
            state.open(Dialog::Settings);
        }
    });
}

fn notices(ui: &mut Ui, view: &View, state: &mut UiState) {
    let Some(report) = &view.crash else { return };
    let banner = Banner::new(Tone::Warning, t!("ui.crash.text", path = report.display()));
    let show = Button::new(t!("ui.crash.show")).small();
    let buttons = show.width(ui, f32::INFINITY) + control::MEDIUM + space::S;
    banner.room(buttons).show(ui, |ui| {
        if show.show(ui) {
            super::state::open_file(ui.ctx(), report);
        }
        if IconButton::new(icons::CLOSE, t!("ui.crash.dismiss")).show(ui) {
            state.action(Action::DismissCrash);
        }
    });
    ui.add_space(space::L);
}

fn two_columns(ui: &mut Ui, view: &View, state: &mut UiState) {
    let rect = ui.available_rect_before_wrap();
    let column = (rect.width() - space::XXL) / 2.0;
    let left = eframe::egui::Rect::from_min_size(rect.min, vec2(column, rect.height()));
    let right = left.translate(vec2(column + space::XXL, 0.0));
    ui.scope_builder(UiBuilder::new().max_rect(left), |ui| doors(ui, view, state));
    ui.scope_builder(UiBuilder::new().max_rect(right), |ui| found(ui, view, state));
}

fn one_column(ui: &mut Ui, view: &View, state: &mut UiState) {
    doors(ui, view, state);
    ui.add_space(space::XL);
    found(ui, view, state);
}

/// What can be done: start, or join.
fn doors(ui: &mut Ui, view: &View, state: &mut UiState) {
    let t = ui.tokens();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::L;
        let (rect, _) = ui.allocate_exact_size(vec2(64.0, 64.0), Sense::hover());
        paint_logo(ui.painter(), rect);
        ui.label(RichText::new(t!("ui.name")).font(fonts::strong(letters::DISPLAY)).color(t.text));
    });
    ui.add_space(space::S);
    ui.label(RichText::new(t!("ui.home.tagline")).size(letters::HEADING).color(t.weak));
    ui.add_space(space::XL);
    let start = Button::new(t!("ui.home.start")).icon(icons::START).primary().large();
    if start.min_width(ui.available_width()).show(ui) {
        state.action(Action::Start);
    }
    ui.add_space(space::XS);
    ui.hint(where_hosted(view));
    ui.add_space(space::L);
    or(ui);
    ui.add_space(space::L);
    join(ui, view, state);
    if view.fault.is_some() {
        // Under the field that it is about, where it moves nothing that is being typed into.
        ui.add_space(space::S);
        super::call::fault(ui, view, state);
    }
}

/// Where a room of our own will be.
fn where_hosted(view: &View) -> String {
    let server = view.settings.server.trim();
    match server.strip_prefix("https://").unwrap_or(server) {
        "" => t!("ui.home.hosted_here").into_owned(),
        server => t!("ui.home.hosted_there", server = server).into_owned(),
    }
}

fn or(ui: &mut Ui) {
    let t = ui.tokens();
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
    let font = fonts::plain(letters::SMALL);
    let center = eframe::egui::Align2::CENTER_CENTER;
    let word = ui.painter().text(rect.center(), center, t!("ui.home.or"), font, t.weak);
    let line = eframe::egui::Stroke::new(control::LINE, t.line);
    let y = rect.center().y;
    ui.painter().line_segment([pos2(rect.left(), y), pos2(word.left() - space::M, y)], line);
    ui.painter().line_segment([pos2(word.right() + space::M, y), pos2(rect.right(), y)], line);
}

fn join(ui: &mut Ui, view: &View, state: &mut UiState) {
    ui.horizontal(|ui| {
        let button = 128.0;
        let width = ui.available_width() - button - space::S;
        let (label, hint) = (t!("ui.home.join_label"), t!("ui.home.join_hint"));
        let says = Says { label: &label, hint: &hint, limit: LINK_LIMIT };
        let response = field_with_id(ui, join_field(), &mut state.drafts.join, says, width);
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if entered {
            response.request_focus(); // what was typed stays where it can be mended
        }
        if response.changed() && view.fault.is_some() {
            state.action(Action::Dismiss); // it was about something else
        }
        let can = !state.drafts.join.trim().is_empty();
        let join = Button::new(t!("ui.home.join")).icon(icons::ENTER).enabled(can).min_width(button);
        if (join.show(ui) || entered) && can {
            state.action(Action::Join(state.drafts.join.trim().to_owned()));
        }
    });
}

/// What was found: rooms on this network, and rooms that we were in.
fn found(ui: &mut Ui, view: &View, state: &mut UiState) {
    card(ui, |ui| {
        section(ui, icons::NETWORK, t!("ui.home.nearby"));
        ui.add_space(space::XS);
        if view.nearby.is_empty() {
            ui.hint(t!("ui.home.nearby_none"));
        }
        for room in &view.nearby {
            let number = when::number(room.room.as_str());
            let label = t!("ui.home.join_room", room = number);
            let (first, beside) = nearby(room, &number);
            if row(ui, &first, (!beside.is_empty()).then_some(beside.as_str()), &label) {
                state.action(Action::JoinNearby(room.room.clone()));
            }
        }
    });
    ui.add_space(space::L);
    card(ui, |ui| recent(ui, &view.recent, state));
}

/// Whose room it is, where they say so, and what else is known of it.
fn nearby(room: &NearbyRoom, number: &str) -> (String, String) {
    let people = room.people.map(|count| match count {
        1 => t!("ui.home.nearby_person").into_owned(),
        count => t!("ui.home.nearby_people", count = count).into_owned(),
    });
    let locked = room.is_locked.then(|| t!("ui.home.nearby_locked").into_owned());
    let more = people.into_iter().chain(locked);
    match &room.host {
        Some(host) => {
            let beside: Vec<String> = std::iter::once(number.to_owned()).chain(more).collect();
            (t!("ui.home.nearby_host", nick = host).into_owned(), beside.join(" · "))
        }
        None => (number.to_owned(), more.collect::<Vec<_>>().join(" · ")),
    }
}

fn recent(ui: &mut Ui, rooms: &[RecentRoom], state: &mut UiState) {
    ui.horizontal(|ui| {
        section(ui, icons::RECENT, t!("ui.home.recent"));
        if !rooms.is_empty() {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if IconButton::new(icons::FORGET, t!("ui.home.forget")).size(30.0, 30.0).show(ui) {
                    state.action(Action::ForgetRecent);
                }
            });
        }
    });
    ui.add_space(space::XS);
    if rooms.is_empty() {
        ui.hint(t!("ui.home.recent_none"));
    }
    for (place, room) in rooms.iter().enumerate() {
        let number = when::number(room.room.as_str());
        let beside = format!("{} · {}", when::day(room.seen_unix_s, &state.locale.zone), room.server);
        if row(ui, &number, Some(&beside), &t!("ui.home.rejoin_room", room = number)) {
            state.action(Action::JoinRecent(place));
        }
    }
}

/// A room in a list; whether it was chosen.
fn row(ui: &mut Ui, number: &str, beside: Option<&str>, label: &str) -> bool {
    use eframe::egui::{Align2, Role, WidgetInfo};
    let t = ui.tokens();
    let height = if beside.is_some() { 52.0 } else { 44.0 };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), label));
    let fill = if response.hovered() { t.raised_hover } else { t.raised };
    let rounding = super::style::corner(super::tokens::radius::M);
    ui.painter().rect_filled(rect, rounding, fill);
    super::parts::focus_ring(ui, &response, rounding);
    let (left, right) = (rect.left() + space::M, rect.right() - space::L - space::S);
    let room = right - left - space::L;
    let first = super::parts::elided(ui.painter(), number, fonts::names(letters::BODY), t.text, room);
    let dy = if beside.is_some() { 10.0 } else { 0.0 };
    let at = Align2::LEFT_CENTER.anchor_size(pos2(left, rect.center().y - dy), first.size());
    ui.painter().galley(at.min, first, t.text);
    if let Some(beside) = beside {
        let second = super::parts::elided(ui.painter(), beside, fonts::plain(letters::SMALL), t.weak, room);
        let at = Align2::LEFT_CENTER.anchor_size(pos2(left, rect.center().y + dy), second.size());
        ui.painter().galley(at.min, second, t.weak);
    }
    icons::ENTER.paint(ui.painter(), pos2(right, rect.center().y), control::ICON, t.accent_text);
    response.clicked()
}
