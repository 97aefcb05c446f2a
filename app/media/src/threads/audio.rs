//! The audio thread: sleeps until the next tick is due, and takes it.
//!
//! Owner of: [`AudioTick`], which decides. Sleeps only; what it hands over and takes in never blocks it.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use hearth_base::EncodedFrame;

use super::StartError;
use super::worker::{Stop, Worker};
use crate::Now;
use crate::slot::{SlotReceiver, SlotSender, slot};
use crate::tick::{Accepted, AudioCommand, AudioReport, AudioTick, PortChange, TURN};

/// Packets of all tracks that wait for the next tick. Cap 256: 32 each of 8 peers, and a tick comes after every packet
/// of each. Full: the oldest goes, concealment covers it.
const PACKETS: usize = 256;
/// Commands that wait for the next tick. Full: the command is refused, the one who gives it says it again.
const COMMANDS: usize = 64;
/// Changes of ports that wait for the next tick. Cap 16: devices change once in a while. Full: the change is refused,
/// anyone who holds it tries again.
const PLUGS: usize = 16;
/// A thread that was held up for longer does not catch up, it goes on from now.
const HELD_UP: Duration = Duration::from_millis(200);
/// Turns from one report to the next: ten reports a second, as many as a meter shows.
const REPORT_EVERY: u64 = 10;

/// Sound that runs until this is dropped.
#[derive(Debug)]
pub struct AudioThread {
    packets: Sender<EncodedFrame>,
    oldest: Receiver<EncodedFrame>,
    overflowed: u64,
    commands: Sender<AudioCommand>,
    sockets: AudioPortsHandle,
    reports: SlotReceiver<AudioReport>,
    report: AudioReport,
    _worker: Worker,
}

/// Where microphones, speakers and calls are plugged into a running audio thread.
#[derive(Clone, Debug)]
pub struct AudioPortsHandle(Sender<PortChange>);

impl AudioPortsHandle {
    /// Attaches something, from the next tick on.
    ///
    /// # Errors
    /// The change itself, when too many wait, or the thread has ended.
    pub fn attach(&self, attach: PortChange) -> Result<(), PortChange> {
        self.0.try_send(attach).map_err(TrySendError::into_inner)
    }
}

impl AudioThread {
    /// Starts taking turns.
    ///
    /// # Errors
    /// [`StartError`] when the system gives no thread.
    pub fn spawn(turn: AudioTick) -> Result<Self, StartError> {
        let (packets, came) = bounded(PACKETS);
        let (commands, told) = bounded(COMMANDS);
        let (plugs, attached) = bounded(PLUGS);
        let (publish, reports) = slot();
        let oldest = came.clone();
        let inbox = Inbox { packets: came, commands: told, plugs: attached };
        let worker = Worker::spawn("audio", move |stop| run(&stop, turn, &inbox, publish))?;
        let (report, sockets) = (AudioReport::default(), AudioPortsHandle(plugs));
        Ok(Self { packets, oldest, overflowed: 0, commands, sockets, reports, report, _worker: worker })
    }

    /// A packet of theirs came.
    pub fn handle_audio(&mut self, packet: EncodedFrame) {
        let mut packet = packet;
        while let Err(TrySendError::Full(again)) = self.packets.try_send(packet) {
            packet = again;
            if self.oldest.try_recv().is_ok() {
                self.overflowed += 1;
            }
        }
    }

    /// Tells the tick something.
    pub fn command(&self, command: AudioCommand) -> Accepted {
        if self.commands.try_send(command).is_ok() { Accepted::Yes } else { Accepted::Full }
    }

    /// Where things are plugged in.
    pub fn sockets(&self) -> AudioPortsHandle {
        self.sockets.clone()
    }

    /// What was done until a tenth of a second ago.
    pub fn report(&mut self) -> &AudioReport {
        if let Some(newer) = self.reports.take() {
            self.report = newer;
        }
        &self.report
    }

    /// Packets that went because the thread did not take them in time.
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }
}

/// What waits for the next tick.
struct Inbox {
    packets: Receiver<EncodedFrame>,
    commands: Receiver<AudioCommand>,
    plugs: Receiver<PortChange>,
}

impl Inbox {
    fn empty_into(&self, turn: &mut AudioTick) {
        let refused = |error: crate::codec::CodecError| {
            tracing::warn!(%error, "the audio thread could not do what it was told");
        };
        self.plugs.try_iter().for_each(|attach| turn.handle_plug(attach).unwrap_or_else(refused));
        self.commands.try_iter().for_each(|command| turn.handle_command(command).unwrap_or_else(refused));
        self.packets.try_iter().take(PACKETS).for_each(|packet| turn.handle_packet(&packet));
    }
}

fn run(stop: &Stop, mut turn: AudioTick, inbox: &Inbox, mut publish: SlotSender<AudioReport>) {
    let mut due = Now::read().monotonic;
    let mut turns = 0_u64;
    while stop.recv_deadline(due) == Err(RecvTimeoutError::Timeout) {
        inbox.empty_into(&mut turn);
        let now = Now::read();
        turn.turn(now.at(due));
        turns += 1;
        if turns.is_multiple_of(REPORT_EVERY) {
            publish.put(turn.report(due));
        }
        due = next(due, now.monotonic);
    }
}

fn next(due: Instant, now: Instant) -> Instant {
    if now.saturating_duration_since(due) > HELD_UP { now } else { due + TURN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_delay_is_caught_up_with_and_a_long_one_is_not() {
        let due = Now::read().monotonic;
        assert_eq!(next(due, due + Duration::from_millis(35)), due + TURN);
        assert_eq!(next(due, due + Duration::from_secs(3)), due + Duration::from_secs(3));
    }
}
