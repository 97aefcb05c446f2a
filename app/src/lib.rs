//! Hearth's desktop client as a library: the engine, and the client without a window.
//!
//! `engine` is the shell round `hearth-call` and `hearth-media`; `headless` takes part in a room by words alone, for
//! tests, benchmarks and bots. The window is built on the same engine. `view` is what
//! the window shows and what a person can want; `words` chooses the language of every sentence that a person reads.
//!
//! ```
//! // Join a call without a window; here a room of its own, on a server in the same process.
//! use hearth::engine::{Choices, Discovery, Engine, EngineConfig, Recordings, ServerAddress, Showing};
//! use hearth::view::Processing;
//! use hearth_base::{DeviceChoice, FrameRate, Resolution, VideoCodec};
//! use hearth_call::{CallPhase, Command, Loopback, Switch, TransportPolicy};
//! use hearth_protocol::{RoomLink, RoomName};
//! use hearth_signal::{Protection, Server, ServerConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Runtime::new()?;
//! let server = runtime.block_on(Server::bind(ServerConfig::new("127.0.0.1:0".parse()?, Protection::PlainHttp)))?;
//! let link = RoomLink::new(&format!("http://{}", server.local_addr()), RoomName::from_random(0), None, None)?;
//! runtime.spawn(server.run(std::future::pending()));
//!
//! let engine = Engine::spawn(EngineConfig {
//!     nick: "Bot".to_owned(),
//!     tracks: Vec::new(),
//!     video_codecs: vec![VideoCodec::Vp8],
//!     choices: Choices { camera: DeviceChoice::Off, microphone: DeviceChoice::Off, speaker: DeviceChoice::Off },
//!     microphone: Switch::Off,
//!     camera: Switch::Off,
//!     processing: Processing::default(),
//!     resolution: Resolution::new(640, 360).expect("both sides are even"),
//!     frame_rate: FrameRate::new(15),
//!     source_id: 1,
//!     transport: TransportPolicy::All,
//!     loopback: Loopback::Allowed,
//!     discovery: Discovery::default(),
//!     showing: Showing::Stamps,
//!     recordings: Recordings::default(),
//! })?; let mut views = engine.views(); engine.enter(ServerAddress { websocket: link.websocket(), pin: None },
//! Command::Create { secret: None, capacity: None }); let view = runtime.block_on(views.wait_for(|view| view.call.phase
//! == CallPhase::InRoom))?.clone(); println!("in room {}", view.call.room.as_ref().expect("a room has a name"));
//! # Ok(())
//! # }
//! ```

pub mod cli;
pub mod engine;
pub mod files;
pub mod headless;
pub mod life;
pub mod ui;
pub mod view;
pub mod window;
pub mod words;

// A sentence that a language lacks is said in English.
rust_i18n::i18n!("../assets/locales", fallback = "en");
