//! A video file and an audio file in the place of camera and microphone, and what another client records of them.
//!
//! The file's frames are grey, each a little brighter than the one before; the recording is a tone.

use std::f32::consts::TAU;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::iter::repeat_n;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hearth_base::{Picture, Resolution, SAMPLE_RATE};
use hearth_media::files::y4m::{FileRate, Y4mHeader, Y4mReader, write_frame};
use hearth_media::stamp;
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use serde_json::Value;

use crate::FIRST;
use crate::lan::{Lan, enter_namespaces};
use crate::process::{Process, built, now};
use crate::room::{SIGNAL_PORT, STARTING, servers};

/// Frames of the video file: two seconds.
const FRAMES: u8 = 30;
const FPS: u32 = 15;
/// The tone.
const HERTZ: f32 = 800.0;
/// What is recorded before anybody looks: three seconds of frames, and of sound in tens of milliseconds.
const RECORDED: [(&str, u64); 2] = [("video", 45), ("audio", 300)];
const MEETING: Duration = Duration::from_secs(60);
/// How far a grey may be from what was sent: it was encoded.
const DOUBT: i32 = 6;

#[test]
fn a_video_file_and_an_audio_file_are_sent_and_recorded_over_there() -> Result<()> {
    enter_namespaces()?;
    let folder = tempfile::Builder::new().prefix("hearth-files").tempdir()?;
    let path = |name: &str| folder.path().join(name);
    write_video(&path("film.y4m"))?;
    write_tone(&path("tone.wav"))?;
    let mut lan = Lan::new()?;
    let (server, first_host, second_host) = (lan.host("server")?, lan.host("first")?, lan.host("second")?);
    let (_turn, _signal, spki) = servers(&server, &folder, &[])?;
    let begun = now();
    let mut command = first_host.command(built("hearth")?);
    command.args(["--headless", "create", &format!("https://{}", server.at(SIGNAL_PORT)), "--spki", &spki.to_text()]);
    command.arg("--camera").arg(path("film.y4m")).arg("--microphone").arg(path("tone.wav"));
    let first = Process::start("First", command.args(["--source-id", &FIRST.to_string()]), None)?;
    let link = first.wait_line(STARTING, |line| line.strip_prefix("link ").map(str::to_owned))?;
    let mut command = second_host.command(built("hearth")?);
    command.args(["--headless", "join", "--stats", "json", "--leave-after", "120"]);
    command.arg("--record-video").arg(path("seen.y4m")).arg("--record-audio").arg(path("heard.wav"));
    let mut second = Process::start("Second", &mut command, Some(&format!("{link}\n")))?;
    second.wait_stats(MEETING, recorded_enough)?;
    second.terminate()?;
    println!("recorded after {:?}", now() - begun);
    check_video_file(&path("seen.y4m"))?;
    check_tone(&path("heard.wav"))
}

fn recorded_enough(stats: &Value) -> Option<()> {
    let recordings = stats.get("recordings")?;
    let has = |(name, least): (&str, u64)| recordings.get(name)?.get("written")?.as_u64().filter(|n| *n >= least);
    RECORDED.into_iter().all(|one| has(one).is_some()).then_some(())
}

/// A video file of half the size that is sent.
fn write_video(path: &Path) -> Result<()> {
    let resolution = Resolution::new(320, 180).context("both sides are even")?;
    let header = Y4mHeader { resolution, rate: FileRate::new(FPS, 1).context("a rate")? };
    let mut file = BufWriter::new(File::create(path)?);
    header.write(&mut file)?;
    for n in 0..FRAMES {
        let (luma, chroma) = (resolution.area(), resolution.area() / 2);
        let planes: Vec<u8> = repeat_n(grey(n), luma).chain(repeat_n(128, chroma)).collect();
        write_frame(&mut file, &planes)?;
    }
    Ok(file.into_inner()?.sync_all()?)
}

fn grey(frame: u8) -> u8 {
    40 + 5 * frame
}

/// A second at another rate than is sent.
fn write_tone(path: &Path) -> Result<()> {
    let spec = WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec)?;
    for n in 0..spec.sample_rate {
        let sample = (TAU * HERTZ * n as f32 / spec.sample_rate as f32).sin();
        writer.write_sample((sample * 8000.0) as i16)?;
    }
    Ok(writer.finalize()?)
}

/// The frames come in order, and each is what its stamp says that was sent.
fn check_video_file(path: &Path) -> Result<()> {
    let mut video = Y4mReader::open(BufReader::new(File::open(path)?))?;
    let size = video.header().resolution;
    ensure!(size == Resolution::SMALL, "recorded at {size}");
    let mut numbers = Vec::new();
    for n in 0..RECORDED[0].1 {
        let picture = Picture::new(size, video.read(n)?.into(), now()).map_err(|_| anyhow::anyhow!("a short frame"))?;
        let stamp = stamp::read(&picture).with_context(|| format!("frame {n}"))?;
        ensure!(stamp.source == FIRST, "frame {n} is of source {}", stamp.source);
        let sent = grey((stamp.number % u16::from(FRAMES)) as u8);
        // Below the stamp.
        let seen = picture.y().iter().skip(size.area() / 2);
        let mean = seen.clone().map(|&pixel| i32::from(pixel)).sum::<i32>() / seen.count() as i32;
        ensure!((mean - i32::from(sent)).abs() <= DOUBT, "frame {n}: {mean} of a picture that was {sent}");
        numbers.push(stamp.number);
    }
    ensure!(numbers.is_sorted(), "out of order: {numbers:?}");
    numbers.dedup();
    println!("{} different pictures in {} frames", numbers.len(), RECORDED[0].1);
    ensure!(numbers.len() >= 15, "few different pictures: {numbers:?}");
    Ok(())
}

/// The last second but one is the tone and little else. In the last one, somebody left.
fn check_tone(path: &Path) -> Result<()> {
    let mut reader = WavReader::open(path)?;
    ensure!(reader.spec().sample_rate == SAMPLE_RATE && reader.spec().channels == 1, "{:?}", reader.spec());
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
    let (second, _) = samples
        .last_chunk::<{ 2 * SAMPLE_RATE as usize }>()
        .context("two seconds of sound")?
        .split_at(SAMPLE_RATE as usize);
    let (mut real, mut imaginary, mut power) = (0.0, 0.0, 0.0);
    for (n, sample) in second.iter().enumerate() {
        let (sample, angle) = (f32::from(*sample), TAU * HERTZ * (n as f32 / SAMPLE_RATE as f32));
        real += sample * angle.cos();
        imaginary += sample * angle.sin();
        power += sample * sample;
    }
    let share = 2.0 * (real * real + imaginary * imaginary) / (power * SAMPLE_RATE as f32);
    println!("{:.1} % of the sound is the tone", share * 100.0);
    ensure!(power / SAMPLE_RATE as f32 > 1e6, "hardly any sound");
    ensure!(share > 0.8, "{share} of the sound is the tone");
    Ok(())
}
