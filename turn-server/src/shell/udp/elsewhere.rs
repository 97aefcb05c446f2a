//! The files of this folder once more, on what systems other than Linux have: here it is compiled and tested where it
//! would otherwise be neither.
#![expect(dead_code, reason = "what only a worker calls")]
#![expect(clippy::duplicate_mod, reason = "that is what it is for")]

use super::{HEADROOM, LONGEST, SLOT, SLOTS};

#[path = "arena.rs"]
mod arena;
#[path = "outbox.rs"]
mod outbox;
#[path = "socket.rs"]
mod socket;
#[path = "plain.rs"]
mod system;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;

use arena::{Arena, Arrival};
use outbox::{Outbox, Run};
use socket::Socket;

#[cfg(test)]
mod streams {
    use std::net::SocketAddr;

    use socket2::{Domain, Socket, Type};

    use super::system;

    #[test]
    fn a_relay_of_tcp_listens_and_connects_on_one_port() {
        let peer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let bound = |address: SocketAddr| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.set_reuse_address(true).unwrap();
            system::bind_shared(&socket).unwrap();
            socket.bind(&address.into()).unwrap();
            socket
        };
        let listener = bound(SocketAddr::from(([127, 0, 0, 1], 0)));
        listener.listen(1).unwrap();
        let relay = listener.local_addr().unwrap().as_socket().unwrap();
        let begun = bound(relay).connect(&peer.local_addr().unwrap().into());
        assert!(begun.as_ref().err().is_none_or(system::is_under_way), "{begun:?}");
        assert_eq!(peer.accept().unwrap().1, relay);
    }
}
