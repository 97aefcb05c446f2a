//! Which door a text means, and who answers behind it.

use std::net::SocketAddr;
use std::time::Duration;

use hearth_protocol::{BadLink, RoomLink, RoomName};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::engine::discovery::FoundRoom;
use crate::view::Fault;

/// How long an address of a found room may take to answer: it is on this network, or it is not.
const ANSWER: Duration = Duration::from_secs(2);
/// Longest text that is looked at, bytes.
const MAX: usize = 4096;

/// A room to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// One of our own on this machine.
    Host,
    /// One of our own on this server.
    Create(RoomLink),
    /// The one of a link.
    Link(RoomLink),
    /// The one of a number, wherever it is.
    Number(RoomName),
}

impl Target {
    /// The room that it names already.
    pub(super) fn room(&self) -> Option<RoomName> {
        match self {
            Self::Host | Self::Create(_) => None,
            Self::Link(link) => Some(link.room.clone()),
            Self::Number(room) => Some(room.clone()),
        }
    }
}

/// What a person typed, pasted or clicked: a link, or a number with any spaces.
///
/// # Errors
/// [`Fault::UnencryptedLink`]; [`Fault::WrongLink`] for an address that is no room's, [`Fault::NotARoom`] for the rest.
pub(super) fn read(text: &str) -> Result<Target, Fault> {
    let text = text.trim();
    if text.len() > MAX {
        return Err(Fault::NotARoom);
    }
    // What the desktop hands over differs from the link in its scheme alone.
    let web = text.strip_prefix("hearth://").map(|rest| format!("https://{rest}"));
    let web = web.as_deref().or_else(|| text.strip_prefix("hearth:")).unwrap_or(text);
    match RoomLink::parse(web) {
        Ok(link) => return Ok(Target::Link(link)),
        Err(BadLink::Unencrypted) => return Err(Fault::UnencryptedLink),
        Err(BadLink::Address | BadLink::Room | BadLink::Fragment) => {}
    }
    let number: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    // Room numbers of the old set-up are shorter.
    let is_number = (1..=16).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let room = if is_number { RoomName::parse(&number).ok() } else { None };
    let wrong = if text.contains("://") { Fault::WrongLink } else { Fault::NotARoom };
    room.map(Target::Number).ok_or(wrong)
}

/// A room's name on a server of our own.
///
/// # Errors
/// [`Fault::UnencryptedServer`], or [`Fault::WrongServer`].
pub(super) fn on_server(server: &str, room: RoomName) -> Result<RoomLink, Fault> {
    RoomLink::new(server, room, None, None).map_err(|error| match error {
        BadLink::Unencrypted => Fault::UnencryptedServer,
        BadLink::Address | BadLink::Room | BadLink::Fragment => Fault::WrongServer,
    })
}

/// The address of a found room that answers first. All are tried at once: one of them may be of a network that we are
/// not in.
pub(super) async fn reach(found: FoundRoom) -> Option<SocketAddr> {
    let mut tries = JoinSet::new();
    for address in &found.addresses {
        let address = SocketAddr::new(*address, found.port);
        tries.spawn(async move {
            let connected = tokio::time::timeout(ANSWER, TcpStream::connect(address)).await;
            matches!(connected, Ok(Ok(_))).then_some(address)
        });
    }
    while let Some(tried) = tries.join_next().await {
        if let Ok(Some(address)) = tried {
            return Some(address);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_link_a_number_or_nothing() {
        let link = "https://10.0.0.1:8443/r/123456789#s=AAAAAAAAAAAAAAAAAAAAAA";
        let expected = Ok(Target::Link(RoomLink::parse(link).unwrap()));
        for same in
            [link.to_owned(), format!(" {link}\n"), link.replacen("https", "hearth", 1), format!("hearth:{link}")]
        {
            assert_eq!(read(&same), expected, "{same}");
        }
        let number = |text: &str| Ok(Target::Number(RoomName::parse(text).unwrap()));
        assert_eq!(read("123 456 789"), number("123456789"));
        assert_eq!(read("123-456-789\n"), number("123456789"));
        assert_eq!(read("99999"), number("99999"));
        for nothing in ["", "   ", "tea", "12345678901234567", "１２３", &"9".repeat(MAX + 1)] {
            assert_eq!(read(nothing), Err(Fault::NotARoom), "{nothing}");
        }
        for no_room in ["https://example.org", "javascript://x"] {
            assert_eq!(read(no_room), Err(Fault::WrongLink), "{no_room}");
        }
        let clear = "http://talk.example.org/r/123456789#s=AAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(read(clear), Err(Fault::UnencryptedLink));
        assert_eq!(read(&format!("hearth:{clear}")), Err(Fault::UnencryptedLink));
        assert_eq!(on_server("http://talk.example.org", RoomName::from_random(0)), Err(Fault::UnencryptedServer));
    }
}
