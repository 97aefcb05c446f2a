//! The connections of legacy pages, as the hub keeps them.
//!
//! Owner of: which connection is which page's, when each was last heard of, and by what its requests are recognised.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use engineioxide::{DisconnectReason, TransportType};
use hearth_protocol::PeerId;
use tokio::sync::{mpsc, oneshot};

use super::super::connection::CloseKind;
use super::super::deadline;
use super::engine_io::{LegacyEvents, PageSocket, PayloadEncoding};
use crate::rooms::{ConnId, DISCONNECT, LegacyCaller, LegacyEvent, PageId, Rooms};

/// News of pages that the hub has not heard yet. Cap 16384: a second of what it can do. Full: the page whose news does
/// not fit is disconnected.
const NEWS: usize = 16_384;
/// Requests that wait to hear whether they may be. Cap 256: they are answered in microseconds. Full: the request waits.
const QUESTIONS: usize = 256;
/// News taken in one go, before others have their turn.
const BATCH: usize = 64;
/// Batches that are heard for one request whose session is not known: it may be among them, or invented.
const CATCH_UP: usize = 16;
/// Handshakes of polling pages after one that still waits for its second request. Cap 1024: more than come while a
/// request is on its way. Beyond: that one is over, and its page begins again.
const UNPROVEN: usize = 1024;
/// How long a polling page may be silent. It asks every 25 s; a WebSocket's silence TCP and the transport judge.
const SILENCE: Duration = Duration::from_secs(30);
/// How often silent pages are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// A request of a session asks whether it comes from that session's page.
pub(in super::super) struct AuthorizeRequest {
    pub(super) sid: PeerId,
    pub(super) page: Option<PageId>,
    pub(super) address: IpAddr,
    pub(super) answer: oneshot::Sender<Decision>,
}

/// Whether a request is its session's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Decision {
    Own(PayloadEncoding),
    /// There is no such session, or it is somebody else's: nobody is told which.
    Unknown,
}

/// The ends that the gateway keeps.
#[derive(Clone)]
pub(crate) struct PagesHandle {
    pub(super) news: mpsc::Sender<LegacyEvents>,
    pub(super) questions: mpsc::Sender<AuthorizeRequest>,
}

/// All pages.
pub(crate) struct Pages {
    news: mpsc::Receiver<LegacyEvents>,
    questions: mpsc::Receiver<AuthorizeRequest>,
    by_sid: BTreeMap<PeerId, ConnId>,
    by_conn: BTreeMap<ConnId, Page>,
    /// Polling pages in the order in which they came, the latest of them.
    unproven: VecDeque<ConnId>,
    swept: Option<Instant>,
}

struct Page {
    sid: PeerId,
    /// What the rooms have not heard yet: whether a polling page got the answer to its handshake is seen by its next
    /// request. One that did not connects again, and must find its place free.
    unproven: Option<LegacyCaller>,
    socket: PageSocket,
    address: IpAddr,
    cookie: Option<PageId>,
    /// It has shown its cookie: from then on nothing else will do.
    has_shown: bool,
    form: PayloadEncoding,
    heard: Instant,
}

/// What should be looked at next.
pub(in super::super) enum Arrival {
    News(LegacyEvents),
    Question(AuthorizeRequest),
    Sweep,
}

impl Pages {
    /// Nobody yet, and the ends through which they come.
    pub(crate) fn new() -> (Self, PagesHandle) {
        let (news_sender, news) = mpsc::channel(NEWS);
        let (questions_sender, questions) = mpsc::channel(QUESTIONS);
        let (by_sid, by_conn) = (BTreeMap::new(), BTreeMap::new());
        let pages = Self { news, questions, by_sid, by_conn, unproven: VecDeque::new(), swept: None };
        (pages, PagesHandle { news: news_sender, questions: questions_sender })
    }

    /// Connections.
    pub(crate) fn len(&self) -> usize {
        self.by_conn.len()
    }

    /// Waits for what comes next; for ever, where no pages can come. Nothing is lost when it is given up.
    pub(in super::super) async fn next(&mut self) -> Arrival {
        let sweep = (!self.by_conn.is_empty()).then(|| self.swept.map(|at| at + SWEEP)).flatten();
        tokio::select! {
            Some(question) = self.questions.recv() => Arrival::Question(question),
            Some(news) = self.news.recv() => Arrival::News(news),
            () = deadline::until(sweep) => Arrival::Sweep,
        }
    }

    /// Does what has to be done; `next_conn` names connections.
    pub(in super::super) fn handle(&mut self, arrival: Arrival, rooms: &mut Rooms, next_conn: &mut u64, now: Instant) {
        match arrival {
            Arrival::Question(question) => {
                // Its handshake was answered, and may still wait among the news: it came before what comes now.
                for _ in 0..CATCH_UP {
                    if self.by_sid.contains_key(&question.sid) || self.news.is_empty() {
                        break;
                    }
                    self.hear_more(BATCH, rooms, next_conn, now);
                }
                self.judge(question, rooms, now);
            }
            Arrival::Sweep => self.sweep(rooms, now),
            Arrival::News(first) => {
                self.hear(first, rooms, next_conn, now);
                self.hear_more(BATCH, rooms, next_conn, now);
            }
        }
    }

    /// Hears the news that are there, `most` of them.
    fn hear_more(&mut self, most: usize, rooms: &mut Rooms, next_conn: &mut u64, now: Instant) {
        for _ in 0..most {
            let Ok(more) = self.news.try_recv() else { break };
            self.hear(more, rooms, next_conn, now);
        }
    }

    /// Sends `event` on `conn`, if that is a page's. False when the page does not take what it is sent; it is
    /// disconnected then.
    pub(crate) fn emit(&self, conn: ConnId, event: &LegacyEvent) -> bool {
        let Some(page) = self.by_conn.get(&conn) else { return true };
        page.socket.emit(event.to_packet()).is_ok()
    }

    /// Disconnects `conn`, if that is a page's; the rooms know of it. True when it was.
    pub(crate) fn close(&mut self, conn: ConnId) -> bool {
        let Some(page) = self.by_conn.remove(&conn) else { return false };
        self.by_sid.remove(&page.sid);
        drop(page.socket.emit(DISCONNECT)); // if it takes no more, it sees the end by itself
        page.socket.close(DisconnectReason::TransportClose);
        true
    }

    /// The server goes down.
    pub(crate) fn close_all(&mut self) {
        for page in std::mem::take(&mut self.by_conn).into_values() {
            page.socket.close(DisconnectReason::ClosingServer);
        }
        self.by_sid.clear();
    }

    fn hear(&mut self, news: LegacyEvents, rooms: &mut Rooms, next_conn: &mut u64, now: Instant) {
        match news {
            LegacyEvents::Opened { socket, caller, form } => {
                let conn = ConnId(*next_conn);
                *next_conn += 1;
                let (sid, address, cookie) = (caller.id, caller.address, caller.page);
                self.swept.get_or_insert(now);
                self.by_sid.insert(sid, conn);
                let unproven = (socket.transport_type() == TransportType::Polling).then_some(caller);
                let page = Page { sid, unproven, socket, address, cookie, has_shown: false, form, heard: now };
                self.by_conn.insert(conn, page);
                match unproven {
                    Some(_) => self.await_proof(conn),
                    None => rooms.handle_legacy_connected(conn, caller, now),
                }
            }
            LegacyEvents::Said { sid, request, bytes } => {
                if let Some((conn, page)) = self.by_sid.get(&sid).and_then(|c| Some((*c, self.by_conn.get_mut(c)?))) {
                    page.heard = now;
                    match request {
                        Some(request) => rooms.handle_legacy(conn, request, bytes.num_permits(), now),
                        None => rooms.handle_bad_legacy(conn, now),
                    }
                }
                drop(bytes); // it may say as much again
            }
            LegacyEvents::Closed { sid, farewell } => {
                if let Some(conn) = self.by_sid.get(&sid).copied() {
                    self.forget(conn, farewell, rooms, now);
                }
            }
        }
    }

    /// Expects a second request of a page, until so many others have come after it.
    fn await_proof(&mut self, conn: ConnId) {
        self.unproven.push_back(conn);
        if self.unproven.len() > UNPROVEN
            && let Some(oldest) = self.unproven.pop_front()
            && self.by_conn.get(&oldest).is_some_and(|page| page.unproven.is_some())
        {
            self.close(oldest); // the rooms never heard of it
        }
    }

    /// A session's id is known to everybody in its room. What makes a request its own is the cookie that only its
    /// browser has, or, for a client without a store of cookies, the address.
    fn judge(&mut self, question: AuthorizeRequest, rooms: &mut Rooms, now: Instant) {
        let found = self.by_sid.get(&question.sid).and_then(|conn| Some((*conn, self.by_conn.get_mut(conn)?)));
        let verdict = match found {
            Some((conn, page)) => {
                let shows = page.cookie.is_some() && page.cookie == question.page;
                page.has_shown |= shows;
                if shows || (!page.has_shown && page.address == question.address) {
                    page.heard = now;
                    if let Some(caller) = page.unproven.take() {
                        rooms.handle_legacy_connected(conn, caller, now);
                    }
                    Decision::Own(page.form)
                } else {
                    Decision::Unknown
                }
            }
            None => Decision::Unknown,
        };
        if question.answer.send(verdict).is_err() {
            tracing::debug!("who asked is gone");
        }
    }

    /// A browser that was closed or lost its network while it polled says nothing of it.
    fn sweep(&mut self, rooms: &mut Rooms, now: Instant) {
        self.swept = Some(now);
        let is_over = |page: &Page| {
            let is_polling = page.socket.transport_type() == TransportType::Polling;
            page.socket.is_closed() || (is_polling && now.saturating_duration_since(page.heard) > SILENCE)
        };
        let over: Vec<ConnId> = self.by_conn.iter().filter(|(_, page)| is_over(page)).map(|(conn, _)| *conn).collect();
        for conn in over {
            self.forget(conn, CloseKind::None, rooms, now);
        }
    }

    /// A page's connection is over.
    fn forget(&mut self, conn: ConnId, farewell: CloseKind, rooms: &mut Rooms, now: Instant) {
        let is_known = self.by_conn.get(&conn).is_some_and(|page| page.unproven.is_none());
        self.close(conn);
        match farewell {
            _ if !is_known => {}
            CloseKind::Said => rooms.handle_goodbye(conn, now),
            CloseKind::None => rooms.handle_disconnected(conn, now),
        }
    }
}
