//! One turn of the audio thread, ten milliseconds: capture, treat and encode, then decode, mix and play.
//!
//! One owner for both directions, so that the echo canceller needs no lock between them. Owner of: the microphone and
//! its encoder, a jitter buffer for each of the others' tracks, the mix. Runs with no call, too: then there are a level
//! and a chime, and nothing is encoded. Knows no clock and no thread: `now` is an argument.

mod chime;
mod meter;
mod mix;
mod outgoing;
mod ports;
mod report;
#[cfg(test)]
mod room;
#[cfg(test)]
mod tests;
mod voice_processing;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::{AudioBlock, AudioCodec, Bitrate, EncodedFrame, SAMPLE_RATE, TrackId, Volume};

pub use self::meter::Meter;
pub use self::ports::{
    Accepted, AudioPorts, AudioSettings, AudioSink, Input, MixListener, NullSpeaker, PortChange, Speaker, TrackListener,
};
pub use self::report::{AudioReport, PlayoutStats, SentCounters, TrackReport, VoiceReport};
pub use self::voice_processing::VoiceProcessing;

use self::chime::Chime;
use self::outgoing::Outgoing;
use self::voice_processing::Treating;
use crate::Now;
use crate::codec::{CodecError, audio_decoder};
use crate::jitter::JitterBuffer;

/// From one turn to the next.
pub const TURN: Duration = Duration::from_millis(10);
/// Tracks that are heard at once. A room has fewer; beyond, a new one is refused and counted.
const TRACKS: usize = 64;

/// What the audio turn is to do, besides going on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AudioCommand {
    /// A track of theirs begins. (A packet of an unknown track is not heard.)
    Begin(TrackId, AudioCodec),
    /// It is over.
    End(TrackId),
    /// How loud it is played.
    Volume(TrackId, Volume),
    /// Our microphone: true to send, false to send nothing at all.
    Microphone(bool),
    /// What is done to a voice before it is encoded.
    Treat(VoiceProcessing),
    /// Bits a second of ours.
    Bitrate(Bitrate),
    /// The share of our packets that the worst link loses, 0 to 1.
    Loss(f64),
    /// Play the test sound, from its beginning.
    Chime,
}

/// Takes a turn every ten milliseconds.
pub struct AudioTick {
    microphone: Option<Input>,
    speaker: Box<dyn Speaker>,
    listener: Option<Box<dyn ports::TrackListener>>,
    mix_listener: Option<Box<dyn MixListener>>,
    /// Our end of the call. `None` when there is none.
    outgoing: Option<Outgoing>,
    treating: Treating,
    meter: Meter,
    clock: SampleClock,
    sending: bool,
    tracks: BTreeMap<TrackId, Remote>,
    chime: Option<Chime>,
    sent: SentCounters,
    unknown: u64,
}

/// One of their tracks.
#[derive(Debug)]
struct Remote {
    buffer: JitterBuffer,
    meter: Meter,
    volume: Volume,
}

impl AudioTick {
    /// A turn that has not begun, with the microphone on, in a call.
    ///
    /// # Errors
    /// [`CodecError`] when there is no such encoder.
    pub fn new(settings: AudioSettings, ports: AudioPorts) -> Result<Self, CodecError> {
        let mut turn = Self::idle();
        turn.microphone = ports.microphone.map(Input::Test);
        turn.speaker = ports.speaker;
        turn.listener = ports.listener;
        turn.outgoing = Some(Outgoing::new(settings, ports.sink)?);
        Ok(turn)
    }

    /// A turn that has not begun, in no call, with nothing plugged in.
    pub fn idle() -> Self {
        Self {
            microphone: None,
            speaker: Box::new(NullSpeaker),
            listener: None,
            mix_listener: None,
            outgoing: None,
            treating: Treating::new(VoiceProcessing::default()),
            meter: Meter::new(),
            clock: SampleClock::default(),
            sending: true,
            tracks: BTreeMap::new(),
            chime: None,
            sent: SentCounters::default(),
            unknown: 0,
        }
    }

    /// Who hears each of the others by itself.
    #[must_use]
    pub fn with_listener(mut self, listener: Box<dyn TrackListener>) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Who hears all of them together, whatever the speaker is.
    #[must_use]
    pub fn with_mix_listener(mut self, listener: Box<dyn MixListener>) -> Self {
        self.mix_listener = Some(listener);
        self
    }

    /// Does what it is told.
    ///
    /// # Errors
    /// [`CodecError`] when a codec refuses; everything stays as it was.
    pub fn handle_command(&mut self, command: AudioCommand) -> Result<(), CodecError> {
        match command {
            AudioCommand::Begin(track, codec) => {
                if self.tracks.len() < TRACKS && !self.tracks.contains_key(&track) {
                    let buffer = JitterBuffer::new(audio_decoder(codec)?);
                    self.tracks.insert(track, Remote { buffer, meter: Meter::new(), volume: Volume::FULL });
                }
            }
            AudioCommand::End(track) => drop(self.tracks.remove(&track)),
            AudioCommand::Volume(track, volume) => {
                if let Some(remote) = self.tracks.get_mut(&track) {
                    remote.volume = volume;
                }
            }
            AudioCommand::Microphone(on) => self.sending = on,
            AudioCommand::Treat(treatment) => self.treating.set(treatment),
            AudioCommand::Bitrate(bitrate) => self.outgoing.as_mut().map_or(Ok(()), |out| out.set_bitrate(bitrate))?,
            AudioCommand::Loss(share) => self.outgoing.as_mut().map_or(Ok(()), |out| out.set_loss(share))?,
            AudioCommand::Chime => self.chime = Some(Chime::default()),
        }
        Ok(())
    }

    /// Something else is plugged in.
    ///
    /// # Errors
    /// [`CodecError`] when there is no encoder for a call that begins; everything stays as it was.
    pub fn handle_plug(&mut self, attach: PortChange) -> Result<(), CodecError> {
        match attach {
            PortChange::Microphone(input) => {
                self.microphone = input;
                self.meter = Meter::new();
                self.treating.reset();
            }
            PortChange::Speaker(speaker) => {
                self.speaker = speaker;
                self.treating.reset();
            }
            PortChange::Call(settings, sink) => self.outgoing = Some(Outgoing::new(settings, sink)?),
            PortChange::HangUp => self.outgoing = None,
        }
        Ok(())
    }

    /// A packet of theirs.
    pub fn handle_packet(&mut self, packet: &EncodedFrame) {
        match self.tracks.get_mut(&packet.track) {
            Some(remote) => remote.buffer.handle_packet(packet),
            None => self.unknown += 1, // not begun here yet, or just over
        }
    }

    /// One turn. `now` is when it was due, not when it came to run.
    pub fn turn(&mut self, now: Now) {
        self.sent.ticks += 1;
        self.capture(now);
        self.play(now);
    }

    /// What was done so far. Allocates: not for every turn.
    pub fn report(&self, now: Instant) -> AudioReport {
        let track = |remote: &Remote| TrackReport {
            jitter: remote.buffer.counters(),
            target_delay: remote.buffer.target_delay(),
            delay: remote.buffer.current_delay(now),
            level: remote.meter.level(),
            is_speaking: remote.meter.is_speaking(),
        };
        let voice = VoiceReport {
            level: self.meter.level(),
            is_speaking: self.meter.is_speaking(),
            is_muted_and_speaking: self.meter.is_speaking() && !self.sending,
        };
        let tracks = self.tracks.iter().map(|(id, remote)| (*id, track(remote))).collect();
        AudioReport { sent: self.sent, voice, tracks, unknown: self.unknown }
    }

    fn capture(&mut self, now: Now) {
        let position = self.clock.position(now.monotonic);
        let mut block = [0.0; AudioBlock::LEN];
        let Some(microphone) = &mut self.microphone else { return };
        // Read even when muted: a device's ring would fill with what was said before, and who talks while muted is
        // told.
        let captured = match microphone {
            Input::Test(source) => source.read(now, &mut block),
            Input::Voice(source) => {
                let captured = source.read(now, &mut block);
                let age = now.monotonic.saturating_duration_since(captured.unwrap_or(now.monotonic));
                // What is played now was handed over one turn after what the canceller heard of last.
                self.treating.treat(&mut block, age + self.speaker.delay());
                captured
            }
        };
        self.sent.blocks_missed += u64::from(captured.is_none());
        self.meter.hear(&block);
        let Some(outgoing) = &mut self.outgoing else { return };
        if self.sending {
            outgoing.send(&block, position, captured.unwrap_or(now.monotonic), &mut self.sent);
        } else {
            outgoing.pause();
        }
    }

    fn play(&mut self, now: Now) {
        let mut mixed = [0.0; AudioBlock::LEN];
        for (track, remote) in &mut self.tracks {
            let playout = remote.buffer.pull(now.monotonic);
            if let Some(listener) = &mut self.listener {
                listener.hear(*track, &playout, now);
            }
            remote.meter.hear(&playout.samples);
            mix::add(&mut mixed, &playout.samples, remote.volume.factor());
        }
        if let Some(chime) = &mut self.chime
            && !chime.add(&mut mixed)
        {
            self.chime = None;
        }
        mix::soft_clip(&mut mixed);
        self.speaker.play(&mixed, now);
        if let Some(listener) = &mut self.mix_listener {
            listener.hear(&mixed, now);
        }
        if matches!(self.microphone, Some(Input::Voice(_))) {
            self.treating.handle_played(&mixed);
        }
    }
}

/// Samples from the first turn to this one.
#[derive(Clone, Copy, Debug, Default)]
struct SampleClock {
    began: Option<Instant>,
    position: u64,
}

impl SampleClock {
    /// Out of the clock, in whole blocks: turns that were left out leave a gap in the time stamps.
    fn position(&mut self, now: Instant) -> u64 {
        let Some(began) = self.began else {
            self.began = Some(now);
            return self.position;
        };
        let block = AudioBlock::LEN as u64;
        let since = now.saturating_duration_since(began).as_micros() as u64;
        let samples = since.saturating_mul(u64::from(SAMPLE_RATE)) / 1_000_000;
        let by_clock = (samples + block / 2) / block * block;
        self.position = by_clock.max(self.position + block);
        self.position
    }
}

impl std::fmt::Debug for AudioTick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioTick").field("tracks", &self.tracks).field("sent", &self.sent).finish_non_exhaustive()
    }
}
