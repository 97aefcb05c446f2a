//! The NAL units of an access unit in Annex B form, as far as it matters where decoding may begin.
//!
//! Owns nothing. Reads what a stranger wrote: what is cut off or absurd is no start.

const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEI: u8 = 6;
const RECOVERY_POINT: u8 = 6;
const TYPE: u8 = 0b0001_1111;
/// How much others need a unit: not at all where this is 0 (nal_ref_idc).
const REFERENCE: u8 = 0b0110_0000;
/// Pictures that a refresh by parts may take; more is nonsense (256: eight seconds and a half at 30 a second).
const LONGEST_REFRESH: u32 = 256;

/// Whether decoding may begin with an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// It needs what was before.
    No,
    /// It needs nothing.
    Idr,
    /// After so many further pictures everything is there.
    Recovery { pictures: u32 },
}

/// Whether decoding may begin with `unit`.
pub(super) fn start_of(unit: &[u8]) -> Start {
    let mut start = Start::No;
    for nal in units(unit) {
        match nal {
            [header, ..] if header & TYPE == IDR => return Start::Idr,
            // A message of one kind and its length, a byte each; a longer one is none of these.
            [header, RECOVERY_POINT, length, message @ ..] if header & TYPE == SEI => {
                let message = message.get(..usize::from(*length)).unwrap_or_default();
                if let Some(pictures) = exp_golomb(message).filter(|pictures| *pictures <= LONGEST_REFRESH) {
                    start = Start::Recovery { pictures };
                }
            }
            _ => {}
        }
    }
    start
}

/// Whether no other picture is made of this one, whose slices say so themselves.
pub(super) fn is_discardable(unit: &[u8]) -> bool {
    let mut slices = units(unit).filter_map(|nal| nal.first()).filter(|header| *header & TYPE == SLICE).peekable();
    slices.peek().is_some() && slices.all(|header| *header & REFERENCE == 0)
}

/// The NAL units of a stream, without their start codes.
pub(super) fn units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = behind_start(stream);
    std::iter::from_fn(move || {
        let unit = rest?;
        let end = unit.windows(3).position(|three| three == [0, 0, 1]).unwrap_or(unit.len());
        rest = behind_start(unit.get(end..)?);
        let unit = unit.get(..end)?;
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        unit.get(..unit.len() - zeros)
    })
}

fn behind_start(stream: &[u8]) -> Option<&[u8]> {
    let at = stream.windows(3).position(|three| three == [0, 0, 1])?;
    stream.get(at + 3..)
}

/// An unsigned number at the beginning of `bytes` (H.264, section 9.1), up to 16 bits.
fn exp_golomb(bytes: &[u8]) -> Option<u32> {
    let bit = |n: usize| bytes.get(n / 8).map(|byte| u32::from(byte >> (7 - n % 8) & 1));
    let zeros = (0..16).take_while(|n| bit(*n) == Some(0)).count();
    let number: u32 = (zeros..=2 * zeros).try_fold(0, |number, n| Some(number << 1 | bit(n)?))?;
    number.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_says_where_decoding_may_begin() {
        let recovery = |pictures| Start::Recovery { pictures };
        for (unit, expected) in [
            (&[][..], Start::No),
            (&[0, 0, 1], Start::No),
            (&[0, 0, 0, 1, 0x41, 1, 2], Start::No),
            (&[0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x41, 9], Start::No),
            (&[0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 9], Start::Idr),
            (&[0, 0, 1, 0x06, 6, 1, 0x71, 0x80, 0, 0, 1, 0x41, 9], recovery(2)),
            (&[0, 0, 1, 0x06, 6, 1, 0x84, 0x80, 0, 0, 1, 0x41, 9], recovery(0)),
            (&[0, 0, 1, 0x06, 6, 1, 0x71, 0x80, 0, 0, 1, 0x65, 9], Start::Idr),
            (&[0, 0, 1, 0x06, 5, 1, 0x71], Start::No),
            (&[0, 0, 1, 0x06, 6, 9, 0x71], Start::No),
            (&[0, 0, 1, 0x06, 6, 4, 0x00, 0x00, 0x00, 0x01], Start::No),
            (&[0, 0, 1, 0x06, 6, 3, 0x00, 0x01, 0xff], Start::No),
            (&[0, 0, 1, 0x06, 6, 9, 0, 0, 3, 0, 0, 3, 0, 0, 3], Start::No),
            (&[0, 0, 1, 0x06], Start::No),
        ] {
            assert_eq!(start_of(unit), expected, "{unit:02x?}");
        }
    }
}
