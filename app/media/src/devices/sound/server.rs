//! The way to the sound server: what its clients bring, and whether there is one.
//!
//! A server of PulseAudio's kind hangs up on anyone who brings no cookie, also where it would take anybody. Its own
//! library makes one for anyone who has none; the crate does not. Then ALSA is left, whose plugins lead to the very
//! server, and make what the speakers play a microphone. Owns nothing.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of a cookie (`PA_NATIVE_COOKIE_LENGTH`).
const COOKIE: usize = 256;

/// Makes a cookie, where there is a server and none to bring to it.
pub(super) fn prepare() {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let Some(home) = variable("HOME").filter(|_| is_there()) else { return };
    let known = [variable("PULSE_COOKIE"), Some(home.join(".config/pulse/cookie")), Some(home.join(".pulse-cookie"))];
    if !known.into_iter().flatten().any(|path| path.exists())
        && let Err(error) = make_cookie(&home.join(".config/pulse"))
    {
        tracing::debug!(%error, "no cookie for the sound server");
    }
}

/// Whether a sound server should be found, of PulseAudio's kind or PipeWire's.
pub(super) fn is_there() -> bool {
    places().any(|path| path.exists())
}

/// Whether somebody listens where a sound server should be. A file that a server left behind refuses every caller.
#[cfg(unix)]
pub(super) fn listens() -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    let calls = places().map(std::os::unix::net::UnixStream::connect);
    calls
        .into_iter()
        .any(|call| call.map_or_else(|error| !matches!(error.kind(), ConnectionRefused | NotFound), |_| true))
}

#[cfg(not(unix))]
pub(super) fn listens() -> bool {
    false
}

/// Where a sound server would be.
fn places() -> impl Iterator<Item = PathBuf> {
    let variable = |name: &str| std::env::var(name).ok();
    let of = |name: &str, below: &str| variable(name).map(|folder| Path::new(&folder).join(below));
    let named = variable("PULSE_SERVER").map(|server| PathBuf::from(server.trim_start_matches("unix:")));
    let found = [
        named,
        of("PULSE_RUNTIME_PATH", "native"),
        of("PULSE_RUNTIME_PATH", "pulse/native"),
        of("XDG_RUNTIME_DIR", "pulse/native"),
        of("XDG_RUNTIME_DIR", "pipewire-0"),
    ];
    found.into_iter().flatten()
}

fn make_cookie(folder: &Path) -> std::io::Result<()> {
    let mut cookie = [0; COOKIE];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut cookie)?;
    std::fs::create_dir_all(folder)?;
    // Whole or not at all, and never in the place of another: a file of its own, then its name.
    let part = folder.join(format!(".cookie-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&part).and_then(|mut file| file.write_all(&cookie));
    let named = written.and_then(|()| std::fs::hard_link(&part, folder.join("cookie")));
    std::fs::remove_file(&part).and(named)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_cookie_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/pulse");
        make_cookie(&below).unwrap();
        let about = std::fs::metadata(below.join("cookie")).unwrap();
        assert_eq!((about.len(), about.permissions().mode() & 0o777), (COOKIE as u64, 0o600));
        assert!(make_cookie(&below).is_err(), "what is there stays");
        assert_eq!(std::fs::read_dir(below).unwrap().count(), 1, "and nothing is left beside it");
    }
}
