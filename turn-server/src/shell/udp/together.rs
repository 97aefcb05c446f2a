//! What the kernel of Linux does with datagrams that go and come together, and what becomes of those that it does not
//! take together.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;

use super::tests::read;
use super::*;

/// In whose surroundings this process is the one that has a link of 1500 bytes.
const INSIDE: &str = "HEARTH_TEST_SMALL_LINK";

fn listener() -> (Socket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (Socket::listener(socket).unwrap(), address)
}

/// Sends `count` datagrams of `size` bytes as one run; gives how many slots they take where they come, and whether they
/// came as they were sent.
fn sent(outbox: &mut Outbox<()>, count: usize, size: usize) -> (usize, bool) {
    let ((from, _), (to, address)) = (listener(), listener());
    let arena: Vec<u8> = (0..count * size).map(|n| (n % 251) as u8).collect();
    for n in 0..count {
        outbox.push((), address, n * size..(n + 1) * size);
    }
    assert_eq!(outbox.flush(&arena, |()| Some(&from)), 0);
    let mut inbox = Arena::new();
    let arrivals = read(&mut inbox, &to, count);
    let came: Vec<u8> = arrivals.iter().flat_map(|arrival| inbox.get(&arrival.bytes).to_vec()).collect();
    (SLOTS - inbox.free(), came == arena)
}

#[test]
fn a_run_takes_one_slot_where_the_kernel_can_put_it_together() {
    assert_eq!(sent(&mut Outbox::new(), 10, 100), (1, true));
}

#[test]
fn a_run_of_pieces_that_are_longer_than_the_link_goes_singly_and_the_next_one_together_again() {
    if std::env::var_os(INSIDE).is_some() {
        let mut outbox = Outbox::new();
        assert_eq!(sent(&mut outbox, 3, 1600), (3, true), "each is cut by itself");
        assert_eq!(sent(&mut outbox, 10, 1000), (1, true), "nothing was learned from that for good");
        return;
    }
    // Loopback's link is as long as a datagram: a shorter one is in a network of its own, where this test runs again.
    let this = std::env::current_exe().unwrap();
    let name = "shell::udp::together::a_run_of_pieces_that_are_longer_than_the_link_goes_singly_and_the_next_one_together_again";
    let script = "ip link set lo mtu 1500 up && exec \"$0\" --exact \"$1\" --nocapture";
    let mut inside = Command::new("unshare");
    inside.args(["-rn", "sh", "-c", script]).arg(this).arg(name).env(INSIDE, "1");
    let output = inside.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{complained}");
}
