//! What is answered over HTTP: the guest page, its files, a folder of somebody else's, health, and the way to the
//! WebSocket.
//!
//! Every request passes the check of its `Host` and `Origin` first. Holds no state but what it hands on.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, SEC_WEBSOCKET_PROTOCOL, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Extensions, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hearth_protocol::SUBPROTOCOL;
use tokio::sync::{mpsc, watch};

use super::assets::{Asset, INDEX, asset};
use super::connection::OpenedWebSocket;
use super::hosts::Hosts;
use super::legacy::{LegacyGuard, mount};
use super::proxies::TrustedProxies;
use super::request::{Caller, ThirdPartyFile, nothing_here, only};
use super::statics::Folder;

/// Buffers of one WebSocket, bytes. 8 KiB: most messages are candidates of 200 bytes, and thousands of clients idle.
const SOCKET_BUFFER: usize = 8 * 1024;

/// How long browsers keep to https once they have seen it: 180 days, so that a certificate that is forgotten for a
/// week costs nobody more than that.
const KEEP_TO_HTTPS: &str = "max-age=15552000";

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) hosts: watch::Receiver<Hosts>,
    pub(crate) openings: mpsc::Sender<OpenedWebSocket>,
    /// Longest message, bytes.
    pub(crate) message_bytes: usize,
    /// A folder that is served beside our own page.
    pub(crate) folder: Option<Folder>,
    /// Whether browsers are told to come by https alone.
    pub(crate) keep_to_https: bool,
    /// Whose word is taken for who calls.
    pub(crate) proxies: Arc<TrustedProxies>,
    /// Where legacy pages come in, if they do.
    pub(crate) legacy: Option<LegacyGuard>,
}

pub(crate) fn router(shared: Shared) -> Router {
    let legacy = shared.legacy.clone();
    let router = Router::new()
        .route("/", get(front))
        .route("/r/{room}", get(page))
        .route("/assets/{name}", get(file))
        .route("/ws", get(websocket))
        .route("/healthz", get(async || "ok\n"))
        .route("/healthcheck", get(async || "ok\n")); // signalmaster's word for it
    let router = match legacy {
        Some(door) => mount(router, door),
        None => router,
    };
    router.fallback(elsewhere).layer(from_fn_with_state(shared.clone(), check_and_dress)).with_state(shared)
}

/// Refuses who asks by a name that is not ours, or from a page that is not ours, and gives every answer the headers
/// that keep it from being misused.
async fn check_and_dress(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    // Here and nowhere else: anyone who counts by source asks the request for its caller.
    if let Some(Caller(peer)) = request.extensions().get::<Caller>().copied() {
        let caller = shared.proxies.caller(peer, request.headers());
        request.extensions_mut().insert(Caller(caller));
    }
    let host = only(request.headers(), HOST).unwrap_or_default();
    let verdict = check(&shared.hosts.borrow(), &host, request.headers());
    let mut response = match verdict {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let is_foreign = response.extensions().get::<ThirdPartyFile>().is_some();
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if shared.keep_to_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(KEEP_TO_HTTPS));
    }
    if is_foreign {
        return response; // a page that others wrote keeps its scripts, wherever it has them from
    }
    for (name, value) in [
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(self), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = if verdict.is_ok() { content_security_policy(&host) } else { "default-src 'none'".into() };
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn check(hosts: &Hosts, host: &str, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
    if !hosts.allows_host(host) {
        let why = "This server does not go by that name. Open it by its address, or start it with --name.\n";
        return Err((StatusCode::MISDIRECTED_REQUEST, why));
    }
    if headers.contains_key(ORIGIN) && !only(headers, ORIGIN).is_some_and(|origin| hosts.allows_origin(&origin, host)) {
        return Err((StatusCode::FORBIDDEN, "Only this server's own page may speak to it.\n"));
    }
    Ok(())
}

/// `host` was checked: nothing in it can end a directive. It is named because older Safari does not count WebSockets
/// as 'self'.
fn content_security_policy(host: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; \
         connect-src 'self' wss://{host} ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

async fn page() -> Response {
    serve(INDEX)
}

/// What is at the top: the folder's own index, or our page.
async fn front(State(shared): State<Shared>, request: Request) -> Response {
    match &shared.folder {
        Some(folder) => folder.answer(request).await,
        None => page().await,
    }
}

async fn elsewhere(State(shared): State<Shared>, request: Request) -> Response {
    match &shared.folder {
        Some(folder) => folder.answer(request).await,
        None => nothing_here(),
    }
}

async fn file(State(shared): State<Shared>, Path(name): Path<String>, request: Request) -> Response {
    match asset(&name) {
        Some(asset) => serve(asset),
        None => elsewhere(State(shared), request).await, // others call a folder of theirs so, too
    }
}

fn serve(asset: Asset) -> Response {
    ([(CONTENT_TYPE, asset.content_type)], Body::from(asset.body)).into_response()
}

async fn websocket(
    State(shared): State<Shared>,
    headers: HeaderMap,
    extensions: Extensions,
    upgrade: WebSocketUpgrade,
) -> Response {
    // A browser that was made to speak to us by somebody else's page can be told by its Origin, which was checked;
    // anyone who sends none must at least know what it speaks to.
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
    if !offered.flat_map(|v| v.split(',')).any(|protocol| protocol.trim() == SUBPROTOCOL) {
        return (StatusCode::BAD_REQUEST, "This WebSocket speaks hearth.v1 only.\n").into_response();
    }
    let Some(Caller(address)) = extensions.get::<Caller>().copied() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response(); // the listener names every caller
    };
    let Ok(place) = shared.openings.try_reserve_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "The server is busy. Try again in a moment.\n").into_response();
    };
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(SOCKET_BUFFER)
        .write_buffer_size(SOCKET_BUFFER)
        .max_message_size(shared.message_bytes)
        .max_frame_size(shared.message_bytes)
        .on_upgrade(async move |socket| {
            place.send(OpenedWebSocket { socket, address });
        })
}
