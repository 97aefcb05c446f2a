//! What a call wants done, in the order in which its parts want it.
//!
//! Every part pushes into the one queue that the shell reads, so that nothing between a socket and the shell only
//! forwards. Owner of: the queue. It is bounded by the input: one input makes a few outputs, and the shell takes them
//! all before it gives the next one.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use hearth_base::EncodedFrame;

use crate::io::{MediaCommand, Output};
use crate::sockets::{SocketId, SocketKind};

/// The queue of a call.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    queue: VecDeque<Output>,
}

impl Outputs {
    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    pub(crate) fn transmit(&mut self, socket: SocketId, to: SocketAddr, payload: Bytes) {
        self.push(Output::Transmit { socket, to, payload });
    }

    pub(crate) fn open(&mut self, socket: SocketId, kind: SocketKind) {
        self.push(Output::OpenSocket { socket, kind });
    }

    pub(crate) fn close(&mut self, socket: SocketId) {
        self.push(Output::CloseSocket(socket));
    }

    pub(crate) fn media(&mut self, command: MediaCommand) {
        self.push(Output::Media(command));
    }

    /// A frame of theirs, unless it was not what was sent.
    pub(crate) fn frame(&mut self, frame: Option<EncodedFrame>) {
        self.queue.extend(frame.map(Output::Frame));
    }

    /// The snapshot is a different one.
    pub(crate) fn changed(&mut self) {
        self.push(Output::Changed);
    }
}
