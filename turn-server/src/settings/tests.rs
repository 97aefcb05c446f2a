//! Drafts laid over one another, and what they come to.

use super::*;
use crate::{Quotas, Secret, User};

fn addresses<const N: usize>(texts: [&str; N]) -> Vec<std::net::SocketAddr> {
    texts.map(|text| text.parse().unwrap()).to_vec()
}

fn user() -> User {
    User::new("ann", Secret::new("pass").unwrap())
}

fn plan(draft: Draft) -> Plan {
    Plan::new(Draft { users: vec![user()], ..draft }, [1; 32]).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(draft: Draft) -> String {
    match Plan::new(draft, [1; 32]) {
        Ok(_) => panic!("taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn nothing_said_is_a_safe_server_on_the_usual_port() {
    let plan = plan(Draft::default());
    assert_eq!(plan.listen.addresses, addresses(["0.0.0.0:3478"]));
    assert_eq!(plan.config.quotas, Quotas::default());
    assert!(!plan.config.peers.permits("192.168.1.1".parse().unwrap()));
    assert!(plan.config.options.mobility && !plan.config.options.sha256 && !plan.config.options.software);
    assert!(!plan.listen.doors.tls && plan.metrics.is_none() && plan.listen.discovery.is_none());
}

#[test]
fn nobody_to_serve_is_a_mistake() {
    assert!(refused(Draft::default()).contains("nobody could use"));
    let stun = Draft { stun: Some(Stun::Only), ..Draft::default() };
    assert!(Plan::new(stun, [1; 32]).is_ok_and(|plan| !plan.config.options.relaying));
}

#[test]
fn coturns_addresses_and_ports_are_multiplied() {
    let draft = parse_coturn("listening-ip=192.0.2.1\nlistening-ip=::1\nno-tls\nno-dtls").unwrap();
    assert_eq!(plan(draft).listen.addresses, addresses(["192.0.2.1:3478", "[::1]:3478"]));
    let draft = parse_coturn("no-rfc5780").unwrap();
    let plan = plan(draft);
    assert_eq!(plan.listen.addresses, addresses(["0.0.0.0:3478", "[::]:3478"]));
    assert!(plan.listen.discovery.is_none() && !plan.config.options.mobility);
}

#[test]
fn a_flag_goes_before_a_file_and_secrets_add_up() {
    let file = Draft {
        realm: Some("file".to_owned()),
        listen: vec!["1.1.1.1:1".parse().unwrap()],
        secrets: vec!["one".to_owned()],
        workers: Some(3),
        ..Draft::default()
    };
    let flags = Draft {
        realm: Some("flag".to_owned()),
        listen: vec!["2.2.2.2:2".parse().unwrap()],
        secrets: vec!["two".to_owned()],
        ..Draft::default()
    };
    let plan = plan(flags.over(file));
    assert_eq!((plan.config.realm.as_str(), plan.listen.workers), ("flag", 3));
    assert_eq!(plan.listen.addresses, addresses(["2.2.2.2:2"]));
    assert_eq!(plan.config.secrets.len(), 2);
}

#[test]
fn capacity_is_shared_out_by_rate() {
    let draft = Draft { max_bps: Some(100), bps_capacity: Some(1050), ..Draft::default() };
    let quotas = plan(draft).config.quotas;
    assert_eq!((quotas.allocations, quotas.bytes_per_second), (10, Some(100)));
    let draft = Draft { users: vec![user()], bps_capacity: Some(1000), ..Draft::default() };
    assert!(refused(draft).contains("max-bps"));
}

#[test]
fn each_external_address_is_of_its_own_relay() {
    let draft = Draft {
        relay_ips: ["10.0.0.1", "10.0.0.2", "fd00::1"].map(|ip| ip.parse().unwrap()).to_vec(),
        external: vec![
            External { public: "198.51.100.9".parse().unwrap(), private: None },
            External { public: "198.51.100.2".parse().unwrap(), private: "10.0.0.2".parse().ok() },
        ],
        ..Draft::default()
    };
    let advertised: Vec<String> = plan(draft).config.relay_addresses.iter().map(|a| a.advertised.to_string()).collect();
    assert_eq!(advertised, ["198.51.100.9", "198.51.100.2", "fd00::1"]);
}

#[test]
fn what_cannot_be_is_said_in_a_sentence() {
    let with = |draft: Draft| refused(Draft { users: vec![user()], ..draft });
    assert!(with(Draft { realm: Some(String::new()), ..Draft::default() }).contains("realm"));
    assert!(with(Draft { min_port: Some(9), max_port: Some(8), ..Draft::default() }).contains("port"));
    assert!(with(Draft { cert: Some("c.pem".into()), ..Draft::default() }).contains("both files"));
    assert!(with(Draft { tls: Some(true), ..Draft::default() }).contains("certificate"));
    let off = Draft { udp: Some(false), tcp: Some(false), ..Draft::default() };
    assert!(with(off).contains("transport"));
    let missing = Draft { cert: Some("/nowhere/c.pem".into()), key: Some("/nowhere/k.pem".into()), ..Draft::default() };
    assert!(with(missing).contains("/nowhere/c.pem"));
}

#[test]
fn the_figures_are_no_peer_whatever_is_opened() {
    let metrics = "127.0.0.1:9641".parse().unwrap();
    let draft = Draft { metrics: Some(metrics), allow_peers: vec!["127.0.0.0/8".parse().unwrap()], ..Draft::default() };
    assert!(plan(draft).config.own.contains(&metrics));
}

#[test]
fn the_summary_holds_no_secret() {
    let draft = Draft { secrets: vec!["verysecret".to_owned()], ..Draft::default() };
    let summary = plan(draft).summary();
    assert!(
        summary.contains("1, and 1 secrets") && !summary.contains("verysecret") && !summary.contains("pass"),
        "{summary}"
    );
}

#[test]
fn open_files_are_those_of_relays_of_both_families_reserved_ports_and_streams() {
    let plan = |relays: &[&str], change: fn(&mut Draft)| {
        let mut draft = Draft {
            users: vec![user()],
            relay_ips: relays.iter().map(|ip| ip.parse().unwrap()).collect(),
            total_quota: Some(DataRateDraft::Of(1000)),
            ..Draft::default()
        };
        change(&mut draft);
        Plan::new(draft, [0; 32]).unwrap().open_files()
    };
    let (reserved, spare) = (2048, 1024);
    assert_eq!(plan(&["10.0.0.1"], |_| {}), 1000 + reserved + 1000 + spare);
    assert_eq!(plan(&["10.0.0.1"], |draft| draft.tcp = Some(false)), 1000 + reserved + spare, "no streams");
    assert_eq!(plan(&["10.0.0.1", "fd00::1"], |_| {}), 2000 + reserved + 1000 + spare);
    assert_eq!(plan(&["10.0.0.1", "10.0.0.2"], |_| {}), 1000 + reserved + 1000 + spare, "one of a family");
    assert_eq!(plan(&[], |_| {}), 2000 + reserved + 1000 + spare, "wherever it listens");
    let few = |draft: &mut Draft| (draft.min_port, draft.max_port) = (Some(50_000), Some(50_009));
    assert_eq!(plan(&["10.0.0.1"], few), 10 + 10 + spare, "no more than there are ports");
    assert_eq!(plan(&["10.0.0.1", "fd00::1"], few), 20 + 20 + spare);
}
