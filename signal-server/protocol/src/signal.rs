//! What two peers say to each other through the server to bring a peer connection about (JSEP, RFC 8829; trickle ICE,
//! RFC 8838). The server reads no further than `to`.

use serde::{Deserialize, Serialize};

use crate::PeerId;

/// One word between two peers.
///
/// From the client, `to` is set; from the server, `from` is, stamped over whatever the client wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PeerId>,
    /// Who said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PeerId>,
    /// Which of the pair's connections is meant.
    #[serde(default)]
    pub pc: Pc,
    /// Which incarnation of that connection is meant.
    pub sid: SessionId,
    /// What is said.
    #[serde(flatten)]
    pub body: SignalBody,
}

/// One of the connections of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pc {
    /// The one that carries everything between native peers.
    #[default]
    Main,
    /// A screen toward a peer that wants it apart.
    Screen,
}

/// An incarnation of a peer connection, drawn at random by the peer that makes the first offer of it.
///
/// An offer with another `sid` than the current one replaces the connection (a peer rebuilds a dead one so); an answer
/// or candidate with another `sid` is late and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u32);

/// The content of a signal: exactly one of the keys `desc`, `cand`, `end`, `chat`, `refused`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalBody {
    /// A session description.
    Desc(Description),
    /// A candidate.
    Cand(Candidate),
    /// No candidate follows for the generation whose ufrag is given.
    End(String),
    /// To or from a legacy peer, which has no data channel for it: something said to all.
    Chat(ChatText),
    /// The description of this `sid` was not taken.
    Refused(Refusal),
}

/// Why a description was not taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// For a program.
    pub code: RefusalCode,
    /// For a log; at most a sentence.
    #[serde(default)]
    pub message: String,
}

/// What is wrong with a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// Its media sections are not in one BUNDLE group (RFC 9143).
    Bundle,
    /// A section has no `rtcp-mux` (RFC 5761).
    RtcpMux,
    /// There is no audio codec in common: Opus is required (RFC 7874).
    Audio,
    /// There is no SHA-256 fingerprint, there are two, or it is not that of before.
    Fingerprint,
    /// There are no ICE credentials.
    Credentials,
    /// It is no description, or too long a one.
    Malformed,
    /// A reason that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Something said to all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatText {
    /// What.
    pub text: String,
}

/// A session description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Offer or answer.
    #[serde(rename = "type")]
    pub kind: DescriptionKind,
    /// The SDP.
    pub sdp: String,
}

/// What a description is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DescriptionKind {
    /// A proposal.
    Offer,
    /// The answer to one.
    Answer,
}

/// A candidate, as RTCIceCandidateInit has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// `candidate:...`
    pub candidate: String,
    /// The media section by its mid.
    #[serde(default, rename = "sdpMid", skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// The media section by its place.
    #[serde(default, rename = "sdpMLineIndex", skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    /// The generation of ICE that it belongs to.
    #[serde(default, rename = "usernameFragment", skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}
