//! What `getStats()` would say of the connections to one participant: the half that the call counts and the half that
//! the media counts, put together in one object each.
//!
//! Owns nothing. An `id` is unique among those of one participant, and the same each time.

use std::time::Duration;

use hearth_base::{AudioCodec, Codec, TrackKind, TrackSource};
use hearth_call::{CandidatePairStats, ConnectionStats, InboundStats, OutboundStats, PairSnapshot};
use hearth_protocol::{PeerId, PeerKind};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::milliseconds;
use crate::engine::{CameraStats, Counted, MediaStats, history};

/// The objects of all connections to `peer`.
pub(super) fn report(counted: &Counted, peer: PeerId, kind: PeerKind) -> Vec<Value> {
    let connections = counted.peers.iter().filter(|of| of.id == peer).flat_map(|of| &of.connections);
    let is_ours = kind == PeerKind::Native;
    let mut report = Report { at: counted.at, media: &counted.media, is_ours, objects: Vec::new() };
    for (number, connection) in connections.enumerate() {
        report.add_connection(number, connection);
    }
    report.objects
}

struct Report<'a> {
    at: Duration,
    media: &'a MediaStats,
    /// Whether both ends are Hearth, and so their stamps are those of the capture.
    is_ours: bool,
    objects: Vec<Value>,
}

impl Report<'_> {
    fn add_connection(&mut self, number: usize, connection: &ConnectionStats) {
        let transport = format!("T{number}");
        let selected =
            connection.pairs.iter().find(|pair| pair.is_selected).map(|pair| format!("CP{number}_{}", pair.number));
        let selected = selected.map(|id| json!({ "selectedCandidatePairId": id }));
        self.add("transport", &transport, [value(&connection.transport), selected.unwrap_or_default()]);
        for pair in &connection.pairs {
            self.add_pair(number, &transport, pair);
        }
        for stream in &connection.outbound {
            self.add_outbound(&transport, stream);
        }
        for stream in &connection.inbound {
            self.add_inbound(&transport, connection, stream);
        }
    }

    /// An object of these parts.
    fn add(&mut self, kind: &str, id: &str, parts: impl IntoIterator<Item = Value>) {
        let mut object = Map::new();
        object.insert("type".to_owned(), kind.into());
        object.insert("id".to_owned(), id.into());
        object.insert("timestamp".to_owned(), milliseconds(self.at).into());
        for part in parts {
            if let Value::Object(members) = part {
                object.extend(members);
            }
        }
        self.objects.push(Value::Object(object));
    }

    fn has(&self, id: &str) -> bool {
        self.objects.iter().any(|object| object.get("id").and_then(Value::as_str) == Some(id))
    }

    fn add_pair(&mut self, number: usize, transport: &str, pair: &CandidatePairStats) {
        let PairSnapshot { local, remote } = &pair.candidates;
        // Two pairs may share an end.
        let (local, remote) = (format!("L{number}_{}", local.1), format!("R{number}_{}", remote.1));
        let ends = json!({ "transportId": transport, "localCandidateId": local, "remoteCandidateId": remote });
        self.add("candidate-pair", &format!("CP{number}_{}", pair.number), [value(pair), ends]);
        let sides =
            [("local-candidate", local, &pair.candidates.local), ("remote-candidate", remote, &pair.candidates.remote)];
        for (kind, id, (candidate, address)) in sides {
            if self.has(&id) {
                continue;
            }
            let (address, port) = address.split_once(' ').unwrap_or((address, "0"));
            // Checks are over UDP alone, whatever a relay is reached by.
            let members = json!({
                "transportId": transport,
                "candidateType": candidate,
                "address": address,
                "port": port.parse::<u16>().unwrap_or_default(),
                "protocol": "udp",
            });
            self.add(kind, &id, [members]);
        }
    }

    /// The codec of a stream, once for all streams of a connection; returns its id.
    fn add_codec(&mut self, transport: &str, codec: Codec) -> String {
        let (mime, channels) = match codec {
            Codec::Audio(AudioCodec::Opus) => ("audio/opus".to_owned(), Some(2)),
            Codec::Video(codec) => (format!("video/{}", codec.encoding_name()), None),
        };
        let id = format!("C{transport}_{mime}");
        if !self.has(&id) {
            let mut members = json!({ "transportId": transport, "mimeType": mime, "clockRate": codec.clock_rate() });
            if let (Some(channels), Value::Object(members)) = (channels, &mut members) {
                members.insert("channels".to_owned(), channels.into());
            }
            self.add("codec", &id, [members]);
        }
        id
    }

    /// What a stream of ours comes from, once; returns its id.
    fn add_source(&mut self, stream: &OutboundStats) -> String {
        let id = format!("S{}", stream.track.0);
        if !self.has(&id) {
            let about = json!({ "trackIdentifier": stream.track.0.to_string(), "kind": kind(stream.source) });
            let members = match stream.source {
                TrackSource::Camera => camera(&self.media.camera),
                TrackSource::Microphone => microphone(self.media),
                TrackSource::Screen | TrackSource::System => Value::Null,
            };
            self.add("media-source", &id, [about, members]);
        }
        id
    }

    fn add_outbound(&mut self, transport: &str, stream: &OutboundStats) {
        let (id, remote_id) = (format!("O{}", stream.ssrc), format!("RI{}", stream.ssrc));
        let about = json!({
            "kind": kind(stream.source),
            "source": name(stream.source),
            "transportId": transport,
            "codecId": self.add_codec(transport, stream.codec),
            "mediaSourceId": self.add_source(stream),
        });
        let remote = stream.remote.map(|_| json!({ "remoteId": remote_id })).unwrap_or_default();
        let encoded = match stream.source {
            TrackSource::Camera => encoded(&self.media.camera, stream),
            TrackSource::Screen | TrackSource::Microphone | TrackSource::System => Value::Null,
        };
        self.add("outbound-rtp", &id, [about, remote, value(stream), encoded]);
        if let Some(remote) = &stream.remote {
            let about = json!({
                "kind": kind(stream.source),
                "ssrc": stream.ssrc,
                "transportId": transport,
                "codecId": self.add_codec(transport, stream.codec),
                "localId": id,
            });
            self.add("remote-inbound-rtp", &remote_id, [about, value(remote)]);
        }
    }

    fn add_inbound(&mut self, transport: &str, connection: &ConnectionStats, stream: &InboundStats) {
        let about = json!({
            "kind": kind(stream.source),
            "source": name(stream.source),
            "trackIdentifier": stream.track.0.to_string(),
            "transportId": transport,
            "codecId": self.add_codec(transport, stream.codec),
        });
        let media = self.media.tracks.get(&stream.track);
        let decoded = media.and_then(|media| media.decoded.as_ref()).map(value);
        let played = media.and_then(|media| media.played).map(|played| value(&played.stats()));
        let stamps = media.and_then(|media| media.stamps.as_ref()).map(|stamps| json!({ "stamps": stamps }));
        let chirps = media.and_then(|media| media.chirps.as_ref()).map(|chirps| json!({ "chirps": chirps }));
        let age = media.and_then(|media| history::camera_to_screen(connection, media.decoded.as_ref()?));
        let age = age.filter(|_| self.is_ours).map(|age| json!({ "cameraToScreenTime": age }));
        let media = [decoded, played, age, stamps, chirps].into_iter().flatten();
        let parts = [about, value(stream)].into_iter().chain(media);
        self.add("inbound-rtp", &format!("I{}", stream.ssrc), parts);
    }
}

fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

fn kind(source: TrackSource) -> &'static str {
    match source.kind() {
        TrackKind::Audio => "audio",
        TrackKind::Video => "video",
    }
}

fn name(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Camera => "camera",
        TrackSource::Screen => "screen",
        TrackSource::Microphone => "microphone",
        TrackSource::System => "system",
    }
}

fn camera(camera: &CameraStats) -> Value {
    let mut members = json!({ "frames": camera.frames, "framesPerSecond": camera.frames_per_second });
    if let (Some(size), Value::Object(members)) = (camera.size, &mut members) {
        members.insert("width".to_owned(), size.width.into());
        members.insert("height".to_owned(), size.height.into());
    }
    members
}

/// The sound that is sent is what is left of the microphone's after echo, noise and gain; that is how loud it is.
fn microphone(media: &MediaStats) -> Value {
    let sent = media.audio;
    let blocks = sent.ticks.saturating_sub(sent.blocks_missed);
    json!({
        "audioLevel": media.voice.level.amplitude(),
        "totalSamplesDuration": blocks as f64 / 100.0,
        "blocksMissed": sent.blocks_missed,
        "packetsEncoded": sent.packets_encoded,
        "packetsRefused": sent.packets_refused,
        "encoderErrors": sent.encoder_errors,
    })
}

/// What the encoder of a stream did, and what keeps its pictures smaller or rarer than the camera's.
fn encoded(camera: &CameraStats, stream: &OutboundStats) -> Value {
    let (Some(layer), Some(codec)) = (stream.layer, stream.codec.video()) else { return Value::Null };
    let Some(counters) = camera.layers.get(&(layer, codec)) else { return Value::Null };
    let is_smaller = camera.size.zip(counters.frame_width).is_some_and(|(size, width)| width < size.width);
    let reason = match camera.limits {
        // The call chooses a smaller layer than they look at for no other reason.
        _ if is_smaller && stream.watched > stream.layer => "bandwidth",
        limits if limits.is_rate_held => "bandwidth",
        limits if limits.is_overloaded => "cpu",
        _ => "none",
    };
    let mut members = value(counters);
    if let Value::Object(members) = &mut members {
        members.insert("qualityLimitationReason".to_owned(), reason.into());
    }
    members
}

#[cfg(test)]
mod tests;
