//! Messages cut in every way, and what comes out of it.

use super::*;

const KIND: u8 = 1;

/// A record of a handshake with one fragment of a message whose byte `n` is `n`.
fn piece(record: u8, sequence: u16, length: usize, from: usize, to: usize) -> Vec<u8> {
    let number = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
    let mut body = vec![KIND];
    body.extend(number(length));
    body.extend(sequence.to_be_bytes());
    body.extend(number(from));
    body.extend(number(to - from));
    body.extend((from..to).map(|n| n as u8));
    record_of(Record::HANDSHAKE, 0, record, &body)
}

fn record_of(content: u8, epoch: u8, number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![content, 254, 253, 0, epoch, 0, 0, 0, 0, 0, number];
    out.extend((body.len() as u16).to_be_bytes());
    out.extend_from_slice(body);
    out
}

fn take(subject: &mut Reassembly, datagram: &[u8]) -> (Novelty, Option<Vec<u8>>) {
    let heard = subject.take(datagram);
    (heard.novelty, heard.payload.map(Cow::into_owned))
}

#[test]
fn a_hello_that_is_cut_anew_is_whole_when_every_byte_has_come() {
    // As Firefox cuts it; the second piece of the first cut is lost.
    let mut subject = Reassembly::default();
    assert_eq!(take(&mut subject, &piece(0, 0, 1461, 0, 1383)), (Novelty::New, None));
    assert_eq!(take(&mut subject, &piece(2, 0, 1461, 0, 1383)), (Novelty::Duplicate, None));
    assert_eq!(take(&mut subject, &piece(4, 0, 1461, 0, 1163)), (Novelty::Duplicate, None));
    let whole = piece(5, 0, 1461, 0, 1461);
    assert_eq!(take(&mut subject, &piece(5, 0, 1461, 1163, 1461)), (Novelty::New, Some(whole)));
    // A repetition that the crate is to hear after all is whole again, whichever piece it is.
    let again = piece(6, 0, 1461, 0, 1461);
    assert_eq!(take(&mut subject, &piece(6, 0, 1461, 1383, 1461)), (Novelty::Duplicate, Some(again)));
    subject.handle_finished();
    assert_eq!(take(&mut subject, &piece(7, 0, 1461, 0, 1461)).0, Novelty::Duplicate, "what was heard is remembered");
}

#[test]
fn pieces_in_any_order_and_with_any_overlap_make_the_message() {
    let length = 100;
    for step in [1, 3, 7, 50, 99] {
        for overlap in [0, 1, 5] {
            let mut subject = Reassembly::default();
            let mut cuts: Vec<_> =
                (0..length).step_by(step).map(|from| (from, (from + step + overlap).min(length))).collect();
            cuts.rotate_left(1);
            let mut whole = None;
            for (n, (from, to)) in cuts.iter().enumerate() {
                let (_, payload) = take(&mut subject, &piece(n as u8, 3, length, *from, *to));
                if let Some(payload) = payload {
                    whole.get_or_insert((n as u8, payload));
                }
            }
            let (n, payload) = whole.unwrap_or_else(|| panic!("{step} {overlap}"));
            assert_eq!(payload, piece(n, 3, length, 0, length), "{step} {overlap}");
        }
    }
}

#[test]
fn what_is_not_cut_goes_on_as_it_came() {
    let mut subject = Reassembly::default();
    let mut datagram = piece(1, 4, 90, 0, 90);
    datagram.extend(record_of(Record::CHANGE_CIPHER_SPEC, 0, 2, &[1]));
    datagram.extend(record_of(Record::HANDSHAKE, 1, 0, &[7; 40]));
    assert_eq!(take(&mut subject, &datagram), (Novelty::New, Some(datagram.clone())));
    assert_eq!(take(&mut subject, &datagram), (Novelty::Duplicate, Some(datagram.clone())));
    for other in [&[22][..], &[22; 13], &[23; 60], &record_of(23, 1, 9, &[1, 2, 3])] {
        assert_eq!(take(&mut subject, other).1.as_deref(), Some(other));
    }
    let lie = piece(1, 9, 10, 0, 20); // longer than its message
    assert_eq!(take(&mut subject, &lie), (Novelty::None, Some(lie.clone())));
}

#[test]
fn a_record_behind_a_piece_goes_on_without_it() {
    let mut subject = Reassembly::default();
    let finished = record_of(Record::HANDSHAKE, 1, 0, &[7; 40]);
    let datagram = [piece(1, 2, 50, 0, 20), finished.clone()].concat();
    assert_eq!(take(&mut subject, &datagram), (Novelty::New, Some(finished)));
}

#[test]
fn what_is_held_is_bounded() {
    let mut subject = Reassembly::default();
    for sequence in 0..1000 {
        take(&mut subject, &piece(0, sequence, LONGEST, 0, 100));
        take(&mut subject, &piece(0, sequence, (1 << 24) - 1, 0, 100));
    }
    let held: usize = subject.messages.values().map(|message| message.bytes.len()).sum();
    assert!(held <= HELD && subject.messages.len() <= MESSAGES, "{held}, {}", subject.messages.len());
    let mut subject = Reassembly::default();
    (0..2000).for_each(|n| drop(take(&mut subject, &piece(0, 0, LONGEST, 4 * n, 4 * n + 1))));
    assert!(subject.messages[&0].pieces.len() <= PIECES);
}

#[test]
fn a_message_of_no_bytes_is_a_message() {
    let mut subject = Reassembly::default();
    let done = piece(0, 5, 0, 0, 0);
    assert_eq!(take(&mut subject, &done), (Novelty::New, Some(done.clone())));
    assert_eq!(take(&mut subject, &done), (Novelty::Duplicate, Some(done)));
}

#[test]
fn a_record_of_many_fragments_gives_each_message_once() {
    let mut subject = Reassembly::default();
    take(&mut subject, &piece(0, 4, LONGEST, 0, LONGEST / 2));
    take(&mut subject, &piece(1, 4, LONGEST, LONGEST / 2, LONGEST));
    let empty = piece(2, 4, LONGEST, 7, 7)[RECORD_HEADER..].to_vec();
    let small = piece(2, 4, LONGEST, 7, 8)[RECORD_HEADER..].to_vec();
    for fragment in [empty, small] {
        let many = record_of(Record::HANDSHAKE, 0, 3, &fragment.repeat(60_000 / fragment.len()));
        let (_, payload) = take(&mut subject, &many);
        assert!(payload.is_none_or(|payload| payload.len() <= LONGEST + 2 * RECORD_HEADER));
    }
}

#[test]
fn a_lie_about_a_message_keeps_the_true_one_out_no_longer_than_it_is_repeated() {
    let mut subject = Reassembly::default();
    take(&mut subject, &piece(0, 0, 9999, 0, 10));
    assert_eq!(take(&mut subject, &piece(1, 0, 100, 0, 60)), (Novelty::New, None));
    let whole = piece(2, 0, 100, 0, 100);
    assert_eq!(take(&mut subject, &piece(2, 0, 100, 60, 100)), (Novelty::New, Some(whole)));
    assert!(subject.held <= 100 + 9999);
}

#[test]
fn after_the_handshake_nothing_is_held_or_put_together() {
    let mut subject = Reassembly::default();
    take(&mut subject, &piece(0, 0, 50, 0, 50));
    subject.handle_finished();
    for sequence in 1..100 {
        let cut = piece(0, sequence, LONGEST, 0, 100);
        assert_eq!(take(&mut subject, &cut), (Novelty::New, Some(cut.clone())), "as it came");
    }
    assert_eq!(subject.messages.values().map(|message| message.bytes.len()).sum::<usize>(), 0);
}
