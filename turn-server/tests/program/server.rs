//! The program, started for one test, and ended with it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

/// How long anything may take that is not measured.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
    output: BufReader<std::process::ChildStdout>,
}

/// A port that nobody has at this moment, of UDP and TCP.
pub(crate) fn free_port() -> u16 {
    let bound = |port| (UdpSocket::bind(("127.0.0.1", port)), std::net::TcpListener::bind(("127.0.0.1", port)));
    (0..100)
        .find_map(|_| {
            let port = UdpSocket::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
            // Four in a row: the other port of NAT discovery, and those of TLS.
            let all = (port..port.checked_add(4)?).all(|port| matches!(bound(port), (Ok(_), Ok(_))));
            all.then_some(port)
        })
        .expect("four free ports in a row")
}

impl Server {
    /// Starts it with a file of coturn's kind: the usual lines, and these.
    pub(crate) fn start(lines: &str) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "listening-port={port}\nlistening-ip=127.0.0.1\nlistening-ip=::1\nrealm=abc\nlt-cred-mech\nuser=abc:123\n\
             allow-loopback-peers\nno-rfc5780\n{lines}\n"
        );
        let path = folder.path().join("turnserver.conf");
        std::fs::write(&path, text).unwrap();
        Self::start_with(port, folder, &["-c", path.to_str().unwrap()])
    }

    /// Starts it with these arguments, its log going to `log`.
    pub(crate) fn start_into(port: u16, folder: tempfile::TempDir, arguments: &[&str], log: Stdio) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-turn"));
        command.args(arguments).current_dir(folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.starts_with("ready "), "the server did not start: {:?}", child.wait());
        Self { child, port, folder, output }
    }

    /// Starts it where `names` is the system's file of hosts, which lies in its folder as `hosts`.
    pub(crate) fn start_among(names: &str, lines: &str) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("hosts"), names).unwrap();
        let text = format!(
            "listening-port={port}\nlistening-ip=127.0.0.1\nrealm=abc\nlt-cred-mech\nuser=abc:123\nno-rfc5780\n{lines}\n"
        );
        std::fs::write(folder.path().join("turnserver.conf"), text).unwrap();
        let mut command = Command::new("unshare");
        let script = "mount --bind hosts /etc/hosts && exec \"$0\" -c turnserver.conf";
        command.args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_hearth-turn")]);
        Self::start_by(command, port, folder)
    }

    /// Starts it with these arguments.
    pub(crate) fn start_with(port: u16, folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-turn"));
        command.args(arguments);
        Self::start_by(command, port, folder)
    }

    fn start_by(mut command: Command, port: u16, folder: tempfile::TempDir) -> Self {
        command.current_dir(folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        if !line.starts_with("ready ") {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("the server did not start: {line}{said}");
        }
        // The log is read as it comes, so that a full pipe holds nothing up.
        let log = child.stderr.take().unwrap();
        let path = folder.path().join("log");
        let copy = move || {
            let mut log = log;
            let mut file = std::fs::File::create(path).unwrap();
            std::io::copy(&mut log, &mut file).unwrap();
        };
        std::thread::Builder::new().name("log".to_owned()).spawn(copy).unwrap();
        Self { child, port, folder, output }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new([127, 0, 0, 1].into(), self.port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let number = self.pid().to_string();
        assert!(Command::new("kill").args(["-s", name, &number]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A certificate of its own for `localhost`, and its key, as files.
pub(crate) fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (chain, secret) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&chain, certificate.pem()).unwrap();
    std::fs::write(&secret, key.serialize_pem()).unwrap();
    (chain, secret)
}

/// Tries until it works, or the time for it is over. `attempt` waits by itself, on a socket or a program.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "a deadline for real programs")]
    let now = std::time::Instant::now;
    let deadline = now() + PATIENCE;
    while now() < deadline {
        if let Some(found) = attempt() {
            return found;
        }
    }
    panic!("{what} within {PATIENCE:?}");
}
