//! The sentences themselves, written down a second time: a fault's words are what a person is left with, so that
//! changing one is a decision. Elsewhere they are found by their keys.

use hearth::ui::WindowError;
use hearth::view::{Fault, LanguageChoice, Quality, Room, ServerRefusal, Stage as Screen, View};
use hearth_base::{DeviceFault, DeviceKind};
use hearth_call::{DescriptionProblem, Route};
use hearth_protocol::ErrorCode;
use rust_i18n::t;

use crate::scenes;
use crate::stage::{LANGUAGES, Stage};

/// A fault and its sentence in both languages.
type Row = (Fault, &'static str, &'static str);

/// What can go wrong with devices.
fn devices() -> Vec<Row> {
    use DeviceFault::{File, InUse, NoDevice, NoPermission, NoSoundServer};
    use DeviceKind::{Camera, Microphone, Speaker};
    vec![
        (
            Fault::Device(Camera, InUse),
            "The camera is being used by another app. Close it, then try again.",
            "摄像头被其他应用占用，请关闭后重试",
        ),
        (
            Fault::Device(Camera, NoPermission),
            "Camera access is blocked. Allow it in system settings.",
            "没有摄像头权限，请在系统设置中允许",
        ),
        (
            Fault::Device(Camera, File("/media/faces.y4m: it is interlaced".to_owned())),
            "The file chosen as camera cannot be played. Choose another camera.",
            "用作摄像头的文件无法播放，请选择其他摄像头",
        ),
        (
            Fault::Device(Microphone, File("/media/voices.wav: there is no sound in it".to_owned())),
            "The file chosen as microphone cannot be played. Choose another microphone.",
            "用作麦克风的文件无法播放，请选择其他麦克风",
        ),
        (Fault::Device(Microphone, NoDevice), "No microphone found. You can still join.", "未检测到麦克风，仍可入会"),
        (
            Fault::Device(Speaker, NoSoundServer),
            "No sound on this computer. You can still see and chat.",
            "本机没有可用的声音设备，仍可视频和聊天",
        ),
    ]
}

/// What can go wrong on the way into a room and in it.
fn rows() -> Vec<Row> {
    vec![
        (
            Fault::HostUnreachable,
            "Can't reach the host. Same Wi-Fi? Check firewall and VPN.",
            "无法连接主持人，请检查是否同一网络、防火墙或 VPN",
        ),
        (Fault::NotARoom, "Enter a 9-digit room number or a room link.", "请输入 9 位会议号或会议链接"),
        (Fault::WrongLink, "This is not a Hearth link. Ask the host to send it again.", "链接无效，请主持人重新发送"),
        (
            Fault::NoSuchRoom,
            "No room with that number. Are you on the same network? If not, ask for the link.",
            "未找到该会议号，请确认在同一网络，或向主持人索取链接",
        ),
        (
            Fault::WrongHost,
            "This is not the host who invited you. Ask for a new link.",
            "主持人身份不符，请索取新的链接",
        ),
        (Fault::RoomFull(12), "The room is full (12 people).", "会议人数已满（12 人）"),
        (Fault::RoomEnded, "The host ended the room.", "主持人已结束会议"),
        (Fault::Removed, "The host removed you from the room.", "您已被移出会议"),
        (
            Fault::Silenced(String::new()),
            "The host muted everyone. Press M to unmute.",
            "主持人已将全体静音，按 M 解除",
        ),
        (
            Fault::Silenced("Ann".to_owned()),
            "Ann muted everyone. Press M to unmute.",
            "主持人 Ann 已将全体静音，按 M 解除",
        ),
        (
            Fault::BusyPort(8443),
            "Port 8443 is used by another program. Choose another in settings.",
            "端口 8443 已被占用，请在设置中更换",
        ),
    ]
}

/// Why a server says no.
fn refusals() -> Vec<Row> {
    let refused = |code| Fault::Refused(ServerRefusal(code));
    vec![
        (refused(ErrorCode::RateLimited), "Too many attempts. Try again in a moment.", "尝试次数过多，请稍后重试"),
        (
            refused(ErrorCode::UnsupportedVersion),
            "One of you has an old version of Hearth. Update it, then try again.",
            "双方的围炉版本不同，请更新后重试",
        ),
        (
            refused(ErrorCode::Locked),
            "The host has closed the room. Ask them to open it, then try again.",
            "会议已锁定，请联系主持人解锁后重试",
        ),
        (refused(ErrorCode::BadPassword), "Wrong password. Try again.", "密码不正确，请重试"),
        (
            refused(ErrorCode::Banned),
            "The host has blocked you from this room. If that is a mistake, ask them.",
            "主持人已禁止您加入此会议，如有误请联系主持人",
        ),
        (
            refused(ErrorCode::BadMessage),
            "The server did not let you in. Try again later.",
            "服务器拒绝入会，请稍后重试",
        ),
    ]
}

/// One of two.
fn of(language: LanguageChoice, english: &'static str, chinese: &'static str) -> &'static str {
    if language == LanguageChoice::Chinese { chinese } else { english }
}

#[test]
fn faults_are_said_in_these_words() {
    for language in LANGUAGES {
        let mut stage = Stage::new(View::default(), language);
        for (fault, english, chinese) in devices().into_iter().chain(rows()).chain(refusals()) {
            let sentence = of(language, english, chinese);
            assert_eq!(fault.sentence(), sentence);
            stage.harness.state_mut().view.fault = Some(fault);
            stage.harness.run_steps(2);
            assert!(stage.has(sentence), "{sentence}");
        }
        let sentence = WindowError::NoDisplay.to_string();
        let (english, chinese) =
            ("Hearth needs a desktop. For a server use hearth-signal.", "围炉需要桌面环境，服务器请使用 hearth-signal");
        assert_eq!(sentence, of(language, english, chinese));
    }
}

#[test]
fn what_passes_is_said_in_these_words() {
    for language in LANGUAGES {
        for (scene, english, chinese) in [
            (scenes::waiting as fn() -> View, "Waiting for the host to let you in…", "请等待主持人准入"),
            (scenes::call_trouble, "The network changed. Reconnecting…", "网络已切换，正在重连…"),
            (scenes::call_trouble, "You're muted. Press M to unmute.", "您已静音，按 M 解除静音"),
        ] {
            let stage = Stage::new(scene(), language);
            let sentence = of(language, english, chinese);
            assert!(stage.has(sentence), "{sentence}");
        }
        let mut room: Room = scenes::hosted();
        for person in &mut room.people {
            person.lacks_video_codec = true;
        }
        let mut stage = Stage::new(View { stage: Screen::Room(room), ..View::default() }, language);
        let (english, chinese) =
            ("Their browser cannot show your video; sound works.", "对方的浏览器无法显示您的视频，声音可用");
        let sentence = of(language, english, chinese);
        assert!(stage.has(&format!("Grace Hopper, {sentence}")), "the tile in words");
        stage.press(&t!("ui.command.people"));
        assert!(stage.has(sentence));
    }
}

#[test]
fn a_server_that_stays_away_is_said_to_be_lost() {
    let (english, chinese) = (
        "The connection to the host is lost. The call goes on; reconnecting…",
        "与主持人的连接已断开，通话仍在继续，正在重连…",
    );
    for language in LANGUAGES {
        let mut view = scenes::call_trouble();
        assert!(!Stage::new(view.clone(), language).has(of(language, english, chinese)), "not at once");
        if let Screen::Room(room) = &mut view.stage {
            room.server.is_lost = true;
        }
        assert!(Stage::new(view, language).has(of(language, english, chinese)));
    }
}

#[test]
fn a_screen_beside_somebodys_picture_is_told_whose_it_is() {
    for language in LANGUAGES {
        assert!(!Stage::new(scenes::pair(), language).has(of(
            language,
            "Grace Hopper is sharing",
            "Grace Hopper 正在共享屏幕"
        )));
        let stage = Stage::new(scenes::screen(), language);
        assert!(stage.has(of(language, "Grace Hopper is sharing", "Grace Hopper 正在共享屏幕")));
        assert!(stage.has("Grace Hopper"), "and they are still there");
    }
}

#[test]
fn a_tile_says_why_somebody_cannot_connect() {
    let waiting = ("Connecting…", "正在连接…");
    let lost = ("Connection lost. Trying again…", "连接中断，正在重试…");
    let deaf =
        ("No sound in common. Ask them to use Hearth or a browser.", "没有共同的声音格式，请对方使用围炉或浏览器");
    let foreign = (
        "Their program cannot connect. Ask them to use Hearth or a browser.",
        "对方的程序无法连接，请对方使用围炉或浏览器",
    );
    let all = [waiting, lost, deaf, foreign];
    for language in LANGUAGES {
        for (quality, problem, expected) in [
            (Quality::Connecting, None, Some(waiting)),
            (Quality::Lost, None, Some(lost)),
            (Quality::Connecting, Some(DescriptionProblem::NoCommonAudio), Some(deaf)),
            (Quality::Lost, Some(DescriptionProblem::NoCommonAudio), Some(deaf)),
            (Quality::Connecting, Some(DescriptionProblem::Incompatible), Some(foreign)),
            (Quality::Lost, Some(DescriptionProblem::Incompatible), Some(foreign)),
            // Who is seen and heard has no problem worth a word.
            (Quality::Good(Route::Direct), Some(DescriptionProblem::Incompatible), None),
        ] {
            let mut view = scenes::pair();
            let Screen::Room(room) = &mut view.stage else { panic!("a room") };
            (room.people[0].quality, room.people[0].problem) = (quality, problem);
            let stage = Stage::new(view, language);
            let shown: Vec<_> =
                all.into_iter().filter(|(english, chinese)| stage.shows(of(language, english, chinese))).collect();
            assert_eq!(shown, Vec::from_iter(expected), "{quality:?}, {problem:?}, {language:?}");
            // Who does not see the tile hears the same.
            let sentence = expected.map(|(english, chinese)| of(language, english, chinese));
            let label = ["Grace Hopper"].into_iter().chain(sentence).collect::<Vec<_>>().join(", ");
            assert!(stage.has(&label), "{label}");
        }
    }
}
