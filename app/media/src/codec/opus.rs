//! Opus (RFC 6716, 7587): speech at 48 kHz, in packets of 10 ms, each carrying a coarse copy of the one before it.
//!
//! Owner of: libopus's states. Discontinuous transmission is off: a sender that falls silent looks like one that is
//! gone.

use bytes::Bytes;
use hearth_base::{AudioBlock, Bitrate, SAMPLE_RATE};
use opus::{Application, Channels};

use super::{AudioDecoder, AudioEncoder, CodecError, opus_packet};

/// libopus's effort, 0 to 10. At 5 a packet of 10 ms costs 0.1 ms; above, music gains, speech hardly.
const EFFORT: i32 = 5;
/// Least loss that it is made fit for, percent. Up to 5, libopus leaves the redundancy out at 32 kbit/s and 10 ms (it
/// would cost bandwidth), and the first loss is heard; beyond, it narrows the sound to 12 kHz instead.
const LEAST_LOSS: f64 = 10.0;
/// Most: from here on redundancy would eat the speech itself.
const MOST_LOSS: f64 = 25.0;
/// libopus refuses less or more, bits a second (RFC 6716 section 2.1.1).
const RATES: std::ops::RangeInclusive<u64> = 6_000..=510_000;
/// Longest packet that libopus writes for one frame (RFC 6716 section 3.4), with its table of contents.
const LONGEST: usize = 1276;

pub(super) struct OpusEncoder {
    opus: opus::Encoder,
    packet: Box<[u8; LONGEST]>,
}

impl OpusEncoder {
    pub(super) fn new(bitrate: Bitrate) -> Result<Self, CodecError> {
        let mut opus = opus::Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip).map_err(setup)?;
        opus.set_complexity(EFFORT).map_err(setup)?;
        opus.set_inband_fec(true).map_err(setup)?;
        opus.set_dtx(false).map_err(setup)?;
        let mut encoder = Self { opus, packet: Box::new([0; LONGEST]) };
        encoder.set_bitrate(bitrate)?;
        encoder.set_loss(0.0)?;
        Ok(encoder)
    }
}

impl AudioEncoder for OpusEncoder {
    fn set_bitrate(&mut self, bitrate: Bitrate) -> Result<(), CodecError> {
        let bps = bitrate.bps().clamp(*RATES.start(), *RATES.end());
        let bits = i32::try_from(bps).unwrap_or(i32::MAX);
        self.opus.set_bitrate(opus::Bitrate::Bits(bits)).map_err(setup)
    }

    fn set_loss(&mut self, share: f64) -> Result<(), CodecError> {
        let percent = (share * 100.0).ceil().clamp(LEAST_LOSS, MOST_LOSS);
        self.opus.set_packet_loss_perc(percent as i32).map_err(setup)
    }

    fn encode(&mut self, block: &[f32; AudioBlock::LEN]) -> Result<Bytes, CodecError> {
        let failed = |error: opus::Error| CodecError::Encode { codec: "Opus", reason: error.to_string() };
        let length = self.opus.encode_float(block, self.packet.as_mut_slice()).map_err(failed)?;
        Ok(Bytes::copy_from_slice(self.packet.get(..length).unwrap_or_default()))
    }
}

pub(super) struct OpusDecoder {
    opus: opus::Decoder,
}

impl OpusDecoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        Ok(Self { opus: opus::Decoder::new(SAMPLE_RATE, Channels::Mono).map_err(setup)? })
    }

    fn fill(&mut self, packet: &[u8], out: &mut [f32], redundancy: bool) -> Result<(), CodecError> {
        let length = self.opus.decode_float(packet, out, redundancy).map_err(refused)?;
        if let Some(rest) = out.get_mut(length..) {
            rest.fill(0.0);
        }
        Ok(())
    }
}

impl AudioDecoder for OpusDecoder {
    fn samples(&self, packet: &[u8]) -> Option<usize> {
        opus_packet::shape(packet).map(|shape| shape.frame * shape.count)
    }

    fn recoverable(&self, packet: &[u8]) -> usize {
        opus_packet::shape(packet).filter(|shape| shape.redundant).map_or(0, |shape| shape.frame)
    }

    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, CodecError> {
        if packet.is_empty() {
            return Err(CodecError::Decode { codec: "Opus", reason: "an empty packet".into() });
        }
        self.opus.decode_float(packet, out, false).map_err(refused)
    }

    fn recover(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        self.fill(next, out, true)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError> {
        self.fill(&[], out, false)
    }
}

fn setup(error: opus::Error) -> CodecError {
    CodecError::Setup { codec: "Opus", reason: error.to_string() }
}

fn refused(error: opus::Error) -> CodecError {
    CodecError::Decode { codec: "Opus", reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use hearth_base::AudioCodec;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::{MAX_PACKET_SAMPLES, audio_decoder, audio_encoder};
    use super::*;
    use crate::voice::voice;

    #[test]
    fn a_voice_survives_with_its_loudness() {
        let mut encoder = audio_encoder(AudioCodec::Opus, Bitrate::from_kbps(32)).unwrap();
        let mut decoder = audio_decoder(AudioCodec::Opus).unwrap();
        let (mut sent, mut heard, mut bytes) = (0.0, 0.0, 0);
        for n in 0..300 {
            let block = voice(n);
            let packet = encoder.encode(&block).unwrap();
            assert_eq!(decoder.samples(&packet), Some(AudioBlock::LEN));
            let mut out = [0.0; MAX_PACKET_SAMPLES];
            assert_eq!(decoder.decode(&packet, &mut out), Ok(AudioBlock::LEN));
            sent += block.iter().map(|x| x * x).sum::<f32>();
            heard += out.iter().map(|x| x * x).sum::<f32>();
            bytes += packet.len();
        }
        let rate = bytes * 8 / 3;
        assert!((20_000..40_000).contains(&rate), "{rate} bit/s");
        assert!((0.5..1.5).contains(&(heard / sent)), "{heard} of {sent}");
    }

    #[test]
    fn most_packets_of_a_voice_carry_the_one_before() {
        let mut encoder = audio_encoder(AudioCodec::Opus, Bitrate::from_kbps(32)).unwrap();
        let decoder = audio_decoder(AudioCodec::Opus).unwrap();
        let packets: Vec<_> = (0..200).map(|n| encoder.encode(&voice(n)).unwrap()).collect();
        let carrying = packets.iter().skip(20).filter(|packet| decoder.recoverable(packet) == AudioBlock::LEN).count();
        // Not those after a pause: libopus makes no copy of what it takes for silence.
        assert!(carrying > 130, "{carrying} of 180");
    }

    #[test]
    fn what_is_recovered_is_nearer_to_the_lost_than_a_guess() {
        let mut encoder = audio_encoder(AudioCodec::Opus, Bitrate::from_kbps(32)).unwrap();
        let packets: Vec<_> = (0..200).map(|n| encoder.encode(&voice(n)).unwrap()).collect();
        let error = |repair: fn(&mut dyn AudioDecoder, &[u8], &mut [f32])| {
            let mut whole = audio_decoder(AudioCodec::Opus).unwrap();
            let mut holed = audio_decoder(AudioCodec::Opus).unwrap();
            let mut sum = 0.0;
            for (n, packet) in packets.iter().enumerate() {
                let (mut right, mut guess) = ([0.0; AudioBlock::LEN], [0.0; AudioBlock::LEN]);
                whole.decode(packet, &mut right).unwrap();
                if n % 10 == 9 && n > 20 {
                    repair(holed.as_mut(), packets.get(n + 1).map_or(&[], |next| next), &mut guess);
                    sum += right.iter().zip(&guess).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
                } else {
                    holed.decode(packet, &mut guess).unwrap();
                }
            }
            sum
        };
        let recovered = error(|decoder, next, out| decoder.recover(next, out).unwrap());
        let concealed = error(|decoder, _, out| decoder.conceal(out).unwrap());
        assert!(recovered < concealed * 0.6, "{recovered} against {concealed}");
    }

    #[test]
    fn random_bytes_never_hurt_and_a_known_length_is_decoded() {
        let mut rng = ChaCha8Rng::seed_from_u64(6716);
        let mut decoder = audio_decoder(AudioCodec::Opus).unwrap();
        let mut out = [0.0; MAX_PACKET_SAMPLES];
        for _ in 0..4000 {
            let packet: Vec<u8> = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
            let said = decoder.samples(&packet);
            if let Ok(decoded) = decoder.decode(&packet, &mut out) {
                assert_eq!(said, Some(decoded), "{packet:?}");
            }
            let room = decoder.recoverable(&packet);
            if room > 0 {
                drop(decoder.recover(&packet, &mut out[..room]));
            }
        }
    }

    #[test]
    fn twenty_to_sixty_milliseconds_in_stereo_come_out_as_mono() {
        for blocks in [2, 4, 6] {
            let mut encoder = opus::Encoder::new(SAMPLE_RATE, Channels::Stereo, Application::Voip).unwrap();
            encoder.set_bitrate(opus::Bitrate::Bits(48_000)).unwrap();
            let mut decoder = audio_decoder(AudioCodec::Opus).unwrap();
            let mut out = [0.0; MAX_PACKET_SAMPLES];
            for n in 0..10 {
                let stereo: Vec<f32> = (0..blocks).flat_map(|b| voice(n * blocks + b)).flat_map(|x| [x, x]).collect();
                let packet = encoder.encode_vec_float(&stereo, LONGEST * 3).unwrap();
                let length = blocks as usize * AudioBlock::LEN;
                assert_eq!(decoder.samples(&packet), Some(length));
                assert_eq!(decoder.decode(&packet, &mut out), Ok(length));
            }
            assert!(out.iter().any(|x| x.abs() > 0.01));
        }
    }
}
