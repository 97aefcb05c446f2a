//! The signalling server of Hearth: rooms, the native gateway, the guest page.
//!
//! [`rooms`] decides everything and does no input or output; the rest of the crate is the shell round it; [`config`] is
//! what it is told from files. The wire is
//! described in `PROTOCOL.md`. Media never passes through.
//!
//! ```
//! // Host a room: both servers in this process, on loopback and on ports of the system's choice.
//! use hearth_signal::rooms::{IceConfig, RoomsConfig, TurnRest, TurnSecret};
//! use hearth_signal::{Protection, Server, ServerConfig};
//! use hearth_turn::{Config, NameRule, Secret, shell::{Listen, Shell}};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = [7; 32]; // random ones, elsewhere
//! let mut relay = Config::new([8; 32]);
//! relay.secrets = Secret::new(secret).into_iter().collect();
//! relay.names = NameRule::Granted; // credentials are good for who is in a room
//! let relay = Shell::bind(relay, &Listen::on(&["127.0.0.1:0".parse()?]))?;
//!
//! let turn = TurnSecret::new(secret).map(|secret| TurnRest {
//!     urls: vec![format!("turn:{}", relay.local_addrs()[0])],
//!     secret,
//!     lifetime: Duration::from_secs(3600),
//!     before_join: Duration::from_secs(60),
//! });
//! let rooms = RoomsConfig { ice: IceConfig { turn, ..IceConfig::default() }, ..RoomsConfig::default() };
//! let mut server =
//!     Server::bind(ServerConfig { rooms, ..ServerConfig::new("127.0.0.1:0".parse()?, Protection::PlainHttp) }).await?;
//! server.attach_relay(&relay);
//! println!("http://{}/", server.local_addr());
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! # drop(stop); // the example ends at once
//! let (rooms, _) = tokio::join!(server.run(async { drop(stopped.await) }), relay.run(std::future::ready(())));
//! rooms?;
//! # Ok(())
//! # }
//! ```

mod clock;
pub mod config;
#[doc(hidden)]
pub mod fuzz;
mod gateway;
pub mod rooms;
mod server;
mod tls;

pub use gateway::addresses::Advertise;
pub use gateway::ports::ListenError;
pub use gateway::proxies::{TrustedProxies, TrustedProxy};
pub use server::{Broken, ConnectionLimits, Protection, ServeError, Server, ServerConfig};
pub use tls::{AcmeConfig, LETS_ENCRYPT, TlsError};
