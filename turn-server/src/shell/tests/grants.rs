//! Names that are granted and withdrawn while the relay runs.

use super::*;
use crate::NameRule;

#[tokio::test]
async fn what_stands_by_a_name_ends_with_it() {
    for workers in [1, 3] {
        let config = Config { names: NameRule::Granted, ..config() };
        let shell = Shell::bind(config, &Listen { workers, ..Listen::on(&[any()]) }).unwrap();
        let (server, control) = (shell.local_addrs()[0], shell.control());
        let (stop, stopped) = oneshot::channel::<()>();
        let mut tasks = JoinSet::new();
        tasks.spawn(shell.run(async { stopped.await.unwrap_or_default() }));
        control.grant(b"ann");
        let mut clients = Vec::new();
        for _ in 0..8 {
            let mut client = Client::new(server).await;
            client.allocate().await;
            clients.push(client);
        }
        assert_eq!(control.allocations(), 8);
        control.withdraw(b"ann");
        for client in &mut clients {
            // Whichever worker has it: it is gone, or its name is good no more, with the next question.
            let answer = client.ask(Method::Refresh, |w| w).await;
            assert_eq!(Message::decode(&answer).unwrap().class, Class::Error);
        }
        assert_eq!(control.allocations(), 0);
        stop.send(()).unwrap();
        soon(tasks.join_next()).await.unwrap().unwrap();
    }
}
