//! Socket.IO packets, protocol 4 (socket.io 1.x), as texts within Engine.IO messages.
//!
//! ```text
//! type [attachments '-'] ['/' namespace ','] [ack id] [JSON]
//! ```
//! Values only. There is one namespace, and nothing binary passes.

use serde_json::Value;

use super::{AckId, LegacyEvent};

/// What the server says first on the one namespace.
pub(crate) const CONNECTED: &str = "0";
/// The last word to a page.
pub(crate) const DISCONNECT: &str = "1";

/// What a page says.
#[derive(Clone, Debug, PartialEq)]
pub enum LegacyPacket {
    /// An event.
    Event {
        /// Answered by this number, if at all.
        ack: Option<AckId>,
        /// Its name.
        name: String,
        /// Its arguments.
        arguments: Vec<Value>,
    },
    /// Goodbye.
    Disconnect,
    /// It wants another namespace.
    Namespace(String),
    /// The answer to something that we never ask.
    Ack,
}

/// A text that is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no packet of Socket.IO 4")]
pub struct BadPacket;

impl LegacyPacket {
    /// Reads the text of one message.
    ///
    /// # Errors
    /// [`BadPacket`].
    pub fn read(text: &str) -> Result<Self, BadPacket> {
        let mut letters = text.chars();
        let kind = letters.next().ok_or(BadPacket)?;
        let (namespace, rest) = namespace(letters.as_str());
        match kind {
            '0' if !namespace.is_empty() => Ok(Self::Namespace(namespace.to_owned())),
            '1' => Ok(Self::Disconnect),
            '2' if namespace.is_empty() => event(rest),
            '3' => Ok(Self::Ack),
            _ => Err(BadPacket),
        }
    }
}

fn event(rest: &str) -> Result<LegacyPacket, BadPacket> {
    let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(BadPacket)?;
    let (ack, json) = rest.split_at(digits);
    let ack = if ack.is_empty() { None } else { Some(AckId(ack.parse().map_err(|_| BadPacket)?)) };
    let mut arguments: Vec<Value> = serde_json::from_str(json).map_err(|_| BadPacket)?;
    if arguments.is_empty() {
        return Err(BadPacket);
    }
    let Value::String(name) = arguments.remove(0) else { return Err(BadPacket) };
    Ok(LegacyPacket::Event { ack, name, arguments })
}

/// The namespace, and what follows it. A query behind it is no part of the name.
fn namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("", text);
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    let name = namespace.split('?').next().unwrap_or_default();
    (if name == "/" { "" } else { name }, rest)
}

impl LegacyEvent {
    /// The text of the packet that carries it.
    pub fn to_packet(&self) -> String {
        match (self, self.named()) {
            (Self::Ack { ack, values }, _) => format!("3{}{}", ack.0, Value::from(values.clone())),
            (_, Some((name, value))) => format!("2{}", Value::from(vec![Value::from(name), value])),
            (_, None) => String::new(), // only answers have no name
        }
    }
}

/// The text that refuses a namespace.
pub(crate) fn no_namespace(name: &str) -> String {
    format!("4{name},\"Invalid namespace\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(ack: Option<u64>, name: &str, arguments: Value) -> Result<LegacyPacket, BadPacket> {
        let Value::Array(arguments) = arguments else { panic!() };
        Ok(LegacyPacket::Event { ack: ack.map(AckId), name: name.to_owned(), arguments })
    }

    #[test]
    fn packets_of_a_page_are_read() {
        for (text, expected) in [
            (r#"2["leave"]"#, event(None, "leave", json!([]))),
            (r#"20["join","99999"]"#, event(Some(0), "join", json!(["99999"]))),
            (r#"217["join","\u56f4\u7089"]"#, event(Some(17), "join", json!(["围炉"]))),
            (r#"2/,5["join","a"]"#, event(Some(5), "join", json!(["a"]))),
            ("1", Ok(LegacyPacket::Disconnect)),
            ("0/other?x=1,", Ok(LegacyPacket::Namespace("/other".into()))),
            ("0/other", Ok(LegacyPacket::Namespace("/other".into()))),
            ("31[null]", Ok(LegacyPacket::Ack)),
            ("", Err(BadPacket)),
            ("0", Err(BadPacket)),
            ("2", Err(BadPacket)),
            ("2[]", Err(BadPacket)),
            ("2[1]", Err(BadPacket)),
            ("212", Err(BadPacket)),
            (r#"2{"0":"join"}"#, Err(BadPacket)),
            (r#"2/other,["join","a"]"#, Err(BadPacket)),
            (r#"299999999999999999999999["join","a"]"#, Err(BadPacket)),
            (r#"51-["file",{"_placeholder":true,"num":0}]"#, Err(BadPacket)),
            ("围", Err(BadPacket)),
        ] {
            assert_eq!(LegacyPacket::read(text), expected, "{text}");
        }
        let deep = format!("2{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(LegacyPacket::read(&deep), Err(BadPacket));
    }

    #[test]
    fn events_and_answers_are_written() {
        let id = hearth_protocol::PeerId::parse("aaaaaaaaaaaaaaaa").unwrap();
        for (event, text) in [
            (LegacyEvent::Ack { ack: AckId(7), values: vec![Value::Null, json!("a")] }, r#"37[null,"a"]"#),
            (LegacyEvent::Ack { ack: AckId(0), values: Vec::new() }, "30[]"),
            (LegacyEvent::Remove { id, only_screen: false }, r#"2["remove",{"id":"aaaaaaaaaaaaaaaa"}]"#),
            (LegacyEvent::TurnServers(Vec::new()), r#"2["turnservers",[]]"#),
        ] {
            assert_eq!(event.to_packet(), text);
        }
    }
}
