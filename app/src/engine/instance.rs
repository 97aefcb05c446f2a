//! One running program: a second start hands its link to the first one, which comes to the front, and ends.
//!
//! Who is first has the lock, which the system takes back from anyone who ends, however that happens; so nothing is
//! ever left behind that would have to be judged. The first one listens beside the lock, in a folder of this user's
//! alone.
//!
//! ```text
//!   second -> first   the link, or nothing; a line break
//!   first -> second   "ok"; a line break
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use interprocess::local_socket::tokio::{Listener, Stream as AsyncStream};
use interprocess::local_socket::traits::Stream as _;
use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, Name, Stream, ToFsName as _};
use rust_i18n::t;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::clock;

/// Longest link that is taken, bytes: as long as links are read.
const LINK: u64 = 4096;
/// What is handed over in the place of a longer one: as little a link as that.
const TOO_LONG: &str = "hearth:";
/// What the first one says.
const TAKEN: &str = "ok";
/// How long a second start waits for a first one that has only begun: it listens once its window is there.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long it waits before it tries again.
const PAUSE: Duration = Duration::from_millis(50);
/// How long somebody who has called may take to say what for.
const WORD: Duration = Duration::from_secs(2);
/// How long nobody is heard after the system gave no caller.
const AGAIN: Duration = Duration::from_millis(200);
/// Callers that are listened to at once. Full: who comes now is not heard, and tries again.
const CALLERS: usize = 4;

/// Which one this program is.
#[derive(Debug)]
pub enum Claim {
    /// The first.
    First(Instance),
    /// Another one runs, has taken the link, and comes to the front.
    Second,
}

/// The right to be the one that runs.
#[derive(Debug)]
pub struct Instance {
    /// Held until the program ends.
    _lock: File,
    socket: PathBuf,
}

/// Why neither is so: a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another one runs, and does not answer.
    #[error("{}", t!("fault.second_unanswered"))]
    Silent,
}

/// Finds out, for the programs that keep their things in `state`. Where it cannot be found out this one runs by itself:
/// none.
///
/// # Errors
/// [`InstanceError`].
pub fn claim(state: &Path, link: Option<&str>) -> Result<Option<Claim>, InstanceError> {
    claim_within(state, link, PATIENCE)
}

fn claim_within(state: &Path, link: Option<&str>, patience: Duration) -> Result<Option<Claim>, InstanceError> {
    let folder = folder_of(state);
    let lock = match open(&folder) {
        Ok(lock) => lock,
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "nothing tells of another one that runs");
            return Ok(None);
        }
    };
    let socket = folder.join("socket");
    let until = clock::now() + patience;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(Claim::First(Instance { _lock: lock, socket }))),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "no lock");
                return Ok(None);
            }
        }
        let error = match call(&socket, link, patience) {
            Ok(()) => return Ok(Some(Claim::Second)),
            Err(error) => error,
        };
        if clock::now() >= until {
            tracing::warn!(%error, "the other one does not hear");
            // Nobody listens there: the lock is of another machine on the same disk, or of one that cannot.
            let is_absent = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
            return if is_absent { Ok(None) } else { Err(InstanceError::Silent) };
        }
        std::thread::park_timeout(PAUSE);
    }
}

/// Of this user and this machine, with a short path, for sockets have no long ones; told from those of other state
/// folders.
fn folder_of(state: &Path) -> PathBuf {
    let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()) else {
        return state.join("running");
    };
    let digest = Sha256::digest(state.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    PathBuf::from(runtime).join("hearth").join(name)
}

fn open(folder: &Path) -> io::Result<File> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join("lock"))
}

/// Tells the one that runs.
fn call(socket: &Path, link: Option<&str>, patience: Duration) -> io::Result<()> {
    let mut stream = Stream::connect(name(socket)?)?;
    if let Err(error) = stream.set_recv_timeout(Some(patience)) {
        tracing::debug!(%error, "it is waited for as long as it takes");
    }
    // What is no link there either only brings it to the front.
    let link = link.unwrap_or_default().replace(['\r', '\n'], "");
    writeln!(stream, "{}", if link.len() as u64 + 1 < LINK { link.as_str() } else { TOO_LONG })?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINK)).read_line(&mut answer)?;
    if answer.trim_end() == TAKEN { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn name(socket: &Path) -> io::Result<Name<'_>> {
    // Named pipes of Windows are in one place of their own.
    if cfg!(windows) {
        let flat: String = socket.display().to_string().chars().filter(|c| c.is_alphanumeric()).collect();
        return format!(r"\\.\pipe\hearth-{flat}").to_fs_name::<GenericFilePath>().map(Name::into_owned);
    }
    socket.to_fs_name::<GenericFilePath>()
}

/// Hears those that are started later.
#[derive(Debug)]
pub(super) struct Summons {
    listener: Option<Listener>,
    callers: JoinSet<Option<String>>,
    /// Held as long as this program is the one.
    _instance: Option<Instance>,
}

impl Summons {
    /// Begins to listen, on a thread with a runtime. Where that cannot be, nobody is heard.
    pub(super) fn listen(instance: Option<Instance>) -> Self {
        let listener = instance.as_ref().and_then(|instance| {
            // What lies there is of one that has ended: the lock is ours.
            let options = name(&instance.socket).map(|name| ListenerOptions::new().name(name).try_overwrite(true));
            let listener = options.and_then(ListenerOptions::create_tokio);
            listener.inspect_err(|error| tracing::warn!(%error, "later starts are not heard")).ok()
        });
        // Anyone who hears nobody has no right to be the only one.
        let instance = instance.filter(|_| listener.is_some());
        Self { listener, callers: JoinSet::new(), _instance: instance }
    }

    /// The next one: its link, which is empty where it only wants this program in front.
    pub(super) async fn next(&mut self) -> String {
        loop {
            let Some(listener) = &self.listener else { return std::future::pending().await };
            tokio::select! {
                caller = listener.accept(), if self.callers.len() < CALLERS => match caller {
                    Ok(stream) => drop(self.callers.spawn(async { timeout(WORD, hear(stream)).await.ok().flatten() })),
                    Err(error) => {
                        // Too many open files, say: it may pass.
                        tracing::debug!(%error, "a later start was not heard");
                        tokio::time::sleep_until((clock::now() + AGAIN).into()).await;
                    }
                },
                Some(heard) = self.callers.join_next() => if let Ok(Some(link)) = heard {
                    return link;
                },
            }
        }
    }
}

/// What somebody says; told that it was heard.
async fn hear(mut stream: AsyncStream) -> Option<String> {
    let mut line = String::new();
    tokio::io::BufReader::new((&mut stream).take(LINK)).read_line(&mut line).await.ok()?;
    let link = line.strip_suffix('\n')?.to_owned();
    stream.write_all(format!("{TAKEN}\n").as_bytes()).await.ok()?;
    Some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(folder: &Path) -> Instance {
        match claim(folder, None) {
            Ok(Some(Claim::First(instance))) => instance,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_second_start_hands_its_link_over_and_a_third_is_the_first_again() {
        let folder = tempfile::tempdir().unwrap();
        let instance = first(folder.path());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let link = "hearth://10.0.0.1:8443/r/123456789#s=AAAAAAAAAAAAAAAAAAAAAA";
        let path = folder.path().to_owned();
        let later = std::thread::Builder::new()
            .name("later".to_owned())
            .spawn(move || [Some(link), None].map(|link| claim(&path, link)))
            .unwrap();
        let heard = runtime.block_on(async {
            let mut summons = Summons::listen(Some(instance));
            [summons.next().await, summons.next().await]
        });
        assert_eq!(heard, [link.to_owned(), String::new()]);
        for claimed in later.join().unwrap() {
            assert!(matches!(claimed, Ok(Some(Claim::Second))), "{claimed:?}");
        }
        // The one that ran has ended, and left its socket behind.
        drop(first(folder.path()));
    }

    #[test]
    fn one_that_does_not_answer_is_told_of_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let deaf = first(folder.path());
        let soon = Duration::from_millis(100);
        // It has the lock and no socket, as on another machine: then both run.
        assert!(matches!(claim_within(folder.path(), None, soon), Ok(None)));
        let _hung = ListenerOptions::new().name(name(&deaf.socket).unwrap()).create_sync().unwrap();
        let refused = claim_within(folder.path(), None, soon).unwrap_err().to_string();
        assert!(refused.ends_with('.') && !refused.contains("fault."), "{refused}");
    }

    #[test]
    fn where_nothing_can_be_written_it_runs_by_itself() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(open(&file.path().join("running")).is_err());
    }
}
