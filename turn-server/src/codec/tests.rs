//! The codec against the published vectors, and against what is not a message.

use super::*;
use crate::crypto::Key;

/// RFC 5769 section 2.4: a request with long-term credentials; its nonce and user name are not ASCII.
const SAMPLE: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000\
    0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700\
    00080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn request() -> Writer {
    Writer::new(Class::Request, Method::Allocate, [7; 12])
}

#[test]
fn the_published_long_term_sample_is_signed_by_its_key() {
    let raw = hex(SAMPLE);
    let message = Message::decode(&raw).unwrap();
    // The sample's password is "The<U+00AD>M<U+00AA>tr<U+2168>", which SASLprep turns into "TheMatrIX".
    let username = message.attribute(attribute::USERNAME).unwrap();
    assert!(message.is_signed_by(&Key::long_term(username, b"example.org", b"TheMatrIX")));
    assert!(!message.is_signed_by(&Key::long_term(username, b"example.org", b"TheMatrix")));
}

#[test]
fn addresses_survive_a_round_trip() {
    for address in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853", "0.0.0.0:0"] {
        let address = address.parse().unwrap();
        let mut value = Vec::new();
        encode_address(address, &[9; 12], &mut value);
        assert_eq!(decode_address(&value, &[9; 12]), Some(address));
        assert_eq!(decode_address(&value[..value.len() - 1], &[9; 12]), None);
    }
}

#[test]
fn every_type_survives_a_round_trip() {
    for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
        for bits in 0..0x1000 {
            let method = Method::from_bits(bits);
            assert_eq!(split_type(join_type(class, method)), (class, method));
        }
    }
    assert_eq!(join_type(Class::Success, Method::Allocate), 0x0103);
    assert_eq!(join_type(Class::Indication, Method::Data), 0x0017);
}

#[test]
fn what_follows_message_integrity_is_ignored() {
    let key = Key::long_term(b"ann", b"hearth", b"pass");
    let mut raw = request().attribute(attribute::LIFETIME, &[0, 0, 0, 1]).seal(Some(&key), false).unwrap();
    raw.extend_from_slice(&[0x00, 0x19, 0, 4, 17, 0, 0, 0]);
    let length = (raw.len() - 20) as u16;
    raw[2..4].copy_from_slice(&length.to_be_bytes());
    let message = Message::decode(&raw).unwrap();
    assert!(message.is_signed_by(&key));
    assert_eq!(message.attribute(attribute::LIFETIME), Some(&[0, 0, 0, 1][..]));
    assert_eq!(message.attribute(attribute::REQUESTED_TRANSPORT), None);
}

#[test]
fn the_first_of_two_attributes_counts() {
    let raw = request().attribute(attribute::LIFETIME, &[1; 4]).attribute(attribute::LIFETIME, &[2; 4]);
    let raw = raw.seal(None, true).unwrap();
    let message = Message::decode(&raw).unwrap();
    assert_eq!(message.attribute(attribute::LIFETIME), Some(&[1; 4][..]));
    assert!(message.fingerprinted);
}

#[test]
fn broken_structures_are_refused() {
    let sound = request().attribute(attribute::LIFETIME, &[0; 4]).seal(None, true).unwrap();
    assert!(Message::decode(&sound).is_ok());
    let broken: [fn(&mut Vec<u8>); 8] = [
        |raw| raw.truncate(19),
        |raw| raw[0] |= 0x80,
        |raw| raw[4] ^= 1,
        |raw| raw[3] += 4,
        |raw| raw[3] += 1,
        |raw| raw[23] = 200,
        |raw| raw[24] ^= 1,
        |raw| raw.extend_from_slice(&[0; 4]),
    ];
    for (case, damage) in broken.iter().enumerate() {
        let mut raw = sound.clone();
        damage(&mut raw);
        assert!(Message::decode(&raw).is_err(), "case {case}");
    }
}

#[test]
fn message_integrity_of_another_length_is_refused() {
    let raw = request().attribute(attribute::MESSAGE_INTEGRITY, &[0; 16]).seal(None, false).unwrap();
    assert!(Message::decode(&raw).is_err());
}

#[test]
fn channel_data_needs_its_length_and_takes_padding() {
    let data = ChannelData { number: 0x4001, data: b"hello" };
    let mut raw = data.encode(false).unwrap();
    assert_eq!(ChannelData::decode(&raw), Some(data));
    raw.extend_from_slice(&[0; 3]);
    assert_eq!(ChannelData::decode(&raw), Some(data));
    assert_eq!(ChannelData::decode(&raw[..8]), None);
    assert_eq!(ChannelData::decode(&raw[..3]), None);
    assert_eq!(ChannelData { number: 0x4000, data: &[0; 65_504] }.encode(false), None);
}
