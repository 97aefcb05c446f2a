//! A task of ours that ends by a fault ends the whole, and is told.

use std::process::ExitCode;

use hearth_turn::shell::{Listen, exit_status};
use hearth_turn::{Config, Secret};

use super::*;

fn relay() -> Shell {
    let mut config = Config::new([3; 32]);
    config.secrets = vec![Secret::new("north").unwrap()];
    Shell::bind(config, &Listen::on(&[([127, 0, 0, 1], 0).into()])).unwrap()
}

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
    let ended = server.run_beside(None, std::future::pending(), || ()).await;
    assert!(matches!(ended, Err(Broken::Rooms(_))), "{ended:?}");
    let mut said = String::new();
    let status = exit_status(ended, |broken| said = broken.to_string());
    assert_eq!(status, ExitCode::FAILURE, "and so the program is started again");
    assert!(said.contains("Start it again") && said.lines().count() == 1, "{said}");
}

#[tokio::test]
async fn a_fault_while_clients_are_told_of_the_end_is_an_error_too() {
    let mut server = server().await;
    server.hub.is_faulty = true;
    let ended = server.run_beside(Some(relay()), std::future::ready(()), || ()).await;
    assert_eq!(exit_status(ended, drop), ExitCode::FAILURE);
}

#[tokio::test]
async fn a_fault_of_what_accepts_ends_the_server_with_an_error() {
    let mut server = server().await;
    server.listener.is_faulty = true;
    let ended = server.run_beside(Some(relay()), std::future::pending(), || ()).await;
    assert!(matches!(ended, Err(Broken::Ports(_))), "{ended:?}");
    assert_eq!(exit_status(ended, drop), ExitCode::FAILURE);
}

#[tokio::test]
async fn a_server_that_was_asked_to_stop_ended_well() {
    for relay in [None, Some(relay())] {
        let ended = server().await.run_beside(relay, std::future::ready(()), || ()).await;
        assert_eq!(exit_status(ended, |broken| panic!("{broken}")), ExitCode::SUCCESS);
    }
}
