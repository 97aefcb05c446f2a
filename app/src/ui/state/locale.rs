//! Where this machine is, and in which language and looks the toolkit was told to speak.
//!
//! Owned by [`UiState`](super::UiState).

use eframe::egui::{Context, Ui, ViewportCommand};
use jiff::tz::TimeZone;
use rust_i18n::t;

use crate::ui::style;
use crate::view::{LanguageChoice, Settings, ThemeChoice};
use crate::words::Language;

/// How things are said and shown here.
#[derive(Debug)]
pub(in crate::ui) struct Locale {
    /// Where this machine is.
    pub(in crate::ui) zone: TimeZone,
    /// What was last said to the toolkit about language and looks.
    pub(super) spoken: Option<(LanguageChoice, ThemeChoice)>,
}

impl Locale {
    /// Speaks and looks as chosen.
    pub(in crate::ui) fn follow(&mut self, ui: &mut Ui, settings: &Settings) {
        let chosen = (settings.language, settings.theme);
        if self.spoken.replace(chosen) != Some(chosen) {
            speak(ui.ctx(), settings);
            ui.reset_style(); // all of this frame is of one theme
            ui.ctx().send_viewport_cmd(ViewportCommand::Title(t!("ui.name").into_owned()));
            ui.ctx().request_repaint(); // on the ground of the new theme
        }
    }
}

fn speak(ctx: &Context, settings: &Settings) {
    let language = match settings.language {
        LanguageChoice::System => Language::of_system(),
        LanguageChoice::English => Language::English,
        LanguageChoice::Chinese => Language::Chinese,
    };
    language.speak();
    style::choose(ctx, settings.theme);
}
