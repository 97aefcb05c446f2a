//! Every message of a client in every standing of its session, as one table.

use super::*;

/// The message without its number, and what is answered: before hello, in no room, as a guest, at a door, as the host.
const TABLE: [(&str, [&str; 5]); 18] = [
    (
        r#""type":"hello","v":[1]"#,
        ["session", "error bad_message", "error bad_message", "error bad_message", "error bad_message"],
    ),
    (
        r#""type":"hello","v":[9]"#,
        [
            "error unsupported_version",
            "error bad_message",
            "error bad_message",
            "error bad_message",
            "error bad_message",
        ],
    ),
    (
        r#""type":"resume","token":"TOKEN","last_seq":0"#,
        ["error bad_message", "error bad_message", "error bad_message", "error bad_message", "error bad_message"],
    ),
    (
        r#""type":"create""#,
        ["error bad_message", "joined", "error bad_message", "error bad_message", "error bad_message"],
    ),
    (
        r#""type":"join","room":"x""#,
        ["error bad_message", "error no_such_room", "error bad_message", "error bad_message", "error bad_message"],
    ),
    (r#""type":"join""#, ["error bad_message"; 5]),
    (r#""type":"update","media":{"audio":true}"#, ["error bad_message", "error not_in_room", "", "", ""]),
    (
        r#""type":"signal","to":"GUEST","sid":1,"end":"""#,
        ["error bad_message", "error not_in_room", "error not_in_room", "error not_in_room", ""],
    ),
    (
        r#""type":"signal","to":"KNOCKER","sid":1,"end":"""#,
        ["error bad_message", "error not_in_room", "error not_in_room", "error not_in_room", "error not_in_room"],
    ),
    (r#""type":"leave""#, ["error bad_message", "", "", "", ""]),
    (
        r#""type":"admit","peer":"KNOCKER""#,
        ["error bad_message", "error not_host", "error not_host", "error not_host", "lobby_left, peer_joined"],
    ),
    (
        r#""type":"admit","peer":"GUEST""#,
        ["error bad_message", "error not_host", "error not_host", "error not_host", "error not_in_room"],
    ),
    (
        r#""type":"deny","peer":"KNOCKER""#,
        ["error bad_message", "error not_host", "error not_host", "error not_host", "lobby_left"],
    ),
    (
        r#""type":"deny","peer":"HOST""#,
        ["error bad_message", "error not_host", "error not_host", "error not_host", "error not_in_room"],
    ),
    (
        r#""type":"kick","peer":"GUEST""#,
        ["error bad_message", "error not_host", "error not_host", "error not_host", "peer_left"],
    ),
    (
        r#""type":"kick","peer":"HOST""#,
        ["error bad_message", "error not_host", "error not_host", "error not_host", "error not_in_room"],
    ),
    (
        r#""type":"end_room","id":4"#,
        ["error bad_message", "error not_host", "error not_host", "error not_host", "room_ended"],
    ),
    (r#""type":"from_the_future""#, [""; 5]),
];

#[test]
fn every_message_has_its_answer_in_every_standing_of_a_session() {
    for (message, answers) in TABLE {
        for (standing, expected) in answers.into_iter().enumerate() {
            assert_eq!(answer(message, standing), expected, "{message} in standing {standing}");
        }
    }
}

/// What is said to a client in that standing when it says `message`.
fn answer(message: &str, standing: usize) -> String {
    let mut bench = Bench::new();
    let secret = InviteSecret::from_random([1; 16]);
    let (mut host, room) = bench.host(Some(secret));
    let mut guest = bench.client();
    bench.say(&mut guest, join(&room, Some(secret)));
    let mut knocker = bench.knocker(&room);
    let mut outside = bench.client();
    for client in [&mut host, &mut guest, &mut knocker, &mut outside] {
        bench.hear(client);
    }
    let message = message.replace("GUEST", guest.id.as_str()).replace("KNOCKER", knocker.id.as_str());
    let message = message.replace("HOST", host.id.as_str());
    let message = message.replace("TOKEN", &ResumeToken::from_random([9; 32]).reveal());
    let Some(client) = [None, Some(&outside), Some(&guest), Some(&knocker), Some(&host)][standing] else {
        let conn = bench.connect();
        bench.take(conn);
        bench.say_text(conn, &format!("{{{message}}}"));
        return summary(&bench.take(conn));
    };
    bench.say_text(client.conn, &format!(r#"{{"seq":{},{message}}}"#, client.sent + 1));
    summary(&bench.take(client.conn))
}
