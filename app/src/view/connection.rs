//! The connection to somebody as its panel shows it: the last two minutes, a sample a second.

use std::collections::VecDeque;

use hearth_call::Route;

/// Samples that are kept: two minutes, both ends. Full: the oldest goes.
pub const SAMPLES: usize = 121;

/// The last two minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionHistory {
    samples: VecDeque<ConnectionSample>,
    /// When the newest was taken, seconds since 1970.
    pub unix_s: u64,
    /// The way that media takes now.
    pub path: Option<ConnectionPath>,
}

impl ConnectionHistory {
    /// Adds a sample, and forgets the oldest where there are too many.
    pub fn push(&mut self, sample: ConnectionSample) {
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The samples, the oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = &ConnectionSample> {
        self.samples.iter()
    }

    /// The newest.
    pub fn newest(&self) -> Option<&ConnectionSample> {
        self.samples.back()
    }
}

/// One second. What is not known, or does not go, is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConnectionSample {
    /// All that left, bits a second.
    pub sent: Option<f64>,
    /// All that came, bits a second.
    pub received: Option<f64>,
    /// What our encoders are told to make for them, bits a second.
    pub target: Option<f64>,
    /// The share of our packets that they lose, 0 to 1.
    pub loss: Option<f64>,
    /// There and back, seconds.
    pub round_trip: Option<f64>,
    /// How long what we send waits on the way for what we sent before, seconds.
    pub queue: Option<f64>,
    /// The share of repair in the packets that left: sent ahead, or again; 0 to 1.
    pub repair: Option<f64>,
    /// Freezes of their pictures that ended in this second.
    pub freezes: Option<u32>,
    /// What they get of our camera: lines.
    pub height_sent: Option<u32>,
    /// What we see of theirs: lines.
    pub height_received: Option<u32>,
    /// From their camera to our screen, seconds. None where their program does not say when a picture was captured.
    pub camera_to_screen: Option<f64>,
}

/// The way that media takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionPath {
    /// Whether a relay is between.
    pub route: Route,
    /// Our end.
    pub local: PathEnd,
    /// Theirs.
    pub remote: PathEnd,
}

/// One end of a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathEnd {
    /// `host`, `srflx`, `prflx` or `relay` (RFC 8445, section 5.1.1).
    pub kind: String,
    /// Address and port.
    pub address: String,
}

impl PathEnd {
    /// `IPv4` or `IPv6`: what may be told of it to somebody else.
    pub fn family(&self) -> &'static str {
        if self.address.contains("::") || self.address.starts_with('[') { "IPv6" } else { "IPv4" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_minutes_are_kept_and_no_more() {
        let mut history = ConnectionHistory::default();
        for n in 0..500 {
            history.push(ConnectionSample { sent: Some(f64::from(n)), ..ConnectionSample::default() });
        }
        assert_eq!(history.samples().len(), SAMPLES);
        assert_eq!(history.samples().next().and_then(|sample| sample.sent), Some(379.0));
        assert_eq!(history.newest().and_then(|sample| sample.sent), Some(499.0));
    }

    #[test]
    fn an_address_is_of_a_family() {
        for (address, family) in
            [("192.0.2.7:443", "IPv4"), ("[2001:db8::9]:4000", "IPv6"), ("[fe80:1:2:3:4:5:6:7]:9", "IPv6")]
        {
            assert_eq!(PathEnd { kind: "host".to_owned(), address: address.to_owned() }.family(), family);
        }
    }
}
