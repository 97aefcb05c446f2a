//! Words of every size, as methods of whatever one draws into.

use std::sync::Arc;

use eframe::egui::text::{LayoutJob, TextFormat, TextWrapping};
use eframe::egui::{Color32, FontId, Galley, Label, Painter, Response, RichText, Theme, Ui};

use crate::ui::fonts;
use crate::ui::tokens::{Tokens, letters};

/// Words, and the colours of the theme in force.
pub(in crate::ui) trait Parts {
    /// The colours in force.
    fn tokens(&self) -> &'static Tokens;
    /// What a screen is called.
    fn title(&mut self, text: impl Into<String>) -> Response;
    /// What a card is called.
    fn subtitle(&mut self, text: impl Into<String>) -> Response;
    /// What is read.
    fn words(&mut self, text: impl Into<String>) -> Response;
    /// What is read second.
    fn hint(&mut self, text: impl Into<String>) -> Response;
    /// What can be marked and copied, and stands out.
    fn marked(&mut self, text: impl Into<String>, size: f32) -> Response;
}

impl Parts for Ui {
    fn tokens(&self) -> &'static Tokens {
        Tokens::of(Theme::from_dark_mode(self.visuals().dark_mode))
    }

    fn title(&mut self, text: impl Into<String>) -> Response {
        let color = self.tokens().text;
        self.label(RichText::new(text).font(fonts::strong(letters::TITLE)).color(color))
    }

    fn subtitle(&mut self, text: impl Into<String>) -> Response {
        let color = self.tokens().text;
        self.label(RichText::new(text).font(fonts::strong(letters::HEADING)).color(color))
    }

    fn words(&mut self, text: impl Into<String>) -> Response {
        let color = self.tokens().text;
        self.label(RichText::new(text).size(letters::BODY).color(color))
    }

    fn hint(&mut self, text: impl Into<String>) -> Response {
        let color = self.tokens().weak;
        self.label(RichText::new(text).size(letters::SMALL).color(color))
    }

    fn marked(&mut self, text: impl Into<String>, size: f32) -> Response {
        let color = self.tokens().text;
        self.add(Label::new(RichText::new(text).font(fonts::names(size)).color(color)).selectable(true))
    }
}

/// One line that ends in dots where it would be wider than `width`.
pub(in crate::ui) fn elided(painter: &Painter, text: &str, font: FontId, color: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, color));
    job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
    painter.layout_job(job)
}
