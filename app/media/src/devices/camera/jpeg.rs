//! The JPEG in a camera's buffer (ITU-T T.81), as decoders want it.
//!
//! Cameras leave out what their class of devices takes for granted: the usual Huffman tables, the end; and put in what
//! is none of it: bytes between the segments, or what was in the buffer before, behind the picture. Owns nothing.
//! Decodes nothing.

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const TABLES: u8 = 0xc4;
const SCAN: u8 = 0xda;

/// What is in a picture that names no tables of its own: those of tables K.3 to K.6, as "Motion-JPEG" has them (USB
/// video class, payload MJPEG, section 3.3).
const USUAL: &[u8; 420] = include_bytes!("usual.dht");

/// Writes the first picture among `bytes` to `whole`. `None` when none begins there, or nothing of it is left.
pub(super) fn complete(bytes: &[u8], whole: &mut Vec<u8>) -> Option<()> {
    let mut at = bytes.windows(2).position(|pair| pair == [0xff, START])? + 2;
    whole.clear();
    whole.extend([0xff, START]);
    let (mut has_tables, mut has_scan) = (false, false);
    // Behind the last scan the end may be missing. Whether the scan is whole, the decoder knows.
    while let Some((marker, behind)) = next_marker(bytes, at) {
        at = behind;
        match marker {
            END => break,
            // The next picture, behind one without an end; or what was left of one before this.
            START if has_scan => break,
            START => {
                whole.truncate(2);
                has_tables = false;
            }
            // Markers without a segment (B.1.1.3).
            0x01 | 0xd0..=0xd7 => {}
            _ => {
                let Some(segment) = segment(bytes, at) else { break };
                at += segment.len();
                has_tables |= marker == TABLES;
                if marker == SCAN && !has_tables {
                    whole.extend_from_slice(USUAL);
                    has_tables = true;
                }
                whole.extend([0xff, marker]);
                whole.extend_from_slice(segment);
                if marker == SCAN {
                    has_scan = true;
                    let scan = bytes.get(at..end_of_scan(bytes, at)).unwrap_or_default();
                    at += scan.len();
                    whole.extend_from_slice(scan);
                }
            }
        }
    }
    if next_is_end(bytes, at) {
        whole.extend([0xff, END]);
    }
    has_scan.then_some(())
}

/// Whether the marker that was read last is the end. One of our own would have a decoder take half a scan for a whole
/// one.
fn next_is_end(bytes: &[u8], behind: usize) -> bool {
    behind >= 2 && bytes.get(behind - 2..behind) == Some(&[0xff, END])
}

/// The next marker from `at` on, whatever is before it, and the place behind it.
fn next_marker(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let is_marker = |pair: &[u8]| matches!(pair, [0xff, code] if *code != 0 && *code != 0xff);
    let found = bytes.get(at..)?.windows(2).position(is_marker)?;
    Some((*bytes.get(at + found + 1)?, at + found + 2))
}

/// The length at `at` and what it is of.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    let (length, _) = rest.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)).max(2))
}

/// Where the scan that begins at `at` ends. Zeros and restarts belong to it (B.1.1.5), what fills up before a marker
/// does not (B.1.1.2).
fn end_of_scan(bytes: &[u8], at: usize) -> usize {
    let belongs = |code: u8| code == 0 || (0xd0..=0xd7).contains(&code);
    let scan = bytes.get(at..).unwrap_or_default();
    let end = scan.windows(2).position(|pair| matches!(pair, [0xff, code] if !belongs(*code)));
    end.map_or(bytes.len(), |end| at + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: [u8; 2] = [0xff, START];
    /// A comment with an end in it.
    const COMMENT: [u8; 7] = [0xff, 0xfe, 0, 5, 0xff, 0xd9, 7];
    const OWN: [u8; 5] = [0xff, TABLES, 0, 3, 9];
    const OF_SCAN: [u8; 11] = [0xff, SCAN, 0, 3, 0, 1, 0xff, 0, 0xff, 0xd3, 2];
    const LAST: [u8; 2] = [0xff, END];

    fn completed(parts: &[&[u8]]) -> Option<Vec<u8>> {
        let mut whole = vec![7; 3];
        complete(&parts.concat(), &mut whole).map(|()| whole)
    }

    #[test]
    fn what_stands_around_a_picture_is_not_part_of_it() {
        let picture = [&HEAD[..], &COMMENT, &OWN, &OF_SCAN, &LAST].concat();
        for parts in [
            &[&picture[..]][..],
            &[&picture, &[0xff, 0xd9, 9, 0xff, 0xd9]],
            &[&[0, 0xff, 3], &picture],
            &[&HEAD, &[0xff], &COMMENT, &[0, 0, 0], &OWN, &[1, 2], &OF_SCAN, &[0xff, 0xff], &LAST],
            // Half a picture before it, of which nothing is shown.
            &[&HEAD, &COMMENT, &picture],
            // The next one behind it.
            &[&picture, &HEAD, &COMMENT],
        ] {
            assert_eq!(completed(parts).as_deref(), Some(&picture[..]), "{parts:?}");
        }
        assert_eq!(completed(&[&HEAD, &COMMENT]), None);
        assert_eq!(completed(&[&[0xff; 64]]), None);
        assert_eq!(completed(&[]), None);
    }

    #[test]
    fn the_usual_tables_are_put_in_where_none_are_named() {
        let whole = completed(&[&HEAD, &COMMENT, &OF_SCAN, &LAST]).unwrap();
        assert_eq!(whole, [&HEAD[..], &COMMENT, USUAL, &OF_SCAN, &LAST].concat());
    }

    #[test]
    fn a_picture_without_an_end_goes_as_far_as_it_does() {
        let open = [&HEAD[..], &OWN, &OF_SCAN].concat();
        assert_eq!(completed(&[&open]).as_deref(), Some(&open[..]));
        assert_eq!(completed(&[&open, &HEAD, &[0xff]]).as_deref(), Some(&open[..]), "the next one behind it");
    }
}
