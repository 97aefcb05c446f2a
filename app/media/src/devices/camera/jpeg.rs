//! Where a JPEG ends (ITU-T T.81): a camera's buffer goes on behind it with what was there before.
//!
//! Owns nothing. Decodes nothing.

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// The bytes of the first picture. `None` when it does not begin or does not end here.
pub(super) fn trim(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.get(..2)? != [0xff, START] {
        return None;
    }
    let mut at = 2;
    loop {
        // Any number of 0xff may stand before a marker (B.1.1.2).
        while bytes.get(at..at + 2)? == [0xff, 0xff] {
            at += 1;
        }
        let [0xff, marker] = *bytes.get(at..at + 2)? else { return None };
        at += 2;
        match marker {
            END => return bytes.get(..at),
            // Markers without a segment (B.1.1.3).
            0x01 | 0xd0..=0xd7 => {}
            _ => {
                let length = bytes.get(at..at + 2)?;
                at += usize::from(u16::from_be_bytes([*length.first()?, *length.get(1)?]));
                if marker == SCAN {
                    at = end_of_scan(bytes, at)?;
                }
            }
        }
    }
}

/// The first marker behind the scan that begins at `at`. Zeros and restarts belong to it (B.1.1.5).
fn end_of_scan(bytes: &[u8], at: usize) -> Option<usize> {
    let scan = bytes.get(at..)?;
    let is_marker = |pair: &[u8]| matches!(pair, [0xff, code] if *code != 0 && !(0xd0..=0xd7).contains(code));
    scan.windows(2).position(is_marker).map(|found| at + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_first_end_is_not_part_of_it() {
        let picture = [
            &[0xff, 0xd8][..],
            // A comment with an end in it.
            &[0xff, 0xfe, 0, 5, 0xff, 0xd9, 7],
            &[0xff, 0xda, 0, 3, 0],
            &[1, 0xff, 0, 0xff, 0xd3, 2],
            &[0xff, 0xff, 0xd9],
        ]
        .concat();
        let behind = [&picture[..], &[0xff, 0xd9, 9, 0xff, 0xd9]].concat();
        assert_eq!(trim(&behind), Some(&picture[..]));
        for end in 0..picture.len() {
            assert_eq!(trim(&picture[..end]), None, "{end}");
        }
    }
}
