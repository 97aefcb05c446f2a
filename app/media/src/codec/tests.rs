//! What the video codecs do with our pictures, and with what is none: one table for all that this build has.
//!
//! Owns nothing.

use std::time::{Duration, Instant};

use hearth_base::{Bitrate, FrameKind, FrameRate, Picture, Resolution, TemporalLayers, VideoCodec};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{EncodedPicture, VideoDecoder, VideoEncoder, VideoSettings, video_codecs, video_decoder, video_encoder};
use crate::Now;
use crate::pattern::Pattern;
use crate::stamp;

const RATE: u32 = 15;

struct Film {
    pattern: Pattern,
    encoder: Box<dyn VideoEncoder>,
    start: Now,
    n: u64,
}

impl Film {
    fn new(codec: VideoCodec, kbps: u64) -> Self {
        let rate = FrameRate::new(RATE);
        let settings = VideoSettings { rate, bitrate: Bitrate::from_kbps(kbps) };
        let pattern = Pattern::new(3, Resolution::new(640, 360).unwrap(), rate);
        Self { pattern, encoder: video_encoder(codec, settings).unwrap(), start: Now::read(), n: 0 }
    }

    fn next(&mut self, wanted: FrameKind) -> (Picture, Option<EncodedPicture>) {
        let at = FrameRate::new(RATE).time_of(self.n);
        self.n += 1;
        let picture = self.pattern.draw(self.start.at(self.start.monotonic + at)).unwrap();
        let encoded = self.encoder.encode(&picture, wanted, at).unwrap();
        (picture, encoded)
    }

    /// Bits a second of the next `seconds`, without key frames.
    fn rate(&mut self, seconds: u64) -> u64 {
        let frames = (0..seconds * u64::from(RATE)).filter_map(|_| self.next(FrameKind::Delta).1);
        frames.map(|frame| frame.payload.len() as u64 * 8).sum::<u64>() / seconds
    }
}

fn decoder(codec: VideoCodec) -> Box<dyn VideoDecoder> {
    video_decoder(codec).unwrap()
}

#[test]
fn stamps_survive_and_every_picture_comes_out_at_once() {
    for codec in video_codecs() {
        let (mut film, mut decoder) = (Film::new(codec, 500), decoder(codec));
        let mut skipped = 0;
        for n in 0..60 {
            let (picture, encoded) = film.next(FrameKind::Delta);
            let Some(encoded) = encoded else {
                skipped += 1;
                continue;
            };
            assert_eq!(encoded.kind == FrameKind::Key, n == 0, "{codec:?}");
            let decoded = decoder.decode(&encoded.payload, picture.captured).unwrap().unwrap();
            assert_eq!(decoded.resolution(), picture.resolution());
            assert_eq!(stamp::read(&decoded), stamp::read(&picture), "{codec:?}: picture {n}");
        }
        assert!(skipped <= 3, "{codec:?}: {skipped} left out");
    }
}

#[test]
fn the_rate_follows_what_is_set_while_it_runs() {
    for codec in video_codecs() {
        let mut film = Film::new(codec, 400);
        film.rate(2);
        for kbps in [400, 150, 300, 600] {
            film.encoder.set_bitrate(Bitrate::from_kbps(kbps)).unwrap();
            film.rate(1);
            let measured = film.rate(4) / 1000;
            assert!((kbps / 2..kbps * 5 / 4).contains(&measured), "{codec:?}: {measured} for {kbps} kbit/s");
        }
    }
}

#[test]
fn a_key_frame_comes_when_asked_for_and_stays_small() {
    for codec in video_codecs() {
        let mut film = Film::new(codec, 500);
        let share = 500_000 / 8 / RATE as usize;
        let first = film.next(FrameKind::Delta).1.unwrap();
        assert!(first.payload.len() < share * 5, "{codec:?}, first: {} of {share}", first.payload.len());
        for _ in 0..4 {
            film.rate(2);
            let key = film.next(FrameKind::Key).1.unwrap();
            assert_eq!(key.kind, FrameKind::Key);
            assert!(key.payload.len() < share * 4, "{codec:?}: {} of {share}", key.payload.len());
            let alone = decoder(codec).decode(&key.payload, film.start.monotonic);
            assert!(alone.is_ok_and(|picture| picture.is_some()), "{codec:?}: it stands alone");
        }
    }
}

#[test]
fn a_delta_without_its_key_frame_is_an_error_and_a_key_frame_mends_it() {
    for codec in video_codecs() {
        let (mut film, mut decoder) = (Film::new(codec, 500), decoder(codec));
        film.next(FrameKind::Delta);
        let delta = film.next(FrameKind::Delta).1.unwrap();
        let lost = decoder.decode(&delta.payload, film.start.monotonic);
        assert!(!matches!(lost, Ok(Some(_))), "{codec:?}: {lost:?}");
        let key = film.next(FrameKind::Key).1.unwrap();
        assert!(decoder.decode(&key.payload, film.start.monotonic).unwrap().is_some());
    }
}

#[test]
fn of_two_temporal_layers_the_upper_one_can_be_left_out() {
    for (codec, frames_before) in video_codecs().into_iter().flat_map(|codec| [(codec, 0), (codec, 20)]) {
        let mut film = Film::new(codec, 500);
        let (mut all, mut base) = (decoder(codec), decoder(codec));
        let (mut discardable, mut bytes) = (0, [0, 0]);
        for n in 0..100 + frames_before {
            if n == frames_before {
                film.encoder.set_temporal_layers(TemporalLayers::Two).unwrap();
            } else if n == frames_before + 80 {
                film.encoder.set_temporal_layers(TemporalLayers::One).unwrap();
            }
            let (picture, Some(encoded)) = film.next(FrameKind::Delta) else { continue };
            let whole = all.decode(&encoded.payload, picture.captured).unwrap().unwrap();
            if (frames_before..frames_before + 80).contains(&n) && encoded.kind == FrameKind::Delta {
                bytes[usize::from(encoded.is_discardable)] += encoded.payload.len();
            }
            if encoded.is_discardable {
                let is_two = (frames_before..frames_before + 80).contains(&n);
                assert!(is_two && encoded.kind == FrameKind::Delta, "{codec:?}: picture {n}");
                discardable += 1;
                continue;
            }
            let alone = base.decode(&encoded.payload, picture.captured).unwrap().unwrap();
            assert!(alone.planes() == whole.planes(), "{codec:?}: picture {n} is another one without");
            assert_eq!(stamp::read(&alone), stamp::read(&picture), "{codec:?}: picture {n}");
        }
        assert!((36..=40).contains(&discardable), "{codec:?}: {discardable} of 80");
        let part = bytes[0] as f64 / bytes.iter().sum::<usize>() as f64;
        println!("{codec:?}, after {frames_before}: the base takes {part:.2}");
        assert!((0.4..0.85).contains(&part), "{codec:?}: {part}");
    }
}

/// What an encoder leaves out to hold its rate takes nothing away from what decoders have. (libvpx does, where frames
/// are told one by one to keep their entropy contexts to themselves.)
#[test]
fn in_two_temporal_layers_what_is_left_out_hurts_nothing() {
    for codec in video_codecs() {
        let mut film = Film::new(codec, 2000);
        film.encoder.set_temporal_layers(TemporalLayers::Two).unwrap();
        let (mut decoder, mut left_out) = (decoder(codec), 0);
        for n in 0..120 {
            if n == 30 {
                // Too little for all pictures.
                film.encoder.set_bitrate(Bitrate::from_kbps(40)).unwrap();
            } else if n == 90 {
                film.encoder.set_bitrate(Bitrate::from_kbps(2000)).unwrap();
            }
            let (picture, Some(encoded)) = film.next(FrameKind::Delta) else {
                left_out += 1;
                continue;
            };
            let decoded = decoder.decode(&encoded.payload, picture.captured).unwrap().unwrap();
            if n >= 100 {
                assert!(psnr(&decoded, &picture) > 30.0, "{codec:?}, {n}: {:.1} dB", psnr(&decoded, &picture));
            }
        }
        assert!(left_out >= 10, "{codec:?}: {left_out}");
    }
}

/// How like two pictures are, by their luma, in dB.
fn psnr(a: &Picture, b: &Picture) -> f64 {
    let squares = a.y().iter().zip(b.y()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
    10.0 * (255.0_f64.powi(2) * a.y().len() as f64 / squares.sum::<f64>()).log10()
}

#[test]
fn the_number_of_temporal_layers_outlives_a_change_of_size_and_goes_back() {
    for codec in video_codecs() {
        let mut film = Film::new(codec, 2000);
        let mut decoder = decoder(codec);
        let mut run = |film: &mut Film, count| {
            let frames = (0..count).filter_map(|_| film.next(FrameKind::Delta).1).collect::<Vec<_>>();
            for frame in &frames {
                assert!(decoder.decode(&frame.payload, film.start.monotonic).unwrap().is_some(), "{codec:?}");
            }
            let keys = frames.iter().filter(|frame| frame.kind == FrameKind::Key).count();
            (frames.len(), keys, frames.iter().filter(|frame| frame.is_discardable).count())
        };
        film.encoder.set_temporal_layers(TemporalLayers::Two).unwrap();
        assert_eq!(run(&mut film, 10), (10, 1, 5), "{codec:?}");
        film.pattern = Pattern::new(3, Resolution::new(320, 180).unwrap(), FrameRate::new(RATE));
        assert_eq!(run(&mut film, 10), (10, 1, 5), "{codec:?}: another size");
        film.encoder.set_temporal_layers(TemporalLayers::One).unwrap();
        assert_eq!(run(&mut film, 10), (10, 0, 0), "{codec:?}: one again");
        film.encoder.set_temporal_layers(TemporalLayers::Two).unwrap();
        let key = u64::from(codec == VideoCodec::H264);
        assert_eq!(run(&mut film, 10), (10, key as usize, 5), "{codec:?}: H.264 begins again with the second");
    }
}

#[test]
fn a_new_size_begins_with_a_key_frame_and_keeps_the_rate() {
    for (codec, kbps) in video_codecs().into_iter().flat_map(|codec| [(codec, 300), (codec, 600)]) {
        let mut film = Film::new(codec, 400);
        film.next(FrameKind::Delta);
        film.encoder.set_bitrate(Bitrate::from_kbps(kbps)).unwrap();
        film.pattern = Pattern::new(3, Resolution::new(960, 540).unwrap(), FrameRate::new(RATE));
        let (_, encoded) = film.next(FrameKind::Key);
        assert_eq!(encoded.unwrap().kind, FrameKind::Key, "{codec:?}");
        film.rate(1);
        let measured = film.rate(4) / 1000;
        assert!((kbps / 2..kbps * 5 / 4).contains(&measured), "{codec:?}: {measured} for {kbps} kbit/s");
    }
}

/// What some encoder made, with a few bytes or bits changed, lost or added.
fn mutated(unit: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut unit = unit.to_vec();
    for _ in 0..rng.random_range(1..12) {
        let at = rng.random_range(0..unit.len());
        match rng.random_range(0..4) {
            0 => unit[at] = rng.random(),
            1 => unit.truncate(at.max(1)),
            2 => unit.insert(at, rng.random()),
            _ => unit[at] ^= 1 << rng.random_range(0..8),
        }
    }
    unit
}

#[test]
fn mutated_access_units_never_hurt() {
    for codec in video_codecs() {
        let mut rng = ChaCha8Rng::seed_from_u64(264);
        let mut film = Film::new(codec, 300);
        let units: Vec<_> = (0..40)
            .filter_map(|n| film.next(if n % 10 == 0 { FrameKind::Key } else { FrameKind::Delta }).1)
            .map(|encoded| encoded.payload.to_vec())
            .collect();
        let mut decoder = decoder(codec);
        for round in 0..600 {
            let unit = mutated(&units[round % units.len()], &mut rng);
            // Any answer is right, as long as there is one.
            drop(decoder.decode(&unit, film.start.monotonic + Duration::from_millis(round as u64)));
        }
        let key = film.next(FrameKind::Key).1.unwrap();
        let mut mended = false;
        for _ in 0..3 {
            mended |= decoder.decode(&key.payload, film.start.monotonic).is_ok_and(|picture| picture.is_some());
        }
        assert!(mended, "{codec:?}: a key frame mends even this");
    }
}

#[test]
fn a_key_frame_of_ten_bytes_is_not_believed_whatever_size_it_claims() {
    let mut decoder = decoder(VideoCodec::Vp8);
    // RFC 6386 section 9.1: the tag of a shown key frame, the start code, 14 bits each for width and height.
    for (sides, expected) in [([0xff, 0x3f, 0xff, 0x3f], "header"), ([0xff, 0x1f, 0xff, 0x1f], "picture of 8190x8190")]
    {
        let frame = [&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a][..], &sides].concat();
        let refused = decoder.decode(&frame, Now::read().monotonic).map(drop).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    for nothing in [&[][..], &[0x10], &[0x10, 2, 0], &[0x10, 2, 0, 0x9d, 1, 0x2a, 0, 1], &[0x11, 0, 0]] {
        assert!(decoder.decode(nothing, Now::read().monotonic).is_err(), "{nothing:?}");
    }
}

/// Milliseconds a frame of 720p at 1.5 Mbit/s, encoded and decoded: figures for ARCHITECTURE.md, and a bound that only
/// what is badly wrong breaks.
#[test]
fn a_frame_of_720p_takes_no_longer_than_there_is_time_for() {
    for codec in video_codecs() {
        let mut film = Film::new(codec, 1500);
        film.pattern = Pattern::new(3, Resolution::HD, FrameRate::new(RATE));
        let mut decoder = decoder(codec);
        let (mut encoding, mut decoding, mut count) = (Duration::ZERO, Duration::ZERO, 0);
        for n in 0..60 {
            let at = FrameRate::new(RATE).time_of(n);
            let picture = film.pattern.draw(film.start.at(film.start.monotonic + at)).unwrap();
            let begin = Now::read().monotonic;
            let encoded = film.encoder.encode(&picture, FrameKind::Delta, at).unwrap();
            encoding += since(begin);
            let Some(encoded) = encoded else { continue };
            let begin = Now::read().monotonic;
            decoder.decode(&encoded.payload, picture.captured).unwrap();
            decoding += since(begin);
            count += 1;
        }
        println!("{codec:?} at 720p: {:?} to encode a frame, {:?} to decode one", encoding / 60, decoding / count);
        assert!((encoding + decoding) / 60 < Duration::from_millis(66), "{codec:?}: {encoding:?}, {decoding:?}");
    }
}

fn since(begin: Instant) -> Duration {
    Now::read().monotonic.saturating_duration_since(begin)
}
