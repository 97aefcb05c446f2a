//! What is kept from one start to the next.

use eframe::egui::{Align, Layout, Rect, RichText, ScrollArea, Sense, Ui, UiBuilder, vec2};
use hearth_base::DeviceKind;
use rust_i18n::t;

use super::icons::{self, Icon};
use super::modal::modal;
use super::parts::{Button, IconButton, Parts as _, Pick, field, picker, segments, switch};
use super::state::{Draft, Page, UiState, open_file};
use super::tokens::{letters, radius, space};
use super::{fonts, pickers};
use crate::view::{LanguageChoice, PEOPLE, PictureSize, Stage, ThemeChoice, View};

/// Of the whole, at most, in points.
const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 440.0;
/// Of the list of pages.
const PAGES: f32 = 172.0;
/// A server's address: a name has at most 253 letters (RFC 1035, 2.3.4).
const SERVER_LIMIT: usize = 280;
/// Five digits are a port.
const PORT_LIMIT: usize = 5;

/// Languages are named in themselves: anyone who cannot read the others finds theirs.
const ENGLISH: &str = "English";
const CHINESE: &str = "中文";

/// Draws them.
pub(super) fn settings(ui: &Ui, view: &View, state: &mut UiState) {
    modal(ui, "settings", WIDTH, state, |ui, state| {
        ui.horizontal(|ui| {
            ui.title(t!("ui.settings.title"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if IconButton::new(icons::CLOSE, t!("ui.close")).show(ui) {
                    state.dialogs.open = None;
                }
            });
        });
        ui.add_space(space::S);
        let height = HEIGHT.min(ui.ctx().content_rect().height() - 150.0).max(120.0);
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        let (left, right) = rect.split_left_right_at_x(rect.left() + PAGES);
        place(ui, left, |ui| pages(ui, state));
        place(ui, right.with_min_x(right.left() + space::XL), |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.set_width(ui.available_width() - space::L); // beside the bar, not under it
                page(ui, view, state);
            });
        });
    });
}

fn place(ui: &mut Ui, rect: Rect, add: impl FnOnce(&mut Ui)) {
    ui.scope_builder(UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)), add);
}

fn pages(ui: &mut Ui, state: &mut UiState) {
    ui.spacing_mut().item_spacing.y = space::XS;
    for (page, icon, name) in [
        (Page::Devices, icons::SOUND, t!("ui.settings.devices")),
        (Page::Looks, icons::LOOKS, t!("ui.settings.looks")),
        (Page::Network, icons::NETWORK, t!("ui.settings.network")),
        (Page::About, icons::NOTE, t!("ui.settings.about")),
    ] {
        if tab(ui, icon, &name, state.settings.page == page) {
            state.settings.page = page;
        }
    }
}

fn tab(ui: &mut Ui, icon: Icon, name: &str, is_chosen: bool) -> bool {
    use eframe::egui::{Align2, Role, WidgetInfo, pos2};
    let t = ui.tokens();
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 38.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Tab, ui.is_enabled(), is_chosen, name));
    let (fill, ink) = match (is_chosen, response.hovered()) {
        (true, _) => (t.accent_soft, t.accent_text),
        (false, true) => (t.raised, t.text),
        (false, false) => (super::style::NONE, t.text),
    };
    let rounding = super::style::corner(radius::M);
    ui.painter().rect_filled(rect, rounding, fill);
    super::parts::focus_ring(ui, &response, rounding);
    icon.paint(ui.painter(), pos2(rect.left() + 20.0, rect.center().y), 18.0, ink);
    let font = if is_chosen { fonts::strong(letters::BODY) } else { fonts::plain(letters::BODY) };
    let galley = super::parts::elided(ui.painter(), name, font, ink, rect.width() - 46.0);
    let at = Align2::LEFT_CENTER.anchor_size(pos2(rect.left() + 38.0, rect.center().y), galley.size());
    ui.painter().galley(at.min, galley, ink);
    response.clicked()
}

fn page(ui: &mut Ui, view: &View, state: &mut UiState) {
    match state.settings.page {
        Page::Devices => devices(ui, view, state),
        Page::Looks => looks(ui, view, state),
        Page::Network => network(ui, view, state),
        Page::About => about(ui, view, state),
    }
}

fn devices(ui: &mut Ui, view: &View, state: &mut UiState) {
    for kind in [DeviceKind::Camera, DeviceKind::Microphone, DeviceKind::Speaker] {
        ui.hint(super::devices::kind(kind));
        pickers::device(ui, view, kind, state);
        // At home nothing is open that could sound.
        if kind == DeviceKind::Speaker && !matches!(view.stage, Stage::Home) {
            pickers::test_sound(ui, state);
        }
        ui.add_space(space::XS);
    }
    ui.hint(t!("ui.settings.picture"));
    let sizes = [
        (PictureSize::Standard, t!("ui.settings.picture_standard").into_owned()),
        (PictureSize::Small, t!("ui.settings.picture_small").into_owned()),
    ];
    if let Some(picture) = segments(ui, view.settings.picture, &sizes) {
        state.change(view, |settings| settings.picture = picture);
    }
    ui.hint(t!("ui.settings.next_room"));
    ui.separator();
    processing(ui, view, state);
}

fn processing(ui: &mut Ui, view: &View, state: &mut UiState) {
    let now = &view.settings;
    if switch(ui, now.mirror, &t!("ui.settings.mirror")).clicked() {
        state.change(view, |settings| settings.mirror = !settings.mirror);
    }
    if switch(ui, now.audio_only, &t!("ui.settings.audio_only")).clicked() {
        state.change(view, |settings| settings.audio_only = !settings.audio_only);
    }
    if switch(ui, now.processing.echo, &t!("ui.settings.echo")).clicked() {
        state.change(view, |settings| settings.processing.echo = !settings.processing.echo);
    }
    if switch(ui, now.processing.noise, &t!("ui.settings.noise")).clicked() {
        state.change(view, |settings| settings.processing.noise = !settings.processing.noise);
    }
    if switch(ui, now.processing.gain, &t!("ui.settings.gain")).clicked() {
        state.change(view, |settings| settings.processing.gain = !settings.processing.gain);
    }
}

fn looks(ui: &mut Ui, view: &View, state: &mut UiState) {
    ui.hint(t!("ui.settings.theme"));
    let themes = [
        (ThemeChoice::System, t!("ui.settings.as_system").into_owned()),
        (ThemeChoice::Light, t!("ui.settings.light").into_owned()),
        (ThemeChoice::Dark, t!("ui.settings.dark").into_owned()),
    ];
    ui.push_id("theme", |ui| {
        if let Some(theme) = segments(ui, view.settings.theme, &themes) {
            state.change(view, |settings| settings.theme = theme);
        }
    });
    ui.add_space(space::M);
    ui.hint(t!("ui.settings.language"));
    let languages = [
        (LanguageChoice::System, t!("ui.settings.as_system").into_owned()),
        (LanguageChoice::English, ENGLISH.to_owned()),
        (LanguageChoice::Chinese, CHINESE.to_owned()),
    ];
    ui.push_id("language", |ui| {
        if let Some(language) = segments(ui, view.settings.language, &languages) {
            state.change(view, |settings| settings.language = language);
        }
    });
}

fn network(ui: &mut Ui, view: &View, state: &mut UiState) {
    let width = ui.available_width();
    ui.hint(t!("ui.settings.server"));
    let (label, hint) = (t!("ui.settings.server"), t!("ui.settings.server_hint"));
    let draft = state.drafts.server.get_or_insert_with(|| Draft::of(view.settings.server.clone()));
    if let Some(server) = line(ui, draft, &label, &hint, width, SERVER_LIMIT) {
        state.change(view, |settings| settings.server = server);
    }
    ui.hint(t!("ui.settings.server_text"));
    ui.add_space(space::M);
    ui.hint(t!("ui.settings.port"));
    let (label, hint) = (t!("ui.settings.port"), t!("ui.settings.port_hint"));
    let kept = || Draft::of(view.settings.port.map_or(String::new(), |port| port.to_string()));
    let draft = state.drafts.port.get_or_insert_with(kept);
    let typed = line(ui, draft, &label, &hint, width.min(160.0), PORT_LIMIT);
    draft.text.retain(|c| c.is_ascii_digit());
    if let Some(typed) = typed {
        change_port(view, &typed, state);
    }
    ui.hint(t!("ui.settings.port_text"));
    ui.add_space(space::M);
    if switch(ui, view.settings.show_name, &t!("ui.settings.show_name")).clicked() {
        state.change(view, |settings| settings.show_name = !settings.show_name);
    }
    ui.hint(t!("ui.settings.show_name_text"));
    ui.add_space(space::M);
    people(ui, view, state);
}

/// How many people a room of ours holds.
fn people(ui: &mut Ui, view: &View, state: &mut UiState) {
    let label = t!("ui.settings.people");
    ui.hint(&*label);
    let picks: Vec<_> = PEOPLE.map(|value| Pick { value, text: value.to_string() }).collect();
    let width = ui.available_width().min(160.0);
    if let Some(people) = picker(ui, icons::PEOPLE, &label, &view.settings.people, &picks, width) {
        state.change(view, |settings| settings.people = people);
    }
    ui.hint(t!("ui.settings.next_room"));
}

/// A field; what was typed, once somebody has finished.
fn line(ui: &mut Ui, draft: &mut Draft, label: &str, hint: &str, width: f32, limit: usize) -> Option<String> {
    let response = field(ui, &mut draft.text, label, hint, width, limit);
    draft.is_touched |= response.changed();
    if response.lost_focus() { draft.finish() } else { None }
}

/// Nothing typed is any free port; what is no port is not taken.
fn change_port(view: &View, typed: &str, state: &mut UiState) {
    let port = match typed.parse::<u16>() {
        Ok(port) if port > 0 => Some(port),
        Ok(_) | Err(_) if typed.is_empty() => None,
        Ok(_) | Err(_) => {
            state.drafts.port = None; // what is kept is shown again
            return;
        }
    };
    state.change(view, |settings| settings.port = port);
}

fn about(ui: &mut Ui, view: &View, state: &mut UiState) {
    let t = ui.tokens();
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(52.0, 52.0), Sense::hover());
        super::parts::paint_logo(ui.painter(), rect);
        ui.vertical(|ui| {
            ui.title(t!("ui.name"));
            ui.hint(t!("ui.settings.version", version = env!("CARGO_PKG_VERSION")));
        });
    });
    ui.add_space(space::S);
    ui.words(t!("ui.settings.what"));
    ui.add_space(space::S);
    if let Some(log) = &view.log {
        ui.hint(t!("ui.settings.log"));
        let path = RichText::new(log.display().to_string()).size(letters::SMALL).color(t.text);
        ui.add(eframe::egui::Label::new(path).wrap().selectable(true));
        if Button::new(t!("ui.settings.log_open")).small().show(ui) {
            open_file(ui.ctx(), log);
        }
        ui.add_space(space::S);
    }
    let word =
        if state.settings.are_licences_shown { t!("ui.settings.licences_hide") } else { t!("ui.settings.licences") };
    if Button::new(word).small().show(ui) {
        state.settings.are_licences_shown = !state.settings.are_licences_shown;
    }
    if state.settings.are_licences_shown {
        for text in LICENCES {
            let text = RichText::new(*text).size(letters::CAPTION).color(t.weak);
            ui.add(eframe::egui::Label::new(text).wrap().selectable(true));
            ui.separator();
        }
    }
}

/// Ours, and those of what is drawn with.
const LICENCES: &[&str] = &[
    include_str!("../../../LICENSE-MIT"),
    include_str!("../../../assets/fonts/LICENSE-Inter.txt"),
    include_str!("../../../assets/fonts/LICENSE-NotoSansCJK.txt"),
    include_str!("../../../assets/fonts/LICENSE-NotoColorEmoji.txt"),
    include_str!("../../../assets/fonts/LICENSE-Phosphor.txt"),
];
