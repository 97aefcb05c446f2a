//! The camera, against a V4L2 stand-in: each format and oddity, and everything that can happen to a camera.
//!
//! Owns nothing. The stand-in is loaded into a child (`tests/v4l2/README.md`), and told what to do by a file.

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use hearth_base::{DeviceChoice, DeviceFault, DeviceId, DeviceKind, DeviceState, Picture, Resolution};
use hearth_media::Now;
use hearth_media::devices::Devices;
use hearth_media::stamp::{self, Stamp};
use hearth_media::threads::AudioThread;
use hearth_media::tick::AudioTick;

use crate::child;
use crate::talk::{DEADLINE, LOADED, Word, devices, failed};

const SECOND: Duration = Duration::from_secs(1);

/// Runs a test's script under the stand-in.
fn in_child(test: &str, formats: &str) -> bool {
    in_odd_child(test, formats, "")
}

fn in_odd_child(test: &str, formats: &str, odd: &str) -> bool {
    if child::is_child() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let shim = program.with_file_name("libhearth_v4l2_shim.so");
    assert!(shim.exists(), "cargo puts the stand-in camera beside this test: {}", shim.display());
    let environment = [
        ("LD_PRELOAD", shim.display().to_string()),
        ("HEARTH_V4L2_FORMATS", formats.into()),
        ("HEARTH_V4L2_ODD", odd.into()),
        ("HEARTH_V4L2_CONTROL", folder.path().join("mode").display().to_string()),
        // As another program left it.
        ("HEARTH_V4L2_INTERVAL", "2/15".into()),
        // No sound server of this machine should be found.
        ("PULSE_SERVER", format!("unix:{}", folder.path().join("none").display())),
    ];
    child::run(&format!("camera::{test}"), &environment);
    false
}

/// Tells the stand-in what to do.
fn set(mode: &str) {
    let path = PathBuf::from(std::env::var_os("HEARTH_V4L2_CONTROL").unwrap());
    let new = path.with_extension("new");
    std::fs::write(&new, mode).unwrap();
    std::fs::rename(new, path).unwrap();
}

struct Room {
    devices: Devices,
    words: std::sync::mpsc::Receiver<Word>,
    _thread: AudioThread,
}

impl Room {
    fn new() -> Self {
        let (say, words) = sync_channel(100);
        let thread = AudioThread::spawn(AudioTick::idle()).unwrap();
        Self { devices: devices(&thread, &say), words, _thread: thread }
    }

    fn choose(&self, choice: DeviceChoice) {
        self.devices.choose(DeviceKind::Camera, choice);
    }

    fn until<T>(&mut self, what: &str, patience: Duration, mut found: impl FnMut(&mut Devices) -> Option<T>) -> T {
        let patience = patience + LOADED;
        let begin = Now::read().monotonic;
        loop {
            if let Some(found) = found(&mut self.devices) {
                println!("{what}: {:?}", Now::read().monotonic - begin);
                return found;
            }
            let since = Now::read().monotonic - begin;
            assert!(since < patience, "{what}: not in {patience:?}: {:?}", self.devices.view());
            drop(self.words.recv_timeout(Duration::from_millis(100)));
        }
    }

    fn state(&mut self, what: &str, patience: Duration, wanted: &DeviceState) {
        self.until(what, patience, |devices| (devices.view().camera.actual == *wanted).then_some(()));
    }

    fn fault(&mut self, patience: Duration, fault: &DeviceFault) {
        self.until(&format!("{fault:?}"), patience, |devices| {
            failed(&devices.view().camera.actual, fault).then_some(())
        });
    }

    fn picture(&mut self) -> (Picture, Stamp) {
        self.until("a picture", DEADLINE, |devices| {
            let picture = devices.preview()?;
            let stamp = stamp::read(&picture).expect("the stand-in's stamp");
            Some((picture, stamp))
        })
    }
}

fn on() -> DeviceState {
    DeviceState::On { name: "Stand-in camera".into() }
}

fn format(test: &str, formats: &str, size: (u32, u32)) {
    if in_child(test, formats) {
        shows(size, ["Stand-in camera"].as_slice());
    }
}

/// A camera that others show is shown here, upright and in its colours.
fn odd(test: &str, formats: &str, odd: &str, size: (u32, u32)) {
    if in_odd_child(test, formats, odd) {
        shows(size, ["Stand-in camera"].as_slice());
    }
}

fn shows(size: (u32, u32), listed: &[&str]) {
    let mut room = Room::new();
    room.choose(DeviceChoice::Default);
    let mut last: Option<Stamp> = None;
    let mut ages = Vec::new();
    for _ in 0..20 {
        let (picture, stamp) = room.picture();
        ages.push(stamp.age(Now::read().realtime));
        assert_eq!(Some(picture.resolution()), Resolution::new(size.0, size.1));
        assert_eq!(stamp.source, 77);
        assert!(last.is_none_or(|last| stamp.after(&last) > 0), "pictures go on");
        // Below the stamp, whose black and white have no room for colour.
        let below = picture.u().len() / 2 + 100;
        let (u, v) = (picture.u()[below], picture.v()[below]);
        let is_grey = std::env::var("HEARTH_V4L2_ODD").is_ok_and(|odd| odd.contains("one-component"));
        let colours = if is_grey { [128..=128, 128..=128] } else { [110..=130, 134..=144] };
        assert!(colours[0].contains(&u) && colours[1].contains(&v), "colours: {u} {v}");
        last = Some(stamp);
    }
    ages.sort_unstable();
    println!("from the camera to the preview, median: {:?}", ages[10]);
    let is_listed = |devices: &mut Devices| (!devices.view().lists.cameras.is_empty()).then_some(());
    room.until("listed", 3 * SECOND, is_listed);
    let view = room.devices.view().clone();
    assert_eq!((view.camera.actual, view.broken_pictures), (on(), 0));
    let cameras: Vec<_> = view.lists.cameras.iter().map(|camera| camera.name.as_str()).collect();
    assert_eq!(cameras, listed, "the cameras, whatever else /dev holds");
    room.choose(DeviceChoice::Off);
    room.state("released", SECOND, &DeviceState::Off);
}

#[test]
fn mjpeg_becomes_planes() {
    format("mjpeg_becomes_planes", "YUYV:640x480@30,MJPG:1280x720@30", (1280, 720));
}

#[test]
fn yuyv_becomes_planes() {
    format("yuyv_becomes_planes", "YUYV:640x480@30", (640, 480));
}

#[test]
fn nv12_becomes_planes() {
    format("nv12_becomes_planes", "NV12:1280x720@30,YUYV:1280x720@10", (1280, 720));
}

#[test]
fn planar_pictures_become_planes() {
    odd("planar_pictures_become_planes", "YU12:640x480@30", "", (640, 480));
}

#[test]
fn uyvy_becomes_planes() {
    odd("uyvy_becomes_planes", "UYVY:640x480@30", "", (640, 480));
}

#[test]
fn red_green_and_blue_become_planes() {
    odd("red_green_and_blue_become_planes", "RGB3:640x480@30", "", (640, 480));
}

#[test]
fn blue_green_and_red_become_planes() {
    odd("blue_green_and_red_become_planes", "BGR3:640x480@30", "padding=64", (640, 480));
}

#[test]
fn padded_lines_are_upright() {
    odd("padded_lines_are_upright", "YUYV:640x480@30", "padding=64", (640, 480));
}

#[test]
fn padded_lines_of_two_planes_are_upright() {
    odd("padded_lines_of_two_planes_are_upright", "NV12:1280x720@30", "padding=256", (1280, 720));
}

#[test]
fn padded_lines_of_three_planes_are_upright() {
    odd("padded_lines_of_three_planes_are_upright", "YU12:640x480@30", "padding=32", (640, 480));
}

#[test]
fn a_camera_without_intervals_is_shown() {
    odd("a_camera_without_intervals_is_shown", "YUYV:640x480@30", "no-intervals", (640, 480));
}

#[test]
fn a_camera_of_any_size_is_shown_in_the_wanted_one() {
    odd("a_camera_of_any_size_is_shown_in_the_wanted_one", "YUYV:640x480@30", "steps", (1280, 720));
}

#[test]
fn a_jpeg_without_tables_is_shown() {
    odd("a_jpeg_without_tables_is_shown", "MJPG:640x480@30", "no-tables", (640, 480));
}

#[test]
fn a_jpeg_without_an_end_is_shown() {
    odd("a_jpeg_without_an_end_is_shown", "MJPG:640x480@30", "no-tables,no-end", (640, 480));
}

#[test]
fn a_jpeg_with_stray_bytes_is_shown() {
    odd("a_jpeg_with_stray_bytes_is_shown", "MJPG:640x480@30", "stray", (640, 480));
}

#[test]
fn a_jpeg_of_one_component_is_shown() {
    odd("a_jpeg_of_one_component_is_shown", "MJPG:640x480@30", "one-component", (640, 480));
}

#[test]
fn an_infrared_camera_is_passed_over() {
    if in_odd_child("an_infrared_camera_is_passed_over", "YUYV:640x480@30", "infrared") {
        shows((640, 480), ["Infrared", "Stand-in camera"].as_slice());
        let mut room = Room::new();
        room.choose(DeviceChoice::Named(DeviceId("Infrared#0".into())));
        room.fault(4 * SECOND, &DeviceFault::Unreadable);
    }
}

#[test]
fn a_camera_that_is_pulled_out_or_stalls_is_noticed_and_comes_back() {
    if !in_child("a_camera_that_is_pulled_out_or_stalls_is_noticed_and_comes_back", "YUYV:640x480@30") {
        return;
    }
    let mut room = Room::new();
    room.choose(DeviceChoice::Named(DeviceId("Stand-in camera#0".into())));
    room.picture();
    set("unplugged");
    room.fault(SECOND, &DeviceFault::Unplugged);
    room.until("out of the list", 4 * SECOND, |devices| devices.view().lists.cameras.is_empty().then_some(()));
    set("on");
    room.state("plugged in", 5 * SECOND, &on());
    room.picture();

    set("stalled");
    room.fault(Duration::from_millis(2500), &DeviceFault::Stalled);
    set("on");
    room.state("stalls no more", SECOND, &on());
    room.picture();

    set("stalled");
    room.fault(Duration::from_millis(2500), &DeviceFault::Stalled);
    room.choose(DeviceChoice::Off);
    room.state("a stalled one given up", 2 * SECOND, &DeviceState::Off);
    set("on");
    room.choose(DeviceChoice::Default);
    room.state("and taken again", 5 * SECOND, &on());
    room.picture();
    room.choose(DeviceChoice::Test);
    room.until("the pattern", 2 * SECOND, |devices| (stamp::read(&devices.preview()?).ok()?.source == 5).then_some(()));
}

#[test]
fn a_camera_in_use_forbidden_or_broken_says_so_and_is_tried_again() {
    if !in_child("a_camera_in_use_forbidden_or_broken_says_so_and_is_tried_again", "MJPG:640x480@30") {
        return;
    }
    let mut room = Room::new();
    for (mode, fault) in
        [("busy", DeviceFault::InUse), ("denied", DeviceFault::NoPermission), ("unplugged", DeviceFault::NoDevice)]
    {
        set(mode);
        room.choose(DeviceChoice::Default);
        room.fault(4 * SECOND, &fault);
        set("on");
        room.state("tried again", 4 * SECOND, &on());
        room.picture();
        room.choose(DeviceChoice::Off);
        room.state("off", SECOND, &DeviceState::Off);
    }
    room.choose(DeviceChoice::Default);
    room.picture();
    set("broken");
    let broken = |devices: &mut Devices| (devices.view().broken_pictures > 3).then_some(());
    room.until("broken pictures are counted", 3 * SECOND, broken);
    assert_eq!(room.devices.view().camera.actual, on());
    room.picture();
}
