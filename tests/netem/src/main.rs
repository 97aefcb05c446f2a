//! A link between two network namespaces, in real time: what enters one TUN device leaves the other as hearth-netsim
//! says. Further two may share it: what comes from a left one goes to the right one of the same number, and all of them
//! wait in one queue for one rate.
//!
//! Standard input says `begin` when the measurement begins, and the program ends with it. Standard output says `ready`,
//! then `begun` with milliseconds since 1970, then each second, of each direction:
//!
//! ```text
//! link SECOND DIRECTION RATE LOST FULL CODEL            bits a second; datagrams lost by chance, by queue, by CoDel
//! flow SECOND DIRECTION ENDS PROTOCOL PORT PORT DATAGRAMS BYTES MS:COUNT,...
//!                                                       number of both namespaces; IP bytes; how long how many waited
//! cross SECOND DIRECTION BYTES LOST                     traffic of others: bytes that passed, datagrams lost so far
//! late SECOND MEAN MOST                                 microseconds after which packets left that were due
//! ```
//!
//! Needs root, the namespaces, and a TUN device of the same name in each: `ip -n NAME tuntap add dev eth0 mode tun`.
//! Run it under `chrt --fifo 50`, or busy programs make it late.

mod emulator;
mod flows;
mod shell;
mod spec;

use anyhow::{Result, ensure};
use clap::Parser;

use crate::emulator::Emulator;
use crate::shell::Shell;
use crate::spec::LinkSpec;

/// Emulate a link between two network namespaces.
///
/// A link is written as words with commas between them, each of which may be left out: rate=KBPS or
/// rate=KBPS/SECOND:KBPS/..., queue=MS (at each rate), delay=MS, jitter=MS, loss=SHARE, bursts=ENTER/LEAVE/LOST, codel,
/// cross=cubic@FROM-TO or reno@FROM-TO or KBPS@FROM-TO.
#[derive(Debug, Parser)]
#[command(name = "hearth-netem")]
struct Cli {
    /// Namespace of one end; each further time, of further ends that share the link.
    #[arg(long, required = true)]
    left: Vec<String>,
    /// Namespace of the other end, as often.
    #[arg(long, required = true)]
    right: Vec<String>,
    /// Name of the TUN device in both.
    #[arg(long, default_value = "eth0")]
    device: String,
    /// Seed of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// From left to right.
    #[arg(long, value_name = "LINK", default_value = "")]
    forward: LinkSpec,
    /// From right to left.
    #[arg(long, value_name = "LINK", default_value = "")]
    backward: LinkSpec,
}

fn main() -> Result<()> {
    let Cli { left, right, device, seed, forward, backward } = Cli::parse();
    ensure!(left.len() == right.len(), "to each --left there is one --right");
    let names: Vec<(String, String)> = left.into_iter().zip(right).collect();
    let shell = Shell::open(&names, &device)?;
    shell.run(Emulator::new(seed, forward, backward))
}
