//! Refresh: longer, shorter, over.

use super::*;

#[test]
fn a_refresh_moves_the_end() {
    let mut lab = Lab::new();
    lab.allocate(ann());
    lab.pass(500);
    assert_eq!(lab.refresh(ann(), 1200).lifetime(), 1200);
    assert_eq!(lab.server.poll_timeout(), Some(lab.now + Duration::from_secs(1200)));
    assert_eq!(lab.ask(ann(), Method::Refresh, |w| w).lifetime(), 600, "none asked for");
    assert_eq!(lab.refresh(ann(), u32::MAX).lifetime(), 3600);
    assert_eq!(lab.refresh(ann(), 1).lifetime(), 600);
    lab.pass(600);
    assert_eq!(lab.stats().allocations, 0);
}

#[test]
fn zero_ends_it_and_the_same_client_may_begin_anew_at_once() {
    let mut lab = Lab::new();
    let relay = lab.allocate(ann());
    let request = lab.writer(Method::Refresh).attribute(attribute::LIFETIME, &[0; 4]);
    let datagram = lab.signed(ann(), "ann", request);
    let outputs = lab.send(ann(), &datagram);
    assert!(outputs.contains(&Output::CloseRelay { relay }));
    assert_eq!(Reply::among(outputs).lifetime(), 0);
    assert_eq!(lab.server.poll_timeout(), None);
    assert_eq!(Reply::among(lab.send(ann(), &datagram)).code, Some(437), "sent again");
    lab.allocate(ann());
    assert_eq!(lab.indicate(ann(), peer(), b"x"), [], "nothing of the old one is left");
}

#[test]
fn each_fault_has_its_code() {
    let mut lab = Lab::new();
    assert_eq!(lab.refresh(ann(), 600).code, Some(437), "no allocation");
    lab.allocate(ann());
    let short = |w: Writer| w.attribute(attribute::LIFETIME, &[0]);
    assert_eq!(lab.ask(ann(), Method::Refresh, short).code, Some(400), "half a lifetime");
    for (family, code) in [(1, None), (2, Some(443)), (9, Some(443))] {
        let reply =
            lab.ask(ann(), Method::Refresh, |w| w.attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]));
        assert_eq!(reply.code, code, "family {family}");
    }
    assert_eq!(lab.stats().allocations, 1);
}
