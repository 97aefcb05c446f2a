//! What went through, by flow: ends, protocol and ports, datagrams, bytes, and how long they waited. In bounded memory.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Flows of one second. Full: further ones are counted as one between the same ends, that of protocol 0.
const FLOWS: usize = 64;
/// Waits are counted in milliseconds up to this; longer ones count as this.
const LONGEST: u16 = 5000;

/// What tells flows of one direction apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowKey {
    /// Between which ends: the number of their namespaces.
    pub(crate) ends: u16,
    /// As in IP headers: 6 is TCP, 17 is UDP.
    pub(crate) protocol: u8,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
}

/// What one of them did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlowCount {
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
    /// Milliseconds, and how many waited so long.
    pub(crate) queued: BTreeMap<u16, u64>,
}

/// All of one direction.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    counts: BTreeMap<FlowKey, FlowCount>,
}

impl FlowKey {
    /// Of an IP packet, as far as it is IPv4 and not a later fragment; otherwise protocol and ports are 0.
    pub(crate) fn of(ends: u16, packet: &[u8]) -> Self {
        let byte = |at: usize| packet.get(at).copied().unwrap_or_default();
        if byte(0) >> 4 != 4 {
            return Self { ends, ..Self::default() };
        }
        let (header, protocol) = (usize::from(byte(0) & 0xf) * 4, byte(9));
        let is_first = byte(6) & 0x1f == 0 && byte(7) == 0;
        let port = |at: usize| match is_first && matches!(protocol, 6 | 17) {
            true => u16::from_be_bytes([byte(header + at), byte(header + at + 1)]),
            false => 0,
        };
        Self { ends, protocol, source_port: port(0), destination_port: port(2) }
    }
}

impl Flows {
    /// One has passed between these ends.
    pub(crate) fn count(&mut self, ends: u16, packet: &[u8], queued: Duration) {
        let key = FlowKey::of(ends, packet);
        let has_capacity = self.counts.len() < FLOWS || self.counts.contains_key(&key);
        let key = if has_capacity { key } else { FlowKey { ends, ..FlowKey::default() } };
        let count = self.counts.entry(key).or_default();
        count.datagrams += 1;
        count.bytes += packet.len() as u64;
        let ms = u16::try_from(queued.as_millis()).unwrap_or(LONGEST).min(LONGEST);
        *count.queued.entry(ms).or_default() += 1;
    }

    /// What was counted since the last time.
    pub(crate) fn take(&mut self) -> BTreeMap<FlowKey, FlowCount> {
        std::mem::take(&mut self.counts)
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ends, protocol, source_port, destination_port } = self;
        write!(formatter, "{ends} ")?;
        match protocol {
            6 => write!(formatter, "tcp")?,
            17 => write!(formatter, "udp")?,
            other => write!(formatter, "{other}")?,
        }
        write!(formatter, " {source_port} {destination_port}")
    }
}

impl fmt::Display for FlowCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} ", self.datagrams, self.bytes)?;
        let queued: Vec<String> = self.queued.iter().map(|(ms, count)| format!("{ms}:{count}")).collect();
        write!(formatter, "{}", queued.join(","))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An IPv4 packet of so many bytes.
    pub(crate) fn packet(protocol: u8, source_port: u16, destination_port: u16, length: usize) -> Vec<u8> {
        let mut packet = vec![0; length];
        (packet[0], packet[9]) = (0x45, protocol);
        packet[20..22].copy_from_slice(&source_port.to_be_bytes());
        packet[22..24].copy_from_slice(&destination_port.to_be_bytes());
        packet
    }

    #[test]
    fn flows_are_told_apart_by_ends_protocol_and_ports() {
        let mut flows = Flows::default();
        for (ends, protocol, ms) in [(0, 17, 0), (0, 17, 12), (1, 17, 12), (0, 17, 12), (0, 6, 90_000)] {
            flows.count(ends, &packet(protocol, 4000, 5000, 100), Duration::from_millis(ms));
        }
        let told: Vec<String> = flows.take().iter().map(|(key, count)| format!("{key} {count}")).collect();
        let expected = ["0 tcp 4000 5000 1 100 5000:1", "0 udp 4000 5000 3 300 0:1,12:2", "1 udp 4000 5000 1 100 12:1"];
        assert_eq!(told, expected);
        assert!(flows.take().is_empty());
    }

    #[test]
    fn what_is_no_whole_header_has_no_ports() {
        let mut later = packet(17, 4000, 5000, 100);
        later[7] = 1;
        for bytes in [&[][..], &[0x45], &later, &packet(1, 8, 9, 60), &[0x60; 60]] {
            let key = FlowKey::of(0, bytes);
            assert_eq!((key.source_port, key.destination_port), (0, 0));
        }
    }

    #[test]
    fn many_flows_are_counted_as_one() {
        let mut flows = Flows::default();
        (0..1000).for_each(|port| flows.count(0, &packet(17, port, 1, 40), Duration::ZERO));
        let counts = flows.take();
        assert_eq!((counts.len(), counts[&FlowKey::default()].datagrams), (FLOWS + 1, 1000 - FLOWS as u64));
    }
}
