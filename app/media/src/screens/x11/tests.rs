//! A display of our own (Xvfb), painted by us, and looked at.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hearth_base::{Picture, Resolution, ScreenFault, ScreenId};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    AtomEnum, ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, PropMode, Rectangle, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::{Screen, list};
use crate::Now;
use crate::screens::ScreenPictures as _;

const TICK: Duration = Duration::from_millis(33);
const RED: u32 = 0x00ff_0000;
const GREEN: u32 = 0x0000_ff00;
const BLUE: u32 = 0x0000_00ff;
/// Luma of these (BT.601, limited range), and of black.
const LUMA: [(u32, u8); 4] = [(RED, 81), (GREEN, 145), (BLUE, 41), (0, 16)];

/// A display with a painter.
struct Desk {
    name: String,
    server: Child,
    painter: RustConnection,
    root: u32,
}

impl Desk {
    fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-screen", "0", "640x480x24", "-noreset", "-nolisten", "tcp", "-displayfd", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is not there: `cargo xtask test` installs it");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let name = format!(":{}", number.trim());
        let (painter, _) = x11rb::connect(Some(&name)).unwrap();
        let root = painter.setup().roots[0].root;
        Self { name, server, painter, root }
    }

    fn window(&self, title: &str, x: i16, y: i16, width: u16, height: u16) -> u32 {
        let window = self.painter.generate_id().unwrap();
        let look = CreateWindowAux::new().background_pixel(GREEN);
        let (depth, visual) = (x11rb::COPY_DEPTH_FROM_PARENT, x11rb::COPY_FROM_PARENT);
        let class = WindowClass::INPUT_OUTPUT;
        self.painter
            .create_window(depth, window, self.root, x, y, width, height, 0, class, visual, &look)
            .unwrap()
            .check()
            .unwrap();
        self.painter
            .change_property8(PropMode::REPLACE, window, AtomEnum::WM_NAME, AtomEnum::STRING, title.as_bytes())
            .unwrap();
        self.painter.map_window(window).unwrap();
        self.settle();
        window
    }

    fn paint(&self, drawable: u32, colour: u32, x: i16, y: i16, width: u16, height: u16) {
        let context = self.painter.generate_id().unwrap();
        self.painter.create_gc(context, drawable, &CreateGCAux::new().foreground(colour)).unwrap();
        self.painter.poly_fill_rectangle(drawable, context, &[Rectangle { x, y, width, height }]).unwrap();
        self.painter.free_gc(context).unwrap();
        self.settle();
    }

    /// All that was asked for is done.
    fn settle(&self) {
        self.painter.get_input_focus().unwrap().reply().unwrap();
    }

    fn pointer(&self, x: i16, y: i16) {
        self.painter.warp_pointer(x11rb::NONE, self.root, 0, 0, 0, 0, x, y).unwrap();
        self.settle();
    }

    fn open(&self, id: ScreenId) -> Looker {
        Looker { screen: Screen::open(Some(&self.name), id).unwrap(), now: Now::read().monotonic }
    }

    fn monitor(&self) -> ScreenId {
        list(Some(&self.name), false).unwrap()[0].id
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// Somebody who looks at a screen, in a time of their own.
struct Looker {
    screen: Screen,
    now: Instant,
}

impl Looker {
    fn look(&mut self) -> Option<Picture> {
        self.now += TICK;
        // What the server says comes in order: all news are here when it has answered.
        self.screen.display.connection.get_input_focus().unwrap().reply().unwrap();
        self.screen.look(self.now).unwrap()
    }

    /// The next picture that is asked for; news are there at once, as the server does things in order.
    fn picture(&mut self) -> Picture {
        (0..10).find_map(|_| self.look()).expect("a picture")
    }

    /// Looks until nothing is new.
    fn rest(&mut self) {
        for _ in 0..20 {
            self.look();
        }
    }
}

fn is(picture: &Picture, x: usize, y: usize, colour: u32) -> bool {
    let luma = picture.y()[y * picture.resolution().width as usize + x];
    let (_, expected) = LUMA.into_iter().find(|(one, _)| *one == colour).unwrap();
    luma.abs_diff(expected) <= 1
}

#[test]
fn monitors_and_windows_with_a_name_can_be_shared() {
    let desk = Desk::start();
    let letter = desk.window("A letter", 10, 20, 301, 200);
    desk.window("A tooltip", 0, 0, 40, 20);
    desk.window("", 0, 0, 300, 200);
    let entries = list(Some(&desk.name), false).unwrap();
    let sizes: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.resolution)).collect();
    let expected = [("screen", Resolution::new(640, 480)), ("A letter", Resolution::new(300, 200))];
    assert_eq!(sizes, expected.map(|(name, size)| (name, size.unwrap())));
    assert_eq!(entries[1].id, ScreenId::Window(letter));
    assert_eq!(list(Some(&desk.name), true).unwrap(), entries[1..], "a desktop of Wayland's");
    assert!(matches!(list(Some(":9999"), false), Err(ScreenFault::NoDisplay(_))));
    let gone = Screen::open(Some(&desk.name), ScreenId::Window(12345));
    assert_eq!(gone.err(), Some(ScreenFault::Gone));
}

#[test]
fn what_changes_is_seen_at_once_and_what_does_not_five_times_a_second() {
    let desk = Desk::start();
    desk.pointer(639, 479);
    desk.paint(desk.root, RED, 100, 100, 200, 100);
    for id in [desk.monitor(), ScreenId::Desktop] {
        let mut looker = desk.open(id);
        let picture = looker.picture();
        assert_eq!(picture.resolution(), Resolution::new(640, 480).unwrap());
        assert!(is(&picture, 100, 100, RED) && is(&picture, 299, 199, RED));
        assert!(is(&picture, 99, 100, 0) && is(&picture, 300, 199, 0));
        looker.rest();
        let again: Vec<_> = (0..60).filter_map(|_| looker.look()).collect();
        assert!((8..=10).contains(&again.len()), "{} in two seconds", again.len());
        assert!(again.iter().all(|picture| picture.planes().as_ptr() == again[0].planes().as_ptr()), "no copies");
        desk.paint(desk.root, BLUE, 0, 0, 10, 10);
        let picture = looker.look().expect("it has changed");
        assert!(is(&picture, 5, 5, BLUE));
        desk.paint(desk.root, 0, 0, 0, 10, 10);
    }
}

#[test]
fn the_pointer_is_in_the_picture_and_moves() {
    let desk = Desk::start();
    desk.pointer(300, 300);
    let mut looker = desk.open(ScreenId::Desktop);
    looker.rest();
    desk.pointer(50, 60);
    let picture = looker.look().expect("it moved");
    let around = |picture: &Picture, x: usize, y: usize| {
        let lines = (y - 16..y + 16).flat_map(|line| picture.y()[line * 640 + x - 16..line * 640 + x + 16].to_vec());
        lines.filter(|luma| luma.abs_diff(16) > 8).count()
    };
    assert!(around(&picture, 50, 60) > 10 && around(&picture, 300, 300) == 0);
}

#[test]
fn a_window_is_whole_while_others_cover_it_and_follows_its_size_until_it_is_gone() {
    let desk = Desk::start();
    desk.pointer(639, 479);
    let window = desk.window("A letter", 50, 50, 200, 100);
    let mut looker = desk.open(ScreenId::Window(window));
    desk.paint(window, RED, 0, 0, 100, 100);
    let cover = desk.window("A cover", 60, 60, 300, 300);
    looker.rest();
    desk.paint(window, BLUE, 150, 50, 10, 10);
    let picture = looker.look().expect("it changed, under its cover");
    assert_eq!(picture.resolution(), Resolution::new(200, 100).unwrap());
    assert!(is(&picture, 50, 50, RED) && is(&picture, 155, 55, BLUE) && is(&picture, 120, 20, GREEN));
    let larger = ConfigureWindowAux::new().width(320).height(240).x(0);
    desk.painter.configure_window(window, &larger).unwrap();
    desk.paint(window, GREEN, 0, 0, 320, 240);
    looker.rest();
    let picture = looker.picture();
    assert_eq!(picture.resolution(), Resolution::new(320, 240).unwrap());
    assert!(is(&picture, 310, 230, GREEN));
    desk.painter.unmap_window(window).unwrap();
    desk.settle();
    let picture = looker.picture();
    assert_eq!(picture.resolution(), Resolution::new(320, 240).unwrap(), "the last one, while it is hidden");
    desk.painter.map_window(window).unwrap();
    desk.paint(window, RED, 0, 0, 320, 240);
    looker.rest();
    assert!(is(&looker.picture(), 10, 10, RED), "shown again");
    desk.painter.destroy_window(cover).unwrap();
    desk.painter.destroy_window(window).unwrap();
    desk.settle();
    assert_eq!(looker.screen.look(looker.now).unwrap_err(), ScreenFault::Gone);
}
