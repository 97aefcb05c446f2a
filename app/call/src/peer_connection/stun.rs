//! STUN as far as it is ours to speak (RFC 8489): the question how a server sees us, its answer, and what a TURN server
//! refuses. The crate's codec, and no state.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rtc::stun::attributes::{ATTR_FINGERPRINT, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM, ATTR_USERNAME};
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::Getter as _;
use rtc::stun::message::{
    BINDING_REQUEST, CLASS_ERROR_RESPONSE, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_BINDING, METHOD_REFRESH,
    Message, MessageType, Setter, TransactionId,
};
use rtc::stun::textattrs::TextAttribute;
use rtc::stun::xoraddr::XorMappedAddress;
use rtc::turn::proto::lifetime::Lifetime;
use rtc::turn::proto::reqfamily::REQUESTED_FAMILY_IPV6;

use super::LinkError;

/// Which request an answer is for: drawn by anyone who asks, so that nobody else can answer (RFC 8489, section 5).
pub(crate) type RequestId = [u8; 12];

/// What a server says to a Binding request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BindingAnswer {
    /// From where it saw the request come (XOR-MAPPED-ADDRESS).
    Mapped(SocketAddr),
    /// It does not say: an error, or an answer without an address.
    Refused,
}

/// A Binding request: nothing but the header, which is all that a server needs.
///
/// # Errors
/// What the crate says: nothing, for a message that is empty.
pub(crate) fn binding_request(id: RequestId) -> Result<Bytes, LinkError> {
    let setters: [Box<dyn Setter>; 2] = [Box::new(TransactionId(id)), Box::new(BINDING_REQUEST)];
    let mut message = Message::new();
    message.build(&setters)?;
    Ok(message.raw.into())
}

/// The answer to the Binding request `id`, if `payload` is that.
pub(crate) fn binding_answer(payload: &[u8], id: RequestId) -> Option<BindingAnswer> {
    let message = decoded(payload).filter(|message| message.transaction_id.0 == id)?;
    if message.typ.method != METHOD_BINDING {
        return None;
    }
    match message.typ.class {
        CLASS_SUCCESS_RESPONSE => {
            let mut mapped = XorMappedAddress::default();
            let found = mapped.get_from(&message).is_ok();
            Some(if found {
                BindingAnswer::Mapped(SocketAddr::new(mapped.ip, mapped.port))
            } else {
                BindingAnswer::Refused
            })
        }
        CLASS_ERROR_RESPONSE => Some(BindingAnswer::Refused),
        _ => None,
    }
}

/// The number of the error in an error response (RFC 8489, section 14.8); none where it is no error, or says none.
pub(super) fn error_code(payload: &[u8]) -> Option<u16> {
    let message = decoded(payload).filter(|message| message.typ.class == CLASS_ERROR_RESPONSE)?;
    let mut code = ErrorCodeAttribute::default();
    code.get_from(&message).ok().map(|()| code.code.0)
}

/// Who we are to a TURN server. It is printed nowhere.
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

/// `allocate`, with the family of the relay named: IPv6 (RFC 8656, section 7.1). The crate names none, and gets IPv4 or
/// nothing. None where it is no message, or cannot be signed.
pub(super) fn with_ipv6(allocate: &[u8], credentials: &Credentials) -> Option<Bytes> {
    let asked = decoded(allocate)?;
    let provider = rtc::crypto::default_provider().ok()?;
    let mut setters: Vec<Box<dyn Setter + '_>> = vec![Box::new(asked.transaction_id), Box::new(asked.typ)];
    let is_kept = |kind| kind != ATTR_MESSAGE_INTEGRITY && kind != ATTR_FINGERPRINT;
    let kept = asked.attributes.0.iter().filter(|attribute| is_kept(attribute.typ));
    setters.extend(kept.map(|attribute| Box::new(attribute.clone()) as Box<dyn Setter>));
    setters.push(Box::new(REQUESTED_FAMILY_IPV6));
    // The first request of all asks for the realm, and is not signed.
    if let Ok(realm) = TextAttribute::get_from_as(&asked, ATTR_REALM) {
        let (name, secret) = (credentials.username.clone(), credentials.password.clone());
        let signed =
            MessageIntegrity::new_long_term_integrity_with_provider(name, realm.text, secret, provider.crypto());
        setters.push(Box::new(signed.ok()?));
    }
    setters.push(Box::new(FINGERPRINT));
    let mut message = Message::new();
    message.build(&setters).ok()?;
    Some(message.raw.into())
}

/// A Refresh request with a lifetime of nothing (RFC 8656, section 7.1), for the allocation that `allocate` asks for;
/// none where that carries no credentials, and so asks in vain.
pub(super) fn release_request(allocate: &[u8], credentials: &Credentials) -> Option<Bytes> {
    let asked = decoded(allocate)?;
    let realm = TextAttribute::get_from_as(&asked, ATTR_REALM).ok()?;
    let nonce = TextAttribute::get_from_as(&asked, ATTR_NONCE).ok()?;
    let provider = rtc::crypto::default_provider().ok()?;
    let Credentials { username, password } = credentials;
    let (name, secret) = (username.clone(), password.clone());
    let integrity =
        MessageIntegrity::new_long_term_integrity_with_provider(name, realm.text.clone(), secret, provider.crypto());
    let setters: [Box<dyn Setter + '_>; 8] = [
        Box::new(TransactionId::new()),
        Box::new(MessageType::new(METHOD_REFRESH, CLASS_REQUEST)),
        Box::new(Lifetime(Duration::ZERO)),
        Box::new(TextAttribute::new(ATTR_USERNAME, username.clone())),
        Box::new(realm),
        Box::new(nonce),
        Box::new(integrity.ok()?),
        Box::new(FINGERPRINT),
    ];
    let mut message = Message::new();
    message.build(&setters).ok()?;
    Some(message.raw.into())
}

/// A message of STUN, not yet looked at any further.
pub(super) fn decoded(payload: &[u8]) -> Option<Message> {
    let mut message = Message { raw: payload.to_vec(), ..Message::new() };
    message.decode().ok().map(|()| message)
}
