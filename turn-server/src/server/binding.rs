//! Binding (RFC 8489 section 12): how the client is seen from here. It needs no credentials and leaves no trace.

use super::allocation::FiveTuple;
use super::answer::Refusal;
use crate::codec::{Message, Writer, attribute};

pub(super) fn binding(tuple: FiveTuple, message: &Message<'_>) -> Result<Writer, Refusal> {
    // Section 6.3.1: unknown attributes that must be understood get 420.
    let unknown = message.not_understood();
    if !unknown.is_empty() {
        return Err(Refusal::UnknownAttributes(unknown));
    }
    Ok(Writer::success(message).address(attribute::XOR_MAPPED_ADDRESS, tuple.client))
}
