//! STUN messages (RFC 8489 section 5) and ChannelData (RFC 8656 section 12.4), as far as a TURN server reads and writes
//! them.
//!
//! Parsing borrows and allocates nothing; what is malformed is refused as a whole. No state, and no opinion about what
//! a message means: that is the server's.

mod address;
mod channel_data;
mod classic;
mod frames;
mod message;
mod writer;

pub(crate) use address::{decode_address, encode_address, encode_plain_address};
pub(crate) use channel_data::ChannelData;
pub(crate) use classic::{ClassicBinding, Origin};
pub(crate) use frames::frame_length;
pub(crate) use message::Message;
pub(crate) use writer::Writer;

/// The 96 bits that tie an answer to its request.
pub(crate) type TransactionId = [u8; 12];

/// The fixed value of bytes 4 to 7 (RFC 8489 section 5).
pub(crate) const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// What FINGERPRINT's CRC-32 is xored with (RFC 8489 section 14.7).
pub(crate) const FINGERPRINT_XOR: u32 = 0x5354_554e;

/// What a datagram may hold: the longest UDP payload over IPv4.
pub(crate) const DATAGRAM: usize = 65_507;

/// Attribute types (RFC 8489 section 18.3, RFC 8656 section 18, RFC 6062 section 6.2, RFC 8016 section 6.1, RFC 5780
/// section 7).
pub(crate) mod attribute {
    pub(crate) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(crate) const USERNAME: u16 = 0x0006;
    pub(crate) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(crate) const ERROR_CODE: u16 = 0x0009;
    pub(crate) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(crate) const CHANNEL_NUMBER: u16 = 0x000c;
    pub(crate) const LIFETIME: u16 = 0x000d;
    pub(crate) const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub(crate) const DATA: u16 = 0x0013;
    pub(crate) const REALM: u16 = 0x0014;
    pub(crate) const NONCE: u16 = 0x0015;
    pub(crate) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub(crate) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub(crate) const EVEN_PORT: u16 = 0x0018;
    pub(crate) const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub(crate) const DONT_FRAGMENT: u16 = 0x001a;
    pub(crate) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
    pub(crate) const PASSWORD_ALGORITHM: u16 = 0x001d;
    pub(crate) const USERHASH: u16 = 0x001e;
    pub(crate) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(crate) const RESERVATION_TOKEN: u16 = 0x0022;
    pub(crate) const CONNECTION_ID: u16 = 0x002a;
    pub(crate) const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
    pub(crate) const ADDRESS_ERROR_CODE: u16 = 0x8001;
    pub(crate) const PASSWORD_ALGORITHMS: u16 = 0x8002;
    pub(crate) const SOFTWARE: u16 = 0x8022;
    pub(crate) const FINGERPRINT: u16 = 0x8028;
    pub(crate) const RESPONSE_ORIGIN: u16 = 0x802b;
    pub(crate) const OTHER_ADDRESS: u16 = 0x802c;
    pub(crate) const MOBILITY_TICKET: u16 = 0x8030;
    /// ADDITIONAL-ADDRESS-FAMILY as drafts of RFC 8656 numbered it, and coturn does still.
    pub(crate) const DRAFT_ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8032;

    /// RFC 5780 section 7: understood where a server has a second address, and nowhere else.
    pub(crate) const CHANGE_REQUEST: u16 = 0x0003;
    pub(crate) const PADDING: u16 = 0x0026;
    pub(crate) const RESPONSE_PORT: u16 = 0x0027;

    /// Whether a message that holds `kind` may be processed: types from 0x8000 up may be ignored, the others must be
    /// understood (RFC 8489 section 14).
    pub(crate) fn is_understood(kind: u16) -> bool {
        const UNDERSTOOD: [u16; 21] = [
            DONT_FRAGMENT,
            MESSAGE_INTEGRITY_SHA256,
            PASSWORD_ALGORITHM,
            USERHASH,
            CONNECTION_ID,
            MAPPED_ADDRESS,
            USERNAME,
            MESSAGE_INTEGRITY,
            ERROR_CODE,
            UNKNOWN_ATTRIBUTES,
            CHANNEL_NUMBER,
            LIFETIME,
            XOR_PEER_ADDRESS,
            DATA,
            REALM,
            NONCE,
            XOR_RELAYED_ADDRESS,
            REQUESTED_ADDRESS_FAMILY,
            EVEN_PORT,
            REQUESTED_TRANSPORT,
            RESERVATION_TOKEN,
        ];
        kind >= 0x8000 || kind == XOR_MAPPED_ADDRESS || UNDERSTOOD.contains(&kind)
    }
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Binding,
    Allocate,
    Refresh,
    Send,
    Data,
    CreatePermission,
    ChannelBind,
    /// RFC 6062 section 4.3.
    Connect,
    /// RFC 6062 section 4.4.
    ConnectionBind,
    /// RFC 6062 section 4.5; the server's alone to send.
    ConnectionAttempt,
    /// Some other one.
    Other(u16),
}

/// Whether a message asks, tells or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

impl Method {
    fn from_bits(bits: u16) -> Self {
        match bits {
            0x001 => Self::Binding,
            0x003 => Self::Allocate,
            0x004 => Self::Refresh,
            0x006 => Self::Send,
            0x007 => Self::Data,
            0x008 => Self::CreatePermission,
            0x009 => Self::ChannelBind,
            0x00a => Self::Connect,
            0x00b => Self::ConnectionBind,
            0x00c => Self::ConnectionAttempt,
            other => Self::Other(other),
        }
    }

    fn bits(self) -> u16 {
        match self {
            Self::Binding => 0x001,
            Self::Allocate => 0x003,
            Self::Refresh => 0x004,
            Self::Send => 0x006,
            Self::Data => 0x007,
            Self::CreatePermission => 0x008,
            Self::ChannelBind => 0x009,
            Self::Connect => 0x00a,
            Self::ConnectionBind => 0x00b,
            Self::ConnectionAttempt => 0x00c,
            Self::Other(bits) => bits,
        }
    }
}

/// Takes the message type apart; its class bits stand amid the method's (RFC 8489 figure 3).
fn split_type(bits: u16) -> (Class, Method) {
    let method = (bits & 0x000f) | ((bits & 0x00e0) >> 1) | ((bits & 0x3e00) >> 2);
    let class = match (bits & 0x0100 != 0, bits & 0x0010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    };
    (class, Method::from_bits(method))
}

/// The reverse of [`split_type`].
fn join_type(class: Class, method: Method) -> u16 {
    let class = match class {
        Class::Request => 0x0000,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    let method = method.bits();
    class | (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2)
}

#[cfg(test)]
mod tests;
