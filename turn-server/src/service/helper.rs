//! A process that stays what this one was before it became another user, and hands over files that the other user
//! cannot read: keys and certificates in folders of root's, when they are renewed.
//!
//! It is this program once more, started before the change of user. It reads the files that were named at the start and
//! no others, and none in a folder that others may change, does nothing else, and ends with the server: its input is
//! then closed. Whatever it could tell, the server knew when it began.
//!
//! ```text
//!   server -> helper   'r' or 's', the file's place as u32
//!   helper -> server   0 and a word why not, or 1 and what was asked for; its length as u32 in front
//! ```

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use hearth_turn::settings::{Fetch, Plan, Stamp, read_file, stamp_file};

/// Longest answer that is taken, bytes: as long as files are.
const ANSWER: u32 = 9 << 20;

/// The helper, as the server sees it. It is not waited for: who became somebody else may not end it, and it ends when
/// its input does.
pub(super) struct Helper {
    paths: Vec<PathBuf>,
    input: ChildStdin,
    output: ChildStdout,
}

impl Helper {
    /// Starts one, where this process is going to be somebody else.
    pub(super) fn start(plan: &Plan) -> Option<Self> {
        plan.drop_to.user.as_ref()?;
        let started = Self::spawn(&plan.files);
        started
            .inspect_err(|error| tracing::warn!("no helper that reads files as this user was started: {error:#}"))
            .ok()
    }

    fn spawn(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the program does not know its own file")?;
        let mut command = Command::new(program);
        command
            .arg("read-files")
            .arg("--")
            .args(paths)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().context("the system starts no process")?;
        let input = child.stdin.take().context("it has no input")?;
        let output = child.stdout.take().context("it has no output")?;
        Ok(Self { paths: paths.to_vec(), input, output })
    }

    fn ask(&mut self, what: u8, path: &Path) -> io::Result<Vec<u8>> {
        // Files that were named later are none of its business.
        let place = self.paths.iter().position(|known| known == path).ok_or(io::ErrorKind::PermissionDenied)?;
        let place = u32::try_from(place).map_err(io::Error::other)?;
        self.input.write_all(&[&[what][..], &place.to_be_bytes()].concat())?;
        self.input.flush()?;
        let (is_good, answer) = take(&mut self.output)?;
        if is_good { Ok(answer) } else { Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned())) }
    }
}

impl Fetch for Helper {
    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        self.ask(b'r', path)
    }

    fn stamp(&mut self, path: &Path) -> io::Result<Stamp> {
        let answer = self.ask(b's', path)?;
        let (written, length) = answer.split_first_chunk::<8>().ok_or(io::ErrorKind::InvalidData)?;
        let length = length.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
        let written = UNIX_EPOCH.checked_add(Duration::from_nanos(u64::from_be_bytes(*written)));
        Ok(Stamp { written, length: u64::from_be_bytes(length) })
    }
}

/// Says which files the user that this process is now cannot read, and what becomes of their changes.
pub(super) fn warn(plan: &Plan, has_helper: bool) {
    let Some(user) = &plan.drop_to.user else { return };
    for path in &plan.files {
        let Err(error) = read_file(path) else { continue };
        let path = path.display();
        match has_helper {
            true => tracing::warn!(
                "{path} cannot be read by {user} ({error}): a helper that stays the user from before reads it when it changes. Let {user} \
                 read it, and none is needed"
            ),
            false => tracing::warn!(
                "{path} cannot be read by {user} ({error}): it will not be read again. Let {user} read it"
            ),
        }
    }
}

/// The helper itself: answers until its input is closed.
///
/// # Errors
/// When its output is closed before that.
pub(crate) fn read_files(paths: &[PathBuf]) -> anyhow::Result<()> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut request = [0; 5];
    while input.read_exact(&mut request).is_ok() {
        let [what, place @ ..] = request;
        let path = usize::try_from(u32::from_be_bytes(place)).ok().and_then(|place| paths.get(place));
        let checked = path.ok_or_else(|| io::ErrorKind::NotFound.into()).and_then(|path| check(path).map(|()| path));
        let answer = checked.and_then(|path| answer(what, path));
        let (is_good, bytes) = match answer {
            Ok(bytes) => (1, bytes),
            Err(error) => (0, error.to_string().into_bytes()),
        };
        let length = u32::try_from(bytes.len()).unwrap_or(ANSWER).to_be_bytes();
        output.write_all(&[&[is_good][..], &length, &bytes].concat()).and_then(|()| output.flush())?;
    }
    Ok(())
}

/// Refuses a file in a folder that others than we may change: the server, taken over, could put a link to anything
/// there and have it read. Both the path and what it leads to are looked at, each folder up to the root.
#[cfg(unix)]
fn check(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let ours = nix::unistd::geteuid().as_raw();
    let real = path.canonicalize()?;
    let absolute = std::path::absolute(path)?;
    let folders = absolute.ancestors().skip(1).chain(real.ancestors().skip(1));
    for folder in folders {
        let about = std::fs::metadata(folder)?;
        let is_open = about.mode() & 0o022 != 0 && about.mode() & 0o1000 == 0; // in a sticky one nobody replaces another's
        if is_open || (about.uid() != 0 && about.uid() != ours) {
            let why = format!("others may change {}; let it be root's alone", folder.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
    }
    Ok(())
}

/// There is no other user to become, and no helper.
#[cfg(not(unix))]
fn check(_: &Path) -> io::Result<()> {
    Ok(())
}

fn answer(what: u8, path: &Path) -> io::Result<Vec<u8>> {
    match what {
        b'r' => read_file(path),
        b's' => {
            let stamp = stamp_file(path)?;
            let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default();
            let written = u64::try_from(stamp.written.map_or(Duration::ZERO, since).as_nanos()).unwrap_or(u64::MAX);
            Ok([written.to_be_bytes(), stamp.length.to_be_bytes()].concat())
        }
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// One answer: whether it is good, and what it says.
fn take(output: &mut impl Read) -> io::Result<(bool, Vec<u8>)> {
    let mut head = [0; 5];
    output.read_exact(&mut head)?;
    let [is_good, length @ ..] = head;
    let length = u32::from_be_bytes(length);
    if length > ANSWER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut answer = Vec::new();
    output.take(length.into()).read_to_end(&mut answer)?;
    Ok((is_good == 1, answer))
}
