//! What a second temporal layer costs and gives, on a clip of your own:
//! `cargo run --release -p hearth-media --example temporal_layers -- CLIP.y4m [KBPS...]`.
//!
//! For each codec and rate: one layer; two at the same rate, which is what they cost; and one at the part of the rate
//! that the lower one takes, which is what everybody got of a layer before the slowest of its links could go without.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

use hearth_base::{Bitrate, FrameKind, FrameRate, Picture, TemporalLayers, VideoCodec};
use hearth_media::Now;
use hearth_media::codec::{VideoSettings, video_codecs, video_decoder, video_encoder};
use hearth_media::files::y4m::Y4mReader;

/// Pictures of the clip, and of these the ones in which the rate settles, which are not counted.
const PICTURES: u64 = 240;
const SETTLING: u64 = 30;
const RATE: u32 = 30;
/// What the lower one takes of both, by the clips that this was made with.
const LOWER_PART: f64 = 0.65;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(clip) = words.next() else {
        eprintln!("Which clip? Give a .y4m file.");
        return ExitCode::from(2);
    };
    let rates: Result<Vec<u64>, _> = words.map(|word| word.parse()).collect();
    match rates.map_err(Failure::from).and_then(|rates| compare(&clip, &rates)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{clip}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(clip: &str, rates: &[u64]) -> Result<(), Failure> {
    let mut reader = Y4mReader::open(BufReader::new(File::open(clip)?))?;
    let resolution = reader.header().resolution;
    let (mut pictures, now) = (Vec::new(), Now::read().monotonic);
    for number in 0..PICTURES {
        let planes = reader.read(number)?.into();
        pictures.push(Picture::new(resolution, planes, now).map_err(|_| "a picture of odd size")?);
    }
    println!("| codec | layers | kbps wanted | kbps | part of the lower | pictures | PSNR, dB |");
    println!("|---|---|---|---|---|---|---|");
    for codec in video_codecs() {
        for kbps in if rates.is_empty() { &[500, 1000, 2000] } else { rates } {
            let rate = Bitrate::from_kbps(*kbps);
            let cases = [
                (TemporalLayers::One, rate),
                (TemporalLayers::Two, rate),
                (TemporalLayers::One, rate.scaled(LOWER_PART)),
            ];
            for (layers, rate) in cases {
                run(&pictures, codec, layers, rate)?;
            }
        }
    }
    Ok(())
}

fn run(pictures: &[Picture], codec: VideoCodec, layers: TemporalLayers, bitrate: Bitrate) -> Result<(), Failure> {
    let rate = FrameRate::new(RATE);
    let mut encoder = video_encoder(codec, VideoSettings { rate, bitrate })?;
    encoder.set_temporal_layers(layers)?;
    let mut decoder = video_decoder(codec)?;
    let (mut bytes, mut base, mut counted, mut decibels) = (0, 0, 0_u32, 0.0);
    for (number, picture) in (0..).zip(pictures) {
        let Some(encoded) = encoder.encode(picture, FrameKind::Delta, rate.time_of(number))? else { continue };
        let decoded = decoder.decode(&encoded.payload, picture.captured)?;
        if number < SETTLING {
            continue;
        }
        bytes += encoded.payload.len();
        base += if encoded.is_discardable { 0 } else { encoded.payload.len() };
        if let Some(decoded) = decoded {
            (counted, decibels) = (counted + 1, decibels + psnr(&decoded, picture));
        }
    }
    let kbps = bytes as f64 * 8.0 / 1000.0 * f64::from(RATE) / (PICTURES - SETTLING) as f64;
    println!(
        "| {codec:?} | {layers:?} | {} | {kbps:.0} | {:.2} | {counted} | {:.1} |",
        bitrate.bps() / 1000,
        base as f64 / bytes as f64,
        decibels / f64::from(counted),
    );
    Ok(())
}

/// How like two pictures are, by their luma.
fn psnr(a: &Picture, b: &Picture) -> f64 {
    let squares = a.y().iter().zip(b.y()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
    10.0 * (255.0_f64.powi(2) * a.y().len() as f64 / squares.sum::<f64>()).log10()
}
