//! What a call counts. Bad input is no error: it is refused, counted here, and shown.

use serde::Serialize;

/// Of one peer connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkCounters {
    /// Datagrams that the connection refused.
    pub refused_datagrams: u64,
    /// Packets of media that belong to no track.
    pub refused_packets: u64,
    /// Data-channel messages that were no text.
    pub refused_messages: u64,
    /// DTLS flights sent again.
    pub repeated_flights: u64,
}
