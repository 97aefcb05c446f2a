//! Every screen of the window, over moments that are written down: to look at while one designs.
//!
//! `cargo run --example gallery -- SCENE [en|zh] [light|dark]`; without a scene it names them. Nothing is called, heard
//! or sent, and what a person wants is printed.
#![expect(clippy::print_stdout, reason = "what a person wants is printed")]

mod scenes;

use eframe::egui::{Ui, ViewportBuilder, Visuals};
use hearth::ui::{self, TilePainter, UiState};
use hearth::view::{LanguageChoice, ThemeChoice, View};

/// How a moment is made.
type Scene = fn() -> View;

/// All of them, by name.
const SCENES: &[(&str, Scene)] = &[
    ("home", scenes::home),
    ("home-empty", View::default),
    ("home-fault", scenes::home_fault),
    ("prejoin", scenes::prejoin),
    ("prejoin-trouble", scenes::prejoin_trouble),
    ("waiting", scenes::waiting),
    ("asked", scenes::asked),
    ("asked-again", scenes::asked_again),
    ("waiting-or-asked", scenes::waiting_or_asked),
    ("alone", scenes::alone),
    ("pair", scenes::pair),
    ("screen", scenes::screen),
    ("sharing", scenes::sharing),
    ("call", scenes::call),
    ("call-trouble", scenes::call_trouble),
    ("twelve", scenes::twelve),
];

struct Gallery {
    view: View,
    state: UiState,
    tiles: Box<dyn TilePainter>,
}

fn main() -> eframe::Result {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    let language = if has("zh") { LanguageChoice::Chinese } else { LanguageChoice::English };
    let theme = if has("dark") { ThemeChoice::Dark } else { ThemeChoice::Light };
    let scene = SCENES.iter().find(|(name, _)| has(name));
    let Some((_, view)) = scene else {
        let names: Vec<&str> = SCENES.iter().map(|(name, _)| *name).collect();
        println!("{}", names.join(" "));
        return Ok(());
    };
    let mut view = view();
    view.settings.language = language;
    view.settings.theme = theme;
    let viewport = ViewportBuilder::default().with_inner_size([1100.0, 720.0]).with_title("gallery");
    let options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    eframe::run_native(
        "gallery",
        options,
        Box::new(|creation| {
            ui::install(&creation.egui_ctx);
            let tiles = ui::tile_painter(creation.gl.as_ref());
            Ok(Box::new(Gallery { view, state: UiState::default(), tiles }))
        }),
    )
}

impl eframe::App for Gallery {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        for action in ui::draw(ui, &self.view, &mut self.state, self.tiles.as_mut()) {
            println!("{action:?}");
        }
    }

    fn clear_color(&self, visuals: &Visuals) -> [f32; 4] {
        ui::ground(&self.view, visuals).to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, gl: Option<&eframe::glow::Context>) {
        if let Some(gl) = gl {
            self.tiles.free(gl);
        }
    }
}
