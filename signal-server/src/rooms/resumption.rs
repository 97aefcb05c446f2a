//! By what clients find their sessions again: tokens, and the cookies of legacy pages.
//!
//! Owned by `Rooms`. Tickets, which outlive the server, are not kept here: clients carry them.

use std::collections::{BTreeMap, BTreeSet};

use hearth_protocol::{PeerId, ResumeToken};

use super::PageId;
use super::session::NativeWire;

/// The sessions that can be found again.
#[derive(Default)]
pub(super) struct Resumption {
    /// Sessions by the digests of the tokens that bring them back.
    pub(super) tokens: BTreeMap<[u8; 32], PeerId>,
    /// Legacy pages by their cookies.
    pages: BTreeMap<PageId, BTreeSet<PeerId>>,
}

impl Resumption {
    /// From now on `token` brings back `peer`.
    pub(super) fn add_token(&mut self, token: &ResumeToken, peer: PeerId) {
        self.tokens.insert(token.digest(), peer);
    }

    /// Nothing brings back the session that `native` is of.
    pub(super) fn forget_tokens(&mut self, native: &NativeWire) {
        self.tokens.remove(&native.token);
        native.previous_token.map(|old| self.tokens.remove(&old));
    }

    /// `peer` is a tab of the browser that has this cookie.
    pub(super) fn add_page(&mut self, page: PageId, peer: PeerId) {
        self.pages.entry(page).or_default().insert(peer);
    }

    /// The session of a page is over.
    pub(super) fn forget_page(&mut self, page: PageId, peer: PeerId) {
        if let Some(tabs) = self.pages.get_mut(&page) {
            tabs.remove(&peer);
            if tabs.is_empty() {
                self.pages.remove(&page);
            }
        }
    }

    /// The page of this cookie, if there is exactly one: two tabs of one browser share a cookie.
    pub(super) fn only_page(&self, page: PageId) -> Option<PeerId> {
        let mut tabs = self.pages.get(&page)?.iter();
        tabs.next().filter(|_| tabs.len() == 0).copied()
    }
}
