//! A post office for the pages of a benchmark: hands out one page, and keeps what they leave for each other.
//!
//! Owner of: a socket on loopback, a thread, and the letters, which are files: two offices with one folder are one
//! office with two doors, for browsers that reach each other by another way only. HTTP as far as browsers of this
//! benchmark speak it: a request with a length, an answer, the end of the connection. It is there for a minute and for
//! nobody else.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Outcome;

/// Letters for us that wait. Full: newer ones are lost, and each tells as much as the one before and more.
const WAITING: usize = 8;
/// Longest letter: a description of a session has some kilobytes.
const LONGEST: u64 = 64 * 1024;
/// How long a browser may take to say what it wants, and we to hear of figures: both happen within a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a page has seen and heard is kept, one part after the other, in these files beside the letters.
const KEPT: [(&str, &str); 2] = [("/pictures", STORED_PICTURES), ("/sound", STORED_SOUND)];
/// Pictures, each after its sides.
pub(super) const STORED_PICTURES: &str = "pictures.raw";
/// Samples, 32-bit floats at 48 kHz.
pub(super) const STORED_SOUND: &str = "sound.raw";
/// Longest part: a picture of 1280x720, or ten seconds of sound.
const PART: u64 = 2 * 1024 * 1024;
/// Letters with this name are for us.
const FIGURES: &str = "/figures";
/// The last request.
const CLOSE: &str = "/close";

/// The office, open until it is dropped.
#[derive(Debug)]
pub(super) struct Office {
    address: SocketAddr,
    figures: Receiver<String>,
    thread: Option<JoinHandle<()>>,
}

impl Office {
    /// Opens it; letters are kept in `folder`.
    pub(super) fn open(page: &'static str, folder: &Path) -> Outcome<Self> {
        let no =
            |error: std::io::Error| format!("No port can be opened on loopback ({error}). Is a firewall in the way?");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no)?;
        let address = listener.local_addr().map_err(no)?;
        let (sender, figures) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("office".to_owned());
        let letters = Letters { folder: folder.to_owned() };
        let thread = thread.spawn(move || serve(&listener, page, &letters, &sender));
        let thread = thread.map_err(|error| format!("No thread can be started ({error}). Close other programs."))?;
        Ok(Self { address, figures, thread: Some(thread) })
    }

    /// Where a page is that plays a role.
    pub(super) fn url(&self, role: &str) -> String {
        format!("http://{}/?role={role}", self.address)
    }

    /// The next figures that a page leaves for us.
    pub(super) fn next(&self) -> Outcome<String> {
        let late = |_| "Chromium showed no picture for a minute. Close other programs, then try again.".to_owned();
        self.figures.recv_timeout(PATIENCE).map_err(late)
    }

    /// Prints where it is, then all figures that pages leave, until this program is ended.
    pub(super) fn print_all(&self) -> Outcome<()> {
        println!("listening {}", self.address);
        let gone = |_| "The office has closed.".to_owned();
        loop {
            println!("{}", self.figures.recv().map_err(gone)?);
        }
    }
}

/// What pages leave for each other, a file each.
#[derive(Debug)]
struct Letters {
    folder: PathBuf,
}

impl Letters {
    /// Keeps one. A browser finds out by itself that its letter was not taken.
    fn put(&self, name: &str, body: &str) {
        let Some(path) = self.path(name) else { return };
        // Nobody should read half of it.
        let draft = path.with_extension("draft");
        drop(std::fs::write(&draft, body).and_then(|()| std::fs::rename(&draft, &path)));
    }

    /// Adds to a file. A part that is cut short shows when it is read.
    fn append(&self, name: &str, mut part: impl Read) {
        let file = std::fs::File::options().append(true).create(true).open(self.folder.join(name));
        drop(file.and_then(|mut file| std::io::copy(&mut part, &mut file)));
    }

    fn get(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)?).ok()
    }

    /// Names are words; no other leads anywhere.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let word = name.strip_prefix('/').filter(|word| !word.is_empty())?;
        word.bytes().all(|byte| byte.is_ascii_lowercase()).then(|| self.folder.join(format!("{word}.letter")))
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let asked =
            TcpStream::connect(self.address).and_then(|mut stream| write!(stream, "PUT {CLOSE} HTTP/1.1\r\n\r\n"));
        if let Some(thread) = self.thread.take().filter(|_| asked.is_ok()) {
            drop(thread.join());
        }
    }
}

fn serve(listener: &TcpListener, page: &str, letters: &Letters, figures: &SyncSender<String>) {
    for stream in listener.incoming().flatten() {
        let Some(request) = read(&stream, letters) else { continue };
        let found = match request {
            Request::Kept => None,
            Request::Put(name, _) if name == CLOSE => return,
            Request::Put(name, body) if name == FIGURES => match figures.try_send(body) {
                Ok(()) | Err(TrySendError::Full(_)) => None,
                Err(TrySendError::Disconnected(_)) => return,
            },
            Request::Put(name, body) => {
                letters.put(&name, &body);
                None
            }
            Request::Get(name) if name == "/" => Some(page.to_owned()),
            Request::Get(name) => letters.get(&name),
        };
        let head = if found.is_some() { "200 OK\r\nContent-Type: text/html; charset=utf-8" } else { "204 No Content" };
        let body = found.unwrap_or_default();
        let length = body.len();
        // A browser that has gone needs no answer.
        drop(write!(&stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"));
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Request {
    Get(String),
    Put(String, String),
    /// What is in its file.
    Kept,
}

fn read(stream: &TcpStream, letters: &Letters) -> Option<Request> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream.take(LONGEST));
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let name = target.split('?').next()?.to_owned();
    let mut length = 0;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok()?;
        let Some((key, value)) = field.split_once(':') else { break };
        if key.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    if method == "GET" {
        return Some(Request::Get(name));
    }
    if let Some((_, file)) = KEPT.iter().find(|(kept, _)| *kept == name) {
        reader.get_mut().set_limit(PART);
        letters.append(file, reader.take(length));
        return Some(Request::Kept);
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body).ok()?;
    Some(Request::Put(name, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(office: &Office, request: &str) -> String {
        let mut stream = TcpStream::connect(office.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn letters_are_kept_until_they_are_fetched_and_figures_are_ours() {
        let folder = std::env::temp_dir().join(format!("hearth-office-{}", std::process::id()));
        crate::state::private_folder(&folder).unwrap();
        let office = Office::open("a page", &folder).unwrap();
        let other = Office::open("a page", &folder).unwrap();
        assert!(ask(&office, "GET /?role=send HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("\r\n\r\na page"));
        assert!(ask(&office, "GET /offer HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 204"));
        ask(&office, "PUT /offer HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
        assert!(ask(&other, "GET /offer HTTP/1.1\r\n\r\n").ends_with("\r\n\r\nhello"));
        ask(&office, "PUT /../away HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no other name leads anywhere");
        for picture in ["one", "two"] {
            ask(&office, &format!("PUT /pictures HTTP/1.1\r\nContent-Length: 3\r\n\r\n{picture}"));
        }
        assert_eq!(std::fs::read(folder.join(STORED_PICTURES)).unwrap(), b"onetwo");
        ask(&office, "PUT /figures HTTP/1.1\r\ncontent-length: 3\r\n\r\n1 2");
        assert_eq!(office.next().unwrap(), "1 2");
        drop((office, other));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
