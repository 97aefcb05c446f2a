//! What passes between core and shell: relays that cannot be opened, outputs that nobody fetches.

use super::*;

/// Asks for a relay and lets the first `failures` openings fail; gives what came out at last.
fn allocate_failing(lab: &mut Lab, failures: usize, build: impl FnOnce(Writer) -> Writer) -> (usize, Reply) {
    let request = build(lab.writer(Method::Allocate).attribute(attribute::REQUESTED_TRANSPORT, &UDP));
    let datagram = lab.signed(ann(), "ann", request);
    lab.server.handle_listener(ann(), listener(), &datagram, lab.now);
    let mut opened = 0;
    let mut rest = Vec::new();
    while let Some(output) = lab.server.poll_output() {
        if let Output::OpenRelay { relay, .. } = output {
            opened += 1;
            if opened <= failures {
                lab.server.handle_relay_failed(relay);
            }
        }
        rest.push(output);
    }
    (opened, Reply::among(rest))
}

#[test]
fn a_taken_port_costs_another_try() {
    let mut lab = Lab::new();
    let (opened, reply) = allocate_failing(&mut lab, 3, |w| w);
    assert!(reply.is_success());
    assert_eq!((opened, lab.stats().allocations, lab.stats().allocated), (4, 1, 1));
}

#[test]
fn tries_are_bounded_and_nothing_is_left_of_them() {
    let mut lab = Lab::with(|config| config.relay_ports = 60000..=60009);
    for (build, tries) in [
        ((|w| w) as fn(Writer) -> Writer, 10),               // each port once
        (|w| w.attribute(attribute::EVEN_PORT, &[0x80]), 5), // and each pair
    ] {
        let (opened, reply) = allocate_failing(&mut lab, usize::MAX, build);
        assert_eq!(reply.code, Some(508));
        assert!(reply.message().is_signed_by(&key("ann", "pass")));
        assert_eq!(opened, tries);
        assert_eq!((lab.stats().allocations, lab.server.poll_timeout()), (0, None));
    }
    for port in 1..=10 {
        lab.allocate(SocketAddr::new(ann().ip(), port));
    }
}

#[test]
fn tries_are_bounded_where_ports_are_many() {
    let mut lab = Lab::new();
    let (opened, reply) = allocate_failing(&mut lab, usize::MAX, |w| w);
    assert_eq!((opened, reply.code), (16, Some(508)));
}

/// ann asks for a pair while another program has the ports above 60000 and 60002; what the server wants done.
fn pair_among_taken(lab: &mut Lab) -> Vec<Output> {
    let request = lab.writer(Method::Allocate).attribute(attribute::REQUESTED_TRANSPORT, &UDP);
    let datagram = lab.signed(ann(), "ann", request.attribute(attribute::EVEN_PORT, &[0x80]));
    lab.server.handle_listener(ann(), listener(), &datagram, lab.now);
    let mut outputs = Vec::new();
    while let Some(output) = lab.server.poll_output() {
        if let Output::OpenRelay { relay, .. } = output
            && [60001, 60003].contains(&relay.port())
        {
            lab.server.handle_relay_failed(relay);
        }
        outputs.push(output);
    }
    outputs
}

#[test]
fn where_the_port_above_is_taken_another_pair_is_found() {
    let mut lab = Lab::with(|config| config.relay_ports = 60000..=60005);
    let outputs = pair_among_taken(&mut lab);
    let opened = |port: u16| {
        let is_it = |output: &&Output| matches!(output, Output::OpenRelay { relay, .. } if relay.port() == port);
        outputs.iter().filter(is_it).count()
    };
    let closed =
        |port: u16| outputs.iter().any(|output| matches!(output, Output::CloseRelay { relay } if relay.port() == port));
    // Each half-open pair before it is closed again.
    for lower in [60000, 60002] {
        assert!(opened(lower) <= 1 && opened(lower) == opened(lower + 1) && (opened(lower) == 1) == closed(lower));
    }
    assert_eq!((opened(60004), opened(60005), closed(60004)), (1, 1, false));
    let reply = Reply::among(outputs);
    assert_eq!(reply.relayed().port(), 60004);
    // What was tried is free for who wants one port alone.
    let client = |port| SocketAddr::new(ann().ip(), port);
    let others: Vec<u16> = (1..=4).map(|port| lab.allocate(client(port)).port()).collect();
    assert!(others.iter().all(|port| *port < 60004), "{others:?}");
}

#[test]
fn no_pair_at_all_is_508_and_nothing_is_left_open() {
    let mut lab = Lab::with(|config| config.relay_ports = 60000..=60003);
    let outputs = pair_among_taken(&mut lab);
    for port in [60000, 60002] {
        let closed = outputs.iter().filter(|o| matches!(o, Output::CloseRelay { relay } if relay.port() == port));
        assert_eq!(closed.count(), 1, "{port}");
    }
    assert_eq!(Reply::among(outputs).code, Some(508));
    assert_eq!((lab.stats().allocations, lab.server.poll_timeout()), (0, None));
}

#[test]
fn who_goes_while_a_pair_is_opened_leaves_no_port_behind() {
    let mut lab = Lab::with(|config| config.relay_ports = 60000..=60001);
    let request = lab.writer(Method::Allocate).attribute(attribute::REQUESTED_TRANSPORT, &UDP);
    let datagram = lab.signed(ann(), "ann", request.attribute(attribute::EVEN_PORT, &[0x80]));
    lab.server.handle_listener(ann(), listener(), &datagram, lab.now);
    lab.server.poll_output();
    lab.server.handle_client_gone(FiveTuple::udp(ann(), listener()));
    let closed: Vec<_> = lab.drain();
    assert_eq!(closed.len(), 2, "{closed:?}");
    assert!(closed.iter().all(|output| matches!(output, Output::CloseRelay { .. })), "{closed:?}");
    lab.allocate(SocketAddr::new(ann().ip(), 1));
    lab.allocate(SocketAddr::new(ann().ip(), 2));
}

#[test]
fn a_relay_that_breaks_ends_its_allocation() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    lab.server.handle_relay_failed(relay);
    assert_eq!(lab.drain(), [Output::CloseRelay { relay }]);
    assert_eq!(lab.refresh(ann(), 600).code, Some(437));
}

#[test]
fn while_a_relay_is_opened_its_request_may_come_again() {
    let mut lab = Lab::new();
    let request = lab.writer(Method::Allocate).attribute(attribute::REQUESTED_TRANSPORT, &UDP);
    let datagram = lab.signed(ann(), "ann", request);
    lab.server.handle_listener(ann(), listener(), &datagram, lab.now);
    lab.server.handle_listener(ann(), listener(), &datagram, lab.now);
    let outputs = lab.drain();
    assert_eq!(outputs.len(), 2, "one relay, one answer: {outputs:?}");
}

#[test]
fn outputs_that_nobody_fetches_are_bounded() {
    let mut lab = Lab::new();
    let request = lab.writer(Method::Binding).seal(None, false).unwrap();
    for _ in 0..2000 {
        lab.server.handle_listener(ann(), listener(), &request, lab.now);
    }
    assert_eq!(lab.stats().dropped.congested, 2000 - 1024);
    assert_eq!(lab.drain().len(), 1024);
}
