//! What openh264 does with our pictures, and with what is none.
//!
//! Owns nothing.

use std::time::Duration;

use hearth_base::{Bitrate, FrameKind, FrameRate, Picture, Resolution, VideoCodec};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::{EncodedPicture, VideoDecoder, VideoEncoder, VideoSettings, video_decoder, video_encoder};
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
    fn new(kbps: u64) -> Self {
        let rate = FrameRate::new(RATE);
        let settings = VideoSettings { rate, bitrate: Bitrate::from_kbps(kbps) };
        let pattern = Pattern::new(3, Resolution::new(640, 360).unwrap(), rate);
        Self { pattern, encoder: video_encoder(VideoCodec::H264, settings).unwrap(), start: Now::read(), n: 0 }
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

fn decoder() -> Box<dyn VideoDecoder> {
    video_decoder(VideoCodec::H264).unwrap()
}

#[test]
fn stamps_survive_and_every_picture_comes_out_at_once() {
    let (mut film, mut decoder) = (Film::new(500), decoder());
    let mut skipped = 0;
    for n in 0..60 {
        let (picture, encoded) = film.next(FrameKind::Delta);
        let Some(encoded) = encoded else {
            skipped += 1;
            continue;
        };
        assert_eq!(encoded.kind == FrameKind::Key, n == 0);
        let decoded = decoder.decode(&encoded.payload, picture.captured).unwrap().unwrap();
        assert_eq!(decoded.resolution(), picture.resolution());
        assert_eq!(stamp::read(&decoded), stamp::read(&picture), "picture {n}");
    }
    assert!(skipped <= 3, "{skipped} left out");
}

#[test]
fn the_rate_follows_what_is_set_while_it_runs() {
    let mut film = Film::new(400);
    film.rate(2);
    for kbps in [400, 150, 300, 600] {
        film.encoder.set_bitrate(Bitrate::from_kbps(kbps)).unwrap();
        film.rate(1);
        let measured = film.rate(4) / 1000;
        assert!((kbps / 2..kbps * 5 / 4).contains(&measured), "{measured} for {kbps} kbit/s");
    }
}

#[test]
fn a_key_frame_comes_when_asked_for_and_stays_small() {
    let mut film = Film::new(500);
    let share = 500_000 / 8 / RATE as usize;
    let first = film.next(FrameKind::Delta).1.unwrap();
    assert!(first.payload.len() < share * 5, "first: {} of {share}", first.payload.len());
    for _ in 0..4 {
        film.rate(2);
        let key = film.next(FrameKind::Key).1.unwrap();
        assert_eq!(key.kind, FrameKind::Key);
        assert!(key.payload.len() < share * 4, "{} of {share}", key.payload.len());
        let alone = decoder().decode(&key.payload, film.start.monotonic);
        assert!(alone.is_ok_and(|picture| picture.is_some()), "it stands alone");
    }
}

#[test]
fn a_delta_without_its_key_frame_is_an_error_and_a_key_frame_mends_it() {
    let (mut film, mut decoder) = (Film::new(500), decoder());
    film.next(FrameKind::Delta);
    let delta = film.next(FrameKind::Delta).1.unwrap();
    let lost = decoder.decode(&delta.payload, film.start.monotonic);
    assert!(!matches!(lost, Ok(Some(_))), "{lost:?}");
    let key = film.next(FrameKind::Key).1.unwrap();
    assert!(decoder.decode(&key.payload, film.start.monotonic).unwrap().is_some());
}

#[test]
fn a_new_size_begins_with_a_key_frame() {
    let mut film = Film::new(500);
    film.next(FrameKind::Delta);
    film.pattern = Pattern::new(3, Resolution::new(320, 180).unwrap(), FrameRate::new(RATE));
    let (_, encoded) = film.next(FrameKind::Delta);
    assert_eq!(encoded.unwrap().kind, FrameKind::Key);
}

#[test]
fn mutated_access_units_never_hurt() {
    let mut rng = ChaCha8Rng::seed_from_u64(264);
    let mut film = Film::new(300);
    let units: Vec<_> = (0..40)
        .filter_map(|n| film.next(if n % 10 == 0 { FrameKind::Key } else { FrameKind::Delta }).1)
        .map(|encoded| encoded.payload.to_vec())
        .collect();
    let mut decoder = decoder();
    for round in 0..600 {
        let mut unit = units[round % units.len()].clone();
        for _ in 0..rng.random_range(1..12) {
            let at = rng.random_range(0..unit.len());
            match rng.random_range(0..4) {
                0 => unit[at] = rng.random(),
                1 => unit.truncate(at.max(1)),
                2 => unit.insert(at, rng.random()),
                _ => unit[at] ^= 1 << rng.random_range(0..8),
            }
        }
        // Any answer is right, as long as there is one.
        drop(decoder.decode(&unit, film.start.monotonic + Duration::from_millis(round as u64)));
    }
    let key = film.next(FrameKind::Key).1.unwrap();
    let mut mended = false;
    for _ in 0..3 {
        mended |= decoder.decode(&key.payload, film.start.monotonic).is_ok_and(|picture| picture.is_some());
    }
    assert!(mended, "a key frame mends even this");
}
