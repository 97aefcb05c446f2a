//! One of a crowd of pages that were written for signalmaster: Socket.IO on a WebSocket (Engine.IO 3), and as little as
//! it can.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{MissedTickBehavior, interval_at, sleep_until};
use tokio_tungstenite::WebSocketStream;

use crate::crowd::{Door, Stream, words_of};

/// A page.
pub(crate) struct Page {
    socket: WebSocketStream<Box<dyn Stream>>,
    /// By which others reach it.
    pub(crate) id: String,
}

impl Page {
    /// Connects, and has a session.
    pub(crate) async fn connect(door: &Door) -> Result<Self> {
        let socket = door.websocket("/socket.io/?EIO=3&transport=websocket", None).await?;
        let mut page = Self { socket, id: String::new() };
        let open: serde_json::Value = serde_json::from_str(page.hear("0").await?.trim_start_matches('0'))?;
        page.id = open.get("sid").and_then(|sid| sid.as_str()).context("a session")?.to_owned();
        page.hear("40").await?;
        Ok(page)
    }

    /// Into a room.
    pub(crate) async fn join(&mut self, room: &str) -> Result<()> {
        self.socket.send(format!(r#"421["join","{room}"]"#).into()).await?;
        self.hear("431").await.map(drop)
    }

    /// Sends words to another one, so many a second, and gives how many it heard.
    pub(crate) async fn talk(mut self, to: String, words: u32, length: usize, until: Instant) -> Result<u64> {
        let word = format!(r#"42["message",{{"to":"{to}","type":"n","payload":"{}"}}]"#, "x".repeat(length));
        let pause = Duration::from_secs(1) / words;
        let mut ticks = interval_at((Instant::now() + pause).into(), pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let end = sleep_until(until.into());
        tokio::pin!(end);
        let mut heard = 0;
        loop {
            tokio::select! {
                () = &mut end => return Ok(heard),
                _ = ticks.tick() => self.socket.send(word.as_str().into()).await?,
                message = self.socket.next() => {
                    let message = message.context("hung up")??;
                    heard += u64::from(words_of(&message).is_some_and(|text| text.starts_with(r#"42["message""#)));
                }
            }
        }
    }

    /// Fails unless it is still there for the server.
    pub(crate) async fn ping(&mut self) -> Result<()> {
        self.socket.send("2".into()).await?;
        self.hear("3").await.map(drop)
    }

    /// The next packet that begins so.
    async fn hear(&mut self, start: &str) -> Result<String> {
        loop {
            let message = self.socket.next().await.context("hung up")??;
            if let Some(text) = words_of(&message).filter(|text| text.starts_with(start)) {
                return Ok(text.to_owned());
            }
        }
    }
}
