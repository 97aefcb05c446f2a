//! Hearth's desktop client as a library: the engine, and the client without a window.
//!
//! `engine` is the shell round `hearth-call` and `hearth-media`; `headless` takes part in a room by words alone, for
//! tests, benchmarks and bots. The window is built on the same engine.

pub mod cli;
pub mod engine;
pub mod headless;
