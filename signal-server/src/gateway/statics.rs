//! A folder of files that others wrote, such as the page of an older set-up, served as a web server serves it.
//!
//! Reading, types, ranges and conditions are tower-http's. Here is what may be asked for at all: nothing hidden, and
//! nothing outside the folder, whatever the path or a link in it says. Holds the folder's path; files are looked at
//! again for each request.

use std::io;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ALLOW, IF_RANGE, RANGE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tower::ServiceExt as _;
use tower_http::services::ServeDir;

use super::request::{ThirdPartyFile, nothing_here};

/// Longest path that is looked for, bytes, as it is in the request.
const PATH_BYTES: usize = 2048;

/// A folder that is served.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// Without links in it, so that what lies in the folder can be told from what does not.
    top: PathBuf,
    files: ServeDir,
}

impl Folder {
    /// The folder at `path`, which must be there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let top = path.canonicalize()?;
        if !top.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let files = ServeDir::new(&top).ignore_multi_range_requests(true);
        Ok(Self { top, files })
    }

    /// The answer to a request for a file.
    pub(super) async fn answer(&self, request: Request) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
        }
        let Some(path) = plain(request.uri().path()) else { return nothing_here() };
        if !self.holds(path).await {
            return nothing_here();
        }
        let (mut head, _) = request.into_parts();
        // A part of a file is asked for only if the file is still the same (RFC 9110, section 13.1.5): who gets the
        // whole file instead is never wrong.
        if head.headers.contains_key(IF_RANGE) {
            head.headers.remove(RANGE);
        }
        let Ok(answer) = self.files.clone().oneshot(Request::from_parts(head, Body::empty())).await;
        match answer.status() {
            StatusCode::NOT_FOUND => nothing_here(),
            status if status.is_server_error() => status.into_response(),
            _ => {
                let mut answer = answer.map(Body::new);
                answer.extensions_mut().insert(ThirdPartyFile);
                answer
            }
        }
    }

    /// Whether `path` leads, through all links, to something in the folder.
    async fn holds(&self, path: PathBuf) -> bool {
        let top = self.top.clone();
        let found = tokio::task::spawn_blocking(move || {
            let mut found = top.join(path).canonicalize()?;
            if found.is_dir() {
                match found.join("index.html").canonicalize() {
                    Ok(index) => found = index,
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
            Ok(found.starts_with(&top) && !found.strip_prefix(&top).is_ok_and(is_hidden))
        });
        matches!(found.await, Ok(Ok(true)))
    }
}

/// The path below the folder, decoded once; none when it could mean anything but plain names one below the other.
fn plain(path: &str) -> Option<PathBuf> {
    if path.len() > PATH_BYTES {
        return None;
    }
    let decoded = decode(path.strip_prefix('/')?)?;
    let mut names: Vec<&str> = decoded.split('/').collect();
    if names.last().is_some_and(|last| last.is_empty()) {
        names.pop(); // a folder's name ends with a slash
    }
    let is_plain = |name: &&str| {
        !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', ':']) && !name.contains(char::is_control)
    };
    names.iter().all(is_plain).then(|| names.iter().collect())
}

/// Percent-decoded (RFC 3986, section 2.1); none when that is not text.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn is_hidden(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_looked_for() {
        for (path, found) in [
            ("/", Some("")),
            ("/index.html", Some("index.html")),
            ("/js/", Some("js")),
            ("/a%20b.js", Some("a b.js")),
            ("/%E5%9B%B4.html", Some("围.html")),
            ("/a%2Fb", Some("a/b")), // what it opens is looked at by where it lies
            ("/100%25", Some("100%")),
            ("", None),
            ("*", None),
            ("//evil.example/", None),
            ("/a//b", None),
            ("/.git/config", None),
            ("/a/.env", None),
            ("/..", None),
            ("/../secret", None),
            ("/%2e%2e/secret", None),
            ("/a/..%2f..%2fsecret", None),
            ("/..%5csecret", None),
            ("/C:/secret", None),
            ("/a%00.html", None),
            ("/a%0d%0ab", None),
            ("/%ff", None),
            ("/%4", None),
            ("/%zz", None),
            ("/%+1", None),
        ] {
            assert_eq!(plain(path), found.map(PathBuf::from), "{path}");
        }
        assert_eq!(plain(&format!("/{}", "a".repeat(PATH_BYTES))), None);
    }
}
