//! From what the engine knows to what the window shows. Pure: everything is an argument.

use std::time::{Duration, Instant};

use hearth_base::TrackSource;
use hearth_call::{
    CallPhase, ChatMessage, PasswordPrompt as Asked, PasswordPromptState as Wanted, PeerPhase, PeerSnapshot,
    PictureFlow, Snapshot, Switch,
};
use hearth_media::devices::DevicesView;
use hearth_protocol::{PeerKind, Role};

use super::call_session::{CallSession, Step};
use super::links::Target;
use crate::engine::hosting::HostingFacts;
use crate::engine::{CallView, ServerTrust};
use crate::view::{
    Admission, ChatLine, DeviceFiles, Devices, Invite, Knocker, Me, PasswordPrompt, PasswordPromptState, Person,
    PreJoin, PreJoinView, Progress, Quality, Room, RoomServer, ServerKey, SharedScreen, Speaker, Stage,
};

/// Losses and round trips from which on people complain (ITU-T G.114: 400 ms is the most for speech).
const POOR_LOSS: f64 = 0.08;
const POOR_ROUND_TRIP: Duration = Duration::from_millis(400);

/// The try from which on a server counts as lost rather than as on its way back.
const LOST_ATTEMPT: u32 = 3;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: Instant,
    pub(super) unix_s: u64,
}

impl Moment {
    /// Seconds since 1970 at another instant.
    fn unix_s_at(&self, at: Instant) -> u64 {
        self.unix_s.saturating_sub(self.at.saturating_duration_since(at).as_secs())
    }
}

/// The devices, without what was wanted of them: that is in the settings.
pub(super) fn devices(view: &DevicesView, files: DeviceFiles) -> Devices {
    Devices {
        lists: view.lists.clone(),
        microphone: view.microphone.actual.clone(),
        speaker: view.speaker.actual.clone(),
        camera: view.camera.actual.clone(),
        files,
    }
}

/// The stage of a visit.
pub(super) fn stage(visit: &CallSession, nick: &str, hosting: Option<&HostingFacts>, now: Moment) -> Stage {
    let view = visit.view();
    match visit.step {
        Step::AtDoor => Stage::PreJoin(PreJoin {
            door: door(&visit.target),
            microphone: visit.media.microphone,
            camera: visit.media.camera,
            feed: view.own_feed.clone(),
            level: view.media.voice.level.share(),
        }),
        Step::Seeking(_) | Step::Entered => Stage::Room(room(visit, &view, nick, hosting, now)),
    }
}

fn door(target: &Target) -> PreJoinView {
    match target {
        Target::Host | Target::Create(_) => PreJoinView::Start,
        Target::Link(link) => PreJoinView::Join { room: link.room.clone(), invited: link.secret.is_some() },
        Target::Number(room) => PreJoinView::Join { room: room.clone(), invited: false },
    }
}

fn room(visit: &CallSession, view: &CallView, nick: &str, hosting: Option<&HostingFacts>, now: Moment) -> Room {
    let call = &view.call;
    let mut people: Vec<&PeerSnapshot> = call.peers.iter().collect();
    people.sort_by_key(|peer| peer.came);
    Room {
        progress: progress(&call.phase),
        name: call.room.clone().or_else(|| visit.target.room()),
        role: call.role,
        admission: admission(call, now.at),
        me: Me {
            id: call.me,
            nick: nick.to_owned(),
            microphone: visit.media.microphone,
            camera: visit.media.camera,
            feed: view.own_feed.clone(),
            level: view.media.voice.level.share(),
            hand: call.hand,
            is_muted_talking: view.media.voice.is_muted_and_speaking,
            shared: view.sharing.shared.clone().map(|(entry, feed)| SharedScreen { name: entry.name, feed }),
        },
        people: people.into_iter().map(|peer| person(peer, visit, view)).collect(),
        lobby: lobby(call),
        chat: call.chat.iter().map(|message| line(message, now)).collect(),
        invite: invite(visit, view, hosting),
        server: server(view),
        seconds: visit.since.map_or(0, |since| now.at.saturating_duration_since(since).as_secs()),
    }
}

fn progress(phase: &CallPhase) -> Progress {
    match phase {
        CallPhase::Idle | CallPhase::Joining | CallPhase::Ended(_) => Progress::Entering,
        CallPhase::Asked(_) => Progress::Asked,
        CallPhase::Lobby(_) => Progress::Waiting,
        CallPhase::InRoom => Progress::In,
        CallPhase::Resuming { .. } => Progress::Reconnecting,
    }
}

fn admission(call: &Snapshot, now: Instant) -> Admission {
    Admission {
        capacity: call.room_state.capacity,
        is_locked: call.room_state.locked,
        has_password: call.room_state.has_password,
        is_invite_only: call.room_state.invite_only,
        prompt: prompt(&call.phase, now),
    }
}

fn server(view: &CallView) -> RoomServer {
    RoomServer {
        key: match view.server {
            None => ServerKey::Absent,
            Some((spki, ServerTrust::FirstUse)) => ServerKey::Unverified { words: spki.words() },
            Some(_) => ServerKey::Verified,
        },
        is_lost: matches!(view.call.phase, CallPhase::Resuming { attempt } if attempt >= LOST_ATTEMPT),
    }
}

fn prompt(phase: &CallPhase, now: Instant) -> Option<PasswordPrompt> {
    let (CallPhase::Asked(Asked { state, refusals }) | CallPhase::Lobby(Some(Asked { state, refusals }))) = *phase
    else {
        return None;
    };
    let state = match state {
        Wanted::Trying => PasswordPromptState::Trying,
        Wanted::Wrong => PasswordPromptState::Wrong,
        Wanted::Wanted => PasswordPromptState::Wanted,
        Wanted::TooOften { until } => match until.saturating_duration_since(now).as_millis().div_ceil(1000) {
            0 => PasswordPromptState::Wanted,
            seconds => PasswordPromptState::TooOften { seconds: u64::try_from(seconds).unwrap_or(u64::MAX) },
        },
    };
    Some(PasswordPrompt { state, refusals })
}

/// How pictures go; as they are, where there are none.
fn pictures(peer: &PeerSnapshot, view: &CallView) -> (PictureFlow, PictureFlow) {
    let (ours, theirs) = peer.connection.pictures;
    let is_ours =
        view.call.tracks.iter().any(|track| {
            matches!(track.source, TrackSource::Camera | TrackSource::Screen) && track.enabled == Switch::On
        });
    let is_theirs = peer.media.video || peer.media.screen;
    let shown = |flow, is_there| {
        if is_there || flow == PictureFlow::Silence { flow } else { PictureFlow::Moving }
    };
    (shown(ours, is_ours), shown(theirs, is_theirs))
}

fn person(peer: &PeerSnapshot, visit: &CallSession, view: &CallView) -> Person {
    let mut played = peer.tracks.iter().filter_map(|(track, _)| view.media.tracks.get(track)?.played);
    let feed = |wanted: TrackSource| {
        let (track, _) = peer.tracks.iter().find(|(_, source)| *source == wanted)?;
        view.feeds.iter().find(|feed| feed.track == *track).cloned()
    };
    // Our own page shows its screen in the place of the picture, everybody else beside it.
    let (picture, screen) = match (feed(TrackSource::Camera), feed(TrackSource::Screen)) {
        (shared, None) if peer.media.screen && peer.kind == PeerKind::Web => (None, shared),
        both => both,
    };
    Person {
        id: peer.id,
        nick: peer.nick.clone(),
        kind: peer.kind,
        role: peer.role,
        media: peer.media,
        is_speaking: played.any(|track| track.is_speaking),
        feed: picture,
        screen,
        hand: peer.hand,
        quality: quality(peer),
        connection: view.histories.get(&peer.id).cloned().unwrap_or_default(),
        problem: peer.connection.problem,
        lacks_video_codec: peer.connection.lacks_video_codec,
        pictures: pictures(peer, view),
        volume: visit.media.volumes.get(&peer.id).copied().unwrap_or(1.0),
    }
}

fn quality(peer: &PeerSnapshot) -> Quality {
    match peer.connection.phase {
        PeerPhase::Negotiating | PeerPhase::Connecting => Quality::Connecting,
        PeerPhase::Connected(route) => {
            let slow = peer.connection.round_trip.is_some_and(|trip| trip > POOR_ROUND_TRIP);
            if slow || peer.connection.loss > POOR_LOSS { Quality::Poor(route) } else { Quality::Good(route) }
        }
        PeerPhase::Faltering | PeerPhase::Restarting { .. } | PeerPhase::Failed => Quality::Lost,
    }
}

fn lobby(call: &Snapshot) -> Vec<Knocker> {
    let knocker = |entry: &hearth_protocol::LobbyEntry| Knocker {
        id: entry.id,
        nick: entry.nick.clone(),
        kind: entry.kind,
        same_address_as: entry.same_address_as.clone(),
    };
    call.lobby.iter().map(knocker).collect()
}

fn line(message: &ChatMessage, now: Moment) -> ChatLine {
    ChatLine {
        from: message.from.map_or(Speaker::Me, |id| Speaker::Person { id, nick: message.nick.clone() }),
        text: message.text.clone(),
        unix_s: now.unix_s_at(message.at),
    }
}

/// How others come in. Only who made the room, or came by the whole link, can tell.
fn invite(visit: &CallSession, view: &CallView, hosting: Option<&HostingFacts>) -> Option<Invite> {
    let number = view.call.room.clone()?;
    let (wrong_invites, wrong_passwords) = match view.call.role {
        Role::Host => (view.call.room_state.wrong_invites, view.call.room_state.wrong_passwords),
        Role::Guest => (0, 0),
    };
    if let (Target::Host, Some(facts)) = (&visit.target, hosting) {
        let chosen = visit.advertisement.addresses.iter().find(|address| address.is_chosen)?;
        let link = super::places::hosted_link(chosen.address, facts.port, number.clone(), visit.secret(), facts.spki)?;
        return Some(Invite {
            number,
            link: link.reveal(),
            is_hosted: true,
            addresses: visit.advertisement.addresses.clone(),
            words: facts.spki.words(),
            certificate: facts.certificate.map(|hash| hearth_protocol::fingerprint_hex(&hash)),
            wrong_invites,
            wrong_passwords,
        });
    }
    let link = visit.link(number.clone())?.reveal();
    // A proxy on this machine has no key, and still there is a link.
    let words = view.server.map(|(spki, _)| spki.words()).unwrap_or_default();
    let addresses = Vec::new();
    Some(Invite { number, link, is_hosted: false, addresses, words, certificate: None, wrong_invites, wrong_passwords })
}
