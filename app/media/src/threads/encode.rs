//! The encode thread: waits for a picture or a command.
//!
//! Owner of: [`Encoding`], which decides. May block on the codec and on nothing else.

use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use hearth_base::{Picture, TrackId};

use super::encoding::{EncodeCommand, EncodeReport, Encoding, LayerSettings};
use super::worker::{Stop, Worker};
use super::{StartError, VideoSink};
use crate::slot::{SlotReceiver, SlotSender, slot};
use crate::tick::Accepted;

/// Commands that wait while a picture is encoded. Cap 32: a few a second come. Full: the command is refused, and
/// counted by anyone who gives it; targets come again by themselves, and so do requests for key frames.
const COMMANDS: usize = 32;

/// Encoders that run until this is dropped.
#[derive(Debug)]
pub struct EncodeThread {
    commands: Sender<EncodeCommand>,
    reports: SlotReceiver<EncodeReport>,
    report: EncodeReport,
    _worker: Worker,
}

impl EncodeThread {
    /// Starts the encoders of one track, and gives the slot that pictures are put in.
    ///
    /// # Errors
    /// [`StartError`] when the system gives no thread.
    pub fn spawn(
        track: TrackId,
        layers: &[LayerSettings],
        sink: Box<dyn VideoSink>,
    ) -> Result<(Self, SlotSender<Picture>), StartError> {
        let encoding = Encoding::new(track, layers, sink);
        let (pictures, taken) = slot();
        let (commands, told) = bounded(COMMANDS);
        let (publish, reports) = slot();
        let worker = Worker::spawn("encode", move |stop| run(&stop, encoding, &taken, told, publish))?;
        Ok((Self { commands, reports, report: EncodeReport::default(), _worker: worker }, pictures))
    }

    /// Tells the encoders something.
    pub fn command(&self, command: EncodeCommand) -> Accepted {
        if self.commands.try_send(command).is_ok() { Accepted::Yes } else { Accepted::Full }
    }

    /// What was done until the last picture.
    pub fn report(&mut self) -> &EncodeReport {
        if let Some(newer) = self.reports.take() {
            self.report = newer;
        }
        &self.report
    }
}

fn run(
    stop: &Stop,
    mut encoding: Encoding,
    pictures: &SlotReceiver<Picture>,
    mut commands: Receiver<EncodeCommand>,
    mut publish: SlotSender<EncodeReport>,
) {
    let mut pictures = pictures.receiver().clone();
    loop {
        select! {
            recv(stop) -> _ => return,
            recv(commands) -> command => match command {
                Ok(command) => encoding.handle_command(command),
                Err(_) => commands = never(),
            },
            recv(pictures) -> picture => match picture {
                Ok(picture) => {
                    // What was said before the picture holds for it.
                    commands.try_iter().for_each(|command| encoding.handle_command(command));
                    encoding.handle_picture(&picture);
                    publish.put(encoding.report());
                }
                Err(_) => pictures = never(), // the camera is gone; the encoders stay for the next one
            },
        }
    }
}
