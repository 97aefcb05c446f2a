//! Where fuzzers come in that are not the rooms: what proxies say, and files of settings of another program.
//!
//! Hidden from the documentation, and no part of the interface. Each function returns, whatever it is given; what it
//! asserts are promises that the rest of the crate builds on. Holds no state.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use axum::http::{HeaderMap, HeaderValue};

use crate::config;
use crate::gateway::proxies::TrustedProxies;

/// What every variable of the environment holds that a file may name.
const VARIABLE: &str = "s3cret-of-the-environment";
/// Headers of a request, more than any proxy adds.
const HEADERS: usize = 32;

/// Headers of a request, one a line: `f` and the value of `Forwarded`, or `x` and that of `X-Forwarded-For`.
pub fn forwarded(lines: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(HEADERS) {
        let name = match line.first() {
            Some(b'f') => "forwarded",
            Some(b'x') => "x-forwarded-for",
            Some(_) | None => continue,
        };
        let Ok(value) = HeaderValue::from_bytes(line.get(1..).unwrap_or_default()) else { continue };
        headers.append(name, value);
    }
    let Ok(proxies) = TrustedProxies::parse(&["loopback".to_owned(), "10.0.0.0/8".to_owned()]) else { return };
    let stranger = IpAddr::from([192, 0, 2, 1]);
    assert_eq!(proxies.caller(stranger, &headers), stranger, "a stranger's word is not taken");
    let proxy = IpAddr::from(Ipv4Addr::LOCALHOST);
    let caller = proxies.caller(proxy, &headers);
    assert_eq!(caller, caller.to_canonical(), "one caller has one address");
    headers.remove("forwarded");
    headers.append("x-forwarded-for", HeaderValue::from_static("203.0.113.7"));
    assert_eq!(
        proxies.caller(proxy, &headers),
        IpAddr::from([203, 0, 113, 7]),
        "what the proxy itself has added counts"
    );
}

/// A file of signalmaster's.
pub fn signalmaster(text: &str) {
    if text.contains(VARIABLE) {
        return; // a key may be named, and this one is no secret
    }
    let read = config::read_signalmaster(text, Path::new("production.json"), &|name| {
        (name != "PORT" && !name.ends_with('X')).then(|| VARIABLE.to_owned())
    });
    let said = match read {
        Ok(read) => read.warnings,
        Err(error) => vec![error.to_string()],
    };
    for sentence in said {
        assert!(!sentence.contains(VARIABLE), "a value may be a secret: {sentence}");
    }
}
