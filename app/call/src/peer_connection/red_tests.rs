//! Sound that carries what was before it: wrapped, lost, unwrapped, and what must not be believed.

use std::time::Instant;

use rtc::interceptor::AttributedPacket;
use rtc::shared::TransportContext;

use super::*;

const TYPES: RedTypes = RedTypes { red: 63, opus: 111 };

/// A packet each 10 ms, whose payload is its number.
fn sound(sequence: u16) -> rtp::Packet {
    let header = rtp::header::Header {
        version: 2,
        ssrc: 5,
        payload_type: TYPES.opus,
        sequence_number: sequence,
        timestamp: u32::from(sequence) * 480,
        ..rtp::header::Header::default()
    };
    rtp::Packet { header, payload: Bytes::copy_from_slice(&sequence.to_be_bytes()) }
}

fn tap(loss: f64) -> RedTap {
    let switch = RedSwitch::default();
    switch.agree(Some(TYPES));
    switch.set_loss(loss);
    RedTap::new(switch)
}

fn passed(packet: rtp::Packet, pass: impl FnOnce(TaggedPacket, &mut Onward)) -> Vec<rtp::Packet> {
    let message = AttributedPacket::new(Packet::Rtp(packet));
    let mut onward = Onward::new();
    pass(TaggedPacket { now: Instant::now(), transport: TransportContext::default(), message }, &mut onward);
    let rtp = |packet: TaggedPacket| if let Packet::Rtp(rtp) = packet.message.packet { Some(rtp) } else { None };
    onward.into_iter().filter_map(rtp).collect()
}

fn sent(tap: &mut RedTap, sequence: u16) -> rtp::Packet {
    passed(sound(sequence), |packet, onward| tap.outbound(packet, onward)).remove(0)
}

/// Which packets come out, each checked to be what was sent.
fn came(tap: &mut RedTap, packet: rtp::Packet) -> Vec<u16> {
    let out = passed(packet, |packet, onward| tap.inbound(packet, onward));
    out.iter().for_each(|one| assert_eq!((one, one.header.payload_type), (&sound(one.header.sequence_number), 111)));
    out.iter().map(|one| one.header.sequence_number).collect()
}

#[test]
fn what_is_lost_comes_with_the_next_ones_once() {
    for (loss, expected) in
        [(0.01, vec![0, 4, 8, 9]), (0.05, vec![0, 3, 4, 7, 8, 9]), (0.2, vec![0, 2, 3, 4, 6, 7, 8, 9])]
    {
        let (mut ours, mut theirs) = (tap(loss), tap(0.0));
        let mut out = Vec::new();
        for sequence in 0..10 {
            let packet = sent(&mut ours, sequence);
            assert_eq!(packet.header.payload_type == 63, loss > LOSSY && sequence > 0, "{loss} {sequence}");
            if matches!(sequence, 0 | 4 | 8 | 9) {
                out.extend(came(&mut theirs, packet));
            }
        }
        assert_eq!(out, expected, "{loss}");
    }
}

#[test]
fn numbers_that_wrap_and_holes_of_our_own_are_told_apart() {
    let (mut ours, mut theirs) = (tap(0.2), tap(0.0));
    let mut all: Vec<_> = [65_533, 65_534].iter().map(|n| sent(&mut ours, *n)).collect();
    let mut wrapped = |sequence: u16, time: u32| {
        let mut packet = sound(sequence);
        packet.header.timestamp = time;
        passed(packet, |packet, onward| ours.outbound(packet, onward)).remove(0)
    };
    all.push(wrapped(65_535, 65_535 * 480));
    all.push(wrapped(0, 65_536 * 480));
    let numbers = |out: Vec<rtp::Packet>| out.iter().map(|one| one.header.sequence_number).collect::<Vec<_>>();
    let mut hear = |packet| numbers(passed(packet, |packet, onward| theirs.inbound(packet, onward)));
    assert_eq!((hear(all.remove(0)), hear(all.remove(2))), (vec![65_533], vec![65_534, 65_535, 0]));
    // A packet that never left is no part of the row: what is before the hole is not carried.
    assert_eq!(wrapped(5, 70_000 * 480).header.payload_type, 111);
}

#[test]
fn what_is_malformed_is_dropped_and_what_was_not_agreed_on_passes() {
    let red = |payload: &[u8]| {
        let mut packet = sound(100);
        packet.header.payload_type = TYPES.red;
        packet.payload = Bytes::copy_from_slice(payload);
        packet
    };
    let mut theirs = tap(0.0);
    let endless = [0xEF, 0, 0, 0].repeat(40);
    for malformed in [&[][..], &[0xEF], &[0xEF, 0, 0], &[0xEF, 0, 4, 9, 111, 1, 2], &endless] {
        let out = passed(red(malformed), |packet, onward| theirs.inbound(packet, onward));
        assert!(out.is_empty(), "{malformed:?}");
    }
    // A block without anything in it is nothing; the packet itself is there.
    let mut packet = red(&[0xEF, 0, 0, 0, 111, 0, 100]);
    assert_eq!(came(&mut theirs, packet.clone()), [100]);
    let mut none = RedTap::new(RedSwitch::default());
    packet.header.sequence_number = 7;
    let out = passed(packet, |packet, onward| none.inbound(packet, onward));
    assert_eq!(out[0].header.payload_type, TYPES.red);
    assert_eq!(sent(&mut none, 1).header.payload_type, TYPES.opus);
}

#[test]
fn what_has_come_is_known_for_a_while() {
    let mut came = Came { newest: 10, before: u64::MAX };
    assert_eq!(
        [10, 9, 12, 11, 11, 12, 300, 12, 236, 235].map(|n| came.take(n)),
        [false, false, true, true, false, false, true, false, true, false]
    );
}
