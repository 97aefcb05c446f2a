//! One line of statistics: what a test, a benchmark or a person with `jq` reads.
//!
//! ```text
//! {"timestamp":1764500000000.5,"phase":"in_room",...,
//!  "peers":[{"id":"..","nick":"Ann","phase":"connected",...,"stats":[{"type":"inbound-rtp",...},...]}]}
//! ```
//! `stats` is what a browser's `RTCPeerConnection.getStats()` gives, an object each, under the names and in the units
//! of W3C's "Identifiers for WebRTC's Statistics API"; `rtc_stats` makes them. What that has no name for stands beside
//! them: in the line, in the peer, or as a further member of an object.

mod rtc_stats;

use std::time::Duration;

use hearth_call::{CallPhase, PeerPhase, PeerSnapshot, Route};
use serde_json::{Value, json};

use super::{CallView, clock};

/// The line, without its end.
pub(crate) fn line(view: &CallView) -> String {
    value(view, clock::since_1970()).to_string()
}

fn value(view: &CallView, now: Duration) -> Value {
    let (call, media) = (&view.call, &view.counted.media);
    json!({
        "timestamp": milliseconds(now),
        "phase": phase(&call.phase),
        "room": call.room.as_ref().map(|room| room.as_str()),
        "me": call.me.map(|me| me.to_string()),
        "signallingFault": view.signal_fault.as_ref().map(ToString::to_string),
        "signalsRefused": call.refused_signals,
        "timeToFirstFrame": media.first_frame,
        "commandsLost": media.commands_lost,
        "recordings": media.recordings,
        "peers": call.peers.iter().map(|peer| of_peer(view, peer)).collect::<Vec<_>>(),
    })
}

/// W3C's DOMHighResTimeStamp: milliseconds since 1970.
fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn phase(phase: &CallPhase) -> Value {
    match phase {
        CallPhase::Idle => json!("idle"),
        CallPhase::Joining => json!("joining"),
        CallPhase::Lobby(_) => json!("lobby"),
        CallPhase::Asked(_) => json!("asked"),
        CallPhase::InRoom => json!("in_room"),
        CallPhase::Resuming { .. } => json!("resuming"),
        CallPhase::Ended(reason) => json!({ "ended": format!("{reason:?}") }),
    }
}

fn of_peer(view: &CallView, peer: &PeerSnapshot) -> Value {
    let connection = &peer.connection;
    let (phase, route) = match connection.phase {
        PeerPhase::Negotiating => ("negotiating", None),
        PeerPhase::Connecting => ("connecting", None),
        PeerPhase::Connected(Route::Direct) => ("connected", Some("direct")),
        PeerPhase::Connected(Route::Relayed) => ("connected", Some("relayed")),
        PeerPhase::Faltering => ("faltering", None),
        PeerPhase::Restarting { .. } => ("restarting", None),
        PeerPhase::Failed => ("failed", None),
    };
    let counters = &connection.counters;
    json!({
        "id": peer.id.to_string(),
        "nick": peer.nick,
        "phase": phase,
        "route": route,
        "away": peer.away,
        "audio": peer.media.audio,
        "video": peer.media.video,
        "ownQueueDelay": connection.queue.map(|queue| queue.as_secs_f64()),
        "fingerprints": connection.fingerprints,
        "handshakes": connection.handshakes,
        "restarts": connection.restarts,
        "framesDroppedByPacer": counters.frames_dropped,
        "flightsRepeated": counters.link.repeated_flights,
        "refused": {
            "datagrams": counters.link.refused_datagrams,
            "packets": counters.link.refused_packets,
            "channelMessages": counters.link.refused_messages + counters.refused_messages,
            "signals": counters.refused_signals,
            "frames": counters.refused_frames,
        },
        "stats": rtc_stats::report(&view.counted, peer.id, peer.kind),
    })
}
