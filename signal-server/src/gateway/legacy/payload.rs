//! Payloads of Engine.IO 3: what one request of a polling page brings back, in the form that old libraries read.
//!
//! A library that can take bytes says so by leaving out `b64`, and the one inside of SimpleWebRTC then reads nothing
//! else: engine.io 1 answers it in bytes, whatever the packets hold, while the transport here does so for binary
//! packets alone.

/// Before a packet of text (Engine.IO 3, "Payload", with XHR2 support).
const TEXT: u8 = 0;
/// Between a packet's length and the packet.
const END_OF_LENGTH: u8 = 255;

/// The payload `text`, packets behind their lengths in UTF-16 units, as bytes. None when it is no such payload.
pub(super) fn in_bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    while !rest.is_empty() {
        let (length, more) = rest.split_once(':')?;
        let end = end_of(more, length.parse().ok()?)?;
        let (packet, after) = more.split_at_checked(end)?;
        bytes.push(TEXT);
        bytes.extend(packet.len().to_string().bytes().map(|digit| digit - b'0'));
        bytes.push(END_OF_LENGTH);
        bytes.extend_from_slice(packet.as_bytes());
        rest = after;
    }
    Some(bytes)
}

/// Where in `text` so many UTF-16 units end, in bytes.
fn end_of(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (at, letter) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(letter.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_framed_by_their_bytes() {
        let bytes = |parts: &[&[u8]]| Some(parts.concat());
        for (text, expected) in [
            ("", Some(Vec::new())),
            ("2:40", bytes(&[&[0, 2, 255], b"40"])),
            ("2:4011:42[\"a\",\"b\"]", bytes(&[&[0, 2, 255], b"40", &[0, 1, 1, 255], b"42[\"a\",\"b\"]"])),
            ("4:4围炉!", bytes(&[&[0, 8, 255], "4围炉!".as_bytes()])),
            ("3:4🫖", bytes(&[&[0, 5, 255], "4🫖".as_bytes()])),
            ("2:4🫖", None),
            ("9:40", None),
            ("x:40", None),
            ("40", None),
        ] {
            assert_eq!(in_bytes(text), expected, "{text}");
        }
    }
}
