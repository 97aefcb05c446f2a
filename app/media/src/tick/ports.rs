//! What an audio turn is connected to, and how that changes while it runs.
//!
//! Owns nothing: the traits are implemented by devices, by test sources, and by anyone who carries packets.

use std::time::Duration;

use hearth_base::{AudioBlock, AudioCodec, Bitrate, EncodedFrame, TrackId};

use crate::Now;
use crate::jitter::Playout;
use crate::source::AudioSource;

/// Whether something that was offered was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It was.
    Yes,
    /// There was no room: it is gone, and the one who offered it deals with that.
    Full,
}

/// Where encoded sound goes. Must not block; what it does not take is lost, and counted.
pub trait AudioSink: Send {
    /// One packet.
    fn audio(&mut self, packet: EncodedFrame) -> Accepted;
}

/// Where the mix goes.
pub trait Speaker: Send {
    /// Ten milliseconds, samples between -1 and 1. Must not block.
    fn play(&mut self, block: &[f32; AudioBlock::LEN], now: Now);

    /// From handing a sample over until it is heard.
    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}

/// Who hears each track by itself, before the mix: meters, tests.
pub trait TrackListener: Send {
    /// Ten milliseconds of one track. Must not block.
    fn hear(&mut self, track: TrackId, playout: &Playout, now: Now);
}

/// Who hears the mix besides the speaker, as loud as it is played: recordings.
pub trait MixListener: Send {
    /// Ten milliseconds, samples between -1 and 1. Must not block.
    fn hear(&mut self, block: &[f32; AudioBlock::LEN], now: Now);
}

/// A speaker that nobody hears.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSpeaker;

impl Speaker for NullSpeaker {
    fn play(&mut self, _block: &[f32; AudioBlock::LEN], _now: Now) {}
}

/// What a turn is connected to.
pub struct AudioPorts {
    /// Our sound, as it is: nothing is taken out of a test source. `None` when there is no microphone: then nothing is
    /// sent.
    pub microphone: Option<Box<dyn AudioSource>>,
    /// Where it goes, encoded.
    pub sink: Box<dyn AudioSink>,
    /// Where the others' sound goes.
    pub speaker: Box<dyn Speaker>,
    /// Who hears each of the others by itself.
    pub listener: Option<Box<dyn TrackListener>>,
}

/// How our sound is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSettings {
    /// Our track.
    pub track: TrackId,
    /// How.
    pub codec: AudioCodec,
    /// Bits a second to begin with.
    pub bitrate: Bitrate,
}

/// Something else that a running turn is connected to.
pub enum PortChange {
    /// Another microphone, or none: then nothing is sent.
    Microphone(Option<Input>),
    /// Another speaker.
    Speaker(Box<dyn Speaker>),
    /// A call begins: our sound is encoded so, and goes there.
    Call(AudioSettings, Box<dyn AudioSink>),
    /// The call is over; microphone and speaker stay.
    HangUp,
}

/// A microphone, or what stands for one.
pub enum Input {
    /// A voice in a room: echo, noise and gain are looked after.
    Voice(Box<dyn AudioSource>),
    /// A test source, which would not survive that.
    Test(Box<dyn AudioSource>),
}

impl std::fmt::Debug for PortChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Microphone(Some(Input::Voice(_))) => "Microphone(Voice)",
            Self::Microphone(Some(Input::Test(_))) => "Microphone(Test)",
            Self::Microphone(None) => "Microphone(None)",
            Self::Speaker(_) => "Speaker",
            Self::Call(..) => "Call",
            Self::HangUp => "HangUp",
        })
    }
}
