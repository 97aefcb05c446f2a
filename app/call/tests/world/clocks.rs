//! When frames were captured, by their sender's clock, as the other side knows it.

use std::time::Duration;

use hearth_base::{TrackKind, TrackSource};
use hearth_call::{Switch, TransportPolicy};
use hearth_netsim::LinkConfig;

use crate::media::{AUDIO, VIDEO};
use crate::world::World;

/// Units of an NTP time in a millisecond.
const MILLISECOND: f64 = 4_294_967.296;

/// However long encoding takes, and however the network delays packets, what was captured at one moment has one time on
/// all tracks of its sender.
#[test]
fn lips_and_words_of_one_moment_have_one_time() {
    let mut link = LinkConfig::delayed(Duration::from_millis(30));
    link.jitter = Duration::from_millis(20);
    for (seed, lag) in [(6000, 0), (6001, 40), (6002, 150)] {
        let mut world = World::new(seed, link);
        for index in [0, 1] {
            world.add_client(TransportPolicy::All);
            world.clients[index].lag = Duration::from_millis(lag);
            world.enter(index);
        }
        assert!(world.run_until(Duration::from_secs(10), World::all_connected), "not connected");
        world.run(Duration::from_secs(12));
        for (viewer, sender) in [(0, 1), (1, 0)] {
            let captures = &world.clients[viewer].sink.got[&sender].captures;
            // Milliseconds from the beginning of the sender's clock in this world to where its time stamps say it is.
            let of = |kind: TrackKind| {
                let origin = |(_, number, ntp): &(TrackKind, u32, hearth_base::NtpTime)| {
                    let captured = match kind {
                        TrackKind::Audio => AUDIO * *number,
                        TrackKind::Video => (VIDEO * *number).saturating_sub(Duration::from_millis(lag)),
                    };
                    ntp.minus(captured).0
                };
                captures.iter().filter(move |(found, ..)| *found == kind).map(origin).collect::<Vec<_>>()
            };
            let (audio, video) = (of(TrackKind::Audio), of(TrackKind::Video));
            assert!(audio.len() > 400 && video.len() > 100, "{} and {} frames have a time", audio.len(), video.len());
            for origin in audio.iter().chain(&video) {
                let apart = origin.wrapping_sub(audio[0]).cast_signed() as f64 / MILLISECOND;
                assert!(apart.abs() < 1.0, "lag {lag} ms, of {sender}: {apart} ms apart");
            }
        }
    }
}

/// Both directions are alike here, and so the age of what comes is known to be what the network made it, however far
/// the clocks of both ends are apart.
#[test]
fn the_age_of_what_comes_is_known_though_clocks_differ() {
    for (seed, delay) in [(6010, 15), (6011, 90)] {
        let mut world = World::new(seed, LinkConfig::delayed(Duration::from_millis(delay)));
        for index in [0, 1] {
            world.add_client(TransportPolicy::All);
            world.enter(index);
        }
        // A client's clock begins with its first packet: seconds later, in a world whose time runs faster than ours.
        let sources = [TrackSource::Microphone, TrackSource::Camera];
        sources.into_iter().for_each(|source| world.enable(1, source, Switch::Off));
        assert!(world.run_until(Duration::from_secs(10), World::all_connected), "not connected");
        world.run(Duration::from_secs(5));
        sources.into_iter().for_each(|source| world.enable(1, source, Switch::On));
        world.run(Duration::from_secs(10));
        let (now, mut clocks) = (world.now, Vec::new());
        for (viewer, sender) in [(0, 1), (1, 0)] {
            let stats = world.clients[viewer].call.stats(now);
            let clock = stats[0].connections[0].clock.expect("reports came");
            let got = &world.clients[viewer].sink.got[&sender];
            let sound = got.captures.iter().rev().find(|(kind, ..)| *kind == TrackKind::Audio);
            let (_, _, captured) = *sound.expect("sound came whose time is known");
            let came = clock.at(got.last_sound.expect("sound came"));
            let age = came.0.wrapping_sub(captured.0).cast_signed() as f64 / MILLISECOND;
            println!("{viewer} of {sender}: {age:.2} ms over links of {delay} ms");
            assert!((age - delay as f64).abs() < 2.0, "{viewer} of {sender}: {age} ms over links of {delay} ms");
            clocks.push(clock.theirs);
        }
        let apart = clocks[0].0.wrapping_sub(clocks[1].0).cast_signed() as f64 / MILLISECOND;
        println!("clocks are {apart:.0} ms apart");
        assert!(apart.abs() > 1000.0, "{apart} ms apart: this proves little");
    }
}
