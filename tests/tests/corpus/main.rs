//! The fuzzers' corpus as ordinary tests: every file of it, and seeded mutations of each, given to the same functions.
//!
//! Says which input it was that broke something, so that it can be put into the corpus. Finds what is near; far away is
//! for the fuzzers themselves.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has failed, as it should"
)]
#![expect(unreachable_pub, reason = "the targets are also a library of the fuzzers")]

mod mutate;
#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use targets::{TARGETS, Target};

/// Mutations of each file. Under HEARTH_SOAK, twenty times as many.
const MUTATIONS: u64 = 2_000;

fn mutations() -> u64 {
    if std::env::var_os("HEARTH_SOAK").is_some() { 20 * MUTATIONS } else { MUTATIONS }
}

/// The seeds of one target, in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files
        .map(|file| {
            let file = file.expect("the folder can be read");
            let bytes = std::fs::read(file.path()).expect("the corpus can be read");
            (file.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    files.sort();
    files
}

fn give(target: Target, input: &[u8], origin: &str) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        panic!("{origin} broke it; put it into the corpus:\n{}", input.escape_ascii());
    }
}

fn replay(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    let files = corpus(name);
    assert!(files.len() >= 3, "a corpus of {} files finds nothing", files.len());
    for (index, (file, seed)) in files.iter().enumerate() {
        give(*target, seed, &format!("{name}/{file}"));
        for mutation in 0..mutations() {
            let mut rng = ChaCha8Rng::seed_from_u64((index as u64) << 32 | mutation);
            let other = &files[mutation as usize % files.len()].1;
            let input = mutate::mutate(seed, other, &mut rng);
            give(*target, &input, &format!("mutation {mutation} of {name}/{file}"));
        }
    }
}

#[test]
fn packets_of_video_break_no_assembly() {
    replay("assembly");
}

#[test]
fn repair_makes_no_more_than_was_sent() {
    replay("repair");
}

#[test]
fn reports_break_no_estimate() {
    replay("reports");
}

#[test]
fn candidates_break_no_connection() {
    replay("candidates");
}

#[test]
fn descriptions_break_no_connection() {
    replay("description");
}

#[test]
fn files_break_no_video_reader() {
    replay("y4m");
}

#[test]
fn fragments_break_no_handshake() {
    replay("handshake");
}

#[test]
fn proxies_break_no_address() {
    replay("forwarded");
}

#[test]
fn messages_break_no_parser() {
    replay("protocol");
}

#[test]
fn clients_break_no_server() {
    replay("rooms");
}

#[test]
fn strangers_break_no_relay() {
    replay("turn");
    replay("turn_messages");
}

#[test]
fn files_of_settings_break_no_reader() {
    replay("turnserver_conf");
    replay("signalmaster");
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let folders = std::fs::read_dir(folder).expect("there is a corpus");
    let mut names: Vec<_> =
        folders.map(|f| f.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}
