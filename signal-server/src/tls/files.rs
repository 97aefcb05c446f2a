//! Files that only their owner may read.
//!
//! Every failure names the file.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::TlsError;

/// Makes the folder, for its owner alone, where there is none.
pub(super) fn make_folder(folder: &Path) -> Result<(), TlsError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(at(folder))
}

/// The file's text; none when there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, TlsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(at(path)(e)),
    }
}

/// Replaces the file in one step, so that a crash leaves the old one or the new one.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    let beside = path.with_extension("new");
    let write = || {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(at(path))?;
    make_private(path)
}

/// Takes the file from everybody but its owner: it may have been copied here with wider rights.
pub(super) fn make_private(path: &Path) -> Result<(), TlsError> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(at(path))?;
    Ok(())
}

fn at(path: &Path) -> impl Fn(io::Error) -> TlsError {
    move |source| TlsError::Files { path: path.to_owned(), source }
}
