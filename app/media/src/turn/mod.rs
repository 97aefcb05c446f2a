//! One turn of the audio thread, ten milliseconds: capture and encode, then decode, mix and play.
//!
//! One owner for both directions, so that an echo canceller needs no lock between them. Owner of: the microphone's
//! encoder, a jitter buffer for each of the others' tracks, the mix. Knows no clock and no thread: `now` is an argument.

mod mix;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::{AudioBlock, AudioCodec, AudioPacket, Bitrate, EncodedAudio, SAMPLE_RATE, TrackId};

use crate::Now;
use crate::codec::{AudioEncoder, CodecError, audio_decoder, audio_encoder};
use crate::jitter::{JitterBuffer, JitterCounters, Playout};
use crate::source::AudioSource;

/// From one turn to the next.
pub const TURN: Duration = Duration::from_millis(10);
/// Tracks that are heard at once. A room has fewer; beyond, a new one is refused and counted.
const TRACKS: usize = 64;

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
    fn audio(&mut self, packet: EncodedAudio) -> Accepted;
}

/// Where the mix goes.
pub trait Speaker: Send {
    /// Ten milliseconds, samples between -1 and 1. Must not block.
    fn play(&mut self, block: &[f32; AudioBlock::LEN], now: Now);
}

/// Who hears each track by itself, before the mix: meters, tests.
pub trait Listener: Send {
    /// Ten milliseconds of one track. Must not block.
    fn hear(&mut self, track: TrackId, playout: &Playout, now: Now);
}

/// A speaker that nobody hears.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unheard;

impl Speaker for Unheard {
    fn play(&mut self, _block: &[f32; AudioBlock::LEN], _now: Now) {}
}

/// What a turn is connected to.
pub struct AudioPorts {
    /// Our sound. `None` when there is no microphone: then nothing is sent.
    pub microphone: Option<Box<dyn AudioSource>>,
    /// Where it goes, encoded.
    pub sink: Box<dyn AudioSink>,
    /// Where the others' sound goes.
    pub speaker: Box<dyn Speaker>,
    /// Who hears each of the others by itself.
    pub listener: Option<Box<dyn Listener>>,
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

/// What the audio turn is to do, besides going on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AudioCommand {
    /// A track of theirs begins. (A packet of an unknown track is not heard.)
    Begin(TrackId, AudioCodec),
    /// It is over.
    End(TrackId),
    /// Our microphone: true to send, false to send nothing at all.
    Microphone(bool),
    /// Bits a second of ours.
    Bitrate(Bitrate),
    /// The share of our packets that the worst link loses, 0 to 1.
    Loss(f64),
}

/// What was done so far, to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudioReport {
    /// Our side.
    pub sent: SentCounters,
    /// Each of theirs.
    pub tracks: BTreeMap<TrackId, TrackReport>,
    /// Packets of tracks that have not begun, or are over.
    pub unknown: u64,
}

/// One of their tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TrackReport {
    /// What the jitter buffer did.
    pub jitter: JitterCounters,
    /// How long it means to hold sound back.
    pub target_delay: Duration,
    /// How long it does. `None` when nothing plays.
    pub delay: Option<Duration>,
}

/// Our side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SentCounters {
    /// Turns taken.
    pub turns: u64,
    /// Packets that went out.
    pub packets: u64,
    /// Packets that the sink had no room for.
    pub refused: u64,
    /// Blocks that the microphone did not have in time.
    pub missing: u64,
    /// Errors of the encoder.
    pub errors: u64,
}

/// Takes a turn every ten milliseconds.
pub struct AudioTurn {
    ports: AudioPorts,
    settings: AudioSettings,
    encoder: Box<dyn AudioEncoder>,
    began: Option<Instant>,
    /// Samples from the beginning to this turn.
    position: u64,
    sending: bool,
    /// Whether the last turn sent something.
    talking: bool,
    tracks: BTreeMap<TrackId, JitterBuffer>,
    sent: SentCounters,
    unknown: u64,
}

impl AudioTurn {
    /// A turn that has not begun, with the microphone on.
    ///
    /// # Errors
    /// [`CodecError`] when there is no such encoder.
    pub fn new(settings: AudioSettings, ports: AudioPorts) -> Result<Self, CodecError> {
        Ok(Self {
            ports,
            settings,
            encoder: audio_encoder(settings.codec, settings.bitrate)?,
            began: None,
            position: 0,
            sending: true,
            talking: false,
            tracks: BTreeMap::new(),
            sent: SentCounters::default(),
            unknown: 0,
        })
    }

    /// Does what it is told.
    ///
    /// # Errors
    /// [`CodecError`] when a codec refuses; everything stays as it was.
    pub fn handle_command(&mut self, command: AudioCommand) -> Result<(), CodecError> {
        match command {
            AudioCommand::Begin(track, codec) => {
                if self.tracks.len() < TRACKS && !self.tracks.contains_key(&track) {
                    self.tracks.insert(track, JitterBuffer::new(audio_decoder(codec)?));
                }
            }
            AudioCommand::End(track) => drop(self.tracks.remove(&track)),
            AudioCommand::Microphone(on) => self.sending = on,
            AudioCommand::Bitrate(bitrate) => self.encoder.set_bitrate(bitrate)?,
            AudioCommand::Loss(share) => self.encoder.set_loss(share)?,
        }
        Ok(())
    }

    /// A packet of theirs.
    pub fn handle_packet(&mut self, packet: &AudioPacket) {
        match self.tracks.get_mut(&packet.track) {
            Some(buffer) => buffer.handle_packet(packet),
            None => self.unknown += 1, // not begun here yet, or just over
        }
    }

    /// One turn. `now` is when it was due, not when it came to run.
    pub fn turn(&mut self, now: Now) {
        self.sent.turns += 1;
        self.capture(now);
        self.play(now);
    }

    /// What was done so far. Allocates: not for every turn.
    pub fn report(&self, now: Instant) -> AudioReport {
        let track = |buffer: &JitterBuffer| TrackReport {
            jitter: buffer.counters(),
            target_delay: buffer.target_delay(),
            delay: buffer.current_delay(now),
        };
        let tracks = self.tracks.iter().map(|(id, buffer)| (*id, track(buffer))).collect();
        AudioReport { sent: self.sent, tracks, unknown: self.unknown }
    }

    fn capture(&mut self, now: Now) {
        self.take_position(now.monotonic);
        let mut block = [0.0; AudioBlock::LEN];
        let Some(microphone) = &mut self.ports.microphone else { return };
        // Read even when muted: a device's ring would fill with what was said before.
        let captured = microphone.read(now, &mut block);
        if captured.is_none() {
            self.sent.missing += 1;
        }
        if !self.sending {
            self.talking = false;
            return;
        }
        let Ok(payload) = self.encoder.encode(&block) else {
            self.sent.errors += 1;
            return;
        };
        let packet = EncodedAudio {
            track: self.settings.track,
            codec: self.settings.codec,
            position: self.position,
            captured: captured.unwrap_or(now.monotonic),
            begins_talk: !self.talking,
            payload,
        };
        self.talking = true;
        match self.ports.sink.audio(packet) {
            Accepted::Yes => self.sent.packets += 1,
            Accepted::Full => self.sent.refused += 1,
        }
    }

    /// Out of the clock, in whole blocks: turns that were left out leave a gap in the time stamps.
    fn take_position(&mut self, now: Instant) {
        let Some(began) = self.began else {
            self.began = Some(now);
            return;
        };
        let block = AudioBlock::LEN as u64;
        let since = now.saturating_duration_since(began).as_micros() as u64;
        let samples = since.saturating_mul(u64::from(SAMPLE_RATE)) / 1_000_000;
        let by_clock = (samples + block / 2) / block * block;
        self.position = by_clock.max(self.position + block);
    }

    fn play(&mut self, now: Now) {
        let mut mixed = [0.0; AudioBlock::LEN];
        for (track, buffer) in &mut self.tracks {
            let playout = buffer.pull(now.monotonic);
            if let Some(listener) = &mut self.ports.listener {
                listener.hear(*track, &playout, now);
            }
            mix::add(&mut mixed, &playout.samples);
        }
        mix::soft_clip(&mut mixed);
        self.ports.speaker.play(&mixed, now);
    }
}

impl std::fmt::Debug for AudioTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioTurn").field("tracks", &self.tracks).field("sent", &self.sent).finish_non_exhaustive()
    }
}
