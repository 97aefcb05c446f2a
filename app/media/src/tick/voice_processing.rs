//! What is done to a voice between microphone and encoder: echo, noise and gain.
//!
//! Owner of: the canceller's model of the room, which is forgotten when a device changes. Runs on the turn's ten
//! milliseconds; what it is told was played is what went to the speaker, after the mix and its limiter.

use std::time::Duration;

use hearth_base::{AudioBlock, SAMPLE_RATE, Switch};
use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

/// The three parts, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoiceProcessing {
    /// Takes out what comes back from our speaker.
    pub echo: Switch,
    /// Takes out what is steady.
    pub noise: Switch,
    /// Brings the voice to a usual loudness.
    pub gain: Switch,
}

impl VoiceProcessing {
    /// All of it.
    pub const FULL: Self = Self { echo: Switch::On, noise: Switch::On, gain: Switch::On };
    /// None of it: sound passes as it is.
    pub const NONE: Self = Self { echo: Switch::Off, noise: Switch::Off, gain: Switch::Off };
}

impl Default for VoiceProcessing {
    fn default() -> Self {
        Self::FULL
    }
}

/// The longest way from speaker to microphone that the canceller can be told of.
const LONGEST: Duration = Duration::from_millis(500);
/// Decibels of gain to begin with. The library's own 15 would make the first words shout.
const FIRST_GAIN: f32 = 6.0;
/// And at most: more would lift the room's noise with it.
const MOST_GAIN: f32 = 24.0;

/// A voice under treatment.
pub(super) struct Treating {
    treatment: VoiceProcessing,
    processing: AudioProcessing,
}

impl Treating {
    pub(super) fn new(treatment: VoiceProcessing) -> Self {
        Self { treatment, processing: processing(treatment) }
    }

    /// Changes what is done, from the next block on.
    pub(super) fn set(&mut self, treatment: VoiceProcessing) {
        if self.treatment != treatment {
            self.treatment = treatment;
            self.processing.apply_config(config(treatment));
        }
    }

    /// Forgets the room: another device hears it, or plays into it.
    pub(super) fn reset(&mut self) {
        self.processing = processing(self.treatment);
    }

    /// Ten milliseconds are on their way out of the speaker.
    pub(super) fn handle_played(&mut self, block: &[f32; AudioBlock::LEN]) {
        if self.treatment.echo == Switch::On {
            let mut unused = [0.0; AudioBlock::LEN];
            let done = self.processing.process_render_f32(&[block], &mut [&mut unused]);
            debug_assert!(done.is_ok(), "one channel of ten milliseconds, as it was built for");
        }
    }

    /// Ten milliseconds from the microphone. `delay`: from handing a sample to the speaker until it comes back here.
    pub(super) fn treat(&mut self, block: &mut [f32; AudioBlock::LEN], delay: Duration) {
        if self.treatment == VoiceProcessing::NONE {
            return;
        }
        let millis = delay.min(LONGEST).as_millis() as i32;
        let set = self.processing.set_stream_delay_ms(millis);
        debug_assert!(set.is_ok(), "held within what it takes");
        let heard = *block;
        let done = self.processing.process_capture_f32(&[&heard], &mut [block]);
        debug_assert!(done.is_ok(), "one channel of ten milliseconds, as it was built for");
    }
}

fn processing(treatment: VoiceProcessing) -> AudioProcessing {
    let mono = StreamConfig::new(SAMPLE_RATE, 1);
    AudioProcessing::builder().config(config(treatment)).capture_config(mono).render_config(mono).build()
}

fn config(treatment: VoiceProcessing) -> Config {
    let gain = AdaptiveDigital { initial_gain_db: FIRST_GAIN, max_gain_db: MOST_GAIN, ..AdaptiveDigital::default() };
    Config {
        pipeline: Pipeline {
            // The library's own 32 kHz would cut what Opus can carry.
            maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
            multi_channel_render: false,
            multi_channel_capture: false,
            ..Pipeline::default()
        },
        high_pass_filter: (treatment != VoiceProcessing::NONE).then(HighPassFilter::default),
        echo_canceller: (treatment.echo == Switch::On).then(EchoCanceller::default),
        noise_suppression: (treatment.noise == Switch::On).then(NoiseSuppression::default),
        gain_controller2: (treatment.gain == Switch::On)
            .then(|| GainController2 { adaptive_digital: Some(gain), ..GainController2::default() }),
        ..Config::default()
    }
}
