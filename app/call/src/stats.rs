//! What a call counts. Bad input is no error: it is refused, counted here, and shown.

/// Of one peer connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportCounters {
    /// Datagrams that the connection refused.
    pub refused_datagrams: u64,
    /// Packets of media that belong to no track.
    pub refused_packets: u64,
    /// Data-channel messages that were no text.
    pub refused_messages: u64,
    /// DTLS flights sent again.
    pub repeated_flights: u64,
}

/// Of one peer, over all of its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerCounters {
    /// Of the connection there is.
    pub link: TransportCounters,
    /// Descriptions and candidates that were refused.
    pub refused_signals: u64,
    /// Channel messages that were refused.
    pub refused_messages: u64,
    /// Packets of media sent.
    pub packets_sent: u64,
    /// Packets of media received.
    pub packets_received: u64,
    /// Video packets that did not come by themselves.
    pub packets_lost: u64,
    /// Packets that we asked for again, each ask counted.
    pub nacks_sent: u64,
    /// Packets that they asked for again.
    pub nacks_received: u64,
    /// Video frames put together.
    pub frames: u64,
    /// Gaps that no repair closed.
    pub gaps: u64,
    /// Frames whose packets made no sense.
    pub refused_frames: u64,
    /// Key frames that we asked for.
    pub key_frames_asked: u64,
    /// Key frames that they asked for.
    pub key_frames_wanted: u64,
    /// Frames of ours that the pacer dropped.
    pub frames_dropped: u64,
    /// Packets of repair that we sent ahead.
    pub repairs_sent: u64,
    /// Packets of theirs that were made again of repair.
    pub packets_recovered: u64,
}
