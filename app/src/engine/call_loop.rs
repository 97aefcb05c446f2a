//! The loop that owns the call: everything that happens goes in, everything that should be done comes out.

mod sharing;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_base::{TrackKind, TrackSource, VideoCodec};
use hearth_call::{
    Call, CallConfig, CallPhase, Command, Input, LocalAddress, Output, PictureFlow, SignallingState, SocketKind, Switch,
};
use hearth_protocol::{ClientMessage, Numbered};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::dial::Dial;
use super::history::ConnectionRecorder;
use super::media::{FromMedia, Media, MediaAction};
use super::pin::Trust;
use super::signalling::{self, OUTBOX, ServerAddress, SignalEvent};
use super::sockets::{self, Sockets};
use super::streams::{Datagram, StreamNews};
use super::wake::WakeDetector;
use super::{CallView, Counted, EngineCommand, EngineConfig, EngineError, ServerTrust, Showing, clock, interfaces};

/// How often the addresses of this machine are looked at, and both clocks, whatever the system tells by itself. Asking
/// the kernel is cheap.
const INTERFACES: Duration = Duration::from_secs(1);
/// How often the view is made new while nothing changes: the numbers in it do.
const VIEW: Duration = Duration::from_millis(500);
/// The same where a window shows how loud people are.
const METERS: Duration = Duration::from_millis(100);
/// How often the connections are counted: it costs more than a view.
const COUNT: Duration = Duration::from_secs(1);
/// Events of the server that wait for the call: a full room joins with 100. Full: the reader waits, then TCP.
const EVENTS: usize = 128;
/// How long the goodbye may take to go out and be answered. Where the server answers it takes a round trip.
const FAREWELL: Duration = Duration::from_millis(500);
/// What is taken from a queue before the call is looked after again.
const BATCH: usize = 32;

/// Everything that the call's thread owns.
pub(super) struct CallLoop {
    config: EngineConfig,
    /// What is done when nobody has actions any more; without it the call is left.
    goodbye: oneshot::Receiver<Command>,
    call: Call,
    sockets: Sockets,
    datagrams: mpsc::Receiver<Datagram>,
    streams: mpsc::Receiver<StreamNews>,
    media: Media,
    from_media: FromMedia,
    signal: Signal,
    wake: WakeDetector,
    /// Names that are being asked for; the call bounds them.
    lookups: JoinSet<(String, Option<IpAddr>)>,
    /// As they were at the last look.
    addresses: Vec<LocalAddress>,
    views: watch::Sender<Arc<CallView>>,
    view: CallView,
    changed: bool,
    /// What the connections were like of late.
    recorder: ConnectionRecorder,
    /// When the connections are counted next.
    count_at: Instant,
}

/// The connection to the server, where there is one.
struct Signal {
    server: Option<ServerAddress>,
    attempt: u64,
    /// The address that the connection is on.
    local: Option<IpAddr>,
    /// How it was dialled last.
    dial: Dial,
    /// Asks the server for a sign of life.
    probe: Arc<Notify>,
    outbox: Option<mpsc::Sender<Numbered<ClientMessage>>>,
    tasks: JoinSet<()>,
    events: mpsc::Sender<SignalEvent>,
    heard: mpsc::Receiver<SignalEvent>,
}

fn video_codecs(config: &EngineConfig) -> Vec<VideoCodec> {
    let can = hearth_media::codec::video_codecs();
    if config.video_codecs.is_empty() {
        return can;
    }
    config.video_codecs.iter().copied().filter(|codec| can.contains(codec)).collect()
}

impl CallLoop {
    pub(super) fn new(
        config: EngineConfig,
        seed: [u8; 32],
        views: watch::Sender<Arc<CallView>>,
        goodbye: oneshot::Receiver<Command>,
    ) -> Result<Self, EngineError> {
        let now = clock::now();
        let (arrivals, datagrams) = mpsc::channel(sockets::WAITING);
        let (news, streams) = mpsc::channel(sockets::NEWS);
        let (events, heard) = mpsc::channel(EVENTS);
        let video_codecs = video_codecs(&config);
        let can_encode = !video_codecs.is_empty();
        let tracks = config.tracks.iter().copied();
        let tracks: Vec<_> = tracks.filter(|track| can_encode || track.kind() != TrackKind::Video).collect();
        let mut call = Call::new(CallConfig {
            seed,
            nick: config.nick.clone(),
            video_codecs,
            transport: config.transport,
            loopback: config.loopback,
        });
        tracks.into_iter().for_each(|source| call.handle(Input::Command(Command::Publish(source)), now));
        let (mut media, from_media) = Media::start(&config, &call.tracks())?;
        media.action(MediaAction::Treat(config.processing));
        Ok(Self {
            call,
            sockets: Sockets::new(arrivals, news),
            datagrams,
            streams,
            media,
            from_media,
            signal: Signal {
                server: None,
                local: None,
                attempt: 0,
                dial: Dial::default(),
                probe: Arc::default(),
                outbox: None,
                tasks: JoinSet::new(),
                events,
                heard,
            },
            wake: WakeDetector::default(),
            lookups: JoinSet::new(),
            addresses: Vec::new(),
            views,
            view: CallView::default(),
            changed: true,
            recorder: ConnectionRecorder::default(),
            count_at: now,
            goodbye,
            config,
        })
    }

    /// Runs until the call has ended, or nobody has actions any more.
    pub(super) async fn run(mut self, mut actions: mpsc::Receiver<EngineCommand>) {
        let mut look_again = clock::now();
        let mut view_again = look_again;
        // One piece of news waits: a look sees all that has changed.
        let (told, mut moves) = mpsc::channel(1);
        let mut watcher = JoinSet::new();
        watcher.spawn(interfaces::watch(told));
        loop {
            let now = clock::now();
            if look_again <= now {
                look_again = now + INTERFACES;
                self.look_at_interfaces();
                if self.wake.look(now, clock::since_1970()) {
                    self.on_woken();
                }
            }
            self.drain();
            if self.changed || view_again <= now {
                view_again = now + self.view_interval();
                self.show();
            }
            if matches!(self.view.call.phase, CallPhase::Ended(_)) {
                break;
            }
            let due = self.call.poll_timeout().unwrap_or(look_again).min(look_again).min(view_again);
            self.wait(due, &mut actions, &mut moves).await;
        }
        // What was said last is still on its way out.
        let farewell = async { while self.signal.tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(FAREWELL, farewell).await);
        self.media.stop();
    }

    /// Waits for the next thing to happen, and takes it and what has come with it.
    async fn wait(
        &mut self,
        due: Instant,
        actions: &mut mpsc::Receiver<EngineCommand>,
        moves: &mut mpsc::Receiver<()>,
    ) {
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => self.call.handle(Input::Timeout, clock::now()),
            action = actions.recv() => {
                let action = action.unwrap_or_else(|| EngineCommand::Call(self.goodbye.try_recv().unwrap_or(Command::Leave)));
                self.on_command(action);
            }
            Some(Ok((name, address))) = self.lookups.join_next() => {
                self.call.handle(Input::Resolved { name, address }, clock::now());
            }
            Some(()) = moves.recv() => self.look_at_interfaces(),
            Some(event) = self.signal.heard.recv() => self.on_signal(event),
            Some(frame) = self.from_media.video.recv() => self.call.handle(Input::Frame(frame), clock::now()),
            Some(frame) = self.from_media.audio.recv() => self.call.handle(Input::Frame(frame), clock::now()),
            Some(()) = self.from_media.devices.recv() => self.on_devices(),
            Some(track) = self.from_media.lost.recv() => self.call.handle(Input::DecoderLost(track), clock::now()),
            Some((socket, local)) = self.streams.recv() => {
                self.call.handle(Input::Socket { socket, local }, clock::now());
            }
            Some(datagram) = self.datagrams.recv() => {
                self.on_datagram(datagram);
                for _ in 0..BATCH {
                    let Ok(datagram) = self.datagrams.try_recv() else { break };
                    self.on_datagram(datagram);
                }
            }
        }
    }

    fn on_command(&mut self, command: EngineCommand) {
        let command = match command {
            EngineCommand::Enter(server, command) => {
                self.signal.server = Some(server);
                command
            }
            EngineCommand::Call(command) => command,
            EngineCommand::Share(entry) => return self.share(entry),
            EngineCommand::Media(action) => {
                self.media.action(action);
                return self.on_devices();
            }
        };
        self.call.handle(Input::Command(command), clock::now());
    }

    /// What the others are told that we send is what we do send: wanted, and there.
    fn on_devices(&mut self) {
        self.look_at_screen();
        for track in self.call.tracks() {
            let enabled = self.media.sends(track.id);
            if track.enabled != enabled {
                self.call.handle(Input::Command(Command::SetEnabled(track.id, enabled)), clock::now());
            }
        }
        self.changed = true;
    }

    fn view_interval(&self) -> Duration {
        match self.config.showing {
            Showing::Stamps => VIEW,
            Showing::Window { .. } => METERS,
        }
    }

    /// A line of statistics is as new as a view without a window is.
    fn count_interval(&self) -> Duration {
        match self.config.showing {
            Showing::Stamps => VIEW,
            Showing::Window { .. } => COUNT,
        }
    }

    fn look_at_interfaces(&mut self) {
        let Some(addresses) = interfaces::addresses(self.config.loopback) else { return };
        let is_gone = |local: IpAddr| !local.is_loopback() && !addresses.iter().any(|one| one.address == local);
        let is_dialling = self.signal.outbox.is_some() && self.signal.local.is_none();
        let is_dead = is_dialling && self.signal.dial.look(addresses != self.addresses, clock::now());
        if self.signal.local.is_some_and(is_gone) || is_dead {
            // What is on an address that is gone would be silent for minutes before TCP gave up, and what was dialled
            // there never answers.
            self.hang_up();
        }
        self.addresses.clone_from(&addresses);
        self.call.handle(Input::Interfaces(addresses), clock::now());
    }

    /// This machine has slept. Who is out of reach is told by looking, now, and not by what did not come meanwhile.
    fn on_woken(&mut self) {
        tracing::info!("woke from sleep");
        if self.signal.local.is_some() {
            self.signal.probe.notify_one();
        } else {
            self.hang_up();
        }
        self.call.handle(Input::Woke, clock::now());
    }

    fn on_datagram(&mut self, datagram: Datagram) {
        let Datagram { socket, from, payload } = datagram;
        self.call.handle(Input::Datagram { socket, from, payload }, clock::now());
        self.drain();
    }

    fn on_signal(&mut self, event: SignalEvent) {
        let now = clock::now();
        match event {
            SignalEvent::Up { attempt, server, local } if attempt == self.signal.attempt => {
                self.sockets.room_key = server.map(|(spki, _)| spki);
                self.view.server = server.map(|(spki, trust)| (spki, trust.into()));
                self.view.signal_fault = None;
                self.signal.local = local;
                self.call.handle(Input::Signalling(SignallingState::Up), now);
            }
            SignalEvent::Message { attempt, message } if attempt == self.signal.attempt => {
                self.call.handle(Input::Signal(*message), now);
            }
            SignalEvent::Down { attempt, why } if attempt == self.signal.attempt => {
                tracing::info!(?why, "signalling down");
                self.view.signal_fault = Some(why);
                self.signal.outbox = None;
                self.changed = true;
                self.call.handle(Input::Signalling(SignallingState::Down), now);
            }
            // Of a connection that was hung up.
            SignalEvent::Up { .. } | SignalEvent::Message { .. } | SignalEvent::Down { .. } => {}
        }
        self.drain();
    }

    /// Does what the call asks for.
    fn drain(&mut self) {
        while let Some(output) = self.call.poll_output() {
            match output {
                Output::Transmit { socket, to, payload } => self.sockets.send(socket, to, payload),
                Output::Signal(message) => self.say(message),
                Output::DialSignal => self.dial(),
                Output::HangUpSignal => self.hang_up(),
                Output::OpenSocket { socket, kind: SocketKind::Stream(to) } => self.sockets.dial(socket, to),
                Output::OpenSocket { socket, kind: SocketKind::Udp(bind) } => {
                    let local = self.sockets.open(socket, bind);
                    if let Err(error) = &local {
                        tracing::warn!(%error, %bind, "socket not opened");
                    }
                    self.call.handle(Input::Socket { socket, local: local.ok() }, clock::now());
                }
                Output::CloseSocket(socket) => self.sockets.close(socket),
                Output::Resolve(name) => drop(self.lookups.spawn(self.config.discovery.clone().resolve(name))),
                Output::Media(command) => self.media.command(command),
                Output::Frame(frame) => {
                    let track = frame.track;
                    if !self.media.frame(frame) {
                        self.call.handle(Input::DecoderLost(track), clock::now());
                    }
                }
                Output::Silenced => {
                    self.media.action(MediaAction::Want(TrackSource::Microphone, Switch::Off));
                    self.on_devices();
                }
                Output::Changed => self.changed = true,
            }
        }
        self.sockets.flush();
    }

    fn dial(&mut self) {
        let Some(server) = self.signal.server.clone() else { return };
        self.signal.attempt += 1;
        self.signal.dial.begin(clock::now());
        let (outbox, messages) = mpsc::channel(OUTBOX);
        self.signal.outbox = Some(outbox);
        let events = self.signal.events.clone();
        while self.signal.tasks.try_join_next().is_some() {}
        self.signal.tasks.spawn(signalling::connection(
            server,
            self.signal.attempt,
            messages,
            self.signal.probe.clone(),
            events,
        ));
    }

    fn hang_up(&mut self) {
        self.signal.local = None;
        if self.signal.outbox.take().is_some() {
            // Events of this connection do not count from here on.
            self.signal.attempt += 1;
            self.call.handle(Input::Signalling(SignallingState::Down), clock::now());
        }
    }

    fn say(&mut self, message: Numbered<ClientMessage>) {
        let Some(outbox) = &self.signal.outbox else { return };
        if outbox.try_send(message).is_err() {
            // Full: nobody reads. The session says everything again on the next connection.
            tracing::warn!("the server does not read; connecting anew");
            self.hang_up();
        }
    }

    /// A track that is off, as its sender says, neither freezes nor pauses.
    fn tell_inactive(&mut self) {
        for peer in &self.view.call.peers {
            for (track, source) in &peer.tracks {
                let (_, theirs) = peer.connection.pictures;
                let is_moving = theirs == PictureFlow::Moving;
                let is_on = match source {
                    TrackSource::Camera => peer.media.video && is_moving && peer.watching.camera > 0,
                    TrackSource::Screen => peer.media.screen && is_moving && peer.watching.screen == Switch::On,
                    TrackSource::Microphone | TrackSource::System => true,
                };
                if !is_on {
                    self.media.handle_inactive(*track);
                }
            }
        }
    }

    fn show(&mut self) {
        self.changed = false;
        let now = clock::now();
        self.view.call = self.call.snapshot();
        self.tell_inactive();
        self.view.media = self.media.stats();
        if self.count_at <= now {
            // On time on the whole, however late a view is.
            self.count_at = (self.count_at + self.count_interval()).max(now);
            let media = self.view.media.clone();
            let counted = Counted { at: clock::since_1970(), peers: self.call.stats(now), media };
            if let Showing::Window { .. } = self.config.showing {
                self.recorder.record(&counted, &self.view.call.peers, now);
                self.view.histories = self.recorder.histories();
            }
            self.view.counted = Arc::new(counted);
        }
        self.view.devices = self.media.devices();
        self.view.own_feed = self.media.own_feed();
        self.view.sharing.shared = self.media.shared();
        self.view.feeds = self.media.feeds();
        self.views.send_replace(Arc::new(self.view.clone()));
    }
}

impl From<Trust> for ServerTrust {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::Pinned => Self::Pinned,
            Trust::Verified => Self::Verified,
            Trust::FirstUse => Self::FirstUse,
        }
    }
}
