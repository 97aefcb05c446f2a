//! A folder of files that others wrote, served beside the guest page.

use std::fs;
use std::path::Path;

use hearth_signal::{ServeError, Server, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::http::ask;
use crate::{Running, plain, start, within};

const INDEX: &str = "<script>alert(1)</script>";

/// A folder as an older set-up has it, and what must stay outside of it.
fn site() -> (TempDir, ServerConfig) {
    let around = tempfile::tempdir().unwrap();
    let top = around.path().join("html");
    for folder in ["html/js", "html/empty", "html/.git", "html/assets", "outside"] {
        fs::create_dir_all(around.path().join(folder)).unwrap();
    }
    for (path, text) in [
        ("html/index.html", INDEX),
        ("html/js/index.html", "<p>js</p>"),
        ("html/simplewebrtc-with-adapter.bundle.js", "0123456789"),
        ("html/style.css", "p {}"),
        ("html/assets/theirs.js", "theirs"),
        ("html/.git/config", "SECRET"),
        ("html/.env", "SECRET"),
        ("outside/secret.txt", "SECRET"),
    ] {
        fs::write(around.path().join(path), text).unwrap();
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink("../outside/secret.txt", top.join("leak.txt")).unwrap();
        symlink("../outside", top.join("leaks")).unwrap();
        symlink(".env", top.join("env.txt")).unwrap();
        symlink("style.css", top.join("other.css")).unwrap();
        fs::create_dir(top.join("trap")).unwrap();
        symlink("../../outside/secret.txt", top.join("trap/index.html")).unwrap();
    }
    (around, ServerConfig { static_files: Some(top), ..plain() })
}

async fn get(server: &Running, path: &str, more: &str) -> String {
    ask(server.address, path, &format!("host: {}\r\n{more}", server.address)).await
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn an_old_page_is_served_as_it_was_and_ours_beside_it() {
    let (_kept, config) = site();
    let server = start(config).await;
    for (path, kind, text) in [
        ("/", "text/html", INDEX),
        ("/?roomid=99999", "text/html", INDEX),
        ("/index.html", "text/html", INDEX),
        ("/js/", "text/html", "<p>js</p>"),
        ("/simplewebrtc-with-adapter.bundle.js", "text/javascript", "0123456789"),
        ("/style.css", "text/css", "p {}"),
        ("/other.css", "text/css", "p {}"),
        ("/assets/theirs.js", "text/javascript", "theirs"),
    ] {
        let answer = get(&server, path, "").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(text), "{path}: {answer}");
        assert_eq!(header(&answer, "content-type"), Some(kind), "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&answer, "content-security-policy"), None, "{path}: inline scripts go on");
        assert!(header(&answer, "etag").is_some() && header(&answer, "last-modified").is_some(), "{path}: {answer}");
    }
    let moved = get(&server, "/js", "").await;
    assert!(moved.starts_with("HTTP/1.1 307 ") && header(&moved, "location") == Some("/js/"), "{moved}");
    for path in ["/r/123456789", "/assets/app.js"] {
        let ours = get(&server, path, "").await;
        assert!(ours.starts_with("HTTP/1.1 200 ") && header(&ours, "content-security-policy").is_some(), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn nothing_hidden_and_nothing_outside_the_folder_is_served() {
    let (_kept, config) = site();
    let server = start(config).await;
    for path in [
        "/.env",
        "/.git/config",
        "/%2eenv",
        "/js/../.env",
        "/../outside/secret.txt",
        "/%2e%2e/outside/secret.txt",
        "/js/..%2f..%2foutside/secret.txt",
        "/..%5coutside%5csecret.txt",
        "/leak.txt",
        "/leaks/secret.txt",
        "/env.txt",
        "/trap/",
        "/index.html%00.js",
        "//outside/secret.txt",
        "/empty/",
        "/none.html",
        "/index.html/",
        "/%ff",
    ] {
        let answer = get(&server, path, "").await;
        assert!(answer.starts_with("HTTP/1.1 404 ") && !answer.contains("SECRET"), "{path}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn parts_and_unchanged_files_are_answered_as_such() {
    let (_kept, config) = site();
    let server = start(config).await;
    let path = "/simplewebrtc-with-adapter.bundle.js";
    let whole = get(&server, path, "").await;
    let [tag, date] = ["etag", "last-modified"].map(|name| header(&whole, name).unwrap().to_owned());
    for (more, status, text) in [
        (format!("if-none-match: {tag}\r\n"), 304, ""),
        (format!("if-modified-since: {date}\r\n"), 304, ""),
        ("if-none-match: \"x\"\r\n".to_owned(), 200, "0123456789"),
        ("range: bytes=2-4\r\n".to_owned(), 206, "234"),
        ("range: bytes=-1\r\n".to_owned(), 206, "9"),
        ("range: bytes=100-\r\n".to_owned(), 416, ""),
        ("range: bytes=0-0,5-6\r\n".to_owned(), 200, "0123456789"),
        ("range: bytes=2-4\r\nif-range: \"x\"\r\n".to_owned(), 200, "0123456789"),
    ] {
        let answer = get(&server, path, &more).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{more}: {answer}");
        assert_eq!(answer.split("\r\n\r\n").nth(1), Some(text), "{more}");
    }
    server.stop().await;
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let (_kept, config) = site();
    let server = start(config).await;
    for (method, path, status) in [
        ("HEAD", "/index.html", 200),
        ("POST", "/index.html", 405),
        ("PUT", "/new.html", 405),
        ("DELETE", "/index.html", 405),
        ("OPTIONS", "/index.html", 405),
        ("POST", "/", 405),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method}: {answer}");
        assert!(!answer.contains("alert"), "{method}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_said_at_the_start() {
    for path in ["/nonexistent/html", file!()] {
        let config = ServerConfig { static_files: Some(Path::new(path).to_owned()), ..plain() };
        let refused = Server::bind(config).await.err();
        assert!(matches!(refused, Some(ServeError::Static { .. })), "{path}");
    }
}
