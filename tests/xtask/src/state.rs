//! What the servers of a benchmark keep, readable by nobody else.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

use crate::Outcome;

/// Bytes of a shared secret: 256 bits, as many as the hash behind the credentials uses.
const SECRET: usize = 32;

/// Makes a folder for us alone.
pub(crate) fn private_folder(folder: &Path) -> Outcome<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| cannot("made", folder, &error))
}

/// Writes a new random secret to `file`, for us alone. Both servers read it there: an argument would be in the
/// process list.
pub(crate) fn write_secret(file: &Path) -> Outcome<()> {
    let mut random = [0; SECRET];
    let source = Path::new("/dev/urandom");
    let read = std::fs::File::open(source).and_then(|mut source| source.read_exact(&mut random));
    read.map_err(|error| cannot("read", source, &error))?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    // A file that is already there keeps its rights when it is written, so it goes first.
    if file.exists() {
        std::fs::remove_file(file).map_err(|error| cannot("replaced", file, &error))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut file| writeln!(file, "{hex}"));
    written.map_err(|error| cannot("written", file, &error))
}

fn cannot(done: &str, path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be {done} ({error}). Check who owns it, then try again.", path.display())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_new_each_time_and_for_its_owner_alone() {
        let folder = std::env::temp_dir().join(format!("hearth-xtask-{}", std::process::id()));
        private_folder(&folder).unwrap();
        let file = folder.join("secret");
        let mut secrets = Vec::new();
        for _ in 0..2 {
            write_secret(&file).unwrap();
            secrets.push(std::fs::read_to_string(&file).unwrap());
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_ne!(secrets[0], secrets[1]);
        assert_eq!(secrets[0].trim().len(), 2 * SECRET);
    }
}
