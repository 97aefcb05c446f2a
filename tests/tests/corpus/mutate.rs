//! Mutations of an input, as a fuzzer makes them, from one seed. Owns nothing.

use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha8Rng;

/// Longest input: beyond every limit there is, so that limits are met.
const LONGEST: usize = 300_000;

/// Texts that parsers have opinions on.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\0",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"-1",
    b"0",
    b"65536",
    b"4294967296",
    b"18446744073709551616",
    b"1e999",
    b"null",
    b"true",
    b"\\ud800",
    b"\xff",
    "\u{202e}".as_bytes(),
    b"m=",
    b"a=",
    b"a=mid:",
    b"a=rtpmap:",
    b"a=fmtp:",
    b"a=ssrc:",
    b"a=group:BUNDLE 0 1 2",
    b"m=video 9 UDP/TLS/RTP/SAVPF 96",
    b"m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    b"typ host",
    b"tcptype active",
    b"127.0.0.1",
    b"::1",
    b"host.local",
    b"\"seq\":$S,",
    b"$P0",
    b"$T1",
    b"-----\n",
    b"answer\n",
    b"+40000\n",
    b"~0\n",
];

/// `seed` with one to six changes; some take a part of `other`.
pub(crate) fn mutate(seed: &[u8], other: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut input = seed.to_vec();
    for _ in 0..rng.random_range(1..=6) {
        change(&mut input, other, rng);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha8Rng) {
    let at = rng.random_range(0..=input.len());
    let span = span(input.len(), rng);
    match rng.random_range(0..10) {
        0 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (rng.next_u32() % 8)),
        1 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.random()),
        2 => input.insert(at, rng.random()),
        3 => drop(input.drain(span)),
        4 => {
            // Said twice, or very often.
            let times = if rng.random_bool(0.1) { rng.random_range(2..400) } else { 1 };
            let said: Vec<u8> = input[span].repeat(times);
            drop(input.splice(at..at, said));
        }
        5 => drop(input.splice(at..at, other[self::span(other.len(), rng)].iter().copied())),
        6 => input.truncate(at),
        7 => {
            // A line elsewhere.
            let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
            let (from, to) = (rng.random_range(0..lines.len().max(1)), rng.random_range(0..lines.len().max(1)));
            if !lines.is_empty() {
                lines.swap(from, to);
            }
            *input = lines.concat();
        }
        _ => {
            let word = WORDS[rng.random_range(0..WORDS.len())];
            let replaced = if rng.random_bool(0.5) { span.start..span.start } else { span };
            drop(input.splice(replaced, word.iter().copied()));
        }
    }
}

/// A part of so many bytes, mostly a short one.
fn span(length: usize, rng: &mut ChaCha8Rng) -> std::ops::Range<usize> {
    let start = rng.random_range(0..=length);
    let longest = if rng.random_bool(0.8) { 24.min(length - start) } else { length - start };
    start..start + rng.random_range(0..=longest)
}

#[test]
fn a_mutation_is_its_seeds_alone() {
    use rand::SeedableRng as _;
    let mutated = |seed| mutate(b"v=0\r\na=mid:0\r\n", b"other", &mut ChaCha8Rng::seed_from_u64(seed));
    assert_eq!(mutated(1), mutated(1));
    let changed = (0..100).filter(|seed| mutated(*seed) != b"v=0\r\na=mid:0\r\n").count();
    assert!(changed > 80, "{changed} of 100 changed");
    let from_nothing = mutate(b"", b"", &mut ChaCha8Rng::seed_from_u64(3));
    assert!(from_nothing.len() <= LONGEST);
}
