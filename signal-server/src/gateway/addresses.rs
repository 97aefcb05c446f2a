//! The addresses and names that a server goes by, as they are at the moment.
//!
//! Holds what was configured; the machine's own addresses are looked up each time.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::hosts::Hosts;

/// What becomes of the machine's own name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advertise {
    /// It is in the certificate, as `NAME.local`.
    #[default]
    Yes,
    /// It is not: a computer at home is often called after the one who owns it.
    No,
}

/// What a server goes by.
pub(crate) struct Addresses {
    /// Where it listens.
    pub(crate) bound: BTreeSet<IpAddr>,
    pub(crate) names: Vec<String>,
    /// Pages elsewhere that may speak to it.
    pub(crate) origins: Vec<String>,
    pub(crate) hostname: Advertise,
}

impl Addresses {
    /// What is answered to: our own names, and those in a certificate that we were given.
    pub(crate) fn hosts(&self, given: &[String]) -> Hosts {
        Hosts::new(self.addresses(), self.names.iter().chain(given)).with_origins(&self.origins)
    }

    /// What is in a certificate that we make.
    pub(crate) fn certificate_names(&self) -> Vec<String> {
        let mut names = BTreeSet::from(["localhost".to_owned()]);
        if self.hostname == Advertise::Yes
            && let Some(host) = gethostname::gethostname().to_str().and_then(|name| name.split('.').next())
            && !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            names.insert(format!("{}.local", host.to_ascii_lowercase()));
        }
        names.extend(self.names.iter().map(|name| name.trim_matches(['[', ']']).to_ascii_lowercase()));
        names.extend(["127.0.0.1", "::1"].map(str::to_owned));
        names.extend(self.addresses().iter().map(IpAddr::to_string));
        names.into_iter().collect()
    }

    /// The bound addresses, and all of this machine when the unspecified one is among them.
    fn addresses(&self) -> BTreeSet<IpAddr> {
        let mut addresses: BTreeSet<IpAddr> = self.bound.iter().map(IpAddr::to_canonical).collect();
        addresses.retain(|address| !address.is_unspecified());
        if addresses.len() == self.bound.len() {
            return addresses;
        }
        let found = if_addrs::get_if_addrs().unwrap_or_else(|e| {
            tracing::warn!("the addresses of this machine cannot be listed: {e}");
            Vec::new()
        });
        // A link-local IPv6 address needs a zone, which no URL of a browser can say.
        let reachable = |ip: &IpAddr| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
        addresses.extend(found.into_iter().map(|interface| interface.ip()).filter(reachable));
        addresses
    }
}
