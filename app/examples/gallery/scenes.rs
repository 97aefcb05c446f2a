//! Moments of the program, written down: the gallery shows them, and the tests of the window draw, press and compare
//! them.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "what is written here is right, and any time will do"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hearth::view::{
    AddressKind, Admission, ChatLine, ConnectionHistory, ConnectionPath, ConnectionSample, Devices, Fault, Invite,
    InviteAddress, Knocker, Me, NearbyRoom, PasswordPrompt, PasswordPromptState, PathEnd, Person, Pictures, PreJoin,
    PreJoinView, Progress, Quality, RecentRoom, Room, RoomServer, SAMPLES, ServerKey, Speaker, Stage, VideoFeed, View,
};
use hearth_base::{DeviceEntry, DeviceFault, DeviceId, DeviceLists, DeviceState, Picture, Resolution, TrackId};
use hearth_call::{Hand, Route, Switch};
use hearth_protocol::{MediaState, PeerId, PeerKind, Role, RoomName};

/// Rooms near and past.
pub(crate) fn home() -> View {
    View {
        nearby: vec![
            NearbyRoom { room: room("482913605"), host: Some("Ann".to_owned()), people: Some(3), is_locked: true },
            NearbyRoom { room: room("730118254"), host: None, people: None, is_locked: false },
        ],
        recent: vec![
            RecentRoom { room: room("615204837"), server: "192.168.1.20:8443".to_owned(), seen_unix_s: 1_772_641_800 },
            RecentRoom {
                room: room("家庭聚会"), server: "meet.example.org".to_owned(), seen_unix_s: 1_772_382_600
            },
        ],
        ..View::default()
    }
}

/// A room ended, and the program crashed before.
pub(crate) fn home_fault() -> View {
    let crash = Some("~/.local/state/hearth/crashes/2026-03-04.txt".into());
    View { fault: Some(Fault::RoomEnded), crash, ..home() }
}

/// In front of the mirror, with everything plugged in.
pub(crate) fn prejoin() -> View {
    let door = PreJoin {
        door: PreJoinView::Join { room: room("482913605"), invited: true },
        feed: Some(feed(1, 3)),
        level: 0.55,
        ..PreJoin::default()
    };
    named(View { stage: Stage::PreJoin(door), devices: devices(), ..View::default() })
}

/// In front of the mirror, with nothing that works.
pub(crate) fn prejoin_trouble() -> View {
    let door = PreJoin { door: PreJoinView::Join { room: room("482913605"), invited: false }, ..PreJoin::default() };
    let devices = Devices {
        camera: DeviceState::Failed(DeviceFault::InUse),
        microphone: DeviceState::Failed(DeviceFault::NoDevice),
        speaker: DeviceState::Opening,
        ..devices()
    };
    View { stage: Stage::PreJoin(door), devices, ..View::default() }
}

/// The host is asked.
pub(crate) fn waiting() -> View {
    let room = Room { progress: Progress::Waiting, name: Some(room("482913605")), me: me(), ..Room::default() };
    of(room)
}

/// Before the door of a room that asks for a password.
pub(crate) fn asked() -> View {
    let room = Room {
        progress: Progress::Asked,
        name: Some(room("482913605")),
        me: me(),
        admission: Admission { prompt: Some(PasswordPrompt::default()), ..Admission::default() },
        ..Room::default()
    };
    of(room)
}

/// The same, after a password that did not open it.
pub(crate) fn asked_again() -> View {
    let mut view = asked();
    if let Stage::Room(room) = &mut view.stage {
        room.admission.prompt = Some(PasswordPrompt { state: PasswordPromptState::Wrong, refusals: 1 });
    }
    view
}

/// Before the host, who has set a password, too.
pub(crate) fn waiting_or_asked() -> View {
    let mut view = waiting();
    if let Stage::Room(room) = &mut view.stage {
        room.admission.prompt = Some(PasswordPrompt::default());
    }
    view
}

/// A room of our own, and nobody there.
pub(crate) fn alone() -> View {
    of(Room { people: Vec::new(), lobby: Vec::new(), chat: Vec::new(), seconds: 12, ..hosted() })
}

/// Two people.
pub(crate) fn pair() -> View {
    let people = vec![person(0, "Grace Hopper", Quality::Good(Route::Direct), true)];
    of(Room { people, role: Role::Guest, invite: None, lobby: Vec::new(), ..hosted() })
}

/// One of three shows a screen.
pub(crate) fn screen() -> View {
    let mut people = vec![
        person(0, "Grace Hopper", Quality::Good(Route::Direct), true),
        person(1, "小明", Quality::Good(Route::Direct), true),
    ];
    if let Some(first) = people.first_mut() {
        (first.kind, first.screen) = (PeerKind::Legacy, Some(document()));
    }
    of(Room { people, role: Role::Guest, invite: None, lobby: Vec::new(), ..hosted() })
}

/// One of three people shares a screen instead of the camera, and another has raised a hand.
pub(crate) fn sharing() -> View {
    let mut view = screen();
    if let Stage::Room(room) = &mut view.stage {
        for (person, (feed, hand)) in room.people.iter_mut().zip([(None, Hand::Down), (Some(feed(11, 1)), Hand::Up)]) {
            (person.kind, person.feed, person.hand) = (PeerKind::Web, feed, hand);
        }
    }
    view
}

/// Five people and all that belongs to a call.
pub(crate) fn call() -> View {
    of(hosted())
}

/// The same, where much goes wrong.
pub(crate) fn call_trouble() -> View {
    let base = hosted();
    let mut view = of(Room {
        progress: Progress::Reconnecting,
        server: RoomServer {
            key: ServerKey::Unverified { words: "harbour violet canoe lantern".to_owned() },
            is_lost: false,
        },
        me: Me { microphone: Switch::Off, is_muted_talking: true, ..me() },
        ..base
    });
    view.devices.camera = DeviceState::Failed(DeviceFault::Unplugged);
    view.fault = Some(Fault::BusyPort(8443));
    view
}

/// A full room.
pub(crate) fn twelve() -> View {
    let people = (0..11).map(|at| {
        let nick = [
            "Ada",
            "小明",
            "Grace Hopper",
            "Linus",
            "王小红",
            "Katherine Johnson",
            "Tim",
            "李雷",
            "韩梅梅",
            "Margaret",
            "Bo",
        ];
        person(at, nick.get(usize::from(at)).copied().unwrap_or("?"), Quality::Good(Route::Direct), at % 3 != 1)
    });
    of(Room { people: people.collect(), lobby: Vec::new(), ..hosted() })
}

fn named(mut view: View) -> View {
    view.settings.nick = "Ada Lovelace".to_owned();
    view
}

fn of(room: Room) -> View {
    named(View { stage: Stage::Room(room), devices: devices(), ..View::default() })
}

fn me() -> Me {
    Me { nick: "Ada Lovelace".to_owned(), feed: Some(feed(1, 3)), ..Me::default() }
}

/// A room that we host, with four others in it.
pub(crate) fn hosted() -> Room {
    let mut people = vec![
        person(0, "Grace Hopper", Quality::Good(Route::Direct), true),
        person(1, "小明", Quality::Poor(Route::Relayed), true),
        person(2, "Katherine Coleman Goble Johnson of West Virginia", Quality::Good(Route::Relayed), false),
        person(3, "", Quality::Lost, true),
    ];
    if let Some(first) = people.first_mut() {
        first.is_speaking = true;
    }
    Room {
        progress: Progress::In,
        name: Some(room("482913605")),
        role: Role::Host,
        admission: Admission { capacity: 12, is_invite_only: true, ..Admission::default() },
        me: me(),
        people,
        lobby: vec![Knocker { id: id(9), nick: "Alan Turing".to_owned(), kind: PeerKind::Web, same_address_as: None }],
        chat: chat(),
        invite: Some(invite()),
        server: RoomServer { key: ServerKey::Verified, is_lost: false },
        seconds: 754,
    }
}

fn chat() -> Vec<ChatLine> {
    let grace = || Speaker::Person { id: id(0), nick: "Grace Hopper".to_owned() };
    let ming = || Speaker::Person { id: id(1), nick: "小明".to_owned() };
    [
        (grace(), "Good evening, everybody!"),
        (grace(), "The agenda is at https://example.org/agenda, please have a look before we begin."),
        (ming(), "大家好，我先去泡杯茶，马上回来。"),
        (Speaker::Me, "Take your time."),
    ]
    .into_iter()
    .zip(0..)
    .map(|((from, text), at)| ChatLine { from, text: text.to_owned(), unix_s: 1_772_641_800 + 40 * at })
    .collect()
}

/// An invitation to a room on this machine.
pub(crate) fn invite() -> Invite {
    let address = |address: &str, interface: &str, kind, is_chosen| InviteAddress {
        address: address.parse().expect("an address"),
        interface: interface.to_owned(),
        kind,
        is_chosen,
    };
    Invite {
        number: room("482913605"),
        link: "https://192.168.1.20:8443/j/482913605#k=Q2hhcmxlcyBCYWJiYWdl&f=x1y2z3".to_owned(),
        is_hosted: true,
        addresses: vec![
            address("192.168.1.20", "enp3s0", AddressKind::Lan, true),
            address("10.8.0.2", "wg0", AddressKind::Vpn, false),
            address("127.0.0.1", "lo", AddressKind::Loopback, false),
        ],
        words: "harbour violet canoe lantern".to_owned(),
        certificate: Some(
            "3A:7F:12:C4:90:BE:55:0D:E1:68:2B:9C:47:F3:0A:D6:81:5E:C9:34:7A:B0:1F:E8:62:93:DD:05:4C:A7:F9:1B"
                .to_owned(),
        ),
        wrong_invites: 2,
        wrong_passwords: 0,
    }
}

/// Somebody.
pub(crate) fn person(at: u8, nick: &str, quality: Quality, has_video: bool) -> Person {
    Person {
        id: id(at),
        nick: nick.to_owned(),
        kind: if at.is_multiple_of(2) { PeerKind::Native } else { PeerKind::Web },
        role: Role::Guest,
        media: MediaState { audio: at % 3 != 2, video: has_video, screen: false },
        is_speaking: false,
        feed: has_video.then(|| feed(10 + u32::from(at), at)),
        screen: None,
        hand: Hand::Down,
        quality,
        connection: history(at, quality),
        volume: 1.0,
        problem: None,
        lacks_video_codec: false,
        pictures: Default::default(),
    }
}

/// Two minutes of somebody: a start, a calm, a narrow minute with loss and a freeze, and a recovery.
fn history(at: u8, quality: Quality) -> Arc<ConnectionHistory> {
    let mut history = ConnectionHistory::default();
    history.unix_s = 1_772_641_800;
    let route = match quality {
        Quality::Good(route) | Quality::Poor(route) => route,
        Quality::Connecting | Quality::Lost => return Arc::new(history),
    };
    let is_relayed = route == Route::Relayed;
    let end = |kind: &str, address: &str| PathEnd { kind: kind.to_owned(), address: address.to_owned() };
    let local = if is_relayed { end("relay", "198.51.100.7:49170") } else { end("host", "192.168.1.20:51820") };
    history.path = Some(ConnectionPath { route, local, remote: end("srflx", "[2001:db8::9]:4000") });
    for second in 0..SAMPLES as u32 {
        let wave = f64::from((second * 7 + u32::from(at) * 13) % 11) / 11.0;
        let is_narrow = (60..90).contains(&second);
        let target = if is_narrow { 420_000.0 } else { (400_000.0 + f64::from(second) * 40_000.0).min(2_500_000.0) };
        history.push(ConnectionSample {
            sent: Some(target * (0.9 + 0.08 * wave) + 40_000.0),
            received: Some(1_400_000.0 + 200_000.0 * wave),
            target: Some(target),
            loss: Some(if is_narrow { 0.02 + 0.05 * wave } else { 0.0 }),
            round_trip: Some(0.034 + if is_narrow { 0.12 * wave } else { 0.006 * wave }),
            queue: Some(if is_narrow { 0.09 * wave } else { 0.002 }),
            repair: Some(if is_narrow { 0.12 + 0.1 * wave } else { 0.0 }),
            freezes: Some(u32::from(second == 64 || second == 71)),
            height_sent: Some(if is_narrow { 360 } else { 720 }),
            height_received: Some(720),
            camera_to_screen: at.is_multiple_of(2).then_some(0.068 + if is_narrow { 0.1 * wave } else { 0.01 * wave }),
        });
    }
    Arc::new(history)
}

/// An id.
pub(crate) fn id(at: u8) -> PeerId {
    PeerId::parse(&format!("peer-{at:012}")).expect("an id")
}

/// A room's name.
pub(crate) fn room(name: &str) -> RoomName {
    RoomName::parse(name).expect("a name")
}

/// A laptop's devices.
pub(crate) fn devices() -> Devices {
    let entry = |id: &str, name: &str, is_default| DeviceEntry {
        id: DeviceId(id.to_owned()),
        name: name.to_owned(),
        is_default,
        is_monitor: false,
    };
    let lists = DeviceLists {
        is_known: true,
        cameras: vec![entry("v0", "Integrated Camera", true), entry("v1", "Logitech C920 HD Pro Webcam", false)],
        microphones: vec![entry("m0", "Built-in Audio Analog Stereo", true), entry("m1", "Jabra Evolve 65", false)],
        speakers: vec![entry("s0", "Built-in Audio Analog Stereo", true), entry("s1", "Jabra Evolve 65", false)],
    };
    let on = |name: &str| DeviceState::On { name: name.to_owned() };
    Devices {
        lists,
        camera: on("Integrated Camera"),
        microphone: on("Built-in Audio Analog Stereo"),
        speaker: on("Built-in Audio Analog Stereo"),
        ..Devices::default()
    }
}

/// A picture that is there once.
struct Still {
    picture: Picture,
    is_taken: AtomicBool,
}

impl Pictures for Still {
    fn take(&self) -> Option<Picture> {
        (!self.is_taken.swap(true, Ordering::Relaxed)).then(|| self.picture.clone())
    }
}

/// Somebody in front of a wall.
fn feed(track: u32, look: u8) -> VideoFeed {
    shown(track, picture(|x, y| colour(look, x, y)))
}

/// A page of a text, and a heading.
fn document() -> VideoFeed {
    let paper = |x: f32, y: f32| match (x, y % 14.0) {
        (40.0..180.0, _) if (20.0..32.0).contains(&y) => [90, 110, 160],
        (40.0..=280.0, 8.0..) if y > 40.0 && x < 180.0 + (y * 37.0) % 100.0 => [96, 128, 128],
        _ => [232, 126, 130],
    };
    shown(90, picture(paper))
}

fn shown(track: u32, picture: Picture) -> VideoFeed {
    VideoFeed::new(TrackId(track), Arc::new(Still { picture, is_taken: AtomicBool::new(false) }))
}

/// Luma, blue and red differences of walls, of skins and hair, and of what people wear.
const WALLS: [[u8; 3]; 4] = [[150, 110, 142], [120, 138, 112], [176, 118, 134], [96, 134, 124]];
const SKINS: [[u8; 3]; 4] = [[176, 108, 150], [120, 112, 154], [148, 106, 154], [196, 110, 146]];
const HAIRS: [[u8; 3]; 4] = [[40, 124, 134], [30, 128, 128], [70, 112, 146], [52, 120, 138]];
const CLOTHES: [[u8; 3]; 4] = [[90, 150, 110], [70, 120, 160], [110, 100, 130], [60, 140, 120]];

fn picture(colour: impl Fn(f32, f32) -> [u8; 3]) -> Picture {
    const SIZE: Resolution = Resolution { width: 320, height: 180 };
    let planes: [Vec<u8>; 3] = [0, 1, 2].map(|plane| {
        let step = if plane == 0 { 1 } else { 2 };
        let (columns, rows) = (SIZE.width / step, SIZE.height / step);
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (column * step, row * step)));
        places.map(|(x, y)| colour(x as f32, y as f32).get(plane as usize).copied().unwrap_or(128)).collect()
    });
    Picture::new(SIZE, planes.concat().into(), Instant::now()).expect("the planes are as long as the size asks for")
}

fn colour(look: u8, x: f32, y: f32) -> [u8; 3] {
    let of = |table: [[u8; 3]; 4], shift: u8| table.get(usize::from((look + shift) % 4)).copied().unwrap_or([128; 3]);
    let inside = |cx: f32, cy: f32, rx: f32, ry: f32| ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) < 1.0;
    let lean = f32::from(look % 5) * 4.0 - 8.0;
    if inside(160.0 + lean, 88.0, 30.0, 38.0) {
        of(SKINS, look / 4)
    } else if inside(160.0 + lean, 78.0, 38.0, 44.0) {
        of(HAIRS, 0)
    } else if inside(160.0, 190.0, 88.0, 60.0) {
        of(CLOTHES, 1)
    } else {
        let [luma, blue, red] = of(WALLS, 0);
        [luma.saturating_sub((y / 5.0) as u8 + ((x - 100.0).abs() / 9.0) as u8), blue, red]
    }
}
