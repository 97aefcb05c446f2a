//! A sound server of the test's own, with cards that are none: what is played into one comes out of its microphone.
//!
//! Owner of: the server, ended when this is dropped, and its folder.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread::Builder;
use std::time::Duration;

use tempfile::TempDir;

const STARTING: Duration = Duration::from_secs(40);

pub(crate) struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    /// A server with the cards `one` and `two`; `one` is what it would take.
    pub(crate) fn start() -> Self {
        let server = Self::start_without_cards();
        for card in ["one", "two"] {
            server.plug_in(card);
        }
        server.prefer("one");
        server
    }

    /// The same without a card.
    pub(crate) fn start_without_cards() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = |name: &str| format!("socket={}", folder.path().join(name).display());
        let mut command = Command::new("pulseaudio");
        command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=info"]);
        command.args(["-L", &format!("module-native-protocol-unix auth-anonymous=1 {}", socket("native"))]);
        command.args(["-L", &format!("module-cli-protocol-unix {}", socket("cli"))]);
        for name in ["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH"] {
            command.env(name, folder.path());
        }
        command.env_remove("PULSE_SERVER").env_remove("DBUS_SESSION_BUS_ADDRESS");
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process = spawned.unwrap_or_else(|error| {
            panic!("the tests of microphone and speaker need a sound server: apt-get install pulseaudio ({error})")
        });
        wait_until_ready(process.stderr.take().unwrap());
        Self { process, folder }
    }

    /// What the child's environment must say to find it, with this home.
    pub(crate) fn environment_at(&self, home: &Path) -> Vec<(&'static str, String)> {
        [self.environment(), vec![("HOME", home.display().to_string())]].concat()
    }

    /// A speaker of this name, which plays a tone, and no microphone.
    pub(crate) fn plug_in_speaker(&self, name: &str) {
        say(
            &self.cli(),
            &format!(
                "load-module module-null-sink sink_name={name} norewinds=1 rate=48000 channels=2 sink_properties=device.description={name}"
            ),
        );
        say(&self.cli(), &format!("load-module module-sine sink={name}"));
    }

    /// A microphone that is silent and has the name that this speaker's monitor would have. A monitor of a speaker that
    /// comes comes later gets another name.
    pub(crate) fn take_monitors_name(&self, speaker: &str) {
        say(&self.cli(), &format!("load-module module-null-source source_name={speaker}.monitor description=Silence"));
    }

    /// Describes a source by other words.
    pub(crate) fn describe_source(&self, source: &str, description: &str) {
        say(&self.cli(), &format!("update-source-proplist {source} device.description=\"{description}\""));
    }

    /// The source that the system would take.
    pub(crate) fn prefer_source(&self, source: &str) {
        say(&self.cli(), &format!("set-default-source {source}"));
    }

    /// What lies in its folder under this name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the child's environment must say to find it.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let native = self.folder.path().join("native");
        vec![("PULSE_SERVER", format!("unix:{}", native.display())), ("HEARTH_CLI", self.cli().display().to_string())]
    }

    fn cli(&self) -> PathBuf {
        self.folder.path().join("cli")
    }

    fn plug_in(&self, card: &str) {
        plug_in(&self.cli(), card);
    }

    fn prefer(&self, card: &str) {
        prefer(&self.cli(), card);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A server that lets nobody in, as one of another user does. The real one of our own user takes us by our process now
/// and then, whatever we bring.
pub(crate) fn refuse_everybody(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    let answer = move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // A frame's length stands first in its 20 bytes of descriptor (pstream.c).
            let mut descriptor = [0; 20];
            if stream.read_exact(&mut descriptor).is_err() {
                continue;
            }
            let length = u32::from_be_bytes(*descriptor.first_chunk().unwrap());
            let mut request = (&stream).take(length.into());
            drop(std::io::copy(&mut request, &mut std::io::sink()));
            drop(stream.write_all(&refusal()));
        }
    };
    Builder::new().name("refusing".into()).spawn(answer).unwrap();
}

/// PA_COMMAND_ERROR for request 0: PA_ERR_ACCESS. Each value is a tag and a word (native-common.h, tagstruct.h).
fn refusal() -> Vec<u8> {
    let values = [0_u32, 0, 1].map(|value| [&b"L"[..], &value.to_be_bytes()].concat()).concat();
    let descriptor = [values.len() as u32, u32::MAX, 0, 0, 0].map(u32::to_be_bytes).concat();
    [descriptor, values].concat()
}

/// Waits for the word that the server says when it is ready; reads on as long as it talks.
fn wait_until_ready(words: impl Read + Send + 'static) {
    let (ready, readiness) = sync_channel(1);
    let read = move || {
        let mut said = Vec::new();
        for line in BufReader::new(words).lines().map_while(Result::ok) {
            if line.contains("Daemon startup complete") {
                drop(ready.try_send(Ok(())));
            }
            said.push(line);
        }
        drop(ready.try_send(Err(said.join("\n"))));
    };
    Builder::new().name("server".into()).spawn(read).unwrap();
    match readiness.recv_timeout(STARTING) {
        Ok(Ok(())) => {}
        Ok(Err(said)) => panic!("pulseaudio ended at once: {said}"),
        Err(_) => panic!("pulseaudio was not ready in {STARTING:?}"),
    }
}

/// Where the child finds the server's own socket for commands.
pub(crate) fn cli() -> PathBuf {
    std::env::var_os("HEARTH_CLI").unwrap().into()
}

/// A card: a speaker of this name, and a microphone that hears it. Without rewinds it works 50 ms ahead at most; with
/// them, two seconds, which no card does.
pub(crate) fn plug_in(cli: &PathBuf, card: &str) {
    say(
        cli,
        &format!(
            "load-module module-null-sink sink_name={card} norewinds=1 rate=48000 channels=2 sink_properties=device.description={card}"
        ),
    );
    say(
        cli,
        &format!(
            "load-module module-remap-source master={card}.monitor source_name={card}-mic source_properties=device.description={card}-mic"
        ),
    );
}

/// The card that the system would take.
pub(crate) fn prefer(cli: &PathBuf, card: &str) {
    say(cli, &format!("set-default-sink {card}"));
    say(cli, &format!("set-default-source {card}-mic"));
}

/// Pulls a card out: its microphone goes with it.
pub(crate) fn pull_out(cli: &PathBuf, card: &str) {
    unload(cli, &format!("sink_name={card} "));
}

/// Pulls a microphone out of its card, which plays on.
pub(crate) fn pull_out_microphone(cli: &PathBuf, card: &str) {
    unload(cli, &format!("source_name={card}-mic "));
}

/// Unloads the module that was loaded with this argument.
fn unload(cli: &PathBuf, argument: &str) {
    let modules = say(cli, "list-modules");
    let mut index = None;
    for line in modules.lines().map(str::trim) {
        if let Some(found) = line.strip_prefix("index: ") {
            index = Some(found.to_owned());
        }
        if line.starts_with("argument:") && line.contains(argument) {
            say(cli, &format!("unload-module {}", index.unwrap()));
            return;
        }
    }
    panic!("nothing was loaded with {argument}: {modules}");
}

/// Says something to the server, and hears what it says to it.
fn say(cli: &PathBuf, words: &str) -> String {
    let mut stream = UnixStream::connect(cli).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(format!("{words}\n").as_bytes()).unwrap();
    // It hangs up when it has done what it was told and nothing more can come.
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers");
    answer
}
