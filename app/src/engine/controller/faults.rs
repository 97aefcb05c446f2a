//! What a person reads of what the server said of us.
//!
//! Owner of: how much of it they have read.

use hearth_call::EndReason;
use hearth_protocol::ErrorCode;

use crate::engine::{CallView, SignalFault};
use crate::view::{Fault, ServerRefusal};

/// How much the server has said of which the person knows.
#[derive(Debug, Default)]
pub(super) struct NotifiedCounts {
    /// How often it did not let us do something.
    refusals: u32,
    /// How often the host silenced us.
    silences: u32,
}

impl NotifiedCounts {
    /// Whether the host has silenced us since this was last asked.
    pub(super) fn silenced(&mut self, view: &CallView) -> bool {
        std::mem::replace(&mut self.silences, view.call.silenced) != view.call.silenced
    }

    /// What the server did not let us do since this was last asked, as far as a person should know.
    pub(super) fn refused(&mut self, view: &CallView) -> Option<Fault> {
        let refused = view.call.refused.filter(|refused| refused.count != self.refusals)?;
        self.refusals = refused.count;
        if refused.code == ErrorCode::NotInRoom {
            return None; // they were gone already, which the list shows
        }
        let capacity = refused.capacity.filter(|_| refused.code == ErrorCode::Full);
        Some(capacity.map_or_else(|| self::refused(refused.code), Fault::RoomFull))
    }
}

/// What a person reads at the end of a call; nothing when they left themselves.
pub(super) fn fault(reason: EndReason, signal: Option<&SignalFault>) -> Option<Fault> {
    Some(match reason {
        EndReason::Left => return None,
        EndReason::RoomEnded => Fault::RoomEnded,
        EndReason::Kicked => Fault::Removed,
        EndReason::Full { capacity } => Fault::RoomFull(capacity),
        EndReason::Unreachable => match signal {
            Some(SignalFault::WrongServer) => Fault::WrongHost,
            Some(_) | None => Fault::HostUnreachable,
        },
        EndReason::Refused(code) => refused(code),
    })
}

fn refused(code: ErrorCode) -> Fault {
    match code {
        ErrorCode::NoSuchRoom | ErrorCode::BadRoom => Fault::NoSuchRoom,
        ErrorCode::BadInvite => Fault::WrongInvite,
        ErrorCode::Denied => Fault::Denied,
        ErrorCode::RoomEnded => Fault::RoomEnded,
        code @ (ErrorCode::Full
        | ErrorCode::Taken
        | ErrorCode::Locked
        | ErrorCode::BadPassword
        | ErrorCode::Banned
        | ErrorCode::RateLimited
        | ErrorCode::NotHost
        | ErrorCode::NotInRoom
        | ErrorCode::NoSuchSession
        | ErrorCode::BadMessage
        | ErrorCode::UnsupportedVersion
        | ErrorCode::Unknown) => Fault::Refused(ServerRefusal(code)),
    }
}
