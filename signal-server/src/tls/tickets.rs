//! The key that seals tickets, by which rooms outlive a restart: 32 random bytes in a file of their own.
//!
//! Owns that file. One that cannot be read is replaced: tickets sealed before are then worth nothing, and their rooms
//! are made again by anyone who comes first.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{TlsError, files};
use crate::rooms::TicketKey;

/// The key kept in `folder`, which is made where there is none; `fresh` becomes the key where there is none yet.
pub(crate) fn ticket_key(folder: &Path, fresh: [u8; 32]) -> Result<TicketKey, TlsError> {
    files::make_folder(folder)?;
    let path = folder.join("tickets.key");
    if let Some(text) = files::read(&path)? {
        files::make_private(&path)?;
        let kept = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        if let Some(kept) = kept {
            return Ok(TicketKey::new(kept));
        }
        tracing::warn!("{} holds no key and is replaced: rooms from before are not taken up again", path.display());
    }
    files::write_private(&path, &(STANDARD.encode(fresh) + "\n"))?;
    Ok(TicketKey::new(fresh))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_and_a_damaged_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tickets.key");
        ticket_key(folder.path(), [1; 32]).unwrap();
        let kept = std::fs::read_to_string(&path).unwrap();
        ticket_key(folder.path(), [2; 32]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "damaged").unwrap();
        ticket_key(folder.path(), [3; 32]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), STANDARD.encode([3; 32]));
    }
}
