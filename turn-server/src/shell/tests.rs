//! The shell on real sockets of this machine.
