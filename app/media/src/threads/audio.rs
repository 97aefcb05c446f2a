//! The audio thread: sleeps until the next turn is due, and takes it.
//!
//! Owner of: [`AudioTurn`], which decides. Sleeps only; what it hands over and takes in never blocks it.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use hearth_base::AudioPacket;

use super::StartError;
use super::worker::{Stop, Worker};
use crate::Now;
use crate::slot::{SlotReceiver, SlotSender, slot};
use crate::turn::{Accepted, AudioCommand, AudioReport, AudioTurn, TURN};

/// Packets of all tracks that wait for the next turn. Cap 256: 32 each of 8 peers, and a turn comes after every packet of
/// each. Full: the oldest goes, concealment covers it.
const PACKETS: usize = 256;
/// Commands that wait for the next turn. Full: the command is refused, the one who gives it says it again.
const COMMANDS: usize = 64;
/// A thread that was held up for longer does not catch up, it goes on from now.
const HELD_UP: Duration = Duration::from_millis(200);
/// Turns from one report to the next.
const REPORT_EVERY: u64 = 20;

/// Sound that runs until this is dropped.
#[derive(Debug)]
pub struct AudioThread {
    packets: Sender<AudioPacket>,
    oldest: Receiver<AudioPacket>,
    overflowed: u64,
    commands: Sender<AudioCommand>,
    reports: SlotReceiver<AudioReport>,
    report: AudioReport,
    _worker: Worker,
}

impl AudioThread {
    /// Starts taking turns.
    ///
    /// # Errors
    /// [`StartError`] when the system gives no thread.
    pub fn spawn(turn: AudioTurn) -> Result<Self, StartError> {
        let (packets, came) = bounded(PACKETS);
        let (commands, told) = bounded(COMMANDS);
        let (publish, reports) = slot();
        let oldest = came.clone();
        let worker = Worker::spawn("audio", move |stop| run(&stop, turn, &came, &told, publish))?;
        let report = AudioReport::default();
        Ok(Self { packets, oldest, overflowed: 0, commands, reports, report, _worker: worker })
    }

    /// A packet of theirs came.
    pub fn handle_audio(&mut self, packet: AudioPacket) {
        let mut packet = packet;
        while let Err(TrySendError::Full(again)) = self.packets.try_send(packet) {
            packet = again;
            if self.oldest.try_recv().is_ok() {
                self.overflowed += 1;
            }
        }
    }

    /// Tells the turn something.
    pub fn command(&self, command: AudioCommand) -> Accepted {
        if self.commands.try_send(command).is_ok() { Accepted::Yes } else { Accepted::Full }
    }

    /// What was done until a fifth of a second ago.
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

fn run(
    stop: &Stop,
    mut turn: AudioTurn,
    packets: &Receiver<AudioPacket>,
    commands: &Receiver<AudioCommand>,
    mut publish: SlotSender<AudioReport>,
) {
    let mut due = Now::read().monotonic;
    let mut turns = 0_u64;
    while stop.recv_deadline(due) == Err(RecvTimeoutError::Timeout) {
        for command in commands.try_iter() {
            if let Err(error) = turn.handle_command(command) {
                tracing::warn!(%error, "the audio thread could not do what it was told");
            }
        }
        packets.try_iter().take(PACKETS).for_each(|packet| turn.handle_packet(&packet));
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
