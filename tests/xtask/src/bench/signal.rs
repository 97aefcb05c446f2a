//! `cargo xtask bench signal`: what a crowd costs the signalling server.
//!
//! The crowd is a program of its own (`signal-server/examples/load`), so that the server's memory and time are its own.

use crate::Outcome;
use crate::bench::temporary_folder;
use crate::children::{Children, Event};
use crate::servers::program;
use crate::steps::{aloud, cargo};

/// Release: this is about processor time and memory.
const RELEASE: &str = "release";

/// Runs it, without TLS and with it.
pub(super) fn run() -> Outcome<()> {
    aloud(&mut cargo(&["build", "--quiet", "--release", "-p", "hearth-signal", "--bins", "--examples"]))?;
    let folder = temporary_folder()?;
    for (is_secure, kind) in [(false, "people"), (false, "pages"), (true, "people"), (true, "pages")] {
        println!("{kind}, {}:", if is_secure { "with TLS" } else { "without TLS" });
        let mut arguments = vec!["--listen".to_owned(), "127.0.0.1:0".to_owned()];
        arguments.extend(["--connections".to_owned(), "15000".to_owned(), "--state".to_owned()]);
        arguments.push(folder.display().to_string());
        if !is_secure {
            arguments.push("--plain-http".to_owned());
        }
        let mut children = Children::new();
        children.start("server", &program("hearth-signal", RELEASE)?, &arguments)?;
        let ready = children.wait_for("server", "listening http")?;
        let url = address(&ready).ok_or_else(|| format!("The server said {ready}, which is no address."))?;
        let id = children.id("server").ok_or("The server has ended.")?;
        let mut crowd = Children::new();
        crowd.start("crowd", &program("examples/load", RELEASE)?, &[url, id.to_string(), kind.to_owned()])?;
        while let Some(Event::Line(_, line)) = crowd.next() {
            println!("  {line}");
        }
        if !crowd.ended("crowd").is_some_and(|status| status.success()) {
            return Err("The crowd ended early. What it said stands above.".to_owned());
        }
        children.end_all();
    }
    std::fs::remove_dir_all(&folder)
        .map_err(|error| format!("{} cannot be removed ({error}). Remove it by hand.", folder.display()))
}

/// The WebSocket behind `s://ADDR:PORT ...`, which is what follows "listening http".
fn address(ready: &str) -> Option<String> {
    let (scheme, rest) = ready.split_once("://")?;
    let address = rest.split_whitespace().next()?;
    Some(format!("ws{scheme}://{address}/ws"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_first_line_leads_to_its_websocket() {
        assert_eq!(address("://127.0.0.1:99").as_deref(), Some("ws://127.0.0.1:99/ws"));
        assert_eq!(address("s://127.0.0.1:99 spki=x").as_deref(), Some("wss://127.0.0.1:99/ws"));
        assert_eq!(address("nothing"), None);
    }
}
