//! Where one message ends and the next begins on a stream (RFC 8656 section 12.5): TCP and TLS keep no boundaries.

use super::{COOKIE, ChannelData};

/// What a stream holds is neither STUN nor ChannelData, and nobody knows where the next message would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameError;

/// Bytes of the frame that `stream` begins with, padding included; `None` while its header has not come whole.
///
/// # Errors
/// [`FrameError`]: the stream has to be closed.
pub(crate) fn frame_length(stream: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(([first, _, l0, l1], rest)) = stream.split_first_chunk::<4>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    match first >> 6 {
        // "The ChannelData message MUST be padded to a multiple of four bytes" over a stream.
        1 => Ok(Some((ChannelData::HEADER + length).next_multiple_of(4))),
        0 if length.is_multiple_of(4) => match rest.first_chunk::<4>() {
            None => Ok(None),
            Some(cookie) if *cookie == COOKIE => Ok(Some(20 + length)),
            Some(_) => Err(FrameError),
        },
        _ => Err(FrameError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_where_its_messages_end() {
        type Case<'a> = (&'a [u8], Result<Option<usize>, FrameError>);
        let cases: [Case<'_>; 8] = [
            (&[], Ok(None)),
            (&[0x40, 0, 0], Ok(None)),
            (&[0x40, 0, 0, 0], Ok(Some(4))),
            (&[0x40, 0, 0, 5], Ok(Some(12))),
            (&[0x7f, 0xff, 0xff, 0xff], Ok(Some(65_540))),
            (&[0, 1, 0, 8], Ok(None)),
            (&[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42], Ok(Some(28))),
            (&[0, 1, 0, 7], Err(FrameError)),
        ];
        for (stream, expected) in cases {
            assert_eq!(frame_length(stream), expected, "{stream:?}");
        }
        assert_eq!(
            frame_length(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
            Err(FrameError),
            "TLS where none was agreed on"
        );
        assert_eq!(frame_length(b"\x00\x01\x00\x00HTTP"), Err(FrameError), "no cookie");
    }
}
