//! Everything that can be pressed is found by its words in both languages, and means what it says.

use std::path::PathBuf;

use eframe::egui::{Key, Modifiers};
use hearth::view::{
    Action, DeviceFiles, Invite, LanguageChoice, PreJoin, PreJoinView, Room, RoomServer, Stage as Screen, ThemeChoice,
    View,
};
use hearth_base::{DeviceChoice, DeviceId, DeviceKind};
use hearth_call::Switch;
use hearth_protocol::Role;
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

#[test]
fn home_leads_into_rooms() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::home(), language);
        stage.expect(&t!("ui.home.start"), Action::Start);
        stage.expect(&t!("ui.home.join_room", room = "482-913-605"), Action::JoinNearby(scenes::room("482913605")));
        stage.expect(&t!("ui.home.rejoin_room", room = "家庭聚会"), Action::JoinRecent(1));
        stage.expect(&t!("ui.home.forget"), Action::ForgetRecent);
    }
}

#[test]
fn a_link_to_another_room_asks_before_one_leaves_this_one() {
    for language in LANGUAGES {
        let view = View { elsewhere: Some((1, scenes::room("987654321"))), ..scenes::call() };
        let mut stage = Stage::new(view.clone(), language);
        assert!(stage.has(&t!("ui.elsewhere.title", room = "987-654-321")), "{language:?}");
        stage.expect(&t!("ui.elsewhere.go"), Action::GoElsewhere);
        let mut stage = Stage::new(view.clone(), language);
        stage.expect(&t!("ui.elsewhere.stay"), Action::Stay);
        // Anyone who presses Enter at once, in the middle of a word, stays.
        let mut stage = Stage::new(view, language);
        stage.key(Modifiers::NONE, Key::Enter);
        assert_eq!(stage.actions(), [Action::Stay]);
    }
}

#[test]
fn what_went_wrong_is_read_and_put_away() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::home_fault(), language);
        stage.expect(&t!("ui.dismiss"), Action::Dismiss);
        stage.expect(&t!("ui.crash.dismiss"), Action::DismissCrash);
    }
}

#[test]
fn the_door_opens_and_closes() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::prejoin(), language);
        stage.expect(&t!("ui.prejoin.join"), Action::Enter);
        stage.expect(&t!("ui.prejoin.back"), Action::Leave);
        stage.expect(&t!("ui.call.mute"), Action::SetMicrophone(Switch::Off));
        stage.expect(&t!("ui.call.camera_stop"), Action::SetCamera(Switch::Off));
        stage.expect(&t!("ui.device.test_sound"), Action::TestSound);
        let door =
            PreJoin { door: PreJoinView::Start, microphone: Switch::Off, camera: Switch::Off, ..PreJoin::default() };
        let mut stage = Stage::new(View { stage: Screen::PreJoin(door), ..View::default() }, language);
        stage.expect(&t!("ui.prejoin.start"), Action::Enter);
        stage.expect(&t!("ui.call.unmute"), Action::SetMicrophone(Switch::On));
        stage.expect(&t!("ui.call.camera_start"), Action::SetCamera(Switch::On));
    }
}

#[test]
fn devices_are_picked_in_front_of_the_door() {
    for language in LANGUAGES {
        let mut view = scenes::prejoin();
        let (video, recording) = (PathBuf::from("/media/faces.y4m"), PathBuf::from("/media/voices.wav"));
        view.devices.files = DeviceFiles { camera: Some(video.clone()), microphone: Some(recording.clone()) };
        let mut stage = Stage::new(view, language);
        let named = |id: &str| DeviceChoice::Named(DeviceId(id.to_owned()));
        for (field, kind, line, choice) in [
            (t!("ui.device.camera"), DeviceKind::Camera, "Logitech C920 HD Pro Webcam".into(), named("v1")),
            (t!("ui.device.camera"), DeviceKind::Camera, t!("ui.device.test_pattern"), DeviceChoice::Test),
            (t!("ui.device.microphone"), DeviceKind::Microphone, t!("ui.device.test_tone"), DeviceChoice::Test),
            (t!("ui.device.camera"), DeviceKind::Camera, "faces.y4m".into(), DeviceChoice::File(video)),
            (t!("ui.device.microphone"), DeviceKind::Microphone, "voices.wav".into(), DeviceChoice::File(recording)),
            (t!("ui.device.microphone"), DeviceKind::Microphone, t!("ui.device.none"), DeviceChoice::Off),
            (t!("ui.device.speaker"), DeviceKind::Speaker, "Jabra Evolve 65".into(), named("s1")),
        ] {
            stage.press(&field);
            stage.expect(&line, Action::Choose(kind, choice));
        }
    }
}

#[test]
fn a_guest_without_an_invitation_asks() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::prejoin_trouble(), language);
        stage.expect(&t!("ui.prejoin.ask"), Action::Enter);
        let mut stage = Stage::new(scenes::waiting(), language);
        assert!(stage.has(&t!("ui.call.waiting")));
        stage.expect(&t!("ui.call.leave"), Action::Leave);
    }
}

#[test]
fn who_knocks_is_let_in_or_sent_away_without_a_panel() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        assert!(stage.has(&t!("ui.call.knocks", nick = "Alan Turing")));
        stage.expect(&t!("ui.people.admit"), Action::Admit(scenes::id(9)));
        stage.expect(&t!("ui.people.deny"), Action::Deny(scenes::id(9)));
    }
}

#[test]
fn the_bar_switches_what_is_ours() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        stage.expect(&t!("ui.call.mute"), Action::SetMicrophone(Switch::Off));
        stage.expect(&t!("ui.call.camera_stop"), Action::SetCamera(Switch::Off));
        stage.press(&t!("ui.call.device_menu", device = t!("ui.device.camera")));
        stage.expect(&t!("ui.device.test_pattern"), Action::Choose(DeviceKind::Camera, DeviceChoice::Test));
        stage.press(&t!("ui.call.device_menu", device = t!("ui.device.microphone")));
        stage.expect(&t!("ui.device.test_tone"), Action::Choose(DeviceKind::Microphone, DeviceChoice::Test));
    }
}

#[test]
fn somebody_is_removed_only_after_a_question() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        stage.press(&t!("ui.command.people"));
        stage.press(&t!("ui.people.remove", nick = "Grace Hopper"));
        assert!(stage.has(&t!("ui.remove.text")));
        assert!(stage.actions().is_empty());
        stage.expect(&t!("ui.remove.button"), Action::Kick(scenes::id(0)));
        assert!(!stage.has(&t!("ui.remove.text")));
    }
}

#[test]
fn removing_somebody_offers_to_change_the_link_where_there_is_a_secret_in_it() {
    for language in LANGUAGES {
        for is_invite_only in [true, false] {
            let mut view = scenes::call();
            if let Screen::Room(room) = &mut view.stage {
                room.admission.is_invite_only = is_invite_only;
            }
            let mut stage = Stage::new(view, language);
            stage.press(&t!("ui.command.people"));
            stage.press(&t!("ui.people.remove", nick = "Grace Hopper"));
            assert_eq!(stage.has(&t!("ui.remove.with_link")), is_invite_only);
            assert_eq!(stage.has(&t!("ui.remove.text")), is_invite_only);
            if is_invite_only {
                stage.press(&t!("ui.remove.with_link"));
                assert_eq!(format!("{:?}", stage.actions()), format!("[Kick({}), RenewLink]", scenes::id(0)));
            }
        }
    }
}

#[test]
fn a_host_is_told_whose_address_somebody_who_knocks_shares_and_of_wrong_passwords() {
    for language in LANGUAGES {
        let mut view = scenes::call();
        if let Screen::Room(room) = &mut view.stage {
            room.lobby[0].same_address_as = Some("Bo".to_owned());
            room.invite = Some(Invite { wrong_passwords: 30, ..scenes::invite() });
        }
        let mut stage = Stage::new(view, language);
        let (asked, told) = (t!("ui.call.knocks", nick = "Alan Turing"), t!("ui.people.same_address", nick = "Bo"));
        assert!(stage.has(&format!("{asked} {told}")));
        stage.press(&t!("ui.command.people"));
        assert!(stage.has(&told));
        stage.press(&t!("ui.command.invite"));
        assert!(stage.has(&t!("ui.invite.wrong_password", count = 30)));
    }
}

#[test]
fn a_host_silences_and_locks_at_once_and_hands_over_only_after_a_question() {
    for language in LANGUAGES {
        let mut room = scenes::call();
        if let Screen::Room(shown) = &mut room.stage {
            shown.invite = None; // a room on a server
        }
        let mut stage = Stage::new(room, language);
        stage.press(&t!("ui.command.people"));
        stage.expect(&t!("ui.people.mute_all"), Action::MuteAll);
        stage.expect(&t!("ui.people.lock"), Action::SetLocked(true));
        stage.press(&t!("ui.people.make_host", nick = "Grace Hopper"));
        assert!(stage.has(&t!("ui.hand_over.text")));
        assert!(stage.actions().is_empty());
        stage.expect(&t!("ui.hand_over.button"), Action::MakeHost(scenes::id(0)));
        let mut locked = scenes::call();
        if let Screen::Room(shown) = &mut locked.stage {
            shown.admission.is_locked = true;
        }
        let mut stage = Stage::new(locked, language);
        stage.press(&t!("ui.command.people"));
        assert!(stage.has(&t!("ui.people.locked")));
        assert!(!stage.has(&t!("ui.people.make_host", nick = "Grace Hopper")), "hosted in this program");
        stage.expect(&t!("ui.people.unlock"), Action::SetLocked(false));
    }
}

#[test]
fn a_guest_leaves_at_once_and_a_host_is_asked() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::pair(), language);
        stage.expect(&t!("ui.call.leave"), Action::Leave);
        let mut stage = Stage::new(scenes::call(), language);
        stage.press(&t!("ui.call.end"));
        assert!(stage.has(&t!("ui.leave.hosted")), "the room lives in this program");
        stage.press(&t!("ui.cancel"));
        assert!(stage.actions().is_empty());
    }
}

#[test]
fn a_host_on_a_server_may_leave_the_room_to_the_others() {
    for language in LANGUAGES {
        let elsewhere = || {
            let mut invite = scenes::invite();
            invite.is_hosted = false;
            let room = Room { invite: Some(invite), role: Role::Host, lobby: Vec::new(), ..scenes::hosted() };
            View { stage: Screen::Room(room), devices: scenes::devices(), ..View::default() }
        };
        for (word, action) in [("ui.call.leave", Action::Leave), ("ui.call.end", Action::EndForAll)] {
            let mut stage = Stage::new(elsewhere(), language);
            stage.press(&t!("ui.call.leave"));
            assert!(stage.has(&t!("ui.leave.host")));
            let word = if word == "ui.call.end" { t!("ui.call.end") } else { t!("ui.call.leave") };
            // The bar's button has the same word; the question's is drawn last.
            let nodes: Vec<_> = egui_kittest::kittest::Queryable::get_all_by_label(&stage.harness, &word).collect();
            nodes.last().expect("the question has the button").click();
            stage.settle();
            assert!(stage.actions() == [action]);
        }
    }
}

#[test]
fn an_unknown_server_is_put_off_or_left() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call_trouble(), language);
        stage.press(&t!("ui.call.later"));
        assert!(!stage.has_part("harbour violet canoe lantern"));
        let mut stage = Stage::new(scenes::call_trouble(), language);
        stage.expect(&t!("ui.call.differ"), Action::Leave);
    }
}

#[test]
fn an_unknown_server_is_compared_once() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call_trouble(), language);
        assert!(stage.has_part("harbour violet canoe lantern"));
        stage.press(&t!("ui.call.compared"));
        assert!(!stage.has_part("harbour violet canoe lantern"));
    }
}

#[test]
fn an_address_is_chosen_for_the_link() {
    for language in LANGUAGES {
        let high = eframe::egui::vec2(900.0, 900.0);
        let mut stage = Stage::sized(scenes::call(), language, ThemeChoice::Dark, high);
        stage.press(&t!("ui.command.invite"));
        assert!(!stage.has(&t!("ui.invite.address")), "not before it is asked for");
        stage.press(&t!("ui.invite.more"));
        stage.press(&t!("ui.invite.address"));
        let line = t!("ui.invite.vpn", address = "10.8.0.2", interface = "wg0");
        stage.expect(&line, Action::ChooseAddress([10, 8, 0, 2].into()));
    }
}

#[test]
fn an_invitation_says_everything() {
    use eframe::egui::OutputCommand;
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        stage.press(&t!("ui.command.invite"));
        egui_kittest::kittest::Queryable::get_by_label(&stage.harness, &t!("ui.invite.copy")).click();
        let mut copied = None;
        for _ in 0..3 {
            stage.harness.step();
            let commands = &stage.harness.output().platform_output.commands;
            copied = copied.or_else(|| {
                commands.iter().find_map(|command| {
                    if let OutputCommand::CopyText(text) = command { Some(text.clone()) } else { None }
                })
            });
        }
        let copied = copied.expect("something was copied");
        let invite = scenes::invite();
        let certificate = invite.certificate.expect("this machine hosts it");
        for part in [&*invite.link, "482-913-605", &invite.words, &certificate, "Firefox", "Safari", "Chrome"] {
            assert!(copied.contains(part), "{part} in {copied}");
        }
        assert!(stage.has(&t!("ui.invite.copied")));
    }
}

#[test]
fn settings_are_changed_one_by_one() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::home(), language);
        let kept = stage.harness.state().view.settings.clone();
        stage.expect(&t!("ui.settings.title"), Action::LookAtDevices(true));
        let change = |change: fn(&mut hearth::view::Settings)| {
            let mut settings = kept.clone();
            change(&mut settings);
            Action::Change(Box::new(settings))
        };
        stage.expect(&t!("ui.settings.mirror"), change(|settings| settings.mirror = false));
        stage.expect(&t!("ui.settings.picture_small"), change(|s| s.picture = hearth::view::PictureSize::Small));
        stage.press(&t!("ui.settings.looks"));
        stage.expect(&t!("ui.settings.dark"), change(|settings| settings.theme = ThemeChoice::Dark));
        let other = if language == LanguageChoice::English { "中文" } else { "English" };
        stage.press(other);
        assert!(matches!(stage.actions().as_slice(), [Action::Change(settings)] if settings.language != language));
        stage.press(&t!("ui.settings.network"));
        stage.press(&t!("ui.settings.people"));
        stage.expect("8", change(|settings| settings.people = 8));
        stage.expect(&t!("ui.close"), Action::LookAtDevices(false));
        assert!(!stage.has(&t!("ui.settings.looks")));
    }
}

#[test]
fn a_window_with_others_in_the_room_asks_before_it_closes() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call(), language);
        assert!(stage.close(), "we host, and others are there");
        assert!(stage.has(&t!("ui.close_window.hosted")));
        stage.press(&t!("ui.close_window.keep"));
        assert!(stage.actions().is_empty(), "the room goes on");
        assert!(stage.close());
        stage.press(&t!("ui.cancel"));
        assert!(stage.actions().is_empty());
        let mut stage = Stage::new(scenes::pair(), language);
        assert!(stage.close(), "a guest is asked, too");
        assert!(stage.has(&t!("ui.close_window.guest")));
        for quiet in [scenes::home(), scenes::prejoin(), scenes::alone()] {
            assert!(!Stage::new(quiet, language).close(), "nobody loses anything");
        }
    }
}

#[test]
fn encrypted_is_not_yet_verified() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::call_trouble(), language);
        assert!(stage.has(&t!("ui.call.encrypted_tip")));
        stage.press(&t!("ui.call.compared"));
        assert!(stage.has(&t!("ui.call.verified_here")), "the person vouches for it");
        let stage = Stage::new(scenes::pair(), language);
        assert!(stage.has(&t!("ui.call.verified_tip")));
        let room = Room { invite: None, server: RoomServer::default(), ..scenes::hosted() };
        let stage = Stage::new(View { stage: Screen::Room(room), ..View::default() }, language);
        assert!(stage.has(&t!("ui.call.encrypted_tip")), "a server without a key is never verified");
    }
}

#[test]
fn who_starts_a_room_sees_the_invitation_once() {
    for language in LANGUAGES {
        let mut stage = Stage::new(scenes::alone(), language);
        assert!(stage.has(&t!("ui.invite.copy")));
        stage.press(&t!("ui.close"));
        stage.settle();
        assert!(!stage.has(&t!("ui.invite.copy")));
        let stage = Stage::new(scenes::call(), language);
        assert!(!stage.has(&t!("ui.invite.copy")), "others are there");
    }
}

#[test]
fn a_server_without_a_key_has_no_words_to_compare() {
    for language in LANGUAGES {
        for (words, is_shown) in [("harbour violet canoe lantern", true), ("", false)] {
            let invite = Invite { words: words.to_owned(), certificate: None, is_hosted: false, ..scenes::invite() };
            let room = Room { invite: Some(invite), ..scenes::hosted() };
            let high = eframe::egui::vec2(900.0, 1000.0);
            let view = View { stage: Screen::Room(room), ..View::default() };
            let mut stage = Stage::sized(view, language, ThemeChoice::Light, high);
            stage.press(&t!("ui.command.invite"));
            stage.press(&t!("ui.invite.more"));
            assert_eq!(stage.has(&t!("ui.invite.words")), is_shown, "{words}");
        }
    }
}
