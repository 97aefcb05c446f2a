//! A worker that ends by a fault ends the whole relay, and it is seen that nobody asked for it.

use std::process::ExitCode;

use super::*;

#[tokio::test]
async fn a_fault_of_one_worker_ends_the_relay_though_nobody_asked() {
    for workers in [1, 3] {
        let shell = Shell::bind(config(), &Listen { workers, ..Listen::on(&[any()]) }).unwrap();
        shell.postboxes.last().unwrap().order(WorkerMessage::Fault);
        let ended = soon(shell.serve(std::future::pending())).await;
        assert!(ended.is_err(), "it ended by itself, with {workers} workers");
        let mut told = String::new();
        let status = exit_status(ended.map(drop), |error| told = error.to_string());
        assert_eq!(status, ExitCode::FAILURE, "and so the program is started again");
        assert!(told.contains("Start the server again"), "{told}");
    }
}

#[tokio::test]
async fn a_relay_that_was_asked_to_stop_ended_well() {
    let shell = Shell::bind(config(), &Listen::on(&[any()])).unwrap();
    let ended = soon(shell.serve(std::future::ready(()))).await;
    assert_eq!(exit_status(ended.map(drop), |error| panic!("{error}")), ExitCode::SUCCESS);
}
