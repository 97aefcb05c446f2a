//! A link between two network namespaces, in real time: what enters one TUN device leaves the other as hearth-netsim
//! says.
//!
//! Standard input says `begin` when the measurement begins, and the program ends with it. Standard output says `ready`,
//! then `begun` with milliseconds since 1970, then each second, of each direction:
//!
//! ```text
//! link SECOND DIRECTION RATE LOST FULL CODEL            bits a second; datagrams lost by chance, by queue, by CoDel
//! flow SECOND DIRECTION PROTOCOL PORT PORT DATAGRAMS BYTES MS:COUNT,...   IP bytes; how long how many waited
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

use anyhow::Result;
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
    /// Namespace of one end.
    #[arg(long)]
    left: String,
    /// Namespace of the other end.
    #[arg(long)]
    right: String,
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
    let shell = Shell::open(&left, &right, &device)?;
    shell.run(Emulator::new(seed, forward, backward))
}
