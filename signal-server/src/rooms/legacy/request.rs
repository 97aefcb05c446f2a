//! What a legacy page may say: the name of an event and its arguments, read into a type.
//!
//! Holds no state. Everything here comes from the network: whatever does not fit is refused as a value.

use serde_json::{Map, Value};

/// The number by which the page will recognise the answer (a Socket.IO acknowledgement).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckId(pub u64);

/// What a legacy page says.
#[derive(Clone, Debug, PartialEq)]
pub enum LegacyRequest {
    /// Into the room of that name; there is one from then on.
    Join {
        /// As the page has it: not yet judged.
        room: String,
        /// Who waits for the answer.
        ack: Option<AckId>,
    },
    /// Into a room that nobody is in; of a name that is drawn, without one.
    Create {
        /// As the page has it: not yet judged.
        room: Option<String>,
        /// Who waits for the answer.
        ack: Option<AckId>,
    },
    /// A word to another page: `to`, and whatever else.
    Message(Map<String, Value>),
    /// Out of the room.
    Leave,
    /// It shares its screen.
    ShareScreen {
        /// Who waits for the answer.
        ack: Option<AckId>,
    },
    /// It does no longer.
    UnshareScreen,
    /// Something for a log.
    Trace,
}

/// An event that is none of this protocol, or whose arguments are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no request of the old protocol")]
pub struct BadRequest;

impl LegacyRequest {
    /// Reads the event `name` with its arguments.
    ///
    /// # Errors
    /// [`BadRequest`]: signalmaster passes such over in silence.
    pub fn read(name: &str, arguments: Vec<Value>, ack: Option<AckId>) -> Result<Self, BadRequest> {
        let mut arguments = arguments.into_iter();
        let first = arguments.next();
        match (name, first) {
            ("join", Some(Value::String(room))) => Ok(Self::Join { room, ack }),
            // `create(ack)`: the library leaves out an undefined name, or says null.
            ("create", None | Some(Value::Null)) => Ok(Self::Create { room: None, ack }),
            ("create", Some(Value::String(room))) => Ok(Self::Create { room: Some(room), ack }),
            ("message", Some(Value::Object(message))) => Ok(Self::Message(message)),
            ("leave", _) => Ok(Self::Leave),
            ("shareScreen", _) => Ok(Self::ShareScreen { ack }),
            ("unshareScreen", _) => Ok(Self::UnshareScreen),
            ("trace", _) => Ok(Self::Trace),
            _ => Err(BadRequest),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_and_what_is_none_is_refused() {
        let ack = Some(AckId(3));
        let read = |name: &str, arguments: Value| {
            let Value::Array(arguments) = arguments else { panic!() };
            LegacyRequest::read(name, arguments, ack)
        };
        let room = || "99999".to_owned();
        for (name, arguments, expected) in [
            ("join", json!(["99999"]), Ok(LegacyRequest::Join { room: room(), ack })),
            ("join", json!(["99999", 1, {}]), Ok(LegacyRequest::Join { room: room(), ack })),
            ("join", json!([99999]), Err(BadRequest)),
            ("join", json!([null]), Err(BadRequest)),
            ("join", json!([{"__proto__": 1}]), Err(BadRequest)),
            ("join", json!([]), Err(BadRequest)),
            ("create", json!([]), Ok(LegacyRequest::Create { room: None, ack })),
            ("create", json!([null]), Ok(LegacyRequest::Create { room: None, ack })),
            ("create", json!(["99999"]), Ok(LegacyRequest::Create { room: Some(room()), ack })),
            ("create", json!([7]), Err(BadRequest)),
            ("message", json!(["to all"]), Err(BadRequest)),
            ("message", json!([null]), Err(BadRequest)),
            ("leave", json!([]), Ok(LegacyRequest::Leave)),
            ("shareScreen", json!([]), Ok(LegacyRequest::ShareScreen { ack })),
            ("unshareScreen", json!(["screen"]), Ok(LegacyRequest::UnshareScreen)),
            ("trace", json!([{"type": "x"}]), Ok(LegacyRequest::Trace)),
            ("disconnect", json!([]), Err(BadRequest)),
            ("__proto__", json!([]), Err(BadRequest)),
        ] {
            assert_eq!(read(name, arguments.clone()), expected, "{name} {arguments}");
        }
    }
}
