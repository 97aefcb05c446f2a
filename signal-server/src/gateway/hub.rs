//! The one task that owns the rooms, and the tasks of the connections with it.
//!
//! Connections put what they hear into one bounded queue and wait when it is full, which slows down who talks too much.
//! The hub waits for nobody: a connection that does not take what is put into its box is dropped, openly; its session
//! may come back. No lock is between them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hearth_turn::shell::Control;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::timeout;

use super::connection::{CloseKind, OpenedWebSocket, OutboundFrame, Received, run_connection};
use super::deadline;
use super::legacy::Pages;
use crate::clock;
use crate::rooms::{ConnId, Counters, Grant, Load, Output, Rooms, RunId};

/// Messages heard and not yet handled. Cap 256: a few milliseconds of work. Full: the connections wait, and so do
/// their senders.
const HEARD: usize = 256;
/// Messages for one connection that are not yet written. Cap 4096: a whole resume queue, all that others may have
/// waiting (2048), and a full room's news with it. Full: the connection is dropped.
const BOX: usize = 4096;
/// Bytes for one connection that are not yet written. Cap 8 MiB: what a resume can bring, all that others may have
/// waiting (4 MiB), and 2 MiB of news. Full: the connection is dropped.
const BOX_BYTES: usize = 8 * 1024 * 1024;
/// Messages handled in one go, before what they bring about is handed out.
const BATCH: usize = 32;
/// Questions for figures that wait. Cap 4: who reads metrics does so every few seconds. Full: they are told to ask
/// again.
const QUESTIONS: usize = 4;
/// How long connections may take to write what is left when the server goes down.
const DRAIN_WITHIN: Duration = Duration::from_secs(3);

/// What the hub knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct HubFigures {
    pub(crate) rooms: usize,
    pub(crate) sessions: usize,
    pub(crate) websockets: usize,
    pub(crate) pages: usize,
    pub(crate) counters: Counters,
}

/// Asks the hub for its figures.
pub(crate) type ScrapeRequest = oneshot::Sender<HubFigures>;

/// The owner of the rooms.
pub(crate) struct Hub {
    rooms: Rooms,
    ping: Duration,
    openings: mpsc::Receiver<OpenedWebSocket>,
    heard: mpsc::Receiver<Received>,
    heard_sender: mpsc::Sender<Received>,
    questions: mpsc::Receiver<ScrapeRequest>,
    questioner: mpsc::Sender<ScrapeRequest>,
    conns: BTreeMap<ConnId, Conn>,
    tasks: JoinSet<CloseKind>,
    by_task: HashMap<Id, ConnId>,
    next: u64,
    members: watch::Sender<BTreeSet<IpAddr>>,
    /// The presence that was published last.
    published: u64,
    pages: Pages,
    /// The relay in this process.
    relay: Option<Control>,
    /// A test wants it to end by a fault.
    #[cfg(test)]
    pub(crate) is_faulty: bool,
}

struct Conn {
    parcels: mpsc::Sender<OutboundFrame>,
    bytes: Arc<Semaphore>,
    task: AbortHandle,
}

impl Hub {
    pub(crate) fn new(rooms: Rooms, ping: Duration, openings: mpsc::Receiver<OpenedWebSocket>, pages: Pages) -> Self {
        let (heard_sender, heard) = mpsc::channel(HEARD);
        let (questioner, questions) = mpsc::channel(QUESTIONS);
        let (conns, by_task) = (BTreeMap::new(), HashMap::new());
        let (members, _) = watch::channel(BTreeSet::new());
        let tasks = JoinSet::new();
        let (next, published) = (0, 0);
        Self {
            rooms,
            ping,
            openings,
            heard,
            heard_sender,
            questions,
            questioner,
            conns,
            tasks,
            by_task,
            next,
            members,
            published,
            pages,
            relay: None,
            #[cfg(test)]
            is_faulty: false,
        }
    }

    /// Where figures are asked for.
    pub(crate) fn questioner(&self) -> mpsc::Sender<ScrapeRequest> {
        self.questioner.clone()
    }

    /// The run of the server that the tickets of its rooms carry.
    pub(crate) fn run_id(&self) -> RunId {
        self.rooms.run()
    }

    /// From now on tells `relay` whose credentials are good.
    pub(crate) fn tell(&mut self, relay: Control) {
        self.rooms.tell_grants();
        self.relay = Some(relay);
    }

    /// The addresses that members come from, published whenever they change.
    pub(crate) fn members(&self) -> watch::Receiver<BTreeSet<IpAddr>> {
        self.members.subscribe()
    }

    /// Serves until `drain` says that it is enough (or its sender is gone), then says goodbye to everybody.
    pub(crate) async fn run(mut self, mut drain: oneshot::Receiver<()>) {
        loop {
            let deadline = self.rooms.poll_timeout();
            tokio::select! {
                _ = &mut drain => break,
                Some(opening) = self.openings.recv() => self.open(opening),
                Some((conn, text)) = self.heard.recv() => self.hear(conn, &text),
                arrival = self.pages.next() => {
                    let now = clock::tell(&mut self.rooms);
                    self.pages.handle(arrival, &mut self.rooms, &mut self.next, now);
                }
                Some(ended) = self.tasks.join_next_with_id() => self.on_ended(ended),
                Some(question) = self.questions.recv() => self.answer(question),
                () = deadline::until(deadline) => {
                    let now = clock::tell(&mut self.rooms);
                    self.rooms.handle_timeout(now);
                }
            }
            self.publish(); // first: a relay must know somebody before they know of the relay
            self.flush();
        }
        self.say_goodbye().await;
    }

    fn hear(&mut self, conn: ConnId, text: &str) {
        let now = clock::tell(&mut self.rooms);
        self.rooms.handle_message(conn, text, now);
        for _ in 1..BATCH {
            let Ok((conn, text)) = self.heard.try_recv() else { break };
            self.rooms.handle_message(conn, &text, clock::now());
        }
    }

    fn open(&mut self, opening: OpenedWebSocket) {
        let conn = ConnId(self.next);
        self.next += 1;
        let (parcels, inbox) = mpsc::channel(BOX);
        let task = self.tasks.spawn(run_connection(conn, opening.socket, self.heard_sender.clone(), inbox, self.ping));
        self.by_task.insert(task.id(), conn);
        self.conns.insert(conn, Conn { parcels, bytes: Arc::new(Semaphore::new(BOX_BYTES)), task });
        let now = clock::tell(&mut self.rooms);
        self.rooms.handle_connected_from(conn, opening.address, now);
        tracing::debug!(conn = conn.0, "connected");
    }

    fn on_ended(&mut self, ended: Result<(Id, CloseKind), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        // What it said before it ended is in the queue already, and is heard first: a leave is a leave.
        while let Ok((conn, text)) = self.heard.try_recv() {
            self.rooms.handle_message(conn, &text, clock::now());
        }
        if let Some(conn) = self.by_task.remove(&id) {
            self.conns.remove(&conn);
            match ended {
                Ok((_, CloseKind::Said)) => self.rooms.handle_goodbye(conn, clock::now()),
                Ok((_, CloseKind::None)) | Err(_) => self.rooms.handle_disconnected(conn, clock::now()),
            }
            tracing::debug!(conn = conn.0, "gone");
        }
        if let Err(e) = ended
            && e.is_panic()
        {
            tracing::error!("a connection's task ended by a fault of ours: {e}");
        }
    }

    fn answer(&self, question: ScrapeRequest) {
        let figures = HubFigures {
            rooms: self.rooms.room_count(),
            sessions: self.rooms.session_count(),
            websockets: self.conns.len(),
            pages: self.pages.len(),
            counters: self.rooms.counters().clone(),
        };
        drop(question.send(figures)); // who asked may have gone
    }

    /// Hands out what the rooms want said: to the relay first, which a credential on its way is good for.
    fn flush(&mut self) {
        #[cfg(test)]
        assert!(!self.is_faulty, "a test wanted it");
        while let Some(grant) = self.rooms.poll_grant() {
            let Some(relay) = &self.relay else { continue };
            match grant {
                Grant::Give(peer) => relay.grant(peer.as_str().as_bytes()),
                Grant::Withdraw(peer) => relay.withdraw(peer.as_str().as_bytes()),
            }
        }
        while let Some(output) = self.rooms.poll_output() {
            match output {
                Output::Send { conn, text, load } => {
                    if self.conns.get(&conn).is_some_and(|c| !c.put(text, load)) {
                        tracing::warn!(conn = conn.0, "reads too slowly: dropped");
                        self.drop_conn(conn);
                    }
                }
                Output::Legacy { conn, event } => {
                    if !self.pages.emit(conn, &event) {
                        tracing::warn!(conn = conn.0, "page reads too slowly: disconnected");
                        self.pages.close(conn);
                        self.rooms.handle_disconnected(conn, clock::now());
                    }
                }
                Output::Close { conn, reason } => {
                    tracing::info!(conn = conn.0, reason = reason.text(), "closing");
                    if self.pages.close(conn) {
                        continue;
                    }
                    let Some(state) = self.conns.remove(&conn) else { continue };
                    if state.parcels.try_send(OutboundFrame::Close(reason)).is_err() {
                        state.task.abort();
                    }
                }
            }
        }
    }

    /// Says who is present, if that is another set than before and somebody wants to know.
    fn publish(&mut self) {
        if self.published == self.rooms.presence() || self.members.receiver_count() == 0 {
            return;
        }
        self.published = self.rooms.presence();
        let addresses = self.rooms.member_addresses();
        self.members.send_if_modified(|old| {
            let changed = *old != addresses;
            *old = addresses;
            changed
        });
    }

    fn drop_conn(&mut self, conn: ConnId) {
        if let Some(state) = self.conns.remove(&conn) {
            state.task.abort();
            self.rooms.handle_disconnected(conn, clock::now());
        }
    }

    async fn say_goodbye(mut self) {
        self.rooms.handle_draining(clock::now());
        self.flush();
        tracing::info!(connections = self.conns.len(), pages = self.pages.len(), counters = ?self.rooms.counters(), "draining");
        self.pages.close_all();
        self.conns.clear(); // each task writes what is in its box, and closes
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(DRAIN_WITHIN, all).await.is_err() {
            tracing::warn!("some connections did not take their last messages in time");
        }
    }
}

impl Conn {
    /// False when the box is full.
    fn put(&self, text: Arc<str>, load: Option<Load>) -> bool {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let Ok(bytes) = self.bytes.clone().try_acquire_many_owned(length) else { return false };
        !matches!(
            self.parcels.try_send(OutboundFrame::Text { text, bytes, load }),
            Err(mpsc::error::TrySendError::Full(_))
        )
    }
}
