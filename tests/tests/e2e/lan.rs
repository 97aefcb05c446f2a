//! A LAN of network namespaces: a bridge with nobody behind it, and hosts with an address each.
//!
//! Everything is made by `ip` and `nft` and torn down on drop. What is not for the LAN is rejected at the bridge: no
//! datagram of a test leaves it. Multicast works, as on a real one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};

/// Of a second address of one host: hosts are counted from 10 on.
const SECOND_ADDRESS: u8 = 200;

/// Tells the LANs of one process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Without root there may still be namespaces: the test starts itself again in one of its own.
pub fn enter_namespaces() -> Result<()> {
    let root = Command::new("id").arg("-u").output()?.stdout.starts_with(b"0\n");
    if root {
        return Ok(());
    }
    ensure!(
        std::env::var_os("HEARTH_LAN_INSIDE").is_none(),
        "This test needs network namespaces. Run it as root, or allow unprivileged user namespaces."
    );
    let script = "mount -t tmpfs tmpfs /run && exec \"$0\" \"$@\"";
    let error = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env("HEARTH_LAN_INSIDE", "1")
        .exec();
    Err(error.into())
}

/// Which addresses a LAN has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Ipv4,
    /// No IPv4 at all, but for each host's own loopback, by which browsers are driven.
    Ipv6,
}

/// The bridge and its hosts.
#[derive(Debug)]
pub struct Lan {
    family: Family,
    prefix: String,
    names: Vec<String>,
}

/// One host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its namespace.
    pub namespace: String,
    /// Its address.
    pub address: IpAddr,
}

impl Lan {
    /// A bridge without hosts.
    pub fn new() -> Result<Self> {
        Self::of(Family::Ipv4)
    }

    /// The same with addresses of this family alone.
    pub fn of(family: Family) -> Result<Self> {
        let prefix = format!("hearth{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut lan = Self { family, prefix, names: Vec::new() };
        let bridge = lan.namespace("bridge")?;
        run(&["ip", "-n", &bridge, "link", "add", "br0", "type", "bridge"])?;
        family.add(&bridge, family.address(1), "br0")?;
        run(&["ip", "-n", &bridge, "link", "set", "br0", "up"])?;
        lan.in_bridge(&["nft", "add table inet lan"])?;
        lan.in_bridge(&["nft", "add chain inet lan out { type filter hook forward priority 0; policy drop; }"])?;
        // Where the kernel shows bridged datagrams to this hook, those of the LAN pass.
        for own in ["ip daddr 10.77.0.0/24", "ip6 daddr { fd77::/64, fe80::/10 }"] {
            lan.in_bridge(&["nft", &format!("add rule inet lan out iifname br0 oifname br0 {own} accept")])?;
        }
        lan.in_bridge(&["nft", "add rule inet lan out ip daddr 224.0.0.0/4 accept"])?;
        lan.in_bridge(&["nft", "add rule inet lan out ip6 daddr ff00::/8 accept"])?;
        lan.in_bridge(&["nft", "add rule inet lan out reject"])?;
        lan.in_bridge(&["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])?;
        Ok(lan)
    }

    /// A further host.
    pub fn host(&mut self, name: &str) -> Result<Host> {
        let bridge = self.full_name("bridge");
        let number = 10 + self.names.len() as u8;
        let namespace = self.namespace(name)?;
        let port = format!("p{number}");
        let (address, gateway) = (self.family.address(number), self.family.address(1).to_string());
        run(&["ip", "-n", &bridge, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
        run(&["ip", "-n", &bridge, "link", "set", &port, "master", "br0", "up"])?;
        self.family.add(&namespace, address, "eth0")?;
        run(&["ip", "-n", &namespace, "link", "set", "eth0", "up"])?;
        run(&["ip", "-n", &namespace, "route", "add", "default", "via", &gateway])?;
        Ok(Host { namespace, address })
    }

    fn full_name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn namespace(&mut self, name: &str) -> Result<String> {
        let full = self.full_name(name);
        run(&["ip", "netns", "add", &full])?;
        self.names.push(full.clone());
        run(&["ip", "-n", &full, "link", "set", "lo", "up"])?;
        Ok(full)
    }

    fn in_bridge(&self, command: &[&str]) -> Result<()> {
        let bridge = self.full_name("bridge");
        run(&[&["ip", "netns", "exec", &bridge], command].concat())
    }
}

impl Family {
    fn address(self, number: u8) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::new(10, 77, 0, number).into(),
            Self::Ipv6 => Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, number.into()).into(),
        }
    }

    /// Gives an interface an address that is good at once: nobody else has it, so nobody is asked.
    fn add(self, namespace: &str, address: IpAddr, interface: &str) -> Result<()> {
        match self {
            Self::Ipv4 => run(&["ip", "-n", namespace, "addr", "add", &format!("{address}/24"), "dev", interface]),
            Self::Ipv6 => {
                run(&["ip", "-n", namespace, "addr", "add", &format!("{address}/64"), "dev", interface, "nodad"])
            }
        }
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in &self.names {
            if let Err(error) = run(&["ip", "netns", "delete", name]) {
                println!("left behind: {error:#}");
            }
        }
    }
}

impl Host {
    /// A port of it, as URLs and flags name it.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    /// A command that will run on this host.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        // What programs say is compared, so they all speak the same language.
        command.env("HEARTH_LANG", "en").args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Gives it a second address of IPv4, which outlives its first.
    pub fn add_address(&self) -> Result<IpAddr> {
        let address = Family::Ipv4.address(SECOND_ADDRESS);
        self.run(&["sysctl", "-q", "-w", "net.ipv4.conf.eth0.promote_secondaries=1"])?;
        Family::Ipv4.add(&self.namespace, address, "eth0")?;
        Ok(address)
    }

    /// Takes one of its addresses away, with what the kernel knows of ways from it.
    pub fn remove_address(&self, address: IpAddr) -> Result<()> {
        run(&["ip", "-n", &self.namespace, "addr", "del", &format!("{address}/24"), "dev", "eth0"])
    }

    /// Ends every connection to `port` and refuses new ones, until mended.
    pub fn cut_tcp(&self, port: u16) -> Result<()> {
        self.nft("add table inet cut")?;
        self.nft("add chain inet cut out { type filter hook output priority 0; }")?;
        // The reset that ends a connection is to reach the other side.
        self.nft(&format!("add rule inet cut out tcp dport {port} tcp flags & rst == 0 reject with tcp reset"))?;
        self.run(&["ss", "-K", "-t", "dport", "=", &port.to_string()])
    }

    /// Takes that back.
    pub fn mend_tcp(&self) -> Result<()> {
        self.nft("delete table inet cut")
    }

    fn nft(&self, rule: &str) -> Result<()> {
        self.run(&["nft", rule])
    }

    fn run(&self, command: &[&str]) -> Result<()> {
        run(&[&["ip", "netns", "exec", &self.namespace], command].concat())
    }
}

fn run(command: &[&str]) -> Result<()> {
    let (program, arguments) = command.split_first().context("an empty command")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{program} is not installed; `cargo xtask test` installs it"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{}` failed: {}", command.join(" "), said.trim());
    Ok(())
}
