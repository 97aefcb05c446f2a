//! What is answered to plain HTTP, on a port that speaks TLS or on one of its own: the way to https, and nothing else.
//!
//! A guest types an address without its scheme, and browsers still try plain HTTP. No content goes out unencrypted, and
//! no name but our own is ever sent anywhere. Holds no state.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, LOCATION, X_CONTENT_TYPE_OPTIONS};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::hosts::{Hosts, without_port};
use super::one_shot::answer_one;
use super::request::only;

/// Where https is spoken, seen from who asked for it in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// On the port that was asked.
    Here,
    /// On this one.
    Port(u16),
}

/// The port of `https:` URLs that name none.
const HTTPS: u16 = 443;

/// Answers one request on `stream`.
pub(super) async fn redirect<S>(stream: S, hosts: watch::Receiver<Hosts>, destination: Destination)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    answer_one(stream, "plain HTTP", |request| {
        let answer = answer(&hosts.borrow(), request.headers(), request.uri(), destination);
        async { answer }
    })
    .await;
}

fn answer(hosts: &Hosts, headers: &HeaderMap, uri: &Uri, destination: Destination) -> Response {
    let guarded = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
        // A permanent redirect would be kept for ever, and this address may be another machine's tomorrow.
        (CACHE_CONTROL, "no-store"),
    ];
    let Some(host) = only(headers, HOST).filter(|host| hosts.allows_host(host)) else {
        return (StatusCode::BAD_REQUEST, guarded, "This server speaks https. Open the link as it was sent.\n")
            .into_response();
    };
    // Whatever form the target has, what goes on is a path on our own host.
    let path = uri.path_and_query().map(|path| path.as_str()).filter(|path| path.starts_with('/')).unwrap_or("/");
    let location = match destination {
        Destination::Here => format!("https://{host}{path}"),
        Destination::Port(HTTPS) => format!("https://{}{path}", without_port(&host)),
        Destination::Port(port) => format!("https://{}:{port}{path}", without_port(&host)),
    };
    (StatusCode::PERMANENT_REDIRECT, guarded, [(LOCATION, location)], "This page is served over https.\n")
        .into_response()
}
