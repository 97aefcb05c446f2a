//! A task of ours that ends by a fault ends the whole, and is told.

use super::*;

/// A server on a free port, that nobody has asked to stop.
async fn server() -> Server {
    Server::bind(ServerConfig::new(([127, 0, 0, 1], 0).into(), Protection::PlainHttp)).await.unwrap()
}

#[tokio::test]
async fn a_fault_of_the_rooms_ends_the_server_with_an_error() {
    let mut server = server().await;
    server.hub.is_faulty = true;
    let questions = server.hub.questioner();
    let (question, _answer) = oneshot::channel();
    questions.try_send(question).unwrap(); // the next thing that the hub does
    let broken = server.run(std::future::pending()).await.unwrap_err();
    assert!(matches!(broken, Broken::Rooms(_)), "{broken}");
    let said = broken.to_string();
    assert!(said.contains("Start it again") && said.lines().count() == 1, "{said}");
}

#[tokio::test]
async fn a_fault_while_clients_are_told_of_the_end_is_an_error_too() {
    let mut server = server().await;
    server.hub.is_faulty = true;
    assert!(server.run(std::future::ready(())).await.is_err());
}

#[tokio::test]
async fn a_fault_of_what_accepts_ends_the_server_with_an_error() {
    let mut server = server().await;
    server.listener.is_faulty = true;
    let broken = server.run(std::future::pending()).await.unwrap_err();
    assert!(matches!(broken, Broken::Ports(_)), "{broken}");
}

#[tokio::test]
async fn a_server_that_was_asked_to_stop_ended_well() {
    let ended = server().await.run(std::future::ready(())).await;
    assert!(ended.is_ok(), "{ended:?}");
}
