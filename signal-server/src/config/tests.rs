//! Both kinds of file, good and bad, and what they come to.

use std::fs;

use super::*;
use crate::server::Protection;

const EXAMPLE: &str = include_str!("../../../assets/hearth-signal.toml");
/// The older set-up's own file, comments and all.
const DEVELOPMENT: &str = r#"{
    "isDev": true,
    "server": {
        "port": 8800,
        "/* secure */": "/* whether this connects via https */",
        "secure": true,
        "cert": "/etc/cert/talk.pem",
        "key": "/etc/cert/talk.key",
        "password": null
    },
    "rooms": { "/* maxClients */": "/* 0 = no limit */", "maxClients": 0 },
    "stunservers": [{ "urls": "stun:talk.example:3478" }],
    "turnservers": [{
        "urls": ["turn:talk.example:3478"], "username": "abc", "credential": "123", "secret": "", "expiry": 86400
    }]
}"#;

/// The file `name` of this text, read.
fn read_text(name: &str, text: &str) -> Result<Read, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    read(&path)
}

fn kept() -> Settings {
    Settings { state: Some("state".into()), ..Settings::default() }
}

fn plan(settings: Settings) -> Result<Plan, ConfigError> {
    Plan::of(settings, 65_536)
}

#[test]
fn the_example_is_what_stands_for_nothing_said() {
    let said = read_text("hearth-signal.toml", EXAMPLE).unwrap().settings;
    assert_eq!(plan(said.over(kept())).unwrap().to_string(), plan(kept()).unwrap().to_string());
}

#[test]
fn the_example_shows_every_key_there_is() {
    let is_shown = |line: &str| line.starts_with('#') && line[1..].starts_with(|c: char| c == '[' || c.is_alphabetic());
    let lines = EXAMPLE.lines().map(|line| if is_shown(line) { &line[1..] } else { line });
    let all = read_text("hearth-signal.toml", &lines.collect::<Vec<_>>().join("\n")).unwrap().settings;
    assert!(!format!("{all:?}").contains("None"), "{all:?}");
}

#[test]
fn the_older_set_ups_file_is_honoured() {
    let read = read_text("development.json", DEVELOPMENT).unwrap();
    assert_eq!(read.warnings, Vec::<String>::new());
    let plan = plan(read.settings).unwrap();
    assert_eq!(plan.server.listen, "[::]:8800".parse().unwrap());
    assert!(matches!(&plan.server.protection, Protection::Files { certificate, .. }
        if certificate == Path::new("/etc/cert/talk.pem")));
    assert_eq!(plan.server.rooms.limits.room_peers, 12, "0 is no limit of its own");
    let ice = &plan.server.rooms.ice;
    assert!(ice.turn.is_none(), "an empty secret signs nothing");
    let credentials: Vec<_> = ice.fixed.iter().map(|server| server.credential.as_deref()).collect();
    assert_eq!(credentials, [None, Some("123")]);
    assert_eq!(ice.fixed[1].username.as_deref(), Some("abc"));
    let text = plan.to_string();
    assert!(text.contains("serves https://[::]:8800") && !text.contains("123"), "{text}");
}

#[test]
fn a_secret_of_the_older_set_up_signs_for_as_long_as_it_says() {
    for (expiry, seconds) in [(", \"expiry\": 600", 600), (", \"expiry\": 0", 86_400), ("", 86_400)] {
        let text = format!(
            r#"{{"server": {{"secure": false}}, "turnservers": [{{"url": "turn:a", "secret": "s"{expiry}}}]}}"#
        );
        let plan = plan(read_text("production.json", &text).unwrap().settings).unwrap();
        let turn = plan.server.rooms.ice.turn.clone().unwrap();
        assert_eq!((turn.lifetime.as_secs(), turn.urls), (seconds, vec!["turn:a".to_owned()]));
        assert!(matches!(plan.server.protection, Protection::PlainHttp));
        assert!(!format!("{plan:?}").contains("\"s\""), "no secret is printed");
    }
}

#[test]
fn keys_that_mean_nothing_are_named_and_comments_are_not() {
    let text = r#"{"logLevel": 3, "// a": 1, "server": {"hots": 1, "/* x */": 2}, "rooms": {"maxRooms": 3},
        "stunservers": [{"urls": "stun:a", "extra": true}]}"#;
    let warnings = read_text("production.json", text).unwrap().warnings.join(" ");
    for key in ["`logLevel`", "`server.hots`", "`rooms.maxRooms`", "`stunservers.extra`"] {
        assert!(warnings.contains(key), "{key}: {warnings}");
    }
    assert!(!warnings.contains('/'), "{warnings}");
}

#[test]
fn paths_of_the_older_set_up_are_found_from_its_root() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("config/sslcerts")).unwrap();
    for name in ["cert.pem", "key.pem"] {
        fs::write(folder.path().join("config/sslcerts").join(name), "").unwrap();
    }
    fs::write(folder.path().join("config/near.pem"), "").unwrap();
    let path = folder.path().join("config/development.json");
    for (cert, found) in [("config/sslcerts/cert.pem", true), ("near.pem", true), ("none.pem", false)] {
        fs::write(&path, format!(r#"{{"server": {{"secure": true, "cert": "{cert}", "key": "k"}}}}"#)).unwrap();
        let named = read(&path).unwrap().settings.tls.cert.unwrap();
        assert_eq!(named.exists(), found, "{}", named.display());
    }
}

#[test]
fn paths_of_our_file_are_counted_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    fs::write(&path, "static = 'html'\nstate = '/var/lib/hearth'\n[tls]\ncert = 'c.pem'\n").unwrap();
    let settings = read(&path).unwrap().settings;
    assert_eq!(settings.static_files, Some(folder.path().join("html")));
    assert_eq!(settings.state, Some("/var/lib/hearth".into()));
    assert_eq!(settings.tls.cert, Some(folder.path().join("c.pem")));
}

#[test]
fn a_bad_file_is_refused_in_one_sentence_that_says_where() {
    let long = format!("# {}", "x".repeat(300 * 1024));
    for (name, text, word) in [
        ("a.toml", "lisen = []", "line 1: unknown field `lisen`"),
        ("a.toml", "\n\n[tls]\ncertt = 'x'", "line 4: unknown field `certt`"),
        ("a.toml", "listen = '[::]:1'", "line 1"),
        ("a.toml", "listen = ['everywhere']", "invalid socket address"),
        ("a.toml", "plain_http = 1", "line 1"),
        ("a.toml", "[rooms]\nmax_clients = -1", "line 2"),
        ("a.toml", "listen = [", "line 1"),
        ("a.toml", "x", "line 1"),
        ("a.toml", &long, "too long"),
        ("a.json", &long, "too long"),
        ("a.json", "", "line 1"),
        ("a.json", "{\n\"server\": }", "line 2"),
        ("a.json", "[]", "the whole file"),
        ("a.json", r#"{"server": 1}"#, "`server` must be an object"),
        ("a.json", r#"{"server": {"port": "eighty"}}"#, "`server.port` must be a whole number"),
        ("a.json", r#"{"server": {"port": 65536}}"#, "`server.port` must be a whole number from 0 to 65535"),
        ("a.json", r#"{"server": {"secure": "yes"}}"#, "`server.secure` must be true or false"),
        ("a.json", r#"{"server": {"secure": true, "cert": 1}}"#, "`server.cert` must be a text"),
        ("a.json", r#"{"server": {"password": "hidden"}}"#, "`server.password`"),
        ("a.json", r#"{"rooms": {"maxClients": -1}}"#, "`rooms.maxClients`"),
        ("a.json", r#"{"turnservers": {}}"#, "`turnservers` must be a list"),
        ("a.json", r#"{"turnservers": [1]}"#, "`turnservers` must be an object"),
        ("a.json", r#"{"turnservers": [{}]}"#, "`turnservers.urls`"),
        ("a.json", r#"{"turnservers": [{"urls": [1]}]}"#, "`turnservers.urls`"),
        ("a.json", r#"{"stunservers": [{"urls": 1}]}"#, "`stunservers.urls`"),
    ] {
        let refused = read_text(name, text).unwrap_err().to_string();
        assert!(
            refused.contains(word) && !refused.contains('\n') && !refused.contains("hidden"),
            "{text:.60}: {refused}"
        );
    }
    let deep = "[".repeat(100_000);
    assert!(read_text("a.json", &deep).is_err() && read_text("a.toml", &format!("a = {deep}")).is_err());
    assert!(read(Path::new("nowhere.toml")).unwrap_err().to_string().contains("nowhere.toml cannot be read"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), b"# \xff").unwrap();
    assert!(matches!(read(&folder.path().join("a.toml")), Err(ConfigError::File { .. })));
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (text, word) in [
        ("", "`state` names no folder"),
        ("listen = []\nplain_http = true", "`listen`"),
        ("plain_http = true\nredirect = ['[::]:80']", "`redirect`"),
        ("[tls]\ncert = 'c'", "`tls.key` is missing"),
        ("[tls]\nkey = 'c'", "`tls.cert` is missing"),
        ("plain_http = true\n[tls]\ncert = 'c'\nkey = 'k'", "choose one"),
        ("[tls]\ncert = 'c'\nkey = 'k'\n[tls.acme]\ndomains = ['a.example']", "choose one"),
        ("state = 's'\n[tls.acme]\ndomains = []", "`tls.acme.domains`"),
        ("state = 's'\n[tls.acme]\ndomains = ['https://a.example']", "`tls.acme.domains`"),
        ("state = 's'\n[tls.acme]\ndomains = ['a.example']\ncontact = ['me']", "`tls.acme.contact`"),
        ("state = 's'\n[tls.acme]\ndomains = ['a.example']\ndirectory = 'http://a'", "`tls.acme.directory`"),
        ("plain_http = true\norigins = ['talk.example']", "`origins`"),
        ("plain_http = true\norigins = ['https://talk.example/path']", "`origins`"),
        ("plain_http = true\n[rooms]\nmax_clients = 1", "`rooms.max_clients`"),
        ("plain_http = true\n[limits]\nconnections = 1000000", "raise its limit of open files"),
        ("plain_http = true\n[limits]\nconnections = 0", "`limits.connections`"),
        ("plain_http = true\n[ice]\nstun = ['a:3478']", "`ice.stun` must begin with stun:"),
        ("plain_http = true\n[[ice.turn]]\nurls = ['turn:']", "`ice.turn.urls`"),
        ("plain_http = true\n[[ice.turn]]\nurls = ['turn:a']\nsecret_file = 'none'", "cannot be read"),
        ("plain_http = true\n[[ice.turn]]\nurls = ['turn:a']\nsecret = 'S1'\nlifetime_s = 5", "`ice.turn.lifetime_s`"),
        (
            "plain_http = true\n[[ice.turn]]\nurls = ['turn:a']\nsecret = 'S1'\n[[ice.turn]]\nurls = ['turn:b']\nsecret = 'S2'",
            "`ice.turn.secret` is not the same",
        ),
        ("plain_http = true\n[turn]\nports = '5-4'", "`turn.ports`"),
        ("plain_http = true\n[turn]\nallow_peers = ['home']", "`turn.allow_peers`"),
    ] {
        let refused = plan(read_text("a.toml", text).unwrap().settings).unwrap_err().to_string();
        assert!(refused.contains(word) && !refused.contains('\n'), "{text}: {refused}");
        assert!(!refused.contains("S1") && !refused.contains("S2"), "{refused}");
    }
}

#[test]
fn flags_go_before_the_file_list_by_list_and_way_by_way() {
    let below =
        read_text("a.toml", "listen = ['[::]:1', '[::]:2']\nnames = ['a']\n[tls]\ncert = 'c'\nkey = 'k'").unwrap();
    let above =
        Settings { listen: Some(vec!["[::]:3".parse().unwrap()]), plain_http: Some(true), ..Settings::default() };
    let plan = plan(above.over(below.settings)).unwrap();
    assert_eq!((plan.server.listen.port(), plan.server.also_listen.len()), (3, 0));
    assert_eq!(plan.server.names, ["a"]);
    assert!(matches!(plan.server.protection, Protection::PlainHttp), "one way to be protected replaces another");
}

#[test]
fn connections_follow_the_files_that_may_be_open() {
    for (files, turn, connections, allocations) in
        [(65_536, "", 20_000, 0), (1024, "", 900, 0), (65_536, "[turn]", 20_000, 8192), (1024, "[turn]", 388, 512)]
    {
        let settings = read_text("a.toml", &format!("plain_http = true\n{turn}")).unwrap().settings;
        let plan = Plan::of(settings, files).unwrap();
        assert_eq!(plan.server.connections.all, connections);
        assert_eq!(plan.relay.map_or(0, |relay| relay.allocations), allocations);
    }
}

#[test]
fn a_server_is_named_as_browsers_take_it_or_not_at_all() {
    let told = |stun: &[&str], turn: &[&str]| {
        let urls = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        let turn = TurnSettings { urls: urls(turn), secret: Some(Password::new("north")), ..TurnSettings::default() };
        let ice = IceSettings { stun: Some(urls(stun)), turn: Some(vec![turn]) };
        plan(Settings { plain_http: Some(true), ice, ..Settings::default() })
    };
    let good =
        ["turn:a", "turn:a:99", "turn:[fd00::1]", "turn:[fd00::1]:99?transport=udp", "turns:a:443?transport=tcp"];
    let ice = told(&["stun:a", "stun:10.0.0.1:99", "stuns:a"], &good).unwrap().server.rooms.ice;
    assert_eq!((ice.turn.unwrap().urls.len(), ice.fixed[0].urls.len()), (5, 3));
    for bad in [
        "turn:",
        "turn:a:port",
        "turn:a:0",
        "turn:a:+99",
        "turn:a?transport=sctp",
        "turn:a b",
        "turn:[fd00::1",
        "turn:fd00::1",
        "turn://a",
    ] {
        let refused = told(&[], &[bad]).unwrap_err().to_string();
        assert!(refused.starts_with("`ice.turn.urls` must be written like"), "{bad}: {refused}");
    }
    assert!(told(&["stun:a?transport=udp"], &[]).is_err(), "Chromium takes no transport there");
}

/// A file of signalmaster's in this environment.
fn signalmaster(text: &str, variables: &[(&str, &str)]) -> Result<Read, ConfigError> {
    let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    signalmaster::parse(text, Path::new("production.json"), &value)
}

#[test]
fn signalmasters_own_file_for_production_is_read_as_it_reads_it() {
    let file = r#"{"isDev": false, "server": {"port": 8888}, "rooms": {"maxClients": 0},
                   "stunservers": [{"urls": "$STUNSERVER_URL"}], "turnservers": []}"#;
    let read = signalmaster(file, &[("STUNSERVER_URL", "stun:stun.example.org:3478")]).unwrap();
    let plan = plan(read.settings).unwrap();
    assert_eq!(plan.server.listen, "[::]:8888".parse().unwrap());
    assert!(matches!(plan.server.protection, Protection::PlainHttp), "no `secure` is no TLS");
    assert_eq!(plan.server.rooms.ice.fixed[0].urls, ["stun:stun.example.org:3478"]);
    let lacking = signalmaster(file, &[]).unwrap_err().to_string();
    assert!(lacking.contains("`stunservers.urls`") && lacking.contains("STUNSERVER_URL"), "{lacking}");
}

#[test]
fn variables_numbers_as_texts_and_long_lives_are_taken_from_signalmasters_file() {
    let file = r#"{"server": {"port": "8800", "secure": "false"}, "rooms": {"maxClients": "7"}, "turnorigins": ["https://a.example"],
        "turnservers": [{"urls": ["turn:${HOST}:3478"], "secret": "$pa$$word$", "expiry": "31536000"}]}"#;
    let read = signalmaster(file, &[("HOST", "turn.example"), ("PORT", "9000")]).unwrap();
    assert_eq!(read.warnings.len(), 2, "{:?}", read.warnings);
    assert_eq!(read.settings.listen, Some(vec!["[::]:9000".parse().unwrap()]), "PORT goes before the file");
    assert_eq!(read.settings.rooms.max_clients, Some(7));
    assert_eq!(read.settings.origins, Some(vec!["https://a.example".to_owned()]));
    let turn = &read.settings.ice.turn.as_ref().unwrap()[0];
    assert_eq!((turn.urls[0].as_str(), turn.lifetime_s), ("turn:turn.example:3478", Some(30 * 24 * 3600)));
    assert_eq!(turn.secret.as_ref().unwrap().reveal(), "$pa$$word$", "a dollar in a secret is a dollar");
    assert!(plan(read.settings).is_ok());
    assert_eq!(
        signalmaster("{\"server\": {\"port\": \"http\"}}", &[]).unwrap_err().to_string().matches("server.port").count(),
        1
    );
}

#[test]
fn a_file_may_begin_with_a_byte_order_mark() {
    for (name, text) in [("a.toml", "\u{feff}plain_http = true\n"), ("a.json", "\u{feff}{\"server\": {\"port\": 1}}")] {
        assert_eq!(read_text(name, text).unwrap().settings.plain_http, Some(true), "{name}");
    }
}

#[test]
fn sentences_about_signalmasters_file_name_its_keys() {
    let file = r#"{"server": {"port": 8800}, "turnservers": [{"urls": "nonsense:x", "secret": "s"}]}"#;
    let read = signalmaster(file, &[]).unwrap();
    let why = plan(read.settings).unwrap_err().in_words_of(read.dialect).to_string();
    assert!(why.starts_with("`turnservers"), "{why}");
    let read = signalmaster(r#"{"server": {"port": 8800, "secure": true, "cert": "/nowhere.pem"}}"#, &[]).unwrap();
    let why = plan(read.settings).unwrap_err().in_words_of(read.dialect).to_string();
    assert!(why.contains("server.") && !why.contains("tls."), "{why}");
}
