//! Clients that take their time, or come in crowds, while others are served as if nothing were the matter.

use std::time::Duration;

use hearth_signal::{ConnectionLimits, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::client::connect;
use crate::http::ask;
use crate::{plain, start, within};

/// An answer that takes longer is noticed.
const NOTICED: Duration = Duration::from_secs(2);

#[tokio::test]
async fn heads_in_drips_are_cut_off_and_nobody_else_notices() {
    let server = start(plain()).await;
    let mut drips = Vec::new();
    for _ in 0..200 {
        let mut drip = within(TcpStream::connect(server.address)).await.unwrap();
        drip.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        drips.push(drip);
    }
    let ours = format!("host: {}\r\n", server.address);
    let mut pace = interval(Duration::from_millis(250));
    let cut_off = async {
        while !drips.is_empty() {
            pace.tick().await;
            let answer = timeout(NOTICED, ask(server.address, "/healthz", &ours)).await.expect("served at once");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            let mut left = Vec::new();
            for mut drip in drips.drain(..) {
                let is_open =
                    matches!(drip.try_read(&mut [0; 512]), Err(e) if e.kind() == std::io::ErrorKind::WouldBlock);
                if is_open && drip.write_all(b"y").await.is_ok() {
                    left.push(drip);
                }
            }
            drips = left;
        }
    };
    within(cut_off).await;
    server.stop().await;
}

#[tokio::test]
async fn a_crowd_takes_its_places_and_gives_them_back() {
    let connections = ConnectionLimits { all: 50, of_one_source: 50 };
    let server = start(ServerConfig { connections, ..plain() }).await;
    let mut member = connect(server.address).await;
    let mut crowd = Vec::new();
    for _ in 0..300 {
        crowd.push(within(TcpStream::connect(server.address)).await.unwrap());
    }
    // Who was there first goes on.
    let room = member.create().await;
    let mut refused = 0;
    for mut one in crowd.drain(50..) {
        refused += usize::from(matches!(within(one.read(&mut [0; 16])).await, Ok(0) | Err(_)));
    }
    assert_eq!(refused, 250);
    drop(crowd);
    let friend = within(async {
        loop {
            let answer = TcpStream::connect(server.address).await.unwrap();
            let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address);
            if let Some(text) = whole(answer, &request).await {
                break text;
            }
        }
    });
    assert!(friend.await.starts_with("HTTP/1.1 200 "));
    let mut guest = connect(server.address).await;
    guest.join(&room).await;
    server.stop().await;
}

/// The answer, if there is a place for us.
async fn whole(mut stream: TcpStream, request: &str) -> Option<String> {
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.ok()?;
    (!answer.is_empty()).then_some(answer)
}
