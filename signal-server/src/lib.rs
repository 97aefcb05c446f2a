//! The signalling server of Hearth: rooms, the native gateway, the guest page.
//!
//! [`rooms`] decides everything and does no input or output; the rest of the crate is the shell round it; [`config`] is
//! what it is told from files. The wire is
//! described in `PROTOCOL.md`. Media never passes through.

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
