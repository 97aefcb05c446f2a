//! Every sentence about what went wrong is read where it belongs, in both languages.

use hearth::view::{Action, Fault, Me, Progress, Room, ServerRefusal, Stage as Screen, View};
use hearth_base::{DeviceChoice, DeviceEntry, DeviceFault, DeviceId, DeviceKind, DeviceState};
use hearth_call::{PictureFlow, Switch};
use hearth_protocol::ErrorCode;
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

#[test]
fn every_fault_is_read_on_every_screen() {
    let faults = [
        Fault::HostUnreachable,
        Fault::WrongLink,
        Fault::NotARoom,
        Fault::NoSuchRoom,
        Fault::WrongHost,
        Fault::RoomFull(12),
        Fault::RoomEnded,
        Fault::Removed,
        Fault::Silenced("Ann".to_owned()),
        Fault::Denied,
        Fault::WrongInvite,
        Fault::BusyPort(8443),
        Fault::Broken,
        Fault::Hosting("a reason".to_owned()),
        Fault::WrongServer,
        Fault::Refused(ServerRefusal(ErrorCode::RateLimited)),
    ];
    for language in LANGUAGES {
        let mut stage = Stage::new(View::default(), language);
        for screen in [View::default(), scenes::prejoin(), scenes::waiting(), scenes::call()] {
            for fault in &faults {
                let settings = stage.harness.state().view.settings.clone();
                stage.harness.state_mut().view = View { fault: Some(fault.clone()), settings, ..screen.clone() };
                stage.harness.run_steps(2);
                assert!(stage.has(&fault.sentence()), "{fault:?} in {language:?}");
            }
        }
    }
}

#[test]
fn every_device_that_fails_says_why_in_front_of_the_door() {
    let faults = [
        DeviceFault::InUse,
        DeviceFault::NoPermission,
        DeviceFault::NoDevice,
        DeviceFault::NoSoundServer,
        DeviceFault::Refused,
        DeviceFault::Unplugged,
        DeviceFault::Stalled,
        DeviceFault::Other("a reason".to_owned()),
    ];
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::prejoin(), language);
        for fault in &faults {
            for kind in [DeviceKind::Camera, DeviceKind::Microphone, DeviceKind::Speaker] {
                let devices = &mut stage.harness.state_mut().view.devices;
                *devices = scenes::devices();
                let state = match kind {
                    DeviceKind::Camera => &mut devices.camera,
                    DeviceKind::Microphone => &mut devices.microphone,
                    DeviceKind::Speaker => &mut devices.speaker,
                };
                *state = DeviceState::Failed(fault.clone());
                stage.harness.run_steps(2);
                let sentence = Fault::Device(kind, fault.clone()).sentence();
                assert!(stage.has_part(&sentence), "{sentence}");
            }
        }
    }
}

#[test]
fn the_moments_of_a_call_have_their_sentences() {
    for language in LANGUAGES {
        let stage = Stage::new(scenes::call_trouble(), language);
        for sentence in [
            t!("ui.call.reconnecting"),
            t!("ui.call.muted_talking"),
            t!("ui.call.knocks", nick = "Alan Turing"),
            t!("ui.call.unverified", words = "harbour violet canoe lantern"),
            t!("fault.camera_unplugged"),
        ] {
            assert!(stage.has(&sentence), "{sentence}");
        }
        let mut stage = Stage::new(scenes::alone(), language);
        stage.press(&t!("ui.close"));
        assert!(stage.has(&t!("ui.call.alone_host")));
        let mut room = scenes::hosted();
        for person in &mut room.people {
            person.lacks_video_codec = true;
        }
        let mut stage = Stage::new(View { stage: Screen::Room(room), ..View::default() }, language);
        stage.press(&t!("ui.command.people"));
        assert!(stage.has(&t!("ui.people.no_codec")));
        for (flow, theirs, ours) in [
            (PictureFlow::Stills, "ui.people.stills_from", "ui.people.stills_to"),
            (PictureFlow::Nothing, "ui.people.sound_from", "ui.people.sound_to"),
        ] {
            let mut room = scenes::hosted();
            let person = room.people.first_mut().expect("somebody is there");
            person.pictures = (flow, flow);
            let nick = person.nick.clone();
            let mut stage = Stage::new(View { stage: Screen::Room(room), ..View::default() }, language);
            assert!(stage.has(&format!("{nick}, {}, {}", t!(theirs), t!(ours))), "the tile in words");
            stage.press(&t!("ui.command.people"));
            assert!(stage.has(&t!(theirs)) && stage.has(&t!(ours)));
        }
    }
}

#[test]
fn no_sound_is_said_once_and_put_away() {
    let quiet = |fault: &DeviceFault| {
        let mut view = scenes::pair();
        view.devices.microphone = DeviceState::Failed(fault.clone());
        view.devices.speaker = DeviceState::Failed(fault.clone());
        view
    };
    for language in LANGUAGES {
        for fault in [DeviceFault::NoSoundServer, DeviceFault::Refused] {
            let mut stage = Stage::new(quiet(&fault), language);
            let sentence = Fault::Device(DeviceKind::Speaker, fault.clone()).sentence();
            assert_eq!(stage.count(&sentence), 1);
            stage.press(&t!("ui.dismiss"));
            assert!(!stage.has(&sentence));
            // It works, and then it does not: that is news.
            stage.harness.state_mut().view = scenes::pair();
            stage.settle();
            stage.harness.state_mut().view = quiet(&fault);
            stage.settle();
            assert!(stage.has(&Fault::Device(DeviceKind::Speaker, fault).sentence()));
        }
    }
}

#[test]
fn what_is_not_there_is_said_before_anybody_wants_it() {
    for language in LANGUAGES {
        let me = Me { camera: Switch::Off, microphone: Switch::Off, ..Me::default() };
        let room = Room { progress: Progress::In, me, ..scenes::hosted() };
        let mut view = View { stage: Screen::Room(room), ..View::default() };
        let mut stage = Stage::new(view.clone(), language);
        assert!(!stage.has(&t!("ui.call.no_camera")), "nobody has looked");
        view.devices.lists.is_known = true;
        stage.harness.state_mut().view.devices = view.devices.clone();
        stage.settle();
        assert!(stage.has(&t!("ui.call.no_camera")) && stage.has(&t!("ui.call.no_microphone")));
        // One is plugged in; and what this computer plays is no microphone.
        let entry = |is_monitor| DeviceEntry {
            id: DeviceId("a".to_owned()),
            name: "Monitor of Speakers".to_owned(),
            is_default: false,
            is_monitor,
        };
        view.devices.lists.cameras = vec![entry(false)];
        view.devices.lists.microphones = vec![entry(true)];
        stage.harness.state_mut().view.devices = view.devices;
        stage.settle();
        assert!(!stage.has(&t!("ui.call.no_camera")) && stage.has(&t!("ui.call.no_microphone")));
        // It is offered all the same, in words that tell it from one.
        stage.press(&t!("ui.call.device_menu", device = t!("ui.device.microphone")));
        stage.expect(
            &t!("ui.device.plays", name = "Speakers"),
            Action::Choose(DeviceKind::Microphone, DeviceChoice::Named(DeviceId("a".to_owned()))),
        );
    }
}

#[test]
fn a_camera_that_is_off_is_not_said_to_be_broken() {
    for language in LANGUAGES {
        let me = Me { camera: Switch::Off, microphone: Switch::Off, ..Me::default() };
        let room = Room { progress: Progress::In, me, ..scenes::hosted() };
        let mut view = View { stage: Screen::Room(room), devices: scenes::devices(), ..View::default() };
        view.devices.camera = DeviceState::Failed(DeviceFault::Unplugged);
        let stage = Stage::new(view, language);
        assert!(!stage.has(&t!("fault.camera_unplugged")));
    }
}

#[test]
fn who_is_silenced_reads_it_once_and_may_speak_again() {
    for language in LANGUAGES {
        let me = Me { microphone: Switch::Off, is_muted_talking: true, ..Me::default() };
        let room = Room { me, lobby: Vec::new(), ..scenes::hosted() };
        let fault = Fault::Silenced("Ann".to_owned());
        let view = View { stage: Screen::Room(room), fault: Some(fault.clone()), ..View::default() };
        let mut stage = Stage::new(view, language);
        assert!(stage.has(&fault.sentence()));
        assert!(!stage.has(&t!("ui.call.muted_talking")), "once");
        // The button of the bar has the same words; the notice's is drawn first.
        stage.press_nth_back(&t!("ui.call.unmute"), 1);
        assert_eq!(stage.actions(), [Action::SetMicrophone(Switch::On)]);
        stage.expect(&t!("ui.dismiss"), Action::Dismiss);
        stage.harness.state_mut().view.fault = None;
        stage.settle();
        assert!(stage.has(&t!("ui.call.muted_talking")));
        stage.press(&t!("ui.command.chat"));
        assert!(stage.has(&t!("ui.call.muted_typing")), "M is a letter now");
    }
}

#[test]
fn our_own_tile_shows_no_old_picture_and_the_buttons_say_what_lacks() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::pair(), language);
        assert!(stage.has(&t!("ui.call.camera_stop")));
        let devices = &mut stage.harness.state_mut().view.devices;
        devices.camera = DeviceState::Failed(DeviceFault::Unplugged);
        devices.microphone = DeviceState::Failed(DeviceFault::NoDevice);
        stage.harness.step();
        let marks = format!("{}, {}", t!("ui.call.is_muted"), t!("ui.call.is_camera_off"));
        assert!(stage.has(&format!("{}, {marks}", t!("ui.call.me", nick = "Ada Lovelace"))));
        assert!(stage.has(&t!("ui.call.no_camera")) && stage.has(&t!("ui.call.no_microphone")));
        let there = (t!("fault.microphone_missing_here"), t!("fault.microphone_missing"));
        assert!(stage.has(&there.0) && !stage.has_part(&there.1), "they are in it already");
    }
}
