//! Network namespaces by twos, with a TUN device each, and nothing else: whatever is not for the other one is rejected.
//!
//! Owner of: the namespaces, by a shell that removes them (and the folder of the run) when its standard input closes,
//! which it does however we end.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::case::{Case, Change};
use crate::Outcome;
use crate::steps::quietly;

/// Addresses of this link, and of nothing else.
const NETWORK: &str = "10.78.0.0/29";
/// Of the one who sends.
pub(super) const LEFT: &str = "10.78.0.1";
/// Of the one who sees, who has the second one in some cases.
const RIGHT: [&str; 2] = ["10.78.0.2", "10.78.0.3"];
/// Calls that there are at once, at most.
pub(super) const CALLS: usize = 2;
/// Chromium takes an `eth` for a wire.
pub(super) const DEVICE: &str = "eth0";

/// What the guard does. It hears of no Ctrl-C, which is for those whom it watches.
const GUARD: &str =
    r#"trap "" INT TERM HUP; cat > /dev/null; rm -rf "$1"; shift; for name; do ip netns delete "$name"; done"#;

/// All namespaces.
#[derive(Debug)]
pub(super) struct Place {
    /// Of a call each.
    pub(super) ends: [Ends; CALLS],
    guard: Child,
}

/// The two namespaces of a call. Addresses are the same in all of them.
#[derive(Debug)]
pub(super) struct Ends {
    /// Where pictures are sent.
    pub(super) left: String,
    /// Where they are seen.
    pub(super) right: String,
}

impl Place {
    /// Makes them; `folder` goes with them.
    pub(super) fn make(folder: &Path) -> Outcome<Self> {
        let name = |side: &str, call: usize| format!("hearth-bench-{}-{side}-{call}", std::process::id());
        let ends = std::array::from_fn(|call| Ends { left: name("left", call), right: name("right", call) });
        let mut guard = Command::new("setsid");
        guard.args(["sh", "-c", GUARD, "guard"]).arg(folder);
        guard.args(ends.iter().flat_map(|Ends { left, right }| [left, right]));
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = guard.spawn().map_err(|error| format!("setsid did not start ({error}). Install util-linux."))?;
        let place = Self { ends, guard };
        for Ends { left, right } in &place.ends {
            furnish(left, LEFT)?;
            furnish(right, RIGHT[0])?;
        }
        Ok(place)
    }

    /// Gives all who see the addresses that a case begins with.
    pub(super) fn prepare(&self, case: &Case) -> Outcome<()> {
        let second = if case.changes.is_empty() { Change::Lost(1) } else { Change::Found(1) };
        // In this order: routes go with the last address.
        [Change::Found(0), second].into_iter().try_for_each(|change| self.change(change))
    }

    /// Takes an address of all who see away, or gives it to them.
    pub(super) fn change(&self, change: Change) -> Outcome<()> {
        let (Change::Lost(number) | Change::Found(number)) = change;
        let address = RIGHT.get(number).ok_or("There is no such address.")?;
        self.ends.iter().try_for_each(|Ends { right, .. }| match change {
            // Says nothing where it is gone already.
            Change::Lost(_) => run(&format!("ip -n {right} addr flush dev {DEVICE} to {address}/32")),
            Change::Found(_) => run(&format!("ip -n {right} addr replace {address}/32 dev {DEVICE}")),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}

/// Starts what is measured before what else this machine does, ours and Chromium alike: by a real-time policy
/// (sched(7)), below the emulator's. A nice value counts only among the programs of one terminal.
pub(super) const FIRST: &str = "chrt";

/// A program and its arguments, in a namespace, for [`FIRST`].
pub(super) fn in_namespace(name: &str, program: &str, arguments: &[String]) -> Vec<String> {
    let words = ["--rr", "1", "ip", "netns", "exec", name, program].map(str::to_owned);
    words.into_iter().chain(arguments.iter().cloned()).collect()
}

fn furnish(name: &str, address: &str) -> Outcome<()> {
    let root = |error| format!("{error}\nNetwork namespaces take root. Run `cargo xtask bench network` as root.");
    run(&format!("ip netns add {name}")).map_err(root)?;
    run(&format!("ip -n {name} link set lo up"))?;
    within(name, "sysctl -q -w net.ipv6.conf.all.disable_ipv6=1")?;
    run(&format!("ip -n {name} tuntap add dev {DEVICE} mode tun"))?;
    run(&format!("ip -n {name} addr add {address}/32 dev {DEVICE}"))?;
    run(&format!("ip -n {name} link set {DEVICE} up"))?;
    // A browser finds its own address by the route to somewhere far away.
    run(&format!("ip -n {name} route add default dev {DEVICE}"))?;
    within(name, "nft add table inet bench")?;
    within(name, "nft add chain inet bench out { type filter hook output priority 0 ; }")?;
    within(name, "nft add rule inet bench out oifname lo accept")?;
    within(name, &format!("nft add rule inet bench out ip daddr {NETWORK} accept"))?;
    within(name, "nft add rule inet bench out reject")
}

fn within(name: &str, line: &str) -> Outcome<()> {
    run(&format!("ip netns exec {name} {line}"))
}

fn run(line: &str) -> Outcome<()> {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    quietly(Command::new(program).args(words))
}
