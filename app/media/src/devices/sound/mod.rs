//! Microphones and speakers by cpal: which there are, and one of them opened.
//!
//! Everything here may block on a sound server, so it is called on threads that can be given up. Owner of: an open
//! stream, which is closed when its value is dropped. The server where there is one, ALSA where there is none: the
//! library chooses. The ends of the rings go to the audio thread; see [`capture`] and [`playout`].

mod capture;
mod complaints;
mod monitors;
mod playout;
mod resample;
mod server;
mod stream_stats;
mod trim;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig};
use hearth_base::{DeviceChoice, DeviceEntry, DeviceFault, DeviceId, DeviceKind, SAMPLE_RATE};

use self::capture::{CaptureEnd, capture};
use self::monitors::{SourceClasses, SourceDirectory};
use self::playout::{PlayoutEnd, playout};
pub(crate) use self::resample::Resampler;
use self::stream_stats::{StreamStats, Trouble};
use crate::tick::{Input, PortChange};

/// Frames a callback: a tick's worth. A card that cannot is asked for what it likes; left alone, Pulse takes two
/// seconds.
const PERIOD: u32 = 480;
/// How long the library may take to build a stream.
const PATIENCE: Duration = Duration::from_secs(2);
/// What we can speak, the best first.
const FORMATS: [SampleFormat; 4] = [SampleFormat::F32, SampleFormat::I16, SampleFormat::I32, SampleFormat::U8];
/// Looks at ALSA's devices before a server that is there is tried again. Each try at one that hangs costs the library a
/// thread.
const LOOKS: u32 = 30;
/// How the library calls the host without a server.
const ALSA: &str = "ALSA";

/// An open device, running until it is dropped.
pub(super) struct Open {
    /// What a person reads.
    pub(super) name: String,
    /// Which it is.
    pub(super) id: DeviceId,
    /// What the audio thread gets.
    pub(super) attach: PortChange,
    /// Whether it lives.
    pub(super) pulse: Pulse,
    /// Held as long as the device is to run.
    pub(super) stream: cpal::Stream,
}

/// Whether an open device lives; cheap to ask, from any thread.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Arc<StreamStats>);

impl Pulse {
    /// Callbacks so far: a device that lives has more of them each time.
    pub(super) fn beats(&self) -> u64 {
        self.0.callbacks()
    }

    /// Samples that came too late, or for which there was no room.
    pub(super) fn misses(&self) -> u64 {
        self.0.misses()
    }

    /// What it complained of.
    pub(super) fn fault(&self) -> Option<DeviceFault> {
        self.0.fault()
    }
}

/// Looks which sound devices there are, over one connection to the sound server as long as that answers.
#[derive(Default)]
pub(super) struct DeviceLister {
    host: Option<(cpal::Host, Server)>,
    sources: SourceDirectory,
    /// Looks since it fell back to ALSA beside a server.
    looks: u32,
}

impl DeviceLister {
    /// Microphones, speakers.
    pub(super) fn list(&mut self) -> (Vec<DeviceEntry>, Vec<DeviceEntry>) {
        let found = complaints::kept(|| {
            let host = &self.host.get_or_insert_with(host).0;
            list(host, &self.sources.classes(host))
        });
        let is_beside_server =
            self.host.as_ref().is_some_and(|(host, _)| host.id().name() == ALSA && server::is_there());
        self.looks = if is_beside_server { self.looks + 1 } else { 0 };
        // The next look tries the server again.
        if found.1.is_empty() || self.looks >= LOOKS {
            (self.host, self.looks) = (None, 0);
        }
        found
    }
}

/// What the sound server thinks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    /// It has us, or there is none.
    Open,
    /// It does not let us in.
    Shut,
}

/// The sound server where there is one that has us, else ALSA.
fn host() -> (cpal::Host, Server) {
    server::prepare();
    // As `default_host` does, which does not say why it takes the next one.
    let mut server = Server::Open;
    for id in cpal::available_hosts() {
        match cpal::host_from_id(id) {
            Ok(host) => return (host, server),
            Err(error) if is_refusal(&error) => server = Server::Shut,
            Err(error) => tracing::debug!(%error, "no sound by {}", id.name()),
        }
    }
    (cpal::default_host(), server)
}

/// Whether a server that is there hangs up on us: it says so, or breaks off where it wants a cookie that we cannot
/// read.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's words, which may become more")]
fn is_refusal(error: &cpal::Error) -> bool {
    match error.kind() {
        ErrorKind::PermissionDenied => true,
        ErrorKind::StreamInvalidated => server::listens(),
        _ => false,
    }
}

fn list(host: &cpal::Host, classes: &SourceClasses) -> (Vec<DeviceEntry>, Vec<DeviceEntry>) {
    let default = |kind| default(host, kind, classes).and_then(|device| id(&device));
    let defaults = (default(DeviceKind::Microphone), default(DeviceKind::Speaker));
    let (mut microphones, mut speakers) = (Vec::new(), Vec::new());
    for device in host.devices().into_iter().flatten() {
        let Some(found) = id(&device).filter(is_card) else { continue };
        let entry = |default: &Option<DeviceId>| DeviceEntry {
            name: name(&device),
            is_default: default.as_ref() == Some(&found),
            is_monitor: false,
            id: found.clone(),
        };
        if device.supports_input() {
            microphones.push(DeviceEntry { is_monitor: is_monitor(&device, classes), ..entry(&defaults.0) });
        }
        if device.supports_output() {
            speakers.push(entry(&defaults.1));
        }
    }
    // What the computer plays stands behind what hears people.
    microphones.sort_by_key(|entry| entry.is_monitor);
    (microphones, speakers)
}

/// Whether it is a device for people. ALSA has a dozen names for each card, and plugins that are no card at all; the
/// one that mixes and resamples is taken. Pulse has monitors beside microphones.
fn is_card(DeviceId(id): &DeviceId) -> bool {
    match id.split_once(':') {
        Some(("alsa", name)) => name.starts_with("sysdefault:CARD="),
        Some(_) | None => true,
    }
}

/// Opens the device that `choice` means now: the named one, or what the system would take where that is not there.
///
/// # Errors
/// [`DeviceFault`] in all cases where nothing runs.
pub(super) fn open(kind: DeviceKind, choice: &DeviceChoice) -> Result<Open, DeviceFault> {
    complaints::kept(|| open_on_this_thread(kind, choice))
}

fn open_on_this_thread(kind: DeviceKind, choice: &DeviceChoice) -> Result<Open, DeviceFault> {
    let (host, server) = host();
    let named = match choice {
        DeviceChoice::Named(DeviceId(id)) => {
            cpal::DeviceId::from_str(id).ok().and_then(|id| host.device_by_id(&id)).filter(|device| fits(device, kind))
        }
        DeviceChoice::Off | DeviceChoice::Default | DeviceChoice::Test | DeviceChoice::File(_) => None,
    };
    let missing = if server == Server::Shut { DeviceFault::Refused } else { DeviceFault::NoDevice };
    let by_itself = || default(&host, kind, &SourceDirectory::default().classes(&host));
    let device = named.or_else(by_itself).ok_or(missing);
    device.and_then(|device| start(&device, kind)).map_err(|fault| {
        // A computer without any sound device has no sound at all.
        let (microphones, speakers) = list(&host, &SourceClasses::default());
        let is_silent = microphones.is_empty() && speakers.is_empty();
        match server {
            Server::Shut if is_silent => DeviceFault::Refused,
            Server::Open if is_silent && fault != DeviceFault::NoPermission => DeviceFault::NoSoundServer,
            Server::Open | Server::Shut => fault,
        }
    })
}

fn start(device: &cpal::Device, kind: DeviceKind) -> Result<Open, DeviceFault> {
    let (name, id) = (name(device), id(device).ok_or(DeviceFault::NoDevice)?);
    let tally = Arc::<StreamStats>::default();
    let (stream, attach) = build(device, kind, &tally).map_err(fault)?;
    stream.play().map_err(fault)?;
    Ok(Open { name, id, attach, pulse: Pulse(tally), stream })
}

fn fits(device: &cpal::Device, kind: DeviceKind) -> bool {
    if kind == DeviceKind::Microphone { device.supports_input() } else { device.supports_output() }
}

fn default(host: &cpal::Host, kind: DeviceKind, classes: &SourceClasses) -> Option<cpal::Device> {
    match kind {
        // ALSA's "default" may lead to a server that does not have us, wherever it is, and be it to a monitor: a card
        // is a card.
        DeviceKind::Microphone if host.id().name() == ALSA => host
            .devices()
            .into_iter()
            .flatten()
            .find(|device| device.supports_input() && id(device).is_some_and(|id| is_card(&id))),
        DeviceKind::Microphone => host.default_input_device().filter(|device| !is_monitor(device, classes)),
        DeviceKind::Speaker => host.default_output_device(),
        DeviceKind::Camera => None,
    }
}

/// Whether it hears what a speaker plays: never a microphone by itself.
fn is_monitor(device: &cpal::Device, classes: &SourceClasses) -> bool {
    id(device).is_some_and(|id| classes.is_monitor(&id, &name(device)))
}

fn id(device: &cpal::Device) -> Option<DeviceId> {
    device.id().ok().map(|id| DeviceId(id.to_string()))
}

fn name(device: &cpal::Device) -> String {
    device.description().map(|description| description.name().to_owned()).unwrap_or_default()
}

fn build(
    device: &cpal::Device,
    kind: DeviceKind,
    tally: &Arc<StreamStats>,
) -> Result<(cpal::Stream, PortChange), cpal::Error> {
    let (format, mut config) = shape(device, kind)?;
    let built = build_as(device, kind, format, config, tally);
    match built {
        Err(error) if error.kind() == ErrorKind::UnsupportedConfig => {
            config.buffer_size = BufferSize::Default;
            build_as(device, kind, format, config, tally)
        }
        built => built,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's words, which may become more")]
fn build_as(
    device: &cpal::Device,
    kind: DeviceKind,
    format: SampleFormat,
    config: StreamConfig,
    tally: &Arc<StreamStats>,
) -> Result<(cpal::Stream, PortChange), cpal::Error> {
    match format {
        SampleFormat::F32 => build_of::<f32>(device, kind, config, tally),
        SampleFormat::I16 => build_of::<i16>(device, kind, config, tally),
        SampleFormat::I32 => build_of::<i32>(device, kind, config, tally),
        SampleFormat::U8 => build_of::<u8>(device, kind, config, tally),
        _ => Err(ErrorKind::UnsupportedConfig.into()), // `shape` gives no other
    }
}

fn build_of<T>(
    device: &cpal::Device,
    kind: DeviceKind,
    config: StreamConfig,
    tally: &Arc<StreamStats>,
) -> Result<(cpal::Stream, PortChange), cpal::Error>
where
    T: SizedSample + FromSample<f32>,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels);
    let complaints = tally.clone();
    let complain = move |error: cpal::Error| trouble(&error).into_iter().for_each(|found| complaints.complain(found));
    match kind {
        DeviceKind::Microphone | DeviceKind::Camera => {
            let (mut end, microphone): (CaptureEnd, _) = capture(config.sample_rate, tally.clone());
            let handle = move |samples: &[T], info: &cpal::InputCallbackInfo| end.handle(samples, channels, info);
            let stream = device.build_input_stream(config, handle, complain, Some(PATIENCE))?;
            Ok((stream, PortChange::Microphone(Some(Input::Voice(Box::new(microphone))))))
        }
        DeviceKind::Speaker => {
            let (mut end, speaker): (PlayoutEnd, _) = playout(config.sample_rate, tally.clone());
            let handle = move |samples: &mut [T], info: &cpal::OutputCallbackInfo| end.handle(samples, channels, info);
            let stream = device.build_output_stream(config, handle, complain, Some(PATIENCE))?;
            Ok((stream, PortChange::Speaker(Box::new(speaker))))
        }
    }
}

/// The nearest to floats at 48 kHz on one channel (a speaker: two) that the device can do.
fn shape(device: &cpal::Device, kind: DeviceKind) -> Result<(SampleFormat, StreamConfig), cpal::Error> {
    let (ranges, default, wanted): (Vec<_>, _, i32) = if kind == DeviceKind::Speaker {
        (device.supported_output_configs()?.collect(), device.default_output_config(), 2)
    } else {
        (device.supported_input_configs()?.collect(), device.default_input_config(), 1)
    };
    let rank = |range: &cpal::SupportedStreamConfigRange| FORMATS.iter().position(|f| *f == range.sample_format());
    let usable = ranges.into_iter().filter_map(|range| Some((rank(&range)?, range)));
    let best = usable.min_by_key(|(format, range)| {
        let (low, high) = (range.min_sample_rate(), range.max_sample_rate());
        let rate = SAMPLE_RATE.clamp(low, high).abs_diff(SAMPLE_RATE);
        (rate, (i32::from(range.channels()) - wanted).abs(), *format)
    });
    let (format, channels, sample_rate) = match best {
        Some((_, range)) => {
            let rate = SAMPLE_RATE.clamp(range.min_sample_rate(), range.max_sample_rate());
            (range.sample_format(), range.channels(), rate)
        }
        None => default.map(|config| (config.sample_format(), config.channels(), config.sample_rate()))?,
    };
    Ok((format, StreamConfig { channels, sample_rate, buffer_size: BufferSize::Fixed(PERIOD) }))
}

/// What a stream that runs complains of, where that ends it.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's words, which may become more")]
fn trouble(error: &cpal::Error) -> Option<Trouble> {
    match error.kind() {
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied | ErrorKind::Xrun => None,
        ErrorKind::PermissionDenied => Some(Trouble::Denied),
        ErrorKind::HostUnavailable => Some(Trouble::NoServer),
        _ => Some(Trouble::Gone),
    }
}

/// Why a device was not opened.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's words, which may become more")]
fn fault(error: cpal::Error) -> DeviceFault {
    match error.kind() {
        ErrorKind::DeviceBusy => DeviceFault::InUse,
        ErrorKind::PermissionDenied => DeviceFault::NoPermission,
        ErrorKind::DeviceNotAvailable => DeviceFault::NoDevice,
        ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated => DeviceFault::NoSoundServer,
        _ => DeviceFault::Other(error.to_string()),
    }
}

#[cfg(test)]
mod rates_tests;
