//! The local network's own directory (mDNS, RFC 6762; DNS-SD, RFC 6763): rooms are announced and found, and the names
//! behind which browsers hide their addresses are resolved.
//!
//! Owner of: the one socket on port 5353, which opens with the first use. What is announced is a random id and the
//! room's number, never a name of a person or machine. It is a help: link and number work where multicast does not.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hearth_protocol::RoomName;
use mdns_sd::{HostnameResolutionEvent, Receiver, ServiceDaemon, ServiceEvent, ServiceInfo};

use super::{clock, questions};

/// The kind of service that rooms are.
const SERVICE: &str = "_hearth._tcp.local.";
/// The property that holds a room's number.
const ROOM: &str = "room";
/// How long a name is asked for: Chromium answers within a second or never, and the checks go on without it.
const RESOLVING: Duration = Duration::from_secs(5);
/// Waits between our own questions for a name.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// Rooms that are listed. Full: a room more is not seen; its link works.
const ROOMS: usize = 64;
/// Addresses of one room that are tried.
const ADDRESSES: usize = 8;
/// Seconds between looks at this machine's interfaces: while somebody is at a door (who opens a laptop and types a number
/// waits for no more of them), and at rest, when every look costs processor time.
const LOOK_S: u32 = 1;
const REST_S: u32 = 5;
/// How long the network may be told that nothing is announced any more.
const GOODBYE: Duration = Duration::from_secs(1);

/// The directory; clones are one. With the last of them everything announced is withdrawn, and the socket closed.
#[derive(Clone, Default)]
pub struct Discovery {
    daemon: Arc<OnceLock<Option<Daemon>>>,
}

/// The library's thread, which would outlive its handle.
struct Daemon(ServiceDaemon);

impl Drop for Daemon {
    fn drop(&mut self) {
        let ended = self.0.shutdown().map(|status| status.recv_timeout(GOODBYE));
        if !matches!(ended, Ok(Ok(_))) {
            tracing::warn!("what was announced on this network may not be withdrawn");
        }
    }
}

impl Discovery {
    fn daemon(&self) -> Option<&ServiceDaemon> {
        let start = || {
            let daemon = ServiceDaemon::new().and_then(|daemon| daemon.set_ip_check_interval(REST_S).map(|()| daemon));
            daemon.inspect_err(|error| tracing::warn!(%error, "nothing is found or announced on this network")).ok()
        };
        self.daemon.get_or_init(|| start().map(Daemon)).as_ref().map(|daemon| &daemon.0)
    }

    /// Whether somebody waits for what the network says: then this machine's interfaces are looked at more often.
    pub(crate) fn set_awaited(&self, awaited: bool) {
        let seconds = if awaited { LOOK_S } else { REST_S };
        if let Some(Err(error)) = self.daemon().map(|daemon| daemon.set_ip_check_interval(seconds)) {
            tracing::debug!(%error, "interfaces are looked at as before");
        }
    }

    /// Who has a name that ends in `.local`, as far as anybody on the network says so within five seconds; gives the name
    /// back with it.
    pub async fn resolve(self, name: String) -> (String, Option<IpAddr>) {
        let timeout = u64::try_from(RESOLVING.as_millis()).ok();
        // Case means nothing in names (RFC 6762, section 16), but the library's cache knows small letters alone.
        let full = format!("{}.", name.to_ascii_lowercase());
        let answers = self.daemon().and_then(|daemon| daemon.resolve_hostname(&full, timeout).ok());
        let Some(answers) = answers else { return (name, None) };
        // Again after a second and after three (RFC 6762, section 5.2): a question may be lost, and so may an answer.
        let mut again = AGAIN.into_iter();
        let mut next = clock::now();
        loop {
            let event = tokio::select! {
                event = answers.recv_async() => event,
                () = tokio::time::sleep_until(next.into()) => {
                    questions::ask(&full);
                    next += again.next().unwrap_or(RESOLVING);
                    continue;
                }
            };
            let Ok(event) = event else { break };
            match event {
                HostnameResolutionEvent::AddressesFound(_, addresses) => {
                    // Answers come one by one, and the first may be of no use.
                    if let Some(found) = best(addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr)) {
                        self.forget(&full);
                        return (name, Some(found));
                    }
                }
                HostnameResolutionEvent::SearchTimeout(_) | HostnameResolutionEvent::SearchStopped(_) => break,
                // The library may say more one day.
                HostnameResolutionEvent::SearchStarted(_) | HostnameResolutionEvent::AddressesRemoved(..) | _ => {}
            }
        }
        (name, None)
    }

    fn forget(&self, full: &str) {
        if let Some(Err(error)) = self.daemon().map(|daemon| daemon.stop_resolve_hostname(full)) {
            tracing::debug!(%error, "a name is asked for longer than needed");
        }
    }

    /// Everything that is announced from now on. `None` where multicast is not to be had.
    pub(crate) fn browse(&self) -> Option<Receiver<ServiceEvent>> {
        let browsing = self.daemon()?.browse(SERVICE);
        browsing.inspect_err(|error| tracing::warn!(%error, "rooms on this network are not found")).ok()
    }

    /// Announces a room until the value is dropped.
    pub(crate) fn announce(&self, room: &RoomName, addresses: &[IpAddr], port: u16) -> Option<Announced> {
        // The id tells this room from others and nothing else; it is new each time.
        let id = format!("{:016x}", rand::random::<u64>());
        let host = format!("{id}.local.");
        let info = ServiceInfo::new(SERVICE, &id, &host, addresses, port, &[(ROOM, room.as_str())][..]);
        let announced = info.and_then(|info| {
            let fullname = info.get_fullname().to_owned();
            self.daemon().map_or(Ok(None), |daemon| daemon.register(info).map(|()| Some(fullname)))
        });
        let fullname = announced.inspect_err(|error| tracing::warn!(%error, "the room is not announced")).ok()??;
        Some(Announced { discovery: self.clone(), fullname })
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Discovery")
    }
}

/// A room that is announced. Dropped, the network is told that it is gone.
#[derive(Debug)]
pub(crate) struct Announced {
    discovery: Discovery,
    fullname: String,
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.discovery.daemon().map(|daemon| daemon.unregister(&self.fullname)) {
            tracing::debug!(%error, "the room is announced longer than it lives");
        }
    }
}

/// A room that somebody announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundRoom {
    pub(crate) room: RoomName,
    /// Where its server is, IPv4 first.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: u16,
}

/// The rooms that are announced now.
#[derive(Debug, Default)]
pub(crate) struct Nearby {
    rooms: BTreeMap<String, FoundRoom>,
}

impl Nearby {
    /// Something was announced or withdrawn; whether the list is another one.
    pub(crate) fn handle(&mut self, event: ServiceEvent) -> bool {
        match event {
            ServiceEvent::ServiceResolved(found) => {
                let addresses = found.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr);
                let room = found.get_property_val_str(ROOM);
                self.add(found.get_fullname(), room, addresses.collect(), found.get_port())
            }
            ServiceEvent::ServiceRemoved(_, fullname) => self.rooms.remove(&fullname).is_some(),
            // The library may say more one day.
            ServiceEvent::SearchStarted(_) | ServiceEvent::ServiceFound(..) | ServiceEvent::SearchStopped(_) | _ => {
                false
            }
        }
    }

    fn add(&mut self, fullname: &str, room: Option<&str>, mut addresses: Vec<IpAddr>, port: u16) -> bool {
        let Some(room) = room.and_then(|room| RoomName::parse(room).ok()) else { return false };
        addresses.retain(|address| is_reachable(*address));
        addresses.sort_by_key(|address| (address.is_ipv6(), *address));
        addresses.truncate(ADDRESSES);
        let known = self.rooms.contains_key(fullname);
        if addresses.is_empty() || port == 0 || (!known && self.rooms.len() >= ROOMS) {
            return false;
        }
        let found = FoundRoom { room, addresses, port };
        self.rooms.insert(fullname.to_owned(), found.clone()) != Some(found)
    }

    /// The room of a number. Two of one number are two rooms, and neither is trusted more: any of them is it, and the words
    /// of its key say which.
    pub(crate) fn find(&self, room: &RoomName) -> Option<&FoundRoom> {
        self.rooms.values().find(|found| found.room == *room)
    }

    /// All of them, by number.
    pub(crate) fn rooms(&self) -> Vec<RoomName> {
        let mut rooms: Vec<RoomName> = self.rooms.values().map(|found| found.room.clone()).collect();
        rooms.sort();
        rooms.dedup();
        rooms
    }
}

fn best(addresses: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    addresses.filter(|address| is_reachable(*address)).min_by_key(|address| (address.is_ipv6(), *address))
}

/// Link-local IPv6 addresses mean nothing without their zone, and what somebody else says must not lead us to ourselves.
fn is_reachable(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let zoned = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let nowhere = address.is_unspecified() || address.is_multicast() || address.is_loopback();
    !zoned && !nowhere && address != IpAddr::V4(Ipv4Addr::BROADCAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> RoomName {
        RoomName::parse(text).unwrap()
    }

    #[test]
    fn a_room_is_listed_once_and_by_what_leads_to_it() {
        let mut nearby = Nearby::default();
        let addresses = || ["fe80::1", "fd00::7", "192.168.1.7"].map(|a| a.parse().unwrap()).to_vec();
        assert!(nearby.add("a", Some("123456789"), addresses(), 8443));
        assert!(!nearby.add("a", Some("123456789"), addresses(), 8443), "nothing new");
        assert!(nearby.add("b", Some("123456789"), addresses(), 9000), "another address of a room");
        assert_eq!(nearby.rooms(), [number("123456789")]);
        let found = nearby.find(&number("123456789")).unwrap();
        assert_eq!(found.addresses, ["192.168.1.7".parse::<IpAddr>().unwrap(), "fd00::7".parse().unwrap()]);
        assert!(nearby.find(&number("987654321")).is_none());
    }

    #[test]
    fn what_is_no_room_is_not_listed_and_a_flood_ends() {
        let mut nearby = Nearby::default();
        let address = vec!["10.0.0.1".parse().unwrap()];
        assert!(!nearby.add("a", None, address.clone(), 1));
        assert!(!nearby.add("a", Some("a\nb"), address.clone(), 1));
        assert!(!nearby.add("a", Some("1"), address.clone(), 0));
        let nowhere = ["fe80::1", "224.0.0.1", "127.0.0.1", "::1", "255.255.255.255"].map(|a| a.parse().unwrap());
        assert!(!nearby.add("a", Some("1"), nowhere.to_vec(), 1));
        for n in 0..ROOMS + 10 {
            nearby.add(&n.to_string(), Some(&n.to_string()), address.clone(), 1);
        }
        assert_eq!(nearby.rooms().len(), ROOMS);
    }
}
