//! Microphone and speaker by cpal, against null sinks of a sound server: what is played comes back.
//!
//! Owns nothing.

use std::time::Duration;

use hearth_base::{DeviceChoice, DeviceEntry, DeviceFault, DeviceId, DeviceKind, DeviceState, Switch};
use hearth_media::chirp::Chirp;
use hearth_media::tick::{AudioCommand, VoiceProcessing};
use hearth_media::voice::Voice;

use crate::server::{Server, cli, plug_in, prefer, pull_out, pull_out_microphone, refuse_everybody};
use crate::talk::{Talk, failed};
use crate::{allocator, child};

const SECOND: Duration = Duration::from_secs(1);
/// Decibels by which the canceller makes their voice weaker at least, where it knows what was played.
const CANCELLED: f32 = 12.0;
/// Seconds that it may take for that.
const LEARNING: u32 = 60;

#[test]
fn what_is_played_comes_back_is_known_to_the_canceller_and_no_callback_allocates() {
    if !child::is_child() {
        let server = Server::start();
        let name = "sound::what_is_played_comes_back_is_known_to_the_canceller_and_no_callback_allocates";
        return child::run(name, &server.environment());
    }
    let mut talk = Talk::begin();
    let open = talk.until(5 * SECOND, |talk| talk.is_on("one"));
    println!("open after {open:?}");
    talk.hear(Box::new(Chirp::new(3)));
    let mut guarded = talk.until(8 * SECOND, |talk| talk.chirps().of(3) >= 3);
    println!("mouth to ear, two Opus hops and the server: {:?} ms", talk.chirps().mouth_to_ear_ms);

    talk.hear(Box::new(Voice::default()));
    let blocks = talk.powers.len() + 100;
    // Second by second, for as long as it takes: a machine that stands still loses sound, and the canceller learns
    // again.
    let is_loud = |talk: &mut Talk| talk.powers.len() > blocks && talk.decibels(100) > -40.0;
    guarded += talk.until(10 * SECOND, is_loud);
    let plain = talk.decibels(100);
    talk.here.command(AudioCommand::Treat(VoiceProcessing { echo: Switch::On, ..VoiceProcessing::NONE }));
    let mut cancelled = plain;
    for second in 1..=LEARNING {
        talk.go_on(SECOND);
        guarded += SECOND;
        cancelled = cancelled.min(talk.decibels(100));
        let missed = talk.devices.view().missed_samples;
        println!("  {:.1} dB after {second} s, samples missed {missed}", talk.decibels(100));
        if plain - cancelled > CANCELLED {
            break;
        }
    }
    println!("their voice in our microphone: {plain:.1} dB, with the canceller {cancelled:.1} dB in the best second");
    // How well it cancels is proved in virtual time; here, that it is told the right sound at the right time.
    assert!(plain - cancelled > CANCELLED, "the canceller knows what was played: {plain} {cancelled}");

    // The guard is to have watched callbacks that run for ten seconds at least.
    talk.go_on((10 * SECOND).saturating_sub(guarded).max(SECOND));
    talk.until(10 * SECOND, |talk| talk.decibels(100) > -100.0);

    let view = talk.devices.view().clone();
    println!("samples missed: {}", view.missed_samples);
    assert_eq!(allocator::sins(), 0, "a callback allocated");
    let names: Vec<_> = view.lists.microphones.iter().map(|entry| (entry.name.as_str(), entry.is_default)).collect();
    // What the speakers play stands at the end.
    let monitors = [("Monitor of one", false), ("Monitor of two", false)];
    assert_eq!(names, [[("one-mic", true), ("two-mic", false)], monitors].concat());
    assert_eq!(view.lists.speakers.len(), 2);
}

#[test]
fn a_card_that_is_pulled_out_or_replaced_does_not_end_the_sound() {
    if !child::is_child() {
        let server = Server::start();
        let name = "sound::a_card_that_is_pulled_out_or_replaced_does_not_end_the_sound";
        return child::run(name, &server.environment());
    }
    let mut talk = Talk::begin();
    talk.until(5 * SECOND, |talk| talk.is_on("one"));
    talk.hear(Box::new(Chirp::new(3)));
    talk.until(5 * SECOND, |talk| talk.chirps().of(3) >= 2);

    pull_out(&cli(), "one");
    let moved = talk.until(5 * SECOND, |talk| talk.is_on("two"));
    println!("pulled out: on the other card after {moved:?}");
    let heard = talk.chirps().of(3);
    talk.until(5 * SECOND, |talk| talk.chirps().of(3) >= heard + 2);

    plug_in(&cli(), "one");
    prefer(&cli(), "one");
    let moved = talk.until(6 * SECOND, |talk| talk.is_on("one"));
    println!("replaced: on the new card after {moved:?}");
    let heard = talk.chirps().of(3);
    talk.until(5 * SECOND, |talk| talk.chirps().of(3) >= heard + 2);

    talk.devices.choose(DeviceKind::Microphone, DeviceChoice::Named(DeviceId("pulseaudio:two-mic".into())));
    talk.devices.choose(DeviceKind::Speaker, DeviceChoice::Named(DeviceId("pulseaudio:two".into())));
    let chosen = talk.until(3 * SECOND, |talk| talk.is_on("two"));
    println!("chosen: on the other card after {chosen:?}");
    for card in ["two", "one"] {
        pull_out_microphone(&cli(), card);
    }
    let deaf = |talk: &mut Talk| {
        let view = talk.devices.view();
        failed(&view.microphone.actual, &DeviceFault::NoDevice) && matches!(view.speaker.actual, DeviceState::On { .. })
    };
    println!("no microphone beside a speaker: said after {:?}", talk.until(6 * SECOND, deaf));
    pull_out(&cli(), "two");
    pull_out(&cli(), "one");
    let gone = |talk: &mut Talk| {
        let view = talk.devices.view();
        failed(&view.microphone.actual, &DeviceFault::NoSoundServer)
            && failed(&view.speaker.actual, &DeviceFault::NoSoundServer)
    };
    println!("all pulled out: said after {:?}", talk.until(6 * SECOND, gone));
}

/// What a speaker plays is no microphone by itself, whether the server has us or not.
fn what_speakers_play_is_no_microphone(
    test: &str,
    faults: &[DeviceFault],
    prepare: impl FnOnce(&Server),
) -> Option<Talk> {
    if !child::is_child() {
        let server = Server::start_without_cards();
        server.plug_in_speaker("speakers");
        prepare(&server);
        child::run(&format!("sound::{test}"), &server.environment_at(&server.path("home")));
        return None;
    }
    let mut talk = Talk::begin();
    let is_deaf = |talk: &mut Talk| {
        let view = talk.devices.view();
        faults.iter().any(|fault| failed(&view.microphone.actual, fault))
            && matches!(view.speaker.actual, DeviceState::On { .. })
            && !view.lists.speakers.is_empty()
    };
    println!("no microphone beside a speaker: said after {:?}", talk.until(8 * SECOND, is_deaf));
    assert!(talk.powers.iter().all(|power| *power == 0.0), "nothing of the tone is sent");
    let microphones = &talk.devices.view().lists.microphones;
    assert!(microphones.iter().all(|entry| entry.is_monitor && !entry.is_default), "{microphones:?}");
    Some(talk)
}

#[test]
fn who_has_no_cookie_gets_one_and_no_monitor_but_by_choice() {
    let name = "who_has_no_cookie_gets_one_and_no_monitor_but_by_choice";
    let talk = what_speakers_play_is_no_microphone(name, &[DeviceFault::NoDevice], |server| {
        std::fs::create_dir(server.path("home")).unwrap();
    });
    let Some(mut talk) = talk else { return };
    let [monitor] = talk.devices.view().lists.microphones.as_slice() else { panic!("one monitor") };
    let choice = DeviceChoice::Named(monitor.id.clone());
    talk.devices.choose(DeviceKind::Microphone, choice);
    println!("chosen: the tone is sent after {:?}", talk.until(8 * SECOND, |talk| talk.decibels(50) > -60.0));
}

#[test]
fn a_monitor_is_known_by_its_class_whatever_it_is_called() {
    if !child::is_child() {
        let server = Server::start_without_cards();
        server.take_monitors_name("speakers");
        server.plug_in_speaker("speakers");
        // Neither its name nor its description says what it is, and the system would take it.
        server.describe_source("speakers.monitor.2", "Mein Mischpult");
        server.prefer_source("speakers.monitor.2");
        let name = "sound::a_monitor_is_known_by_its_class_whatever_it_is_called";
        return child::run(name, &server.environment());
    }
    let mut talk = Talk::begin();
    let is_deaf = |talk: &mut Talk| {
        let view = talk.devices.view();
        failed(&view.microphone.actual, &DeviceFault::NoDevice)
            && matches!(view.speaker.actual, DeviceState::On { .. })
            && view.lists.microphones.len() == 2
    };
    println!("the monitor is not taken: said after {:?}", talk.until(8 * SECOND, is_deaf));
    assert!(talk.powers.iter().all(|power| *power == 0.0), "nothing of the tone is sent");
    let microphones = talk.devices.view().lists.microphones.clone();
    let said = |entry: &DeviceEntry| (entry.name.clone(), entry.is_monitor, entry.is_default);
    let expected = [("Silence".to_owned(), false, false), ("Mein Mischpult".to_owned(), true, false)];
    assert_eq!(microphones.iter().map(said).collect::<Vec<_>>(), expected);
    let choice = DeviceChoice::Named(microphones[1].id.clone());
    talk.devices.choose(DeviceKind::Microphone, choice);
    println!("chosen: the tone is sent after {:?}", talk.until(8 * SECOND, |talk| talk.decibels(50) > -60.0));
}

#[test]
fn who_can_have_no_cookie_gets_no_monitor_either() {
    // As where a sandbox shows the file and does not let anybody read it. ALSA's plugin writes a whole one, sooner or
    // later.
    let faults = [DeviceFault::Refused, DeviceFault::NoDevice];
    let name = "who_can_have_no_cookie_gets_no_monitor_either";
    what_speakers_play_is_no_microphone(name, &faults, |server| {
        let folder = server.path("home/.config/pulse");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cookie"), "").unwrap();
    });
}

#[test]
fn a_server_that_refuses_us_is_told_from_none() {
    if !child::is_child() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("native");
        refuse_everybody(&socket);
        let environment =
            [("PULSE_SERVER", format!("unix:{}", socket.display())), ("HOME", folder.path().display().to_string())];
        return child::run("sound::a_server_that_refuses_us_is_told_from_none", &environment);
    }
    let mut talk = Talk::begin();
    let is_refused = |talk: &mut Talk| {
        let view = talk.devices.view();
        [&view.microphone, &view.speaker].into_iter().all(|device| failed(&device.actual, &DeviceFault::Refused))
    };
    println!("refused: said after {:?}", talk.until(8 * SECOND, is_refused));
}
