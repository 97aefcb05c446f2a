//! The devices and the clock.
//!
//! One thread: it sleeps in `ppoll` until a packet comes or one is soon due to leave, then watches the clock. Owner of:
//! all devices, and the timer of reports.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Stdin, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_timerslack;
use nix::sys::time::TimeSpec;
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::emulator::{Direction, Emulator};

/// Where `ip netns` keeps namespaces.
const NAMESPACES: &str = "/var/run/netns";
/// The longest packet that a device of the usual MTU hands out, and then some.
const LONGEST: usize = 2048;
/// Packets that are taken from a device before others have their turn.
const BATCH: usize = 64;
/// So much before something is due the wait ends, and the rest is spent looking: a virtual machine wakes us 0.1 to
/// 0.2 ms late, and every packet that is delayed would have that on top.
const EARLY: Duration = Duration::from_micros(150);
const SECOND: Duration = Duration::from_secs(1);

/// The devices of all ends.
pub(crate) struct Shell {
    ends: Vec<Ends>,
}

/// Two devices between which packets go.
struct Ends {
    left: SyncDevice,
    right: SyncDevice,
}

/// Reports since the measurement began: one a second.
struct Reports {
    begun: Instant,
    told: u32,
    lateness: Lateness,
}

/// How late we were when something was due, in the current second.
#[derive(Default)]
struct Lateness {
    times: u32,
    sum: Duration,
    most: Duration,
}

/// From whom there is something to read.
#[derive(Default)]
struct Ready {
    input: bool,
    /// The left and the right one of each ends.
    devices: Vec<bool>,
}

/// What was written to us.
enum Word {
    Begin,
    End,
    Nothing,
}

impl Shell {
    /// Opens the device of this name in each namespace.
    pub(crate) fn open(namespaces: &[(String, String)], name: &str) -> Result<Self> {
        // By default the kernel may wake us 50 us late, to wake others with us.
        set_timerslack(1).context("the timer slack cannot be set")?;
        let both = |(left, right): &(String, String)| Ok(Ends { left: open(left, name)?, right: open(right, name)? });
        Ok(Self { ends: namespaces.iter().map(both).collect::<Result<_>>()? })
    }

    /// Runs until standard input ends.
    pub(crate) fn run(self, mut emulator: Emulator) -> Result<()> {
        let input = std::io::stdin();
        let mut buffer = vec![0; LONGEST];
        let mut reports: Option<Reports> = None;
        tell("ready")?;
        loop {
            let now = now();
            if let (Some(reports), Some(due)) = (&mut reports, emulator.poll_timeout()) {
                reports.lateness.count(due, now);
            }
            self.write_due(&mut emulator, now)?;
            if let Some(reports) = &mut reports {
                reports.tell_due(&mut emulator, now)?;
            }
            let due = [emulator.poll_timeout(), reports.as_ref().map(Reports::next)].into_iter().flatten().min();
            let ready = self.wait(input.as_fd(), due)?;
            let now = self::now();
            let mut readable = ready.devices.into_iter();
            for (ends, Ends { left, right }) in (0..).zip(&self.ends) {
                for (device, direction) in [(left, Direction::Forward), (right, Direction::Backward)] {
                    if readable.next().unwrap_or_default() {
                        read(device, &mut buffer, |packet| emulator.handle_packet(direction, ends, packet, now))?;
                    }
                }
            }
            match if ready.input { word(&input)? } else { Word::Nothing } {
                Word::Begin => {
                    emulator.begin(now);
                    reports = Some(Reports { begun: now, told: 0, lateness: Lateness::default() });
                    tell(&format!("begun {}", since_1970()?.as_millis()))?;
                }
                Word::End => return Ok(()),
                Word::Nothing => {}
            }
        }
    }

    fn write_due(&self, emulator: &mut Emulator, now: Instant) -> Result<()> {
        for direction in [Direction::Forward, Direction::Backward] {
            while let Some((ends, packet)) = emulator.poll_packet(direction, now) {
                let Some(Ends { left, right }) = self.ends.get(usize::from(ends)) else { continue };
                let device = if direction == Direction::Forward { right } else { left };
                match device.send(&packet) {
                    Ok(_) => {}
                    // As on any link, what the other side does not take is lost.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // The kernel refuses what is no packet; nothing of that kind came out of a device.
                    Err(error) => return Err(error).context("a packet cannot be written"),
                }
            }
        }
        Ok(())
    }

    /// Whom there is something to read from.
    fn wait(&self, input: BorrowedFd<'_>, due: Option<Instant>) -> Result<Ready> {
        let devices = self.ends.iter().flat_map(|ends| [ends.left.as_fd(), ends.right.as_fd()]);
        let fds = std::iter::once(input).chain(devices);
        let mut polled: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let time = |due: Instant| due.saturating_duration_since(now()).saturating_sub(EARLY);
        let time = due.map(|due| TimeSpec::from_duration(time(due)));
        match ppoll(&mut polled, time, None) {
            Ok(_) => {
                let mut readable = polled.iter().map(|fd| fd.any().unwrap_or_default());
                Ok(Ready { input: readable.next().unwrap_or_default(), devices: readable.collect() })
            }
            Err(Errno::EINTR) => Ok(Ready::default()),
            Err(error) => Err(error).context("waiting for packets failed"),
        }
    }
}

impl Reports {
    fn next(&self) -> Instant {
        self.begun + SECOND * (self.told + 1)
    }

    fn tell_due(&mut self, emulator: &mut Emulator, now: Instant) -> Result<()> {
        if self.next() <= now {
            emulator.report(self.told).iter().try_for_each(|line| tell(line))?;
            let Lateness { times, sum, most } = std::mem::take(&mut self.lateness);
            tell(&format!("late {} {} {}", self.told, (sum / times.max(1)).as_micros(), most.as_micros()))?;
            self.told += 1;
        }
        Ok(())
    }
}

impl Lateness {
    fn count(&mut self, due: Instant, now: Instant) {
        if let Some(late) = now.checked_duration_since(due) {
            self.times += 1;
            self.sum += late;
            self.most = self.most.max(late);
        }
    }
}

/// A device in another namespace. This thread stays in that namespace; it has nothing else to do with networks.
fn open(namespace: &str, name: &str) -> Result<SyncDevice> {
    let path = Path::new(NAMESPACES).join(namespace);
    let file = File::open(&path).with_context(|| format!("there is no namespace {namespace}"))?;
    setns(file.as_fd(), CloneFlags::CLONE_NEWNET).context("entering a namespace takes root")?;
    let device = DeviceBuilder::new().name(name).build_sync();
    let device = device.with_context(|| format!("the TUN device {name} of {namespace} cannot be opened"))?;
    device.set_nonblocking(true).context("the device cannot be polled")?;
    Ok(device)
}

fn read(device: &SyncDevice, buffer: &mut [u8], mut take: impl FnMut(Vec<u8>)) -> Result<()> {
    for _ in 0..BATCH {
        match device.recv(buffer) {
            Ok(length) => take(buffer.get(..length).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error).context("a packet cannot be read"),
        }
    }
    Ok(())
}

fn word(input: &Stdin) -> Result<Word> {
    let mut bytes = [0; 64];
    let length = input.lock().read(&mut bytes).context("standard input cannot be read")?;
    let said = bytes.get(..length).unwrap_or_default();
    Ok(match said {
        [] => Word::End,
        said if said.starts_with(b"begin") => Word::Begin,
        _ => Word::Nothing,
    })
}

fn tell(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("nobody reads what is told")
}

#[expect(clippy::disallowed_methods, reason = "this is the shell, which reads the clock")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the shell, which reads the clock")]
fn since_1970() -> Result<Duration> {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is before 1970")
}
