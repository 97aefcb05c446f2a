//! Datagrams in and out, many at a time.
//!
//! What comes in is read into the slots of one arena, and goes out from there: data is not copied on its way. What goes
//! out is gathered over one turn of the loop, and sent in runs: datagrams of one size from one socket to one
//! destination are one message, which the kernel cuts up (UDP GSO), and all messages of one socket are one call. The
//! other way round, the kernel gives datagrams of one size and sender as one where they came close together (UDP GRO).
//! Where the system has no such calls, each datagram is a call.

mod arena;
#[cfg(target_os = "linux")]
mod gso;
#[cfg(target_os = "linux")]
mod mmsg;
mod outbox;
mod socket;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "plain.rs"]
mod system;

pub(super) use arena::{Arena, Arrival, Found};
pub(super) use outbox::Outbox;
use outbox::Run;
pub(super) use socket::Socket;
pub(super) use system::{CAN_SHARE, bind_shared, is_under_way};

/// Places that datagrams are read into before what they cause is sent.
pub(super) const SLOTS: usize = 128;
/// Room in front of what a peer sent, for the four bytes of ChannelData.
pub(super) const HEADROOM: usize = crate::codec::ChannelData::HEADER;
/// The longest datagram, and the most that the kernel gives as one.
const LONGEST: usize = 65_535;
/// Bytes from slot to slot: the most that is read into one, room in front of each datagram in it, and so much more that
/// slots do not push each other out of the caches, as those at multiples of 64 kB would (their beginnings would share
/// one set).
const SLOT: usize = 1091 * 64;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod elsewhere;
#[cfg(test)]
mod tests;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod together;
