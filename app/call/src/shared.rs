//! What all participants of a call share, kept apart from them: while one of them is told something, this changes.
//!
//! Owner of: the session with the server, where media may go, what we send, the chat, and all chance of the call.

use hearth_protocol::{ClientMessage, Pc, PeerId, SessionId, Signal, SignalBody};
use rand_chacha::ChaCha12Rng;

use crate::candidates::Loopback;
use crate::chat::Chat;
use crate::io::Hand;
use crate::outputs::Outputs;
use crate::publications::Publications;
use crate::send::governor::Governor;
use crate::session::{Session, SessionState};
use crate::sockets::SocketTable;
use crate::transport::checks::CheckBudget;
use crate::transport::gather::IceConfig;

/// What participants share.
pub(crate) struct Shared {
    pub(crate) session: Session,
    pub(crate) ice: Ice,
    pub(crate) publications: Publications,
    pub(crate) governor: Governor,
    pub(crate) hand: Hand,
    pub(crate) chat: Chat,
    pub(crate) rng: ChaCha12Rng,
    pub(crate) outputs: Outputs,
}

/// Where media may go, over all transports.
pub(crate) struct Ice {
    pub(crate) config: IceConfig,
    pub(crate) loopback: Loopback,
    pub(crate) sockets: SocketTable,
    /// Kept here, so that it outlives connections and participants.
    pub(crate) checks: CheckBudget,
}

impl Shared {
    /// Whether the server can be reached.
    pub(crate) fn can_signal(&self) -> bool {
        self.session.state() == SessionState::Up
    }

    /// Says something to a participant through the server.
    pub(crate) fn signal(&mut self, to: PeerId, pc: Pc, sid: SessionId, body: SignalBody) {
        self.session.say(ClientMessage::Signal(Signal { to: Some(to), from: None, pc, sid, body }));
    }
}
