//! What each fuzz target does with its bytes: it gives them to the code that hears others, and checks what comes back.
//!
//! One function a target, each from nothing: no state outlives a call, so one input always does the same.

mod script;

use std::io::Cursor;
use std::time::Instant;

use hearth_base::VideoCodec;
use hearth_media::files::y4m::Y4mReader;
use hearth_protocol::{ClientMessage, Numbered, RoomLink, ServerMessage, SpkiHash};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A target.
pub type Target = fn(&[u8]);

/// The targets by their names, which are those of their folders in the corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("assembly", assembly),
    ("assembly_vp8", assembly_vp8),
    ("candidates", candidates),
    ("description", description),
    ("forwarded", forwarded),
    ("handshake", handshake),
    ("protocol", protocol),
    ("repair", repair),
    ("reports", reports),
    ("rooms", rooms),
    ("signalmaster", signalmaster),
    ("turn", turn),
    ("turn_messages", turn_messages),
    ("turnserver_conf", turnserver_conf),
    ("y4m", y4m),
];

/// Packets of H.264 into frames.
pub fn assembly(data: &[u8]) {
    hearth_call::fuzz::assemble(VideoCodec::H264, data, start());
}

/// Packets of VP8 into frames.
pub fn assembly_vp8(data: &[u8]) {
    hearth_call::fuzz::assemble(VideoCodec::Vp8, data, start());
}

/// Candidates, and texts of the data channel.
pub fn candidates(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        hearth_call::fuzz::candidates(text, start());
    }
}

/// Session descriptions.
pub fn description(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        hearth_call::fuzz::description(text, start());
    }
}

/// What proxies say of who is behind them.
pub fn forwarded(data: &[u8]) {
    hearth_signal::fuzz::forwarded(data);
}

/// Fragments of DTLS handshakes.
pub fn handshake(data: &[u8]) {
    hearth_call::fuzz::handshake(data);
}

/// Messages of both directions, and links. What can be read can be written, and read again as the same.
pub fn protocol(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    again::<Numbered<ClientMessage>>(text);
    again::<Numbered<ServerMessage>>(text);
    if let Ok(link) = RoomLink::parse(text) {
        // Escapes and names of other alphabets make a link longer when it is written, and too long ones are not read.
        let again = RoomLink::parse(&link.reveal());
        assert!(link.reveal().len() > 2048 || again.is_ok_and(|read| read == link), "a link is read back: {link}");
        assert!(!link.websocket().as_str().contains('#'), "no secret on the way to the server");
    }
    if let Some(hash) = SpkiHash::parse(text) {
        assert_eq!(SpkiHash::parse(&hash.to_text()), Some(hash), "a hash is read back");
    }
}

fn again<M: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(text: &str) {
    let Ok(message) = serde_json::from_str::<M>(text) else { return };
    let written = serde_json::to_string(&message).expect("what was read can be written");
    let read = serde_json::from_str::<M>(&written);
    assert!(read.as_ref().is_ok_and(|read| *read == message), "{message:?} was read back as {read:?}");
}

/// Packets of repair, and what they are made of.
pub fn repair(data: &[u8]) {
    hearth_call::fuzz::repair(data);
}

/// Feedback on what was sent.
pub fn reports(data: &[u8]) {
    hearth_call::fuzz::reports(data, start());
}

/// A server and four clients, as a script says.
pub fn rooms(data: &[u8]) {
    script::run(&String::from_utf8_lossy(data), start());
}

/// signalmaster's file of settings.
pub fn signalmaster(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        hearth_signal::fuzz::signalmaster(text);
    }
}

/// A relay, and what clients and peers do to it, as a script says.
pub fn turn(data: &[u8]) {
    hearth_turn::fuzz::core(data, start());
}

/// STUN messages, ChannelData, and streams of them.
pub fn turn_messages(data: &[u8]) {
    hearth_turn::fuzz::messages(data);
}

/// coturn's file of settings.
pub fn turnserver_conf(data: &[u8]) {
    hearth_turn::fuzz::coturn_file(data);
}

/// Video files. One that can be opened is read on and on, or given up; its frames are as long as its header says, and
/// no memory is taken for what is not there.
pub fn y4m(data: &[u8]) {
    let Ok(mut reader) = Y4mReader::open(Cursor::new(data)) else { return };
    let length = reader.header().frame_len();
    assert!(length < data.len(), "memory for a frame of {length} bytes was taken for a file of {}", data.len());
    for number in [0, 1, 5, 4, 40] {
        match reader.read(number) {
            Ok(frame) => assert_eq!(frame.len(), length, "frame {number}"),
            Err(_) => return,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an Instant can be made in no other way; the targets only add to it")]
fn start() -> Instant {
    Instant::now()
}
