//! The STUN and TURN servers that each kind of client is told of, where an operator names several and relays here as
//! well.

use std::fs;

use hearth_protocol::ServerMessage;
use serde_json::{Value, json};

use crate::browser::Driver;
use crate::client::connect;
use crate::legacy::Poller;
use crate::program::{address, program, start, stop};

/// What a client is told of one server, without what is different each time.
fn named(server: &Value) -> (Vec<&str>, bool) {
    let urls = server["urls"].as_array().unwrap().iter().map(|url| url.as_str().unwrap()).collect();
    (urls, server["username"].is_string() && server["credential"].is_string())
}

#[tokio::test]
async fn every_kind_of_client_is_told_of_all_servers_and_a_browser_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "north\n").unwrap();
    let command = format!(
        "--plain-http --listen 127.0.0.1:0 --turn --turn-listen 127.0.0.1:0 --turn-secret-file {} \
         --turn-url turn:relay.example:3478 --turn-url turns:relay.example:443?transport=tcp \
         --turn-url turn:[fd00::7]:3478?transport=udp --stun-url stun:stun.example --stun-url stun:10.0.0.9:19302",
        secret.display()
    );
    let (child, lines) = start(program(&command), 2).await;
    let server = address(&lines[0], "listening http://");
    let relay = address(&lines[1], "relaying turn:");
    let (own, own_tcp) = (format!("turn:{relay}"), format!("turn:{relay}?transport=tcp"));
    let stun = (vec!["stun:stun.example", "stun:10.0.0.9:19302"], false);
    let given =
        ["turn:relay.example:3478", "turns:relay.example:443?transport=tcp", "turn:[fd00::7]:3478?transport=udp"];
    let turn = (given.into_iter().chain([own.as_str(), own_tcp.as_str()]).collect::<Vec<_>>(), true);

    let mut native = connect(server).await;
    native.say(r#""type":"create","nick":"Host""#).await;
    let ServerMessage::Joined(joined) = native.hear().await else { panic!() };
    let told = serde_json::to_value(&joined.ice_servers).unwrap();
    assert_eq!(told.as_array().unwrap().iter().map(named).collect::<Vec<_>>(), [stun.clone(), turn.clone()]);

    let mut legacy = Poller::open(server).await;
    for (event, expected) in [("stunservers", &stun), ("turnservers", &turn)] {
        let heard = legacy.until(&format!(r#"2["{event}""#)).await;
        let heard: Value = serde_json::from_str(&heard[1..]).unwrap();
        assert_eq!(heard[1].as_array().unwrap().iter().map(named).collect::<Vec<_>>(), std::slice::from_ref(expected));
    }

    let driver = Driver::start().await;
    let page = driver.page("en-GB").await;
    page.open(&format!("http://{server}/r/{}", joined.room)).await;
    page.until("window.hearth && !document.querySelector('#join-button').disabled").await;
    page.click("#join-button").await;
    page.until("document.body.dataset.screen === 'call'").await;
    page.evaluate(
        "import('/assets/peer.js').then(({ ways }) => { \
         window.found = new RTCPeerConnection(ways).getConfiguration().iceServers; })",
    )
    .await;
    page.until("window.found").await;
    let taken = page.evaluate("return window.found").await;
    let taken: Vec<_> = taken.as_array().unwrap().iter().map(named).collect();
    // Chromium writes an empty name where there is none.
    let urls: Vec<_> = taken.iter().map(|(urls, _)| urls.clone()).collect();
    assert_eq!(json!(urls), json!([stun.0, turn.0]));
    page.close().await;
    stop(child).await;
}
