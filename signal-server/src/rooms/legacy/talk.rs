//! The conversations of a legacy page with peers that speak our own protocol: which incarnation of a connection is
//! meant.
//!
//! A page names it by a text, mostly the millisecond in which it was made; we by 32 bits. Anyone who makes the first
//! offer draws the name, and the other side is told it in the form that it knows. Owned by the page's session.

use std::collections::BTreeMap;

use hearth_protocol::{Pc, PeerId, SessionId};

/// Longest name of an incarnation that is believed, bytes. `Date.now()` has 13 digits.
const SID_BYTES: usize = 64;

/// All conversations of a page: two with each other member at most.
#[derive(Debug, Default)]
pub(super) struct Talks(BTreeMap<(PeerId, Pc), Talk>);

/// One incarnation of a connection, under both of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Talk {
    page: String,
    ours: SessionId,
}

impl Talks {
    /// The page offers an incarnation to `peer`: the name that `peer` is told. None when the page's name for it is too
    /// long to be one.
    pub(super) fn on_page_offer(&mut self, peer: PeerId, pc: Pc, sid: &str) -> Option<SessionId> {
        if sid.len() > SID_BYTES {
            return None;
        }
        let before = self.0.get(&(peer, pc));
        if let Some(talk) = before.filter(|talk| talk.page == sid) {
            return Some(talk.ours);
        }
        let mut ours = SessionId(digest(sid));
        if before.is_some_and(|talk| talk.ours == ours) {
            ours.0 = ours.0.wrapping_add(1);
        }
        self.0.insert((peer, pc), Talk { page: sid.to_owned(), ours });
        Some(ours)
    }

    /// `peer` offers an incarnation: the name that the page is told, and whether it had another one before, which is to
    /// be removed there.
    pub(super) fn on_our_offer(&mut self, peer: PeerId, pc: Pc, ours: SessionId) -> (String, bool) {
        let before = self.0.get(&(peer, pc));
        if let Some(talk) = before.filter(|talk| talk.ours == ours) {
            return (talk.page.clone(), false);
        }
        let (page, is_another) = (ours.0.to_string(), before.is_some());
        self.0.insert((peer, pc), Talk { page: page.clone(), ours });
        (page, is_another)
    }

    /// What `peer` calls the incarnation that the page calls `sid`. Pages of old say none, and mean the one there is.
    pub(super) fn ours(&self, peer: PeerId, pc: Pc, sid: Option<&str>) -> Option<SessionId> {
        let talk = self.0.get(&(peer, pc))?;
        sid.is_none_or(|sid| talk.page == sid).then_some(talk.ours)
    }

    /// What the page calls the incarnation that `peer` calls `ours`.
    pub(super) fn pages(&self, peer: PeerId, pc: Pc, ours: SessionId) -> Option<&str> {
        self.0.get(&(peer, pc)).filter(|talk| talk.ours == ours).map(|talk| talk.page.as_str())
    }

    /// `peer` is gone.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.0.remove(&(peer, Pc::Main));
        self.0.remove(&(peer, Pc::Screen));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// FNV-1a. It need not hide anything: two incarnations in a row must differ, and the caller sees to that.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> PeerId {
        PeerId::from_random([3; 12])
    }

    #[test]
    fn a_conversation_keeps_one_name_on_each_side() {
        let mut talks = Talks::default();
        let ours = talks.on_page_offer(peer(), Pc::Main, "1700000000001").unwrap();
        assert_eq!(talks.on_page_offer(peer(), Pc::Main, "1700000000001"), Some(ours), "renegotiated");
        assert_eq!(talks.pages(peer(), Pc::Main, ours), Some("1700000000001"));
        assert_eq!(talks.ours(peer(), Pc::Main, Some("1700000000001")), Some(ours));
        assert_eq!(talks.ours(peer(), Pc::Main, None), Some(ours));
        assert_eq!(talks.ours(peer(), Pc::Screen, None), None);
        let next = talks.on_page_offer(peer(), Pc::Main, "1700000000002").unwrap();
        assert_ne!(ours, next);
        assert_eq!(talks.pages(peer(), Pc::Main, ours), None, "late");
        assert_eq!(talks.ours(peer(), Pc::Main, Some("1700000000001")), None, "late");
    }

    #[test]
    fn an_offer_of_ours_replaces_what_was_there_and_says_so() {
        let mut talks = Talks::default();
        assert_eq!(talks.on_our_offer(peer(), Pc::Main, SessionId(7)), ("7".to_owned(), false));
        assert_eq!(talks.on_our_offer(peer(), Pc::Main, SessionId(7)), ("7".to_owned(), false));
        assert_eq!(talks.on_our_offer(peer(), Pc::Main, SessionId(8)), ("8".to_owned(), true));
        assert_eq!(talks.ours(peer(), Pc::Main, Some("8")), Some(SessionId(8)));
        talks.forget(peer());
        assert_eq!(talks.ours(peer(), Pc::Main, None), None);
    }

    #[test]
    fn a_name_without_end_is_none() {
        assert_eq!(Talks::default().on_page_offer(peer(), Pc::Main, &"1".repeat(65)), None);
    }
}
