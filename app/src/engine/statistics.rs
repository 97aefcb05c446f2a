//! One line of statistics: what a test, a benchmark or a person with `jq` reads.

use hearth_base::VideoCodec;
use hearth_call::{CallPhase, PeerPhase, PeerSnapshot, Route};
use serde_json::{Value, json};

use super::{CallView, clock};

/// The line, without its end.
pub(crate) fn line(view: &CallView) -> String {
    let call = &view.call;
    json!({
        "unix_ms": clock::since_1970().as_millis() as u64,
        "phase": phase(&call.phase),
        "room": call.room.as_ref().map(|room| room.as_str()),
        "me": call.me.map(|me| me.to_string()),
        "signal_fault": view.signal_fault.as_ref().map(ToString::to_string),
        "refused_signals": call.refused_signals,
        "peers": call.peers.iter().map(peer).collect::<Vec<_>>(),
        "media": view.media,
    })
    .to_string()
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

fn peer(peer: &PeerSnapshot) -> Value {
    let (phase, route) = match peer.connection.phase {
        PeerPhase::Negotiating => ("negotiating", None),
        PeerPhase::Connecting => ("connecting", None),
        PeerPhase::Connected(Route::Direct) => ("connected", Some("direct")),
        PeerPhase::Connected(Route::Relayed) => ("connected", Some("relayed")),
        PeerPhase::Faltering => ("faltering", None),
        PeerPhase::Restarting { .. } => ("restarting", None),
        PeerPhase::Failed => ("failed", None),
    };
    json!({
        "id": peer.id.to_string(),
        "nick": peer.nick,
        "phase": phase,
        "route": route,
        "away": peer.away,
        "audio": peer.media.audio,
        "video": peer.media.video,
        "video_codec": peer.connection.video_codec.map(VideoCodec::encoding_name),
        "round_trip_ms": peer.connection.round_trip.map(|rtt| rtt.as_secs_f64() * 1000.0),
        "loss": peer.connection.loss,
        "estimate_kbps": peer.connection.estimate.bps() / 1000,
        "queue_ms": peer.connection.queue.map(|queue| queue.as_secs_f64() * 1000.0),
        "layers": peer.connection.layers.iter().map(|(track, layer)| json!({"track": track.0, "layer": layer.0}))
            .collect::<Vec<_>>(),
        "pair": peer.connection.pair.as_ref().map(|pair| json!({"local": pair.local, "remote": pair.remote})),
        "fingerprints": peer.connection.fingerprints,
        "handshakes": peer.connection.handshakes,
        "restarts": peer.connection.restarts,
        "tracks": peer.tracks.iter().map(|(track, _)| track.0).collect::<Vec<_>>(),
        "counters": peer.connection.counters,
    })
}
