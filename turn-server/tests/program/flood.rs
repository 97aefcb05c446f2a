//! Floods of strangers, and many who hold what they have.

use std::net::{SocketAddr, UdpSocket};

use crate::server::{Server, certificate};
use crate::wire::{ALLOCATE, Answer, Client, REFRESH, unsigned};

/// Datagrams of a flood, and of a long one: about a minute.
const FLOOD: usize = 300_000;
const LONG_FLOOD: usize = 20_000_000;
/// Addresses that it comes from.
const SOURCES: usize = 64;
/// What the server may grow by meanwhile, in kilobytes: its buffers come into use.
const GROWTH_KB: u64 = 6_000;
/// Allocations that are held, and how many refreshes each gets meanwhile.
const HELD: usize = 2_000;
const LONG_HELD: usize = 16_000;

fn is_soak() -> bool {
    std::env::var_os("HEARTH_SOAK").is_some()
}

/// Memory of a process that is its own, in kilobytes.
fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What a flood is made of: challenges to be had, signatures that are none, data of nobody, the beginning of DTLS,
/// noise.
fn drops() -> Vec<Vec<u8>> {
    let mut hello =
        vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 48, 0xfe, 0xfd];
    hello.resize(73, 7);
    let forged: (u16, &[u8]) = (8, &[5; 20]);
    let names: [(u16, &[u8]); 3] = [(6, b"abc"), (0x14, b"abc"), (0x15, b"AAAAAAAAAAAA")];
    let [user, realm, nonce] = names;
    vec![
        unsigned(ALLOCATE, &[(0x19, &[17, 0, 0, 0])]),
        unsigned(ALLOCATE, &[user, realm, nonce, forged]),
        unsigned(REFRESH, &[]),
        vec![0x40, 0, 0, 4, 1, 2, 3, 4],
        hello,
        vec![0xff; 40],
    ]
}

#[test]
fn a_flood_leaves_memory_flat_and_a_client_comes_in() {
    let keys = tempfile::tempdir().unwrap();
    let (chain, secret) = certificate(keys.path());
    let server = Server::start(&format!("cert={}\npkey={}", chain.display(), secret.display()));
    let drops = drops();
    let source = |number: usize| {
        let address = SocketAddr::from(([127, 0, 1, number as u8 + 1], 0));
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let sources: Vec<UdpSocket> = (0..SOURCES).map(source).collect();
    let pour = |count: usize| {
        for number in 0..count {
            let (source, drop) = (&sources[number % SOURCES], &drops[number % drops.len()]);
            // What the server's queue does not hold is lost, as it would be on the way. Answers fill queues that nobody
            // reads.
            let _lost = source.send_to(drop, server.address());
        }
    };
    pour(20_000);
    let before = resident_kb(server.pid());
    pour(if is_soak() { LONG_FLOOD } else { FLOOD });
    let mut client = Client::new(server.address(), "abc", "123");
    let answer = (0..20).find_map(|_| client.allocate());
    assert_eq!(answer, Some(Answer::Success), "a client among them");
    let after = resident_kb(server.pid());
    println!("{before} kB before the flood, {after} kB after it");
    assert!(after <= before + GROWTH_KB, "{before} kB before, {after} kB after");
}

#[test]
fn many_allocations_are_held_and_refreshed() {
    let held = if is_soak() { LONG_HELD } else { HELD };
    let needed = held as u64 + 200;
    assert!(rlimit::increase_nofile_limit(needed).unwrap() >= needed, "the limit of open files");
    let server = Server::start("user-quota=20000\ntotal-quota=20000\nmin-port=20000\nmax-port=65535");
    // From many addresses: one gets no more than a hundred challenges a second.
    let client = |number: usize| {
        let ip = [127, 0, 2, (number % 200) as u8 + 1];
        Client::at(ip, server.address(), "abc", "123")
    };
    let mut clients: Vec<Client> = (0..held).map(client).collect();
    let before = resident_kb(server.pid());
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.allocate(), Some(Answer::Success), "{number}");
    }
    let each = (resident_kb(server.pid()) - before) * 1000 / held as u64;
    println!("{each} bytes an allocation");
    assert!(each < 4000, "{each} bytes an allocation");
    // Each is asked for again and again until the time is over: twenty seconds, or five minutes.
    #[expect(clippy::disallowed_methods, reason = "the time that they are held is real")]
    let now = std::time::Instant::now;
    let until = now() + std::time::Duration::from_secs(if is_soak() { 300 } else { 20 });
    let mut refreshed = 0;
    while now() < until || refreshed < held {
        let client = &mut clients[refreshed % held];
        assert_eq!(client.ask(REFRESH, &[]), Some(Answer::Success), "{refreshed}");
        refreshed += 1;
    }
    println!("{refreshed} refreshes");
}
