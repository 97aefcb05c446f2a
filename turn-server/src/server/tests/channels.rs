//! ChannelBind and ChannelData.

use super::*;

#[test]
fn a_channel_carries_data_both_ways_and_its_permission() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    assert!(lab.bind(ann(), 0x4000, peer()).is_success());
    assert_eq!(lab.channel(ann(), 0x4000, b"hello"), relayed(relay, peer(), b"hello"));
    let outputs = lab.peer_sends(relay, peer(), b"world");
    assert_eq!(received(&outputs, ann()), Some(Received::Channel(0x4000, b"world".to_vec())));
    // Another port of the same host is permitted, but not on the channel.
    let other = SocketAddr::new(peer().ip(), 99);
    let outputs = lab.peer_sends(relay, other, b"world");
    assert_eq!(received(&outputs, ann()), Some(Received::Indication(other, b"world".to_vec())));
}

#[test]
fn numbers_outside_the_range_are_refused() {
    for number in [0, 0x3fff, 0x8000, 0xffff] {
        let mut lab = Lab::new();
        lab.allocate(ann());
        assert_eq!(lab.bind(ann(), number, peer()).code, Some(400), "{number:#x}");
    }
    for number in [0x4000, 0x4fff, 0x7fff] {
        let mut lab = Lab::new();
        lab.allocate(ann());
        assert!(lab.bind(ann(), number, peer()).is_success(), "{number:#x}");
    }
}

#[test]
fn what_begins_with_other_bits_is_no_channel_data() {
    use crate::Transport;
    let mut lab = Lab::new();
    lab.allocate(ann());
    assert!(lab.bind(ann(), 0x4000, peer()).is_success());
    let before = lab.stats();
    // 0b10 and 0b11 are nobody's (RFC 7983 section 7 gives them to RTP, and to nothing); 0b00 is STUN's, and this is
    // none.
    for number in [0x8000, 0xbfff, 0xc000, 0xffff, 0x0000, 0x3fff] {
        assert_eq!(lab.channel(ann(), number, b"data"), [], "{number:#x}");
        let stream = FiveTuple { client: ann(), local: listener(), transport: Transport::Tcp };
        let message = ChannelData { number, data: b"data" }.encode(true).unwrap();
        lab.server.handle_client(stream, &message, lab.now);
        assert_eq!(lab.drain(), [], "{number:#x}");
        assert!(crate::codec::frame_length(&message).is_err() || number < 0x4000, "{number:#x} on a stream");
    }
    let after = lab.stats();
    assert_eq!(after.dropped.malformed - before.dropped.malformed, 12);
    assert_eq!((after.to_peers, after.dropped.no_channel), (before.to_peers, before.dropped.no_channel));
}

#[test]
fn each_fault_has_its_code() {
    let mut lab = Lab::new();
    assert_eq!(lab.bind(ann(), 0x4000, peer()).code, Some(437), "no allocation");
    lab.allocate(ann());
    let number = |w: Writer| w.attribute(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0]);
    assert_eq!(lab.ask(ann(), Method::ChannelBind, number).code, Some(400), "no peer");
    let to = |w: Writer| w.address(attribute::XOR_PEER_ADDRESS, peer());
    assert_eq!(lab.ask(ann(), Method::ChannelBind, to).code, Some(400), "no number");
    let short = |w: Writer| to(w.attribute(attribute::CHANNEL_NUMBER, &[0x40, 0]));
    assert_eq!(lab.ask(ann(), Method::ChannelBind, short).code, Some(400), "half a number");
    assert_eq!(lab.bind(ann(), 0x4000, address("8.8.8.8:0")).code, Some(400), "no port");
    assert_eq!(lab.bind(ann(), 0x4000, address("[2600::2]:80")).code, Some(443), "of another family");
}

#[test]
fn a_number_stands_for_one_peer_and_a_peer_has_one_number() {
    let (one, two) = (address("1.1.1.1:1"), address("1.1.1.1:2"));
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    assert!(lab.bind(ann(), 0x4000, one).is_success());
    assert_eq!(lab.bind(ann(), 0x4000, two).code, Some(400), "the number is taken");
    assert_eq!(lab.bind(ann(), 0x4001, one).code, Some(400), "the peer has another one");
    assert!(lab.bind(ann(), 0x4001, two).is_success());
    assert_eq!(lab.bind(ann(), 0x4001, one).code, Some(400), "crosswise");
    assert!(lab.bind(ann(), 0x4000, one).is_success(), "refreshed");
    assert_eq!(lab.channel(ann(), 0x4000, b"x"), relayed(relay, one, b"x"));
}

#[test]
fn a_channel_ends_after_ten_minutes_and_may_be_bound_anew() {
    let mut lab = Lab::new();
    let relay = lab.allocate_with(ann(), |w| w.attribute(attribute::LIFETIME, &3600_u32.to_be_bytes())).relayed();
    lab.bind(ann(), 0x4000, peer());
    lab.pass(300);
    assert_eq!(lab.channel(ann(), 0x4000, b"x"), [], "its permission lasts half as long");
    lab.permit(ann(), peer());
    assert_eq!(lab.channel(ann(), 0x4000, b"x"), relayed(relay, peer(), b"x"));
    lab.pass(299);
    assert_eq!(lab.channel(ann(), 0x4000, b"x"), relayed(relay, peer(), b"x"));
    lab.pass(1);
    assert_eq!(lab.channel(ann(), 0x4000, b"x"), []);
    assert_eq!(lab.stats().dropped.no_channel, 1);
    assert!(lab.bind(ann(), 0x4000, address("1.1.1.1:1")).is_success());
    assert!(lab.bind(ann(), 0x4001, peer()).is_success());
}

#[test]
fn channels_have_a_quota() {
    let mut lab = Lab::with(|config| config.quotas.channels = 1);
    lab.allocate(ann());
    assert!(lab.bind(ann(), 0x4000, address("1.1.1.1:1")).is_success());
    assert_eq!(lab.bind(ann(), 0x4001, address("1.1.1.1:2")).code, Some(508));
}

#[test]
fn a_channel_belongs_to_its_client() {
    let mut lab = Lab::new();
    lab.allocate(ann());
    lab.allocate(bob());
    lab.bind(ann(), 0x4000, peer());
    assert_eq!(lab.channel(bob(), 0x4000, b"x"), []);
    assert_eq!(lab.channel(address("9.0.0.1:1001"), 0x4000, b"x"), []);
    assert_eq!((lab.stats().dropped.no_channel, lab.stats().dropped.no_allocation), (1, 1));
}
