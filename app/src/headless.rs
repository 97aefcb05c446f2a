//! The client without a window: a link in, statistics out.
//!
//! `HEARTH_PASSWORD` holds the password of the room, where there is one: to come in by, or to ask of those who come.
//! The first line of standard output is `link URL` when a room was made; with `--stats json` a line of JSON follows
//! each second and at the end. Ends with 0 when it left or the room ended, with 1 and one sentence when it could not
//! take part.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{DeviceChoice, ScreenEntry, ScreenFault, TrackSource, VideoCodec};
use hearth_call::{
    CallPhase, Command, EndReason, HostRule, Loopback, PasswordPrompt, PasswordPromptState, Switch, TransportPolicy,
};
use hearth_protocol::{BadLink, ErrorCode, InviteSecret, RoomLink, RoomPassword};
use rust_i18n::t;
use tokio::sync::watch;

use crate::view::Processing;

use crate::cli::{CameraArg, CliCommand, CodecArg, MicrophoneArg, Part, StatsFormat};
use crate::engine::statistics;
use crate::engine::{
    CallView, Choices, Discovery, Engine, EngineConfig, EngineError, Recordings, ServerAddress, Showing, SignalFault,
    clock,
};
use crate::files::{self, BadFile};

/// Why there was no call: a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum HeadlessError {
    /// The text is no link.
    #[error("{}", t!("fault.bad_link"))]
    BadLink,
    /// The link is not encrypted.
    #[error("{}", t!("fault.unencrypted_link"))]
    UnencryptedLink,
    /// The server is reached without encryption.
    #[error("{}", t!("fault.unencrypted_server"))]
    UnencryptedServer,
    /// The address is none.
    #[error("{}", t!("fault.bad_server"))]
    BadServer,
    /// A file that should be sent cannot be.
    #[error(transparent)]
    File(#[from] BadFile),
    /// There is no such screen.
    #[error("{}", t!("fault.no_screen", names = .0))]
    NoScreen(String),
    /// Nothing can be shared.
    #[error("{}", t!("fault.screen_refused", why = .0))]
    Screen(ScreenFault),
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No runtime.
    #[error("{}", t!("fault.runtime"))]
    Runtime(#[source] std::io::Error),
    /// The server could not be reached.
    #[error("{}", t!("fault.unreachable", why = .0))]
    Unreachable(SignalFault),
    /// The server's key is a different one.
    #[error("{}", t!("fault.wrong_server"))]
    WrongServer,
    /// The room is full.
    #[error("{}", t!("fault.full"))]
    Full,
    /// There is no such room.
    #[error("{}", t!("fault.no_such_room"))]
    NoSuchRoom,
    /// The secret is not the room's.
    #[error("{}", t!("fault.bad_invite"))]
    BadInvite,
    /// The room asks for a password, and none was given.
    #[error("{}", t!("fault.password_wanted"))]
    PasswordWanted,
    /// The password is not the room's.
    #[error("{}", t!("fault.bad_password"))]
    BadPassword,
    /// Too many were wrong.
    #[error("{}", t!("fault.rate_limited"))]
    TooOften,
    /// The server said something else.
    #[error("{}", t!("fault.refused"))]
    Refused(ErrorCode),
    /// Standard output is closed.
    #[error("{}", t!("fault.output"))]
    Output(#[source] std::io::Error),
}

/// Runs what the command line asks for.
///
/// # Errors
/// [`HeadlessError`], each a sentence.
pub fn main(command: CliCommand) -> Result<(), HeadlessError> {
    let (part, entry) = match command {
        CliCommand::Create { server, spki, part } => {
            let secret = InviteSecret::from_random(rand::random());
            (part, Entry::Create { server: server.to_string(), spki, secret })
        }
        CliCommand::Join { part } => (part, Entry::Join(read_link()?)),
    };
    check_files(&part)?;
    let password = read_password()?;
    let server = entry.server()?;
    let shared = part.share.as_deref().map(screen).transpose()?;
    let engine = Engine::spawn(config(&part))?;
    if shared.is_some() {
        engine.share(shared);
    }
    engine.enter(server, entry.command(password.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(HeadlessError::Runtime)?;
    let result = runtime.block_on(follow(&engine, &entry, password, &part));
    drop(engine);
    result
}

/// Which room.
enum Entry {
    Create { server: String, spki: Option<hearth_protocol::SpkiHash>, secret: InviteSecret },
    Join(RoomLink),
}

impl Entry {
    fn command(&self, password: Option<RoomPassword>) -> Command {
        match self {
            Self::Create { secret, .. } => Command::Create { secret: Some(*secret), capacity: None },
            Self::Join(link) => Command::Join { room: link.room.clone(), secret: link.secret, password },
        }
    }

    fn server(&self) -> Result<ServerAddress, HeadlessError> {
        match self {
            Self::Create { server, spki, .. } => {
                let nowhere = hearth_protocol::RoomName::from_random(0);
                let link = RoomLink::new(server, nowhere, None, *spki).map_err(|_| HeadlessError::BadServer)?;
                Ok(ServerAddress { websocket: link.websocket(), pin: *spki })
            }
            Self::Join(link) => Ok(ServerAddress { websocket: link.websocket(), pin: link.spki }),
        }
    }
}

fn check_files(part: &Part) -> Result<(), BadFile> {
    let camera = match &part.camera {
        CameraArg::File(path) => Some(path.as_path()),
        CameraArg::None | CameraArg::Pattern => None,
    };
    let microphone = match &part.microphone {
        MicrophoneArg::File(path) => Some(path.as_path()),
        MicrophoneArg::None | MicrophoneArg::Chirp => None,
    };
    files::check(camera, microphone)
}

/// The screen of this name.
fn screen(name: &str) -> Result<ScreenEntry, HeadlessError> {
    let entries = crate::engine::screens().map_err(HeadlessError::Screen)?;
    let names = entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>().join(", ");
    entries.into_iter().find(|entry| entry.name == name).ok_or(HeadlessError::NoScreen(names))
}

fn video_codec(arg: &CodecArg) -> VideoCodec {
    match arg {
        CodecArg::H264 => VideoCodec::H264,
        CodecArg::Vp8 => VideoCodec::Vp8,
    }
}

fn config(part: &Part) -> EngineConfig {
    let camera = match &part.camera {
        CameraArg::None => None,
        CameraArg::Pattern => Some(DeviceChoice::Test),
        CameraArg::File(path) => Some(DeviceChoice::File(path.clone())),
    };
    let microphone = match &part.microphone {
        MicrophoneArg::None => None,
        MicrophoneArg::Chirp => Some(DeviceChoice::Test),
        MicrophoneArg::File(path) => Some(DeviceChoice::File(path.clone())),
    };
    EngineConfig {
        nick: part.nick.clone(),
        tracks: microphone
            .is_some()
            .then_some(TrackSource::Microphone)
            .into_iter()
            .chain(camera.is_some().then_some(TrackSource::Camera))
            .collect(),
        video_codecs: part.video_codecs.iter().map(video_codec).collect(),
        choices: Choices {
            camera: camera.unwrap_or(DeviceChoice::Off),
            microphone: microphone.unwrap_or(DeviceChoice::Off),
            speaker: DeviceChoice::Off,
        },
        microphone: Switch::On,
        camera: Switch::On,
        processing: Processing::default(),
        resolution: part.size,
        frame_rate: part.fps,
        source_id: part.source_id,
        transport: if part.relay_only { TransportPolicy::RelayOnly } else { TransportPolicy::All },
        loopback: if part.loopback { Loopback::Allowed } else { Loopback::Refused },
        discovery: Discovery::default(),
        showing: Showing::Stamps,
        recordings: Recordings { video: part.record_video.clone(), audio: part.record_audio.clone() },
    }
}

/// The link, from where no list of processes shows it.
fn read_link() -> Result<RoomLink, HeadlessError> {
    let text = match std::env::var("HEARTH_LINK") {
        Ok(text) => text,
        Err(_) => {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map_err(|_| HeadlessError::BadLink)?;
            line
        }
    };
    RoomLink::parse(&text).map_err(|error| match error {
        BadLink::Unencrypted => HeadlessError::UnencryptedLink,
        BadLink::Address | BadLink::Room | BadLink::Fragment => HeadlessError::BadLink,
    })
}

/// The room's password, from where no list of processes shows it either.
fn read_password() -> Result<Option<RoomPassword>, HeadlessError> {
    let text = std::env::var("HEARTH_PASSWORD").unwrap_or_default();
    let password = (!text.is_empty()).then(|| RoomPassword::parse(&text));
    password.transpose().map_err(|_| HeadlessError::BadPassword)
}

/// Follows the call to its end, and prints what was asked for.
async fn follow(
    engine: &Engine,
    entry: &Entry,
    password: Option<RoomPassword>,
    part: &Part,
) -> Result<(), HeadlessError> {
    let mut views = engine.views();
    let mut link_told = matches!(entry, Entry::Join(_));
    let started = tokio::time::Instant::from_std(clock::now());
    let mut each_second = tokio::time::interval(Duration::from_secs(1));
    each_second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // A day, when nobody said: a bot that is forgotten should not stay for ever.
    let leave_at = started + Duration::from_secs(part.leave_after.unwrap_or(86_400));
    let mut interrupted = Interrupt::new().map_err(HeadlessError::Runtime)?;
    loop {
        tokio::select! {
            changed = views.changed() => if changed.is_err() { break },
            _ = each_second.tick() => if link_told && part.stats == Some(StatsFormat::Json) { print(&statistics::line(&current(&views)))? },
            () = tokio::time::sleep_until(leave_at) => drop(engine.command(Command::Leave)),
            () = interrupted.wait() => drop(engine.command(Command::Leave)),
        }
        let view = current(&views);
        if !link_told && let Some(link) = link_of(entry, &view) {
            link_told = true;
            if password.is_some() {
                engine.command(Command::Rule(HostRule::Password(password.clone())));
            }
            print(&format!("link {}", link.reveal()))?;
        }
        if is_over(&view.call.phase) {
            break;
        }
    }
    let view = current(&views);
    if part.stats == Some(StatsFormat::Json) {
        print(&statistics::line(&view))?;
    }
    ended(&view)
}

fn current(views: &watch::Receiver<Arc<CallView>>) -> Arc<CallView> {
    views.borrow().clone()
}

fn link_of(entry: &Entry, view: &CallView) -> Option<RoomLink> {
    let Entry::Create { server, secret, .. } = entry else { return None };
    let room = view.call.room.clone()?;
    RoomLink::new(server, room, Some(*secret), view.server.map(|(spki, _)| spki)).ok()
}

fn ended(view: &CallView) -> Result<(), HeadlessError> {
    let reason = match view.call.phase {
        CallPhase::Ended(reason) => reason,
        CallPhase::Asked(ask) | CallPhase::Lobby(Some(ask)) if is_over(&view.call.phase) => return Err(asked(ask)),
        CallPhase::Asked(_)
        | CallPhase::Lobby(_)
        | CallPhase::Idle
        | CallPhase::Joining
        | CallPhase::InRoom
        | CallPhase::Resuming { .. } => {
            return Ok(());
        }
    };
    match reason {
        EndReason::Left | EndReason::RoomEnded | EndReason::Kicked => Ok(()),
        EndReason::Unreachable => Err(match view.signal_fault.clone() {
            Some(SignalFault::WrongServer) => HeadlessError::WrongServer,
            // Without a fault the connection stands, and nobody greets us on it.
            fault => HeadlessError::Unreachable(fault.unwrap_or(SignalFault::Silent)),
        }),
        EndReason::Full { .. } | EndReason::Refused(ErrorCode::Full) => Err(HeadlessError::Full),
        EndReason::Refused(ErrorCode::NoSuchRoom | ErrorCode::BadRoom) => Err(HeadlessError::NoSuchRoom),
        EndReason::Refused(ErrorCode::BadInvite) => Err(HeadlessError::BadInvite),
        EndReason::Refused(code) => Err(HeadlessError::Refused(code)),
    }
}

/// Whether there is nothing to follow any more. With a wrong password one need not wait for the host, either.
fn is_over(phase: &CallPhase) -> bool {
    match phase {
        CallPhase::Ended(_) | CallPhase::Asked(_) => true,
        CallPhase::Lobby(ask) => ask.is_some_and(|ask| ask.refusals > 0),
        CallPhase::Idle | CallPhase::Joining | CallPhase::InRoom | CallPhase::Resuming { .. } => false,
    }
}

/// Nobody is here to be asked.
fn asked(ask: PasswordPrompt) -> HeadlessError {
    match ask.state {
        PasswordPromptState::Wanted | PasswordPromptState::Trying if ask.refusals == 0 => HeadlessError::PasswordWanted,
        PasswordPromptState::Wanted | PasswordPromptState::Trying | PasswordPromptState::Wrong => {
            HeadlessError::BadPassword
        }
        PasswordPromptState::TooOften { .. } => HeadlessError::TooOften,
    }
}

fn print(line: &str) -> Result<(), HeadlessError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(HeadlessError::Output)
}

/// SIGINT and SIGTERM: both mean to leave like a person.
struct Interrupt {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Interrupt {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    async fn wait(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_there_is_no_server_decides_the_sentence() {
        for (fault, expected) in [
            (Some(SignalFault::WrongServer), HeadlessError::WrongServer),
            (Some(SignalFault::Closed), HeadlessError::Unreachable(SignalFault::Closed)),
            (None, HeadlessError::Unreachable(SignalFault::Silent)),
        ] {
            let mut view = CallView { signal_fault: fault, ..CallView::default() };
            view.call.phase = CallPhase::Ended(EndReason::Unreachable);
            let said = ended(&view).expect_err("there was no call");
            assert_eq!(said.to_string(), expected.to_string());
        }
    }

    #[test]
    fn who_cannot_be_asked_reads_what_the_door_wants() {
        let ask = |state, refusals| PasswordPrompt { state, refusals };
        let wrong = ask(PasswordPromptState::Wanted, 1);
        for (phase, expected) in [
            (CallPhase::Asked(ask(PasswordPromptState::Wanted, 0)), HeadlessError::PasswordWanted),
            (CallPhase::Asked(wrong), HeadlessError::BadPassword),
            (CallPhase::Lobby(Some(wrong)), HeadlessError::BadPassword),
            (CallPhase::Asked(ask(PasswordPromptState::TooOften { until: clock::now() }, 1)), HeadlessError::TooOften),
        ] {
            let mut view = CallView::default();
            view.call.phase = phase;
            let said = ended(&view).expect_err("the door stays shut");
            assert_eq!(said.to_string(), expected.to_string());
        }
    }
}
