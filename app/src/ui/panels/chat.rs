//! What is written.

use eframe::egui::{
    Frame, Key, KeyboardShortcut, Label, Margin, Modifiers, OpenUrl, RichText, ScrollArea, Stroke, StrokeKind,
    TextEdit, Ui, vec2,
};
use rust_i18n::t;

use crate::ui::chat_field;
use crate::ui::facts::named;
use crate::ui::fonts;
use crate::ui::icons;
use crate::ui::parts::{IconButton, Parts as _};
use crate::ui::state::UiState;
use crate::ui::style::corner;
use crate::ui::tokens::{control, letters, radius, space};
use crate::ui::when;
use crate::view::{Action, ChatLine, Room, Speaker};

/// Longest message in characters, as the call has it.
const LIMIT: usize = 4000;
/// The field grows up to so many lines.
const ROWS: usize = 5;

/// Draws it.
pub(super) fn chat(ui: &mut Ui, room: &Room, state: &mut UiState) {
    let lines = state.drafts.chat.lines().count().clamp(1, ROWS) as f32;
    let field = control::MEDIUM + (lines - 1.0) * 20.0 + space::S;
    let height = (ui.available_height() - field).max(40.0);
    ScrollArea::vertical().auto_shrink(false).max_height(height).stick_to_bottom(true).show(ui, |ui| {
        if room.chat.is_empty() {
            ui.hint(t!("ui.chat.empty"));
        }
        let mut before = None;
        for line in &room.chat {
            let is_same = before == Some(&line.from);
            said(ui, line, is_same, state);
            before = Some(&line.from);
        }
    });
    ui.add_space(space::XS);
    say(ui, state);
}

/// One message. The name of its author is above the first of several.
fn said(ui: &mut Ui, line: &ChatLine, is_same: bool, state: &UiState) {
    let t = ui.tokens();
    let (who, is_mine) = match &line.from {
        Speaker::Me => (t!("ui.chat.me").into_owned(), true),
        Speaker::Person { nick, .. } => (named(nick), false),
    };
    if is_same {
        ui.add_space(-space::XS);
    } else {
        ui.add_space(space::XS);
        ui.horizontal(|ui| {
            let strong = RichText::new(who).font(fonts::names(letters::SMALL)).color(t.text);
            ui.set_max_width(ui.available_width());
            let time = when::hour(line.unix_s, &state.locale.zone);
            ui.add(Label::new(strong).truncate());
            ui.label(RichText::new(time).size(letters::CAPTION).color(t.weak));
        });
        ui.add_space(-space::XS);
    }
    let fill = if is_mine { t.accent_soft } else { t.raised };
    let frame = Frame::new().fill(fill).corner_radius(corner(radius::M)).inner_margin(Margin::symmetric(10, 7));
    frame.show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(0.0, 2.0);
            ui.spacing_mut().interact_size.y = 0.0;
            for part in parts(&line.text) {
                draw_part(ui, &part);
            }
        });
    });
}

fn draw_part(ui: &mut Ui, part: &Part<'_>) {
    let t = ui.tokens();
    match part {
        Part::Words(words) => {
            ui.add(Label::new(RichText::new(*words).color(t.text)).wrap().selectable(true));
        }
        Part::Link(link) => {
            let text = RichText::new(*link).color(t.accent_text).underline();
            if ui.link(text).on_hover_text(t!("ui.chat.open", link = link)).clicked() {
                ui.ctx().open_url(OpenUrl::new_tab(link));
            }
        }
    }
}

fn say(ui: &mut Ui, state: &mut UiState) {
    let t = ui.tokens();
    ui.horizontal(|ui| {
        let width = ui.available_width() - control::MEDIUM - space::S;
        // Enter says it; the toolkit makes a new line of Shift+Enter alone.
        if std::mem::take(&mut state.chat.wants_keyboard) {
            ui.memory_mut(|memory| memory.request_focus(chat_field())); // before it is drawn: it reads what was typed
        }
        let edit = TextEdit::multiline(&mut state.drafts.chat)
            .id(chat_field())
            .hint_text(RichText::new(t!("ui.chat.hint")).color(t.weak))
            .return_key(KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter))
            .frame(crate::ui::parts::field_frame(ui))
            .char_limit(LIMIT)
            .desired_rows(1)
            .min_size(vec2(width, control::MEDIUM))
            .desired_width(width);
        let response = ui.add(edit).accessible_name(t!("ui.chat.label"));
        if response.has_focus() {
            let ring = Stroke::new(control::RING, t.focus);
            ui.painter().rect_stroke(response.rect, corner(radius::M), ring, StrokeKind::Inside);
        }
        let is_entered =
            response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter) && !input.modifiers.shift);
        let is_sent = IconButton::new(icons::SEND, t!("ui.chat.send")).filled().show(ui) || is_entered;
        let text = state.drafts.chat.trim();
        if is_sent && !text.is_empty() {
            let action = Action::Say(text.to_owned());
            state.action(action);
            state.drafts.chat.clear();
        }
        if is_sent {
            response.request_focus();
        }
    });
}

/// A part of a message.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Words(&'a str),
    Link(&'a str),
}

/// A message in parts: what is an address of the web can be opened, nothing else.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((at, link)) = first_link(rest) {
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            parts.push(Part::Words(before));
        }
        parts.push(Part::Link(link));
        rest = from.get(link.len()..).unwrap_or_default();
    }
    if !rest.is_empty() {
        parts.push(Part::Words(rest));
    }
    parts
}

fn first_link(text: &str) -> Option<(usize, &str)> {
    let starts = ["https://", "http://"].into_iter().flat_map(|scheme| text.match_indices(scheme));
    let mut starts: Vec<usize> = starts.map(|(at, _)| at).collect();
    starts.sort_unstable();
    starts.into_iter().find_map(|at| {
        let from = text.get(at..)?;
        let end = from.find(|c: char| c.is_whitespace() || "<>\"，。；、）】》".contains(c)).unwrap_or(from.len());
        // What ends a sentence is not of the address.
        let link = from.get(..end)?.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'']);
        let url = url::Url::parse(link).ok()?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
        is_web.then_some((at, link))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_can_be_opened() {
        use Part::{Link, Words};
        for (text, expected) in [
            ("", vec![]),
            ("no link", vec![Words("no link")]),
            ("see https://a.example/b.", vec![Words("see "), Link("https://a.example/b"), Words(".")]),
            ("看http://a.example，好", vec![Words("看"), Link("http://a.example"), Words("，好")]),
            ("javascript://alert file:///etc", vec![Words("javascript://alert file:///etc")]),
            ("https://", vec![Words("https://")]),
            (
                "https://a.example https://b.example",
                vec![Link("https://a.example"), Words(" "), Link("https://b.example")],
            ),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }
}
