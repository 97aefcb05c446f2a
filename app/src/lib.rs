//! Hearth's desktop client as a library: the engine, and the client without a window.
//!
//! `engine` is the shell round `hearth-call` and `hearth-media`; `headless` takes part in a room by words alone, for
//! tests, benchmarks and bots. The window is built on the same engine. `view` is what
//! the window shows and what a person can want; `words` chooses the language of every sentence that a person reads.

pub mod cli;
pub mod engine;
pub mod headless;
pub mod life;
pub mod ui;
pub mod view;
pub mod window;
pub mod words;

// A sentence that a language lacks is said in English.
rust_i18n::i18n!("../assets/locales", fallback = "en");
