//! coturn's keys: honoured, warned of, refused by name, and never repeated.

use super::*;

/// The file of the set-up that Hearth replaces.
const REPLACED: &str = "
# coturn
listening-port=3478
listening-ip=
relay-ip=
alt-listening-port=0
external-ip=
realm=abc
no-tls
no-dtls
mobility
no-cli
verbose
fingerprint
lt-cred-mech
stale-nonce=3600
user=abc:123
userdb=/var/lib/turn/turndb
server-name=talk
";

#[test]
fn the_file_of_the_replaced_set_up_is_read_whole() {
    let draft = parse(REPLACED).unwrap();
    assert_eq!(draft.listening_ports, [3478, 5349]);
    assert_eq!((draft.listening_ips.len(), draft.relay_ips.len(), draft.external.len()), (0, 0, 0));
    assert_eq!(draft.realm.as_deref(), Some("abc"));
    assert_eq!(
        (draft.tls, draft.dtls, draft.mobility, draft.fingerprint),
        (Some(false), Some(false), Some(true), Some(true))
    );
    assert_eq!(draft.nonce_lifetime, Some(Duration::from_secs(3600)));
    assert_eq!(draft.users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["abc"]);
    assert_eq!(draft.alternate_port, None);
    assert_eq!(draft.refusals.len(), 1, "{:?}", draft.refusals);
    assert!(draft.refusals[0].contains("`userdb`"));
    assert!(draft.warnings.iter().all(|word| word.contains("allowed-peer-ip")), "{:?}", draft.warnings);
}

#[test]
fn what_operators_use_most_is_honoured() {
    let draft = parse(
        "tls-listening-port=443\nlistening-ip=192.0.2.1\nlistening-ip=2001:db8::1\nexternal-ip=198.51.100.1/192.0.2.1
        cert=/etc/ssl/c.pem\npkey=/etc/ssl/k.pem\nuse-auth-secret\nstatic-auth-secret=one\nstatic-auth-secret=two
        min-port=50000\nmax-port=50099\nuser-quota=12\ntotal-quota=0\nmax-bps=64000\nbps-capacity=0
        denied-peer-ip=8.8.8.0-8.8.9.255\nallowed-peer-ip=10.0.0.5\nallow-loopback-peers\nno-udp\nno-tcp\nno-udp-relay
        no-tcp-relay\nlog-file=/var/log/turn.log\nsimple-log\npidfile=/run/turn.pid\nproc-user=turn\nproc-group=turn
        relay-threads=0\nprometheus\nprometheus-port=9999\nallocation-default-address-family=keep\nsecure-stun\nstale-nonce",
    );
    let draft = draft.unwrap();
    assert_eq!(draft.listening_ports, [3478, 443]);
    assert_eq!(
        draft.external,
        [External { public: address("198.51.100.1").unwrap(), private: address("192.0.2.1").ok() }]
    );
    assert_eq!(draft.secrets, ["one", "two"]);
    assert_eq!((draft.user_quota, draft.total_quota), (Some(DataRateDraft::Of(12)), Some(DataRateDraft::Unlimited)));
    assert_eq!((draft.max_bps, draft.bps_capacity), (Some(64000), None));
    assert_eq!(draft.deny_peers, ["8.8.8.0/23".parse().unwrap()]);
    assert!(draft.allow_peers.contains(&"10.0.0.5/32".parse().unwrap()) && draft.allow_peers.len() == 3);
    let off = Some(false);
    assert_eq!((draft.udp, draft.tcp, draft.udp_relays, draft.tcp_relays, draft.mobility), (off, off, off, off, off));
    assert_eq!((draft.workers, draft.metrics), (Some(1), "127.0.0.1:9999".parse().ok()));
    assert_eq!((draft.family, draft.stun), (Some(DefaultFamily::Client), Some(Stun::Authenticated)));
    assert_eq!(draft.nonce_lifetime, Some(Duration::from_secs(600)));
    assert_eq!(
        (draft.user.as_deref(), draft.group.as_deref(), draft.one_log),
        (Some("turn"), Some("turn"), Some(true))
    );
    assert!(draft.warnings.is_empty() && draft.refusals.is_empty(), "{:?} {:?}", draft.warnings, draft.refusals);
}

#[test]
fn a_key_that_is_not_honoured_is_named() {
    for key in [
        "psql-userdb",
        "mysql-userdb",
        "redis-userdb",
        "redis-statsdb",
        "web-admin",
        "web-admin-ip",
        "cipher-list",
        "dh-file",
        "no-auth",
        "syslog",
        "alt-tls-listening-port",
        "cli-password",
        "oauth",
    ] {
        let draft = parse(&format!("{key}=value")).unwrap();
        assert!(draft.refusals.iter().any(|word| word.contains(&format!("`{key}`"))), "{key}");
    }
    for key in ["channel-lifetime", "max-allocate-timeout", "mongoose", "new-log-timestamp"] {
        let draft = parse(&format!("{key}=value")).unwrap();
        assert!(draft.warnings.iter().any(|word| word.contains(&format!("`{key}`"))), "{key}");
        assert!(draft.warnings.iter().all(|word| !word.contains("value")), "no value in a log: {:?}", draft.warnings);
    }
}

#[test]
fn a_switch_that_is_turned_off_is_one_that_was_not_said() {
    let draft = parse("allow-loopback-peers=0\nno-udp=false\nno-tls = no\nmobility=off\nuser-quota=0").unwrap();
    assert!(draft.allow_peers.is_empty() && draft.udp.is_none() && draft.tls.is_none());
    assert_eq!((draft.mobility, draft.user_quota), (Some(false), Some(DataRateDraft::Unlimited)));
}

#[test]
fn a_mistake_is_named_by_its_line_and_never_repeated() {
    for (text, line) in [
        ("listening-port=many", "line 1: listening-port"),
        ("#\nmin-port=70000", "line 2: min-port"),
        ("user=secretword", "line 1: user"),
        ("user=secretword:", "line 1: user"),
        ("listening-ip=eth0", "line 1: listening-ip"),
        ("external-ip=secret/word", "line 1: external-ip"),
        ("denied-peer-ip=10.0.0.9-10.0.0.1", "line 1: denied-peer-ip"),
        ("denied-peer-ip=10.0.0.1-::1", "line 1: denied-peer-ip"),
        ("allocation-default-address-family=both", "line 1"),
        ("relay-threads=-1", "line 1"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(line), "{text}: {error}");
        assert!(!error.contains("secretword"), "{error}");
    }
}

#[test]
fn text_behind_a_number_is_a_remark() {
    for value in ["3478 # the main one", "3478;", "3478abc", "3478"] {
        let draft = parse(&format!("listening-port={value}")).unwrap();
        assert_eq!(draft.listening_ports, [3478, 5349], "{value}");
    }
    let draft = parse(
        "min-port=50000 # from\nmax-bps=64000 bytes\nuser-quota = 12 each\nstale-nonce=600s\nrelay-threads=2 # two",
    )
    .unwrap();
    assert_eq!(
        (draft.min_port, draft.max_bps, draft.user_quota),
        (Some(50_000), Some(64_000), Some(DataRateDraft::Of(12)))
    );
    assert_eq!((draft.nonce_lifetime, draft.workers), (Some(Duration::from_secs(600)), Some(2)));
    for bad in ["# 3478", "x3478", "-3478", "70000 # too many"] {
        assert!(parse(&format!("listening-port={bad}")).is_err(), "{bad}");
    }
}

#[test]
fn the_world_sees_an_address_or_where_a_name_leads() {
    let draft =
        parse("external-ip=relay.example.org\nexternal-ip=turn.example.org/10.0.0.1\nexternal-ip=192.0.2.1").unwrap();
    let name = |name: &str, private: Option<&str>| ExternalName {
        name: name.to_owned(),
        private: private.map(|ip| ip.parse().unwrap()),
    };
    assert_eq!(draft.external_names, [name("relay.example.org", None), name("turn.example.org", Some("10.0.0.1"))]);
    assert_eq!(draft.external, [External { public: address("192.0.2.1").unwrap(), private: None }]);
}

#[test]
fn quotas_count_users_only_where_the_file_says_so() {
    let draft = parse("user=abc:123").unwrap();
    assert_eq!((draft.user_quota, draft.address_quota), (None, None));
}

#[test]
fn names_of_keys_cannot_write_lines_of_a_log() {
    let draft = parse("\u{1b}[31mred\u{7}").unwrap();
    assert!(draft.warnings.iter().all(|word| !word.contains(char::is_control)), "{:?}", draft.warnings);
}
