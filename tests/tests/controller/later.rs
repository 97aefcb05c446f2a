//! The program started once more: the one that runs comes to the front, and goes where the link leads, but out of no
//! room unasked.

use anyhow::{Result, ensure};
use hearth::engine::instance::{Claim, claim};
use hearth::view::{Action, Fault, PreJoinView, Progress, Stage};

use crate::lan::Lan;
use crate::person::{Person, ROOM, SOON};
use crate::place::alone;

/// Starts the program again at this person's computer.
fn start_again(person: &Person, link: Option<&str>) -> Result<()> {
    let claimed = claim(&person.folder().path().join("state"), link)?;
    ensure!(matches!(claimed, Some(Claim::Second)), "{claimed:?}");
    Ok(())
}

#[test]
fn a_later_start_hands_its_link_over_and_takes_nobody_out_of_a_room() -> Result<()> {
    let _turn = alone()?;
    let mut lan = Lan::new()?;
    let ann = Person::new(&lan.host("ann")?, "Ann")?;
    let invite = ann.start()?;
    let ben = Person::new(&lan.host("ben")?, "Ben")?;
    start_again(&ben, None)?;
    ben.wait("called to the front", SOON, |view| (view.summoned == 1).then_some(()))?;
    ensure!(matches!(ben.view()?.stage, Stage::Home), "and nowhere else");
    start_again(&ben, Some(&invite.link.replacen("https:", "hearth:", 1)))?;
    ben.at_door()?;
    ben.action(Action::Enter)?;
    ben.progress(Progress::In, ROOM)?;

    start_again(&ben, Some(&invite.link))?;
    ben.wait("the room that one is in", SOON, |view| (view.summoned == 3).then_some(()))?;
    ensure!(ben.view()?.elsewhere.is_none(), "there is nothing to ask");
    let other = "https://10.77.0.99:8443/r/987654321";
    let asked = |times: u64| {
        start_again(&ben, Some(other))?;
        let is_asked = |view: &hearth::view::View| {
            let room = view.elsewhere.as_ref().map(|(_, room)| room.as_str());
            (view.summoned == times && room == Some("987654321")).then_some(())
        };
        ben.wait("asked", SOON, is_asked)
    };
    asked(4)?;
    ben.progress(Progress::In, SOON)?;
    ben.action(Action::Stay)?;
    ben.wait("no longer asked", SOON, |view| view.elsewhere.is_none().then_some(()))?;
    ben.progress(Progress::In, SOON)?;
    asked(5)?;
    ben.action(Action::GoElsewhere)?;
    ben.wait("at the other door", SOON, |view| match &view.stage {
        Stage::PreJoin(door) => {
            matches!(&door.door, PreJoinView::Join { room, .. } if room.as_str() == "987654321").then_some(())
        }
        Stage::Home | Stage::Room(_) => None,
    })?;
    ann.until("nobody there", SOON, |room| room.people.is_empty())?;

    // Asked in a room that then ends: nobody is asked in the next one.
    ben.join(&invite.link)?;
    ben.progress(Progress::In, ROOM)?;
    asked(6)?;
    ann.action(Action::EndForAll)?;
    ben.wait("out of the room, and not asked", ROOM, |view| {
        (matches!(view.stage, Stage::Home) && view.elsewhere.is_none()).then_some(())
    })?;
    start_again(&ben, Some("hearth://tea"))?;
    ben.wait("a link that is none", SOON, |view| (view.fault == Some(Fault::WrongLink)).then_some(()))?;
    Ok(())
}
