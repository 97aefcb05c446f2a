//! Allocate (RFC 8656 section 7.2): a relay for the client.

use std::time::{Duration, Instant};

use super::allocation::{Allocation, Channels, FiveTuple, Permissions, Phase};
use super::answer::Refusal;
use super::pool::{Demand, Family, NoPort, Taken};
use super::{Output, Request, Server};
use crate::codec::{Class, Message, Method, Writer, attribute};

/// The lifetime that is given where none or a shorter one is asked for (RFC 8656 section 3.2).
pub(super) const LIFETIME: Duration = Duration::from_secs(600);
/// The longest one that is given (RFC 8656 section 7.2 recommends it).
const LONGEST: Duration = Duration::from_secs(3600);
/// How many ports are tried before the client is told that there is none.
const ATTEMPTS: u8 = 8;
/// UDP's number in REQUESTED-TRANSPORT.
const UDP: u8 = 17;

impl Server {
    /// Walks section 7.2. The answer to a new allocation waits until its relay is open.
    pub(super) fn allocate(&mut self, request: &Request<'_>, now: Instant) -> Result<Option<Writer>, Refusal> {
        let message = request.message;
        // 1: authentication. 2: "if the 5-tuple is currently in use": 437, unless it is the same request again.
        if let Some(allocation) = self.table.get(&request.tuple) {
            let repeated = allocation.transaction == message.transaction && *allocation.username == *request.username;
            return match allocation.phase {
                _ if !repeated => Err(Refusal::Mismatch),
                Phase::Opening { .. } => Ok(None), // its answer is on the way
                Phase::Live => Ok(Some(allocated(request.tuple, allocation))),
            };
        }
        // "If the request is ... administratively prohibited": 403.
        if !self.serves(request.tuple) {
            return Err(Refusal::Forbidden);
        }
        check_transport(message)?;
        // 4: DONT-FRAGMENT is not supported, and so an unknown attribute, which was judged before.
        let demand = demand(message)?;
        // 8 ("at any point"): quotas.
        if self.table.len() >= self.quotas.allocations
            || self.table.held_by(request.username) >= self.quotas.allocations_per_user
        {
            return Err(Refusal::Quota);
        }
        let lifetime = lifetime(message)?.unwrap_or(LIFETIME);
        let taken = self.pool.take(demand, request.tuple.local.ip(), now).map_err(refusal)?;
        self.open(request, demand, taken, lifetime, now);
        Ok(None)
    }

    fn open(&mut self, request: &Request<'_>, demand: Demand, taken: Taken, lifetime: Duration, now: Instant) {
        let allocation = Allocation {
            phase: Phase::Opening { demand, failures: 0, fingerprinted: request.message.fingerprinted },
            relay: taken.relay,
            advertised: taken.advertised,
            username: request.username.into(),
            key: request.key.clone(),
            transaction: request.message.transaction,
            lifetime,
            expires: now + lifetime,
            reservation: taken.reservation,
            permissions: Permissions::new(self.quotas.permissions),
            channels: Channels::new(self.quotas.channels),
        };
        self.table.insert(request.tuple, allocation);
        self.emit(Output::OpenRelay { relay: taken.relay });
    }

    /// The relay of `tuple` is open: answers its request.
    pub(super) fn opened(&mut self, tuple: FiveTuple) {
        let Some(allocation) = self.table.get_mut(&tuple) else { return };
        let Phase::Opening { fingerprinted, .. } = allocation.phase else { return };
        allocation.phase = Phase::Live;
        let key = allocation.key.clone();
        let response = allocated(tuple, allocation);
        self.stats.allocated += 1;
        self.answer(tuple, response, Some(&key), fingerprinted);
    }

    /// The relay of `tuple` could not be opened: tries another one, or answers 508.
    pub(super) fn failed(&mut self, tuple: FiveTuple, now: Instant) {
        let Some(mut allocation) = self.table.remove(&tuple) else { return };
        let Phase::Opening { demand, failures, fingerprinted } = allocation.phase else {
            return self.forget(allocation); // it broke while it was in use: the client learns it by 437
        };
        let failures = failures + 1;
        let next = match demand {
            Demand::Any(_) | Demand::Even(_) | Demand::Pair(_) if failures < ATTEMPTS => {
                self.pool.take(demand, tuple.local.ip(), now).ok()
            }
            Demand::Any(_) | Demand::Even(_) | Demand::Pair(_) | Demand::Reserved(_) => None,
        };
        // Released only now, so that the same port is not tried twice in a row.
        self.pool.release(allocation.relay);
        if let Some(token) = allocation.reservation {
            self.pool.cancel(token);
        }
        if let Some(taken) = next {
            allocation.phase = Phase::Opening { demand, failures, fingerprinted };
            (allocation.relay, allocation.advertised) = (taken.relay, taken.advertised);
            allocation.reservation = taken.reservation;
            self.table.insert(tuple, allocation);
            self.emit(Output::OpenRelay { relay: taken.relay });
        } else {
            self.stats.refused.capacity += 1;
            let response = Writer::new(Class::Error, Method::Allocate, allocation.transaction);
            let response = response.attribute(attribute::ERROR_CODE, &[0, 0, 5, 8]);
            self.answer(tuple, response, Some(&allocation.key), fingerprinted);
        }
    }
}

/// The success response (section 7.3), the same each time it is asked for.
fn allocated(tuple: FiveTuple, allocation: &Allocation) -> Writer {
    let response = Writer::new(Class::Success, Method::Allocate, allocation.transaction)
        .address(attribute::XOR_RELAYED_ADDRESS, allocation.advertised)
        .address(attribute::XOR_MAPPED_ADDRESS, tuple.client)
        .attribute(attribute::LIFETIME, &(allocation.lifetime.as_secs() as u32).to_be_bytes());
    match allocation.reservation {
        Some(token) => response.attribute(attribute::RESERVATION_TOKEN, &token),
        None => response,
    }
}

/// 3: REQUESTED-TRANSPORT must be there (400), and UDP (442).
fn check_transport(message: &Message<'_>) -> Result<(), Refusal> {
    match message.attribute(attribute::REQUESTED_TRANSPORT) {
        Some([UDP, _, _, _]) => Ok(()),
        Some([_, _, _, _]) => Err(Refusal::TransportNotSupported),
        Some(_) | None => Err(Refusal::BadRequest),
    }
}

/// 5 to 7: RESERVATION-TOKEN excludes EVEN-PORT and REQUESTED-ADDRESS-FAMILY (400); an unknown family gets 440.
fn demand(message: &Message<'_>) -> Result<Demand, Refusal> {
    let family = match message.attribute(attribute::REQUESTED_ADDRESS_FAMILY) {
        None => None,
        Some(value) => Some(address_family(value)?),
    };
    let even = message.attribute(attribute::EVEN_PORT);
    if let Some(token) = message.attribute(attribute::RESERVATION_TOKEN) {
        let token = token.try_into().map_err(|_| Refusal::BadRequest)?;
        let alone = even.is_none() && family.is_none();
        return if alone { Ok(Demand::Reserved(token)) } else { Err(Refusal::BadRequest) };
    }
    let family = family.unwrap_or(Family::V4);
    match even {
        None => Ok(Demand::Any(family)),
        // Section 18.7: the top bit asks for the port above as well.
        Some([flags]) if flags & 0x80 != 0 => Ok(Demand::Pair(family)),
        Some([_]) => Ok(Demand::Even(family)),
        Some(_) => Err(Refusal::BadRequest),
    }
}

/// REQUESTED-ADDRESS-FAMILY (section 18.6).
pub(super) fn address_family(value: &[u8]) -> Result<Family, Refusal> {
    match value {
        [1, _, _, _] => Ok(Family::V4),
        [2, _, _, _] => Ok(Family::V6),
        [_, _, _, _] => Err(Refusal::FamilyNotSupported),
        _ => Err(Refusal::BadRequest),
    }
}

/// LIFETIME as it is granted: between the default and the longest; zero stays zero, for Refresh.
pub(super) fn lifetime(message: &Message<'_>) -> Result<Option<Duration>, Refusal> {
    let Some(value) = message.attribute(attribute::LIFETIME) else { return Ok(None) };
    let seconds = u32::from_be_bytes(value.try_into().map_err(|_| Refusal::BadRequest)?);
    Ok(Some(Duration::from_secs(seconds.into()).clamp(LIFETIME, LONGEST)))
}

fn refusal(no_port: NoPort) -> Refusal {
    match no_port {
        NoPort::Family => Refusal::FamilyNotSupported,
        NoPort::Exhausted => Refusal::Capacity,
    }
}
