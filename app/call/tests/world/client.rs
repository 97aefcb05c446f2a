//! One simulated machine with a call on it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::{Codec, EncodedFrame, TrackId, TrackSource, VideoCodec};
use hearth_call::{
    Call, CallConfig, CallPhase, Command, Input, Loopback, MediaCommand, Output, SocketId, SocketKind, Switch,
    TransportPolicy,
};
use hearth_netsim::NodeId;
use hearth_protocol::{ClientMessage, Numbered};
use hearth_signal::rooms::ConnId;

use crate::hellos::Cutter;
use crate::media::{AUDIO, Sink, Source, VIDEO};

/// What the machine wants of the world round it.
#[derive(Debug)]
pub enum Wish {
    Send { from: SocketAddr, to: SocketAddr, payload: Vec<u8> },
    Stream { from: SocketAddr, message: Vec<u8> },
    Say(Numbered<ClientMessage>),
    Dial,
    HangUp,
}

/// Makes the payload of the next packet of sound.
pub type Voice = Box<dyn FnMut() -> Bytes>;
/// Takes a packet of theirs.
pub type Ear = Box<dyn FnMut(EncodedFrame)>;

pub struct Client {
    pub node: NodeId,
    pub address: IpAddr,
    /// Further ones; sockets that are bound to none send from the first.
    pub others: Vec<IpAddr>,
    pub call: Call,
    pub conn: Option<ConnId>,
    /// Speaks instead of the tagged sound, and as often as it says.
    pub voice: Option<(Voice, Duration)>,
    /// Hears instead of the counting sink.
    pub ear: Option<Ear>,
    /// Its encoder makes as much as the call allows, in place of frames of one size.
    pub obeys: bool,
    /// Sends no media of its own.
    pub silent: bool,
    /// Whether streams reach the relay, and those that are open.
    pub has_streams: bool,
    streams: BTreeMap<SocketId, SocketAddr>,
    /// Nothing is done at its time.
    pub asleep: bool,
    /// Killed: nothing comes in or goes out any more.
    pub crashed: bool,
    /// Media does not reach it, as where somebody on the way lets nothing through but what holds a path open.
    pub deaf: bool,
    /// Datagrams are kept here and not handled, where there is a list.
    pub held: Option<Vec<Input>>,
    /// Cuts hellos as Firefox does.
    pub cutter: Option<Cutter>,
    /// How old a picture is when it comes out of the encoder.
    pub lag: Duration,
    pub source: Source,
    pub sink: Sink,
    pub wake: Option<Instant>,
    pub next_picture: Instant,
    pub next_sound: Instant,
    sockets: BTreeMap<SocketId, SocketAddr>,
    next_port: u16,
    /// Names that the network was asked for.
    pub asked_names: Vec<String>,
    /// Tracks of others that anyone who shows them was told of.
    pub tracks: BTreeSet<TrackId>,
    ended: bool,
}

impl Client {
    pub fn new(index: u8, seed: u64, transport: TransportPolicy, codecs: &[VideoCodec], now: Instant) -> Self {
        let mut bytes = [index; 32];
        bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(to, from)| *to = from);
        let config = CallConfig {
            seed: bytes,
            nick: format!("client {index}"),
            video_codecs: codecs.to_vec(),
            transport,
            loopback: Loopback::Refused,
        };
        let mut call = Call::new(config);
        for source in [TrackSource::Microphone, TrackSource::Camera] {
            call.handle(Input::Command(Command::Publish(source)), now);
        }
        let address = IpAddr::from([10, 0, 0, index + 1]);
        call.handle(Input::Interfaces(vec![address.into()]), now);
        let track = |source| call.snapshot().track(source).expect("published").id;
        let (audio, video) = (track(TrackSource::Microphone), track(TrackSource::Camera));
        Self {
            node: NodeId(u32::from(index)),
            address,
            others: Vec::new(),
            call,
            conn: None,
            voice: None,
            ear: None,
            obeys: false,
            silent: false,
            has_streams: false,
            streams: BTreeMap::new(),
            asleep: false,
            crashed: false,
            deaf: false,
            held: None,
            cutter: None,
            lag: Duration::ZERO,
            source: Source::new(index, audio, video, now),
            sink: Sink::default(),
            wake: None,
            next_picture: now,
            next_sound: now,
            sockets: BTreeMap::new(),
            next_port: 40_000,
            asked_names: Vec::new(),
            tracks: BTreeSet::new(),
            ended: false,
        }
    }

    /// Moves to another address: every socket is dead, as after a change of Wi-Fi.
    pub fn move_to(&mut self, address: IpAddr) {
        self.address = address;
        self.sockets.clear();
    }

    /// Has these addresses from now on: sockets on any other are dead.
    pub fn rehome(&mut self, addresses: &[IpAddr]) {
        self.sockets.retain(|_, local| addresses.contains(&local.ip()));
        if let Some((first, others)) = addresses.split_first() {
            (self.address, self.others) = (*first, others.to_vec());
        }
    }

    pub fn deliver(&mut self, from: SocketAddr, to: SocketAddr, payload: Vec<u8>, now: Instant) {
        let mut open = self.sockets.iter().chain(&self.streams);
        let socket = open.find(|(_, local)| **local == to).map(|(socket, _)| *socket);
        let Some(socket) = socket else { return };
        let input = Input::Datagram { socket, from, payload: payload.into() };
        match &mut self.held {
            Some(held) => held.push(input),
            None => self.call.handle(input, now),
        }
    }

    /// Sends the media that is due.
    pub fn speak(&mut self, now: Instant) {
        while self.next_picture <= now {
            self.next_picture += VIDEO;
            if self.silent {
                continue;
            }
            for picture in self.source.picture(now - self.lag) {
                self.call.handle(Input::Frame(picture), now);
            }
        }
        while self.next_sound <= now {
            let mut sound = self.source.sound(self.next_sound);
            if let Some((voice, interval)) = &mut self.voice {
                sound.payload = voice();
                self.next_sound += *interval;
            } else {
                self.next_sound += AUDIO;
            }
            self.call.handle(Input::Frame(sound), now);
        }
    }

    /// Does what the call asks for that this machine can do itself; the rest is for the world.
    pub fn drain(&mut self, now: Instant) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let had_ended = self.ended;
        while let Some(output) = self.call.poll_output() {
            match output {
                Output::Transmit { socket, to, payload } => {
                    // A socket of an address that is gone sends nowhere.
                    if let Some(from) = self.streams.get(&socket) {
                        wishes.push(Wish::Stream { from: *from, message: payload.to_vec() });
                    } else if let Some(from) = self.sockets.get(&socket) {
                        wishes.push(Wish::Send { from: *from, to, payload: payload.to_vec() });
                    }
                }
                Output::Signal(message) => wishes.push(Wish::Say(message)),
                Output::DialSignal => wishes.push(Wish::Dial),
                Output::HangUpSignal => wishes.push(Wish::HangUp),
                Output::OpenSocket { socket, kind: SocketKind::Udp(bind) } => self.open(socket, bind, now),
                Output::OpenSocket { socket, kind: SocketKind::Stream(_) } => {
                    let local = self.has_streams.then(|| SocketAddr::new(self.address, self.next_port));
                    self.next_port += 1;
                    self.streams.extend(local.map(|local| (socket, local)));
                    self.call.handle(Input::Socket { socket, local }, now);
                }
                Output::CloseSocket(socket) => {
                    self.sockets.remove(&socket);
                    self.streams.remove(&socket);
                }
                Output::Media(MediaCommand::KeyFrame { track, layer, codec }) => {
                    if track == self.source.video {
                        self.source.want_key_frame(layer, codec);
                    }
                }
                Output::Media(MediaCommand::Subscribed { track, layer, codec, by_anybody }) => {
                    if track == self.source.video {
                        self.source.watch(layer, codec, by_anybody);
                    }
                }
                Output::Media(MediaCommand::Target { track, layer, bitrate, temporal }) => {
                    if track == self.source.video && self.obeys {
                        self.source.targets.insert(layer, (bitrate, temporal));
                    }
                }
                Output::Resolve(name) => self.asked_names.push(name),
                Output::Changed => self.ended = matches!(self.call.snapshot().phase, CallPhase::Ended(_)),
                Output::Media(MediaCommand::Begin { track, .. }) => drop(self.tracks.insert(track)),
                Output::Media(MediaCommand::End(track)) => drop(self.tracks.remove(&track)),
                // Its chirps stop by the call's own switch; there is no device that could follow.
                Output::Silenced | Output::Media(_) => {}
                Output::Frame(frame) => match (frame.codec, &mut self.ear) {
                    (Codec::Video(codec), _) => self.sink.picture(&frame, codec, now),
                    (Codec::Audio(_), Some(ear)) => ear(frame),
                    (Codec::Audio(_), None) => self.sink.sound(&frame, now),
                },
            }
        }
        assert!(!had_ended || wishes.is_empty(), "a call that had ended asked for {wishes:?}");
        wishes
    }

    fn open(&mut self, socket: SocketId, bind: IpAddr, now: Instant) {
        let possible = bind.is_unspecified() || bind == self.address || self.others.contains(&bind);
        let address = if bind.is_unspecified() { self.address } else { bind };
        let local = possible.then(|| SocketAddr::new(address, self.next_port));
        self.next_port += 1;
        if let Some(local) = local {
            self.sockets.insert(socket, local);
        }
        self.call.handle(Input::Socket { socket, local }, now);
    }

    /// Whether frames of a track of this source go out.
    pub fn is_enabled(&self, source: TrackSource) -> Switch {
        self.call.snapshot().track(source).expect("published").enabled
    }

    pub fn socket_addresses(&self) -> Vec<SocketAddr> {
        self.sockets.values().copied().collect()
    }

    pub fn open_sockets(&self) -> usize {
        self.sockets.len()
    }

    pub fn has_ended(&self) -> bool {
        self.crashed || self.ended
    }
}
