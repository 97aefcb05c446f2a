//! The local network's own directory (mDNS, RFC 6762; DNS-SD, RFC 6763): rooms are announced and found, and the names
//! behind which browsers hide their addresses are resolved.
//!
//! Owner of: the one socket on port 5353, which opens with the first use. What is announced is a random id and the
//! room's number, how many people are in it, whether it is locked, and the host's name where they allow it; never a
//! machine's. It is a help: link and number work where multicast does not.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hearth_protocol::{RoomName, clean_name};
use mdns_sd::{HostnameResolutionEvent, Receiver, ServiceDaemon, ServiceEvent, ServiceInfo};

use super::{clock, questions};
use crate::view::NearbyRoom;

/// The kind of service that rooms are.
const SERVICE: &str = "_hearth._tcp.local.";
/// The property that holds a room's number.
const ROOM: &str = "room";
/// The properties that hold what its host lets be known of it.
const HOST: &str = "host";
const PEOPLE: &str = "people";
/// Tells what is said now from the same said before: anyone who still has that would take it for a repetition, and not
/// look again.
const EDITION: &str = "edition";
const LOCKED: &str = "locked";
/// Longest name that is shown, in characters; a room holds no more people than this.
const NAME: usize = 20;
const MOST_PEOPLE: u32 = 999;
/// How long a name is asked for: Chromium answers within a second or never, and the checks go on without it.
const RESOLVING: Duration = Duration::from_secs(5);
/// Waits between our own questions for a name.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// Rooms that are listed. Full: a room more is not seen; its link works.
const ROOMS: usize = 64;
/// Addresses of one room that are tried.
const ADDRESSES: usize = 8;
/// Seconds between looks at this machine's interfaces: while somebody is at a door (who opens a laptop and types a
/// number waits for no more of them), and at rest, when every look costs processor time.
const LOOK_S: u32 = 1;
const REST_S: u32 = 5;
/// Between two things that are said of a room: what is younger than a second stays in caches beside what is newer
/// (RFC 6762, section 10.2), and each is said twice, a second apart.
const HEARD: Duration = Duration::from_secs(2);
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

    /// Who has a name that ends in `.local`, as far as anybody on the network says so within five seconds; gives the
    /// name back with it.
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
    pub(crate) fn announce(&self, card: Card, addresses: &[IpAddr], port: u16) -> Option<Announced> {
        // The id tells this room from others and nothing else; it is new each time.
        let id = format!("{:016x}", rand::random::<u64>());
        let fullname = self.register(&id, (&card, 0), addresses, port)?;
        let (since, addresses) = (clock::now(), addresses.to_vec());
        Some(Announced { discovery: self.clone(), id, fullname, card, edition: 0, since, addresses, port })
    }

    /// Registers under an id, in the place of what was registered under it before; gives the full name.
    fn register(&self, id: &str, (card, edition): (&Card, u32), addresses: &[IpAddr], port: u16) -> Option<String> {
        let host = format!("{id}.local.");
        let mut properties = card.properties();
        properties.push((EDITION, edition.to_string()));
        let info = ServiceInfo::new(SERVICE, id, &host, addresses, port, &properties[..]);
        let announced = info.and_then(|info| {
            let fullname = info.get_fullname().to_owned();
            self.daemon().map_or(Ok(None), |daemon| daemon.register(info).map(|()| Some(fullname)))
        });
        announced.inspect_err(|error| tracing::warn!(%error, "the room is not announced")).ok()?
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
    id: String,
    fullname: String,
    card: Card,
    /// How often something else was said before.
    edition: u32,
    /// When that was said.
    since: Instant,
    addresses: Vec<IpAddr>,
    port: u16,
}

impl Announced {
    /// Says something else of the room, if it is something else and the network has heard the last. Anyone who asks
    /// again in a while loses nothing.
    pub(crate) fn update(&mut self, card: Card, now: Instant) {
        if self.card != card && now.saturating_duration_since(self.since) >= HEARD {
            self.edition = self.edition.wrapping_add(1);
            self.discovery.register(&self.id, (&card, self.edition), &self.addresses, self.port);
            (self.card, self.since) = (card, now);
        }
    }
}

/// What is said of a room on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) room: RoomName,
    /// Only where the host allows it.
    pub(crate) host: Option<String>,
    pub(crate) people: u32,
    pub(crate) is_locked: bool,
}

impl Card {
    fn properties(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![(ROOM, self.room.as_str().to_owned()), (PEOPLE, self.people.to_string())];
        all.extend(self.is_locked.then(|| (LOCKED, "1".to_owned())));
        all.extend(self.host.clone().map(|host| (HOST, host)));
        all
    }
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
    pub(crate) shown: NearbyRoom,
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
    /// Something was announced or withdrawn; whether the list is a different one.
    pub(crate) fn handle(&mut self, event: ServiceEvent) -> bool {
        match event {
            ServiceEvent::ServiceResolved(found) => {
                let addresses = found.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr);
                let shown = shown(|key| found.get_property_val_str(key));
                self.add(found.get_fullname(), shown, addresses.collect(), found.get_port())
            }
            ServiceEvent::ServiceRemoved(_, fullname) => self.rooms.remove(&fullname).is_some(),
            // The library may say more one day.
            ServiceEvent::SearchStarted(_) | ServiceEvent::ServiceFound(..) | ServiceEvent::SearchStopped(_) | _ => {
                false
            }
        }
    }

    fn add(&mut self, fullname: &str, shown: Option<NearbyRoom>, mut addresses: Vec<IpAddr>, port: u16) -> bool {
        let Some(shown) = shown else { return false };
        addresses.retain(|address| is_reachable(*address));
        addresses.sort_by_key(|address| (address.is_ipv6(), *address));
        addresses.truncate(ADDRESSES);
        let known = self.rooms.contains_key(fullname);
        if addresses.is_empty() || port == 0 || (!known && self.rooms.len() >= ROOMS) {
            return false;
        }
        let found = FoundRoom { shown, addresses, port };
        self.rooms.insert(fullname.to_owned(), found.clone()) != Some(found)
    }

    /// The room of a number. Two of one number are two rooms, and neither is trusted more: any of them is it, and the
    /// words of its key say which.
    pub(crate) fn find(&self, room: &RoomName) -> Option<&FoundRoom> {
        self.rooms.values().find(|found| found.shown.room == *room)
    }

    /// All of them, by number.
    pub(crate) fn rooms(&self) -> Vec<NearbyRoom> {
        let mut rooms: Vec<NearbyRoom> = self.rooms.values().map(|found| found.shown.clone()).collect();
        rooms.sort_by(|a, b| a.room.cmp(&b.room));
        rooms.dedup_by(|a, b| a.room == b.room);
        rooms
    }
}

/// What a stranger says of a room, as far as it can be shown.
fn shown<'a>(property: impl Fn(&str) -> Option<&'a str>) -> Option<NearbyRoom> {
    let name = |text: &str| {
        let clean = clean_name(text, NAME * char::MAX.len_utf8());
        clean.chars().take(NAME).collect::<String>().trim_end().to_owned()
    };
    Some(NearbyRoom {
        room: property(ROOM).and_then(|room| RoomName::parse(room).ok())?,
        host: property(HOST).map(name).filter(|name| !name.is_empty()),
        people: property(PEOPLE).and_then(|people| people.parse().ok()).filter(|people| *people <= MOST_PEOPLE),
        is_locked: property(LOCKED).is_some(),
    })
}

fn best(addresses: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    addresses.filter(|address| is_reachable(*address)).min_by_key(|address| (address.is_ipv6(), *address))
}

/// Link-local IPv6 addresses mean nothing without their zone, and what somebody else says must not lead us to
/// ourselves.
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

    fn said(properties: &[(&str, &'static str)]) -> Option<NearbyRoom> {
        shown(|key| properties.iter().find(|(known, _)| *known == key).map(|(_, value)| *value))
    }

    #[test]
    fn what_a_host_lets_be_known_is_shown_and_what_is_no_name_is_not() {
        let card = Card { room: number("1"), host: Some("Ann".to_owned()), people: 3, is_locked: true };
        let properties = card.properties();
        let read = shown(|key| properties.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str()));
        let expected = NearbyRoom { room: number("1"), host: Some("Ann".to_owned()), people: Some(3), is_locked: true };
        assert_eq!(read, Some(expected));
        let quiet = Card { host: None, is_locked: false, ..card };
        assert!(
            quiet.properties().iter().all(|(key, _)| ![HOST, LOCKED].contains(key)),
            "a name is said by leave alone"
        );
        for (host, name) in [
            ("  ", None),
            ("A\u{202e}nn\n", Some("Ann")),
            ("12345678901234567890123", Some("12345678901234567890")),
            ("1234567890123456789 0", Some("1234567890123456789")),
            // Zero width, soft hyphen, isolates, tags, fillers, separators: as the server has it.
            ("A\u{ad}n\u{200d}\u{feff}n", Some("Ann")),
            ("\u{2066}Ann\u{2069}\u{61c}\u{e0041}\u{fe0f}", Some("Ann")),
            ("\u{3164}\u{115f}\u{2800}", None),
            ("\u{2028}Ann\u{2029}", Some("Ann")),
            // Towers of marks.
            ("Z\u{336}\u{337}\u{338}\u{33a}\u{33b}o", Some("Z\u{336}\u{337}\u{338}o")),
            ("\u{301}\u{302}Ann", Some("Ann")),
            ("שלום", Some("שלום")),
        ] {
            let found = said(&[(ROOM, "1"), (HOST, host), (PEOPLE, "many")]).unwrap();
            assert_eq!((found.host.as_deref(), found.people, found.is_locked), (name, None, false), "{host:?}");
        }
    }

    #[test]
    fn a_room_is_listed_once_and_by_what_leads_to_it() {
        let mut nearby = Nearby::default();
        let addresses = || ["fe80::1", "fd00::7", "192.168.1.7"].map(|a| a.parse().unwrap()).to_vec();
        assert!(nearby.add("a", said(&[(ROOM, "123456789")]), addresses(), 8443));
        assert!(!nearby.add("a", said(&[(ROOM, "123456789")]), addresses(), 8443), "nothing new");
        assert!(nearby.add("b", said(&[(ROOM, "123456789")]), addresses(), 9000), "another address of a room");
        assert_eq!(nearby.rooms(), [said(&[(ROOM, "123456789")]).unwrap()]);
        let found = nearby.find(&number("123456789")).unwrap();
        assert_eq!(found.addresses, ["192.168.1.7".parse::<IpAddr>().unwrap(), "fd00::7".parse().unwrap()]);
        assert!(nearby.find(&number("987654321")).is_none());
    }

    #[test]
    fn what_is_no_room_is_not_listed_and_a_flood_ends() {
        let mut nearby = Nearby::default();
        let address = vec!["10.0.0.1".parse().unwrap()];
        assert!(!nearby.add("a", said(&[]), address.clone(), 1));
        assert!(!nearby.add("a", said(&[(ROOM, "a\nb")]), address.clone(), 1));
        assert!(!nearby.add("a", said(&[(ROOM, "1")]), address.clone(), 0));
        let nowhere = ["fe80::1", "224.0.0.1", "127.0.0.1", "::1", "255.255.255.255"].map(|a| a.parse().unwrap());
        assert!(!nearby.add("a", said(&[(ROOM, "1")]), nowhere.to_vec(), 1));
        for n in 0..ROOMS + 10 {
            let room = n.to_string();
            nearby.add(&room, shown(|key| (key == ROOM).then_some(room.as_str())), address.clone(), 1);
        }
        assert_eq!(nearby.rooms().len(), ROOMS);
    }
}
