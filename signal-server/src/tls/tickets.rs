//! The key that seals tickets, kept beside the certificate's: rooms outlive a restart of the server by it.
//!
//! Made where there is none. Whoever deletes it ends, with the next restart, every room that there was.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{TlsError, files};
use crate::rooms::TicketKey;

/// The key kept in `folder`; `chance` is what a new one is made of.
///
/// # Errors
/// [`TlsError::Files`].
pub(crate) fn ticket_key(folder: &Path, chance: [u8; 32]) -> Result<TicketKey, TlsError> {
    files::make_folder(folder)?;
    let path = folder.join("tickets.key");
    let kept = files::read(&path)?.and_then(|text| STANDARD.decode(text.trim()).ok());
    if let Some(key) = kept.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        files::make_private(&path)?;
        return Ok(TicketKey::new(key));
    }
    // One that cannot be read is no loss: it costs a way back, not a secret.
    files::write_private(&path, &format!("{}\n", STANDARD.encode(chance)))?;
    Ok(TicketKey::new(chance))
}
