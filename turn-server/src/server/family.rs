//! The address families of relays, and how requests name them.

use std::net::IpAddr;

use super::answer::Refusal;

/// The address families of relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.6) and ADDITIONAL-ADDRESS-FAMILY (section 18.11).
pub(super) fn address_family(value: &[u8]) -> Result<Family, Refusal> {
    match value {
        [1, _, _, _] => Ok(Family::V4),
        [2, _, _, _] => Ok(Family::V6),
        [_, _, _, _] => Err(Refusal::FamilyNotSupported),
        _ => Err(Refusal::BadRequest),
    }
}
