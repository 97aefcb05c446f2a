//! The house's rules, proved on every run: by reading the tree as git has it, and by what cargo says of the crates.
//!
//! Each rule is a pure function from files to findings, with a case beside it that shows it can fail. What the compiler
//! or clippy can prove is not proved here a second time, save where an `expect` could lift it unseen.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod circles;
mod clutter;
mod documents;
mod finding;
mod findings;
mod graph;
mod licences;
mod manifests;
mod page;
mod places;
mod shape;
mod strip;
mod tree;
mod vocabulary;
mod walls;
mod wording;

use finding::Finding;
use tree::Tree;

fn prove(findings: Vec<Finding>) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} findings:\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn files_and_functions_have_their_shape() {
    prove(Tree::read().sources().flat_map(shape::check).collect());
}

#[test]
fn what_the_house_forbids_is_nowhere() {
    prove(Tree::read().sources().flat_map(clutter::check).collect());
}

#[test]
fn each_crate_and_clock_is_named_only_in_its_rooms() {
    prove(Tree::read().sources().flat_map(walls::check).collect());
}

#[test]
fn the_window_says_nothing_past_the_locales() {
    prove(Tree::read().sources().flat_map(wording::check).collect());
}

#[test]
fn files_import_each_other_in_one_direction() {
    prove(circles::check(Tree::read().sources()));
}

#[test]
fn findings_have_their_form() {
    prove(findings::check(&Tree::read()));
}

#[test]
fn one_word_has_one_meaning() {
    prove(vocabulary::check(&Tree::read()));
}

#[test]
fn crates_depend_in_one_direction() {
    prove(graph::check(&manifests::metadata()));
}

#[test]
fn every_dependency_is_free_and_from_the_registry() {
    let deny = Tree::read().text("deny.toml");
    prove(licences::check(&manifests::metadata(), &deny));
}

#[test]
fn every_crate_takes_what_the_workspace_gives() {
    prove(manifests::check(&manifests::metadata(), &Tree::read()));
}

#[test]
fn documents_lead_somewhere() {
    prove(documents::check(&Tree::read()));
}

#[test]
fn the_guest_page_needs_nobody_else() {
    prove(page::check(&Tree::read().under("signal-server/web/")));
}

#[test]
fn nothing_tells_of_the_machine_it_was_made_on() {
    prove(places::check(&Tree::read()));
}
