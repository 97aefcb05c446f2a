//! A worker that ends by a fault ends the whole relay, and it is seen that nobody asked for it.

use std::cell::Cell;

use super::*;

#[tokio::test]
async fn a_fault_of_one_worker_ends_the_relay_though_nobody_asked() {
    for workers in [1, 3] {
        let shell = Shell::bind(config(), &Listen { workers, ..Listen::on(&[any()]) }).unwrap();
        shell.postboxes.last().unwrap().order(Mail::Fault);
        let is_asked = Cell::new(false);
        let asked = async {
            std::future::pending::<()>().await;
            is_asked.set(true);
        };
        soon(shell.run(asked)).await;
        assert!(!is_asked.get(), "it ended by itself, with {workers} workers");
    }
}
