//! The window as a person meets it: moments that are written down are drawn, what is on them is found by its words and
//! pressed, and what comes back is compared. No desk, no device, no display: `start` says what the program does without
//! one.

mod connection;
mod controls;
mod faults;
mod keys;
mod layout;
mod others;
mod passwords;
mod presses;
#[path = "../../examples/gallery/scenes.rs"]
mod scenes;
mod sentences;
mod snapshots;
mod stage;
mod start;
mod typing;
mod writing;

// The same sentences as the program's; the language is one for both.
rust_i18n::i18n!("../assets/locales", fallback = "en");
