//! Media between encoded frames and packets: packetising, frame assembly, repair. Sans-IO, and without `rtc`.

pub(crate) mod assemble;
pub(crate) mod depacketize;
pub(crate) mod nack;
pub(crate) mod packetize;
pub(crate) mod protect;
pub(crate) mod remb;
pub(crate) mod unwrap;
mod vp8;
