//! Binding (RFC 8489 section 12): how the client is seen from here, and how the network behaves towards it (RFC 5780).
//!
//! It leaves no trace, and needs no credentials unless the operator said so.

use std::net::SocketAddr;

use super::Server;
use super::answer::Refusal;
use super::tuple::{FiveTuple, Transport};
use crate::BindingRule;
use crate::codec::{ClassicBinding, Message, Origin, Writer, attribute};

/// Understood in a Binding request that comes to an address with a counterpart.
const DISCOVERY: &[u16] = &[attribute::CHANGE_REQUEST, attribute::PADDING, attribute::RESPONSE_PORT];
/// The flags of CHANGE-REQUEST (RFC 5780 section 7.2).
const CHANGE_IP: u32 = 0x04;
const CHANGE_PORT: u32 = 0x02;

/// Bytes of a request to which an answer with three addresses of IPv6, 92 bytes, is 2.6 times as long, or less.
const LONG_ENOUGH: usize = 36;

/// An answer, and between which addresses it goes.
pub(super) struct BindingCounters {
    pub(super) way: FiveTuple,
    pub(super) response: Writer,
}

impl Server {
    pub(super) fn binding(&self, tuple: FiveTuple, message: &Message<'_>) -> Result<BindingCounters, Refusal> {
        let other = self.rules.discovery.iter().find_map(|discovery| discovery.counterpart(tuple.local));
        // RFC 5780 needs UDP, an address that the answer may come from, and is nothing where there is none.
        let other = other.filter(|_| tuple.transport == Transport::Udp);
        // RFC 8489 section 6.3.1: unknown attributes that must be understood get 420.
        let unknown = message.not_understood(if other.is_some() { DISCOVERY } else { &[] });
        if !unknown.is_empty() {
            return Err(Refusal::UnknownAttributes(unknown));
        }
        let response = Writer::success(message).address(attribute::XOR_MAPPED_ADDRESS, tuple.client);
        match other {
            None => Ok(BindingCounters { way: tuple, response }),
            Some(other) => self.discovery(tuple, other, message, response),
        }
    }

    /// Answers a client of RFC 3489 as coturn does: MAPPED-ADDRESS, and SOURCE-ADDRESS and CHANGED-ADDRESS, which are
    /// the same where there is no second address. RESPONSE-ADDRESS, which would send the answer to somebody else, is
    /// not looked at.
    pub(super) fn classic_binding(&mut self, tuple: FiveTuple, request: ClassicBinding) {
        if self.rules.options.binding != BindingRule::Open {
            self.stats.dropped.unexpected += 1;
            return;
        }
        self.stats.requests.binding += 1;
        let other = self.rules.discovery.iter().find_map(|discovery| discovery.counterpart(tuple.local));
        let other = other.filter(|_| tuple.transport == Transport::Udp);
        let local = other.map_or(tuple.local, |other| changed(tuple.local, other, request.change));
        // As in an answer of today: a bare request over IPv6 gets no more than its own address.
        let is_roomy = tuple.client.is_ipv4() || request.length >= LONG_ENOUGH;
        let changed = other.unwrap_or(tuple.local);
        let origin = Origin { source: self.seen_from_outside(local), changed: self.seen_from_outside(changed) };
        let payload = request.answer(tuple.client, is_roomy.then_some(origin));
        self.transmit(FiveTuple { local, ..tuple }, payload);
    }

    /// Walks RFC 5780 section 6.1.
    fn discovery(
        &self,
        tuple: FiveTuple,
        other: SocketAddr,
        message: &Message<'_>,
        response: Writer,
    ) -> Result<BindingCounters, Refusal> {
        let flags = match message.attribute(attribute::CHANGE_REQUEST) {
            None => 0,
            Some(value) => u32::from_be_bytes(value.try_into().map_err(|_| Refusal::BadRequest)?),
        };
        let local = changed(tuple.local, other, flags);
        let mut client = tuple.client;
        let padding = message.attribute(attribute::PADDING);
        if let Some(value) = message.attribute(attribute::RESPONSE_PORT) {
            // "If the request contains PADDING as well: 400", for it would be a way to flood a third port.
            let [p0, p1, _, _] = *value else { return Err(Refusal::BadRequest) };
            if padding.is_some() {
                return Err(Refusal::BadRequest);
            }
            client.set_port(u16::from_be_bytes([p0, p1]));
        }
        // A bare request over IPv6 may be forged, and gets no answer of several times its length: anyone who wants to
        // know more asks with an attribute.
        let mut response = response;
        if tuple.client.is_ipv4() || message.length() >= LONG_ENOUGH {
            response = response
                .plain_address(attribute::RESPONSE_ORIGIN, self.seen_from_outside(local))
                .plain_address(attribute::OTHER_ADDRESS, self.seen_from_outside(other));
        }
        // Section 7.6 wants an answer that is fragmented where the request was: as long as it, and no longer.
        if let Some(padding) = padding {
            response = response.attribute(attribute::PADDING, &vec![0; padding.len()]);
        }
        Ok(BindingCounters { way: FiveTuple { client, local, ..tuple }, response })
    }

    /// A listener's address, as the world sees it where a NAT is in between.
    fn seen_from_outside(&self, local: SocketAddr) -> SocketAddr {
        let address = self.commons.host(|ip| ip == local.ip(), local.ip()).and_then(|host| self.commons.address(host));
        SocketAddr::new(address.map_or(local.ip(), |address| address.advertised), local.port())
    }
}

/// The address that an answer comes from, by the flags of CHANGE-REQUEST.
fn changed(local: SocketAddr, other: SocketAddr, flags: u32) -> SocketAddr {
    let ip = if flags & CHANGE_IP == 0 { local.ip() } else { other.ip() };
    let port = if flags & CHANGE_PORT == 0 { local.port() } else { other.port() };
    SocketAddr::new(ip, port)
}
