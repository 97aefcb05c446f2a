//! A connection to the server without a call behind it: what an attacker says.

use std::time::Duration;

use hearth_signal::rooms::ConnId;
use serde_json::{Value, json};

use crate::world::World;

impl World {
    /// Connects, and says nothing.
    pub fn raw_connect(&mut self) -> ConnId {
        let conn = self.open_raw();
        self.run(Duration::from_millis(50));
        conn
    }

    /// Connects, says hello and joins the room; the connection, and the ids of those who are in it.
    pub fn raw_join(&mut self) -> (ConnId, Vec<String>) {
        let conn = self.raw_connect();
        let room = self.room.clone().expect("a room").to_string();
        self.raw_say(conn, r#"{"type":"hello","v":[1]}"#);
        self.run(Duration::from_millis(100));
        self.raw_say_value(conn, json!({"type": "join", "room": room, "nick": "attacker"}));
        self.run(Duration::from_millis(100));
        let joined = self.raw_heard(conn).iter().find(|message| message["type"] == "joined").cloned();
        let joined = joined.expect("the attacker is let in");
        let peers = joined["peers"].as_array().expect("a list").iter();
        (conn, peers.map(|peer| peer["id"].as_str().expect("an id").to_owned()).collect())
    }

    /// Says something to another member.
    pub fn raw_signal(&mut self, conn: ConnId, to: &str, body: Value) {
        let mut message = json!({"type": "signal", "to": to, "pc": "main"});
        let fields = message.as_object_mut().expect("an object");
        fields.extend(body.as_object().expect("an object").clone());
        self.raw_say_value(conn, message);
    }

    /// Says a message with the next number.
    fn raw_say_value(&mut self, conn: ConnId, mut message: Value) {
        message["seq"] = self.next_raw_seq(conn).into();
        self.raw_say(conn, &message.to_string());
    }
}
