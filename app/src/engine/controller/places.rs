//! Where servers are: this machine's own, one of the settings, one that was found.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hearth_protocol::{InviteSecret, RoomLink, RoomName, SpkiHash};
use url::Url;

use crate::engine::ServerAddress;

/// The server on this machine.
pub(super) fn own(port: u16, spki: SpkiHash) -> Option<ServerAddress> {
    let address = at(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))?;
    Some(ServerAddress { pin: Some(spki), ..address })
}

/// A server that was found on this network; its key is believed when it is first seen.
pub(super) fn at(address: SocketAddr) -> Option<ServerAddress> {
    let websocket = Url::parse(&format!("wss://{address}/ws")).ok()?;
    Some(ServerAddress { websocket, pin: None })
}

/// The server of a link.
pub(super) fn of(link: &RoomLink) -> ServerAddress {
    ServerAddress { websocket: link.websocket(), pin: link.spki }
}

/// The link to a room on this machine.
pub(super) fn hosted_link(
    address: IpAddr,
    port: u16,
    room: RoomName,
    secret: InviteSecret,
    spki: SpkiHash,
) -> Option<RoomLink> {
    let server = format!("https://{}", SocketAddr::new(address, port));
    RoomLink::new(&server, room, Some(secret), Some(spki)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_in_links_as_urls_write_them() {
        let room = RoomName::parse("123456789").unwrap();
        let (secret, spki) = (InviteSecret::from_random([1; 16]), SpkiHash([2; 32]));
        for (address, expected) in [("10.0.0.1", "https://10.0.0.1:8443/"), ("fd00::1", "https://[fd00::1]:8443/")] {
            let link = hosted_link(address.parse().unwrap(), 8443, room.clone(), secret, spki).unwrap();
            assert_eq!(link.server().as_str(), expected);
        }
        assert_eq!(at("[fd00::1]:9".parse().unwrap()).unwrap().websocket.as_str(), "wss://[fd00::1]:9/ws");
        assert_eq!(own(8443, spki).unwrap().websocket.as_str(), "wss://127.0.0.1:8443/ws");
    }
}
