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
                lab.server.handle_relay_failed(relay, lab.now);
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
        ((|w| w) as fn(Writer) -> Writer, 8),
        (|w| w.attribute(attribute::EVEN_PORT, &[0x80]), 5), // five pairs, the failed one rests while the next is chosen
    ] {
        let (opened, reply) = allocate_failing(&mut lab, usize::MAX, build);
        assert_eq!(reply.code, Some(508));
        assert!(reply.message().is_signed_by(&key("ann", "pass")));
        assert!((tries..=8).contains(&opened), "{opened}");
        assert_eq!((lab.stats().allocations, lab.server.poll_timeout()), (0, None));
    }
    for port in 1..=10 {
        lab.allocate(SocketAddr::new(ann().ip(), port));
    }
}

#[test]
fn a_relay_that_breaks_ends_its_allocation() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    lab.server.handle_relay_failed(relay, lab.now);
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
