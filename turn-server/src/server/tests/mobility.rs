//! Allocations that follow their clients (RFC 8016), and tickets that nobody else can use.

use super::*;

/// An allocation of ann's with a ticket.
fn with_ticket(lab: &mut Lab) -> (SocketAddr, Vec<u8>) {
    let reply = lab.allocate_with(ann(), |w| w.attribute(attribute::MOBILITY_TICKET, &[]));
    let ticket = reply.message().attribute(attribute::MOBILITY_TICKET).unwrap().to_vec();
    (reply.relayed(), ticket)
}

fn moved(lab: &mut Lab, name: &str, to: SocketAddr, ticket: &[u8]) -> Reply {
    lab.ask_as(name, to, Method::Refresh, |w| w.attribute(attribute::MOBILITY_TICKET, ticket))
}

fn away() -> SocketAddr {
    address("9.9.9.9:9")
}

#[test]
fn an_allocation_follows_its_ticket_with_all_that_it_has() {
    let mut lab = Lab::new();
    let (relay, ticket) = with_ticket(&mut lab);
    lab.bind(ann(), 0x4000, peer());
    let reply = moved(&mut lab, "ann", away(), &ticket);
    assert!(reply.is_success());
    assert_ne!(reply.message().attribute(attribute::MOBILITY_TICKET).unwrap(), ticket);
    let outputs = lab.peer_sends(relay, peer(), b"x");
    assert_eq!(received(&outputs, away()), Some(Received::Channel(0x4000, b"x".to_vec())));
    assert_eq!(lab.channel(away(), 0x4000, b"y"), relayed(relay, peer(), b"y"));
    assert_eq!(lab.channel(ann(), 0x4000, b"y"), [], "nothing is left at the old address");
    assert_eq!((lab.stats().allocations, lab.stats().moved), (1, 1));
}

#[test]
fn the_same_request_again_is_answered_again_and_an_old_ticket_is_not() {
    let mut lab = Lab::new();
    let (_, ticket) = with_ticket(&mut lab);
    let request = lab.writer(Method::Refresh).attribute(attribute::MOBILITY_TICKET, &ticket);
    let datagram = lab.signed(away(), "ann", request);
    let first = Reply::among(lab.send(away(), &datagram));
    let again = Reply::among(lab.send(away(), &datagram));
    assert_eq!(first.raw, again.raw);
    assert_eq!(moved(&mut lab, "ann", bob(), &ticket).code, Some(437), "used");
    assert_eq!(moved(&mut lab, "ann", away(), &ticket).code, Some(437), "used, another request");
}

#[test]
fn a_stolen_ticket_opens_nothing() {
    let mut lab = Lab::new();
    let (relay, ticket) = with_ticket(&mut lab);
    lab.permit(ann(), peer());
    assert_eq!(moved(&mut lab, "bob", away(), &ticket).code, Some(441), "another user");
    let unsigned =
        lab.writer(Method::Refresh).attribute(attribute::MOBILITY_TICKET, &ticket).seal(None, false).unwrap();
    assert_eq!(Reply::among(lab.send(away(), &unsigned)).code, Some(401), "no signature");
    for guess in [&[0; 16][..], &[0; 15], &[]] {
        let code = moved(&mut lab, "ann", away(), guess).code;
        assert!(code == Some(437) || code == Some(400), "{guess:?}: {code:?}");
    }
    assert!(received(&lab.peer_sends(relay, peer(), b"x"), ann()).is_some(), "it stands where it stood");
}

#[test]
fn a_ticket_moves_nobody_onto_another_allocation() {
    let mut lab = Lab::new();
    let (_, ticket) = with_ticket(&mut lab);
    lab.allocate(SocketAddr::new(ann().ip(), 7));
    assert_eq!(moved(&mut lab, "ann", SocketAddr::new(ann().ip(), 7), &ticket).code, Some(437));
    assert_eq!(lab.stats().allocations, 2);
}

#[test]
fn a_flood_of_moves_leaves_one_allocation_and_the_quota_as_it_was() {
    let mut lab = Lab::with(|config| config.quotas.allocations_per_user = 1);
    let (_, mut ticket) = with_ticket(&mut lab);
    for port in 1..1000 {
        let reply = moved(&mut lab, "ann", SocketAddr::new(away().ip(), port), &ticket);
        ticket = reply.message().attribute(attribute::MOBILITY_TICKET).unwrap().to_vec();
    }
    assert_eq!((lab.stats().allocations, lab.stats().moved), (1, 999));
    assert_eq!(lab.allocate_with(ann(), |w| w).code, Some(486));
    lab.pass(601);
    assert_eq!(moved(&mut lab, "ann", ann(), &ticket).code, Some(437), "it ended");
}

#[test]
fn where_it_is_turned_off_there_are_no_tickets() {
    let mut lab = Lab::with(|config| config.options.mobility = false);
    assert_eq!(lab.allocate_with(ann(), |w| w.attribute(attribute::MOBILITY_TICKET, &[])).code, Some(405));
    let mut lab = Lab::new();
    assert_eq!(lab.allocate_with(ann(), |w| w.attribute(attribute::MOBILITY_TICKET, &[1])).code, Some(400));
}

#[test]
fn the_members_rule_holds_for_who_moves() {
    let mut lab = Lab::new();
    let (_, ticket) = with_ticket(&mut lab);
    lab.server.set_members(&[ann().ip()].into(), lab.now);
    assert_eq!(moved(&mut lab, "ann", away(), &ticket).code, Some(403));
}
