//! A voice from far away that is played here, and what our microphone sends back.
//!
//! Owner of: both audio threads and our devices.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use hearth_base::{
    AudioBlock, AudioCodec, Bitrate, DeviceChoice, DeviceFault, DeviceKind, DeviceState, EncodedFrame, FrameRate,
    Resolution, TrackId,
};
use hearth_media::Now;
use hearth_media::chirp::{ChirpEar, ChirpReport};
use hearth_media::codec::{AudioDecoder, audio_decoder};
use hearth_media::devices::{Devices, DevicesView, Notice, TestSources};
use hearth_media::source::AudioSource;
use hearth_media::threads::AudioThread;
use hearth_media::tick::{
    Accepted, AudioCommand, AudioPorts, AudioSettings, AudioSink, AudioTick, NullSpeaker, PortChange, VoiceProcessing,
};

const THEIRS: TrackId = TrackId(7);
const SETTINGS: AudioSettings =
    AudioSettings { track: TrackId(1), codec: AudioCodec::Opus, bitrate: Bitrate::from_kbps(32) };
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);
/// What a machine that works for others adds to every deadline. Nobody waits for longer than it takes.
pub(crate) const LOADED: Duration = Duration::from_secs(20);

pub(crate) enum Word {
    View,
    Picture,
    Theirs(EncodedFrame),
    Ours(EncodedFrame),
}

struct Sink(SyncSender<Word>, fn(EncodedFrame) -> Word);

impl AudioSink for Sink {
    fn audio(&mut self, packet: EncodedFrame) -> Accepted {
        if self.0.try_send(self.1(packet)).is_ok() { Accepted::Yes } else { Accepted::Full }
    }
}

struct Tell(SyncSender<Word>);

impl Notice for Tell {
    fn view(&mut self) {
        drop(self.0.try_send(Word::View));
    }
    fn picture(&mut self) {
        drop(self.0.try_send(Word::Picture));
    }
}

pub(crate) fn devices(thread: &AudioThread, words: &SyncSender<Word>) -> Devices {
    let tests = TestSources { source: 5, resolution: Resolution::new(640, 360).unwrap(), rate: FrameRate::new(30) };
    Devices::spawn(tests, thread.sockets(), Box::new(Tell(words.clone()))).unwrap()
}

pub(crate) struct Talk {
    pub(crate) devices: Devices,
    pub(crate) here: AudioThread,
    there: Option<AudioThread>,
    words: Receiver<Word>,
    say: SyncSender<Word>,
    decoder: Box<dyn AudioDecoder>,
    ear: ChirpEar,
    sequence: u64,
    states: Option<(DeviceState, DeviceState)>,
    /// Mean power of what we sent back, block by block.
    pub(crate) powers: Vec<f32>,
}

impl Talk {
    /// Both default devices are on, nobody speaks yet.
    pub(crate) fn begin() -> Self {
        let (say, words) = sync_channel(1000);
        let here = AudioThread::spawn(AudioTick::idle()).unwrap();
        here.sockets().attach(PortChange::Call(SETTINGS, Box::new(Sink(say.clone(), Word::Ours)))).unwrap();
        here.command(AudioCommand::Begin(THEIRS, AudioCodec::Opus));
        here.command(AudioCommand::Treat(VoiceProcessing::NONE));
        let devices = devices(&here, &say);
        devices.choose(DeviceKind::Microphone, DeviceChoice::Default);
        devices.choose(DeviceKind::Speaker, DeviceChoice::Default);
        let decoder = audio_decoder(AudioCodec::Opus).unwrap();
        Self {
            devices,
            here,
            there: None,
            words,
            say,
            decoder,
            ear: ChirpEar::new(),
            sequence: 0,
            states: None,
            powers: Vec::new(),
        }
    }

    /// Somebody far away speaks, or another one.
    pub(crate) fn hear(&mut self, source: Box<dyn AudioSource>) {
        self.there = None;
        let sink = Box::new(Sink(self.say.clone(), Word::Theirs));
        let ports = AudioPorts { microphone: Some(source), sink, speaker: Box::new(NullSpeaker), listener: None };
        self.there = Some(AudioThread::spawn(AudioTick::new(SETTINGS, ports).unwrap()).unwrap());
    }

    /// Lets it go on until `enough`.
    pub(crate) fn until(&mut self, patience: Duration, mut enough: impl FnMut(&mut Self) -> bool) -> Duration {
        let patience = patience + LOADED;
        let begin = Now::read().monotonic;
        loop {
            match self.words.recv_timeout(DEADLINE).expect("something comes") {
                Word::Theirs(packet) => self.pass_on(packet),
                Word::Ours(packet) => self.listen(packet),
                Word::View => {
                    let (now, DevicesView { microphone, speaker, .. }) = (Now::read().realtime, self.devices.view());
                    let states = (&microphone.actual, &speaker.actual);
                    if self.states.as_ref() != Some(&(states.0.clone(), states.1.clone())) {
                        println!("  at {:.2} s: {states:?}", now.as_secs_f64() % 100.0);
                        self.states = Some((states.0.clone(), states.1.clone()));
                    }
                }
                Word::Picture => {}
            }
            let since = Now::read().monotonic - begin;
            if enough(self) {
                return since;
            }
            let chirps = self.chirps();
            assert!(since < patience, "not in {patience:?}: {:?} {chirps:?}", self.devices.view());
        }
    }

    /// Lets it go on for a while.
    pub(crate) fn go_on(&mut self, time: Duration) {
        let end = Now::read().monotonic + time;
        self.until(time * 2, |_| Now::read().monotonic >= end);
    }

    pub(crate) fn chirps(&self) -> ChirpReport {
        self.ear.report()
    }

    /// Both are on, on this card.
    pub(crate) fn is_on(&mut self, card: &str) -> bool {
        let DevicesView { microphone, speaker, .. } = self.devices.view();
        let on = |name: String| DeviceState::On { name };
        microphone.actual == on(format!("{card}-mic")) && speaker.actual == on(card.into())
    }

    fn pass_on(&mut self, packet: EncodedFrame) {
        let arrived = Now::read().monotonic;
        let sequence = self.sequence;
        self.sequence += 1;
        self.here.handle_audio(EncodedFrame { track: THEIRS, sequence, arrived, ..packet });
    }

    fn listen(&mut self, packet: EncodedFrame) {
        let mut block = [0.0; AudioBlock::LEN];
        self.decoder.decode(&packet.payload, &mut block).unwrap();
        self.powers.push(block.iter().map(|x| x * x).sum::<f32>() / block.len() as f32);
        self.ear.hear(&block, Now::read());
    }

    /// Decibels of the last `blocks` blocks.
    pub(crate) fn decibels(&self, blocks: usize) -> f32 {
        let last = &self.powers[self.powers.len().saturating_sub(blocks)..];
        10.0 * (last.iter().sum::<f32>() / blocks as f32).max(1e-10).log10()
    }
}

/// Whether a device failed so.
pub(crate) fn failed(state: &DeviceState, fault: &DeviceFault) -> bool {
    matches!(state, DeviceState::Failed(found) if found == fault)
}
