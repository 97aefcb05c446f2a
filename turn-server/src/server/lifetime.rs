//! How long allocations live (RFC 8656 section 3.2), and the attribute that asks for it and grants it.

use std::time::Duration;

use super::answer::Refusal;
use crate::codec::{Message, attribute};

/// The lifetime that is given where none or a shorter one is asked for.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);
/// The longest one that is given (RFC 8656 section 7.2 recommends it).
const LONGEST: Duration = Duration::from_secs(3600);
/// LIFETIME as it is granted: between the default and the longest; zero stays zero, for Refresh.
pub(super) fn lifetime(message: &Message<'_>) -> Result<Option<Duration>, Refusal> {
    let Some(value) = message.attribute(attribute::LIFETIME) else { return Ok(None) };
    let seconds = u32::from_be_bytes(value.try_into().map_err(|_| Refusal::BadRequest)?);
    Ok(Some(Duration::from_secs(seconds.into()).clamp(LIFETIME, LONGEST)))
}

/// The value of LIFETIME.
pub(super) fn seconds(lifetime: Duration) -> [u8; 4] {
    u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX).to_be_bytes()
}
