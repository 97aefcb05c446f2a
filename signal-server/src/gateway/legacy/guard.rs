//! The way of an HTTP request to `/socket.io/`: whose it is, and what pages of other ports are allowed to read.
//!
//! `Host` and `Origin` were checked before. Holds no state: who owns a session, the hub knows.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    SET_COOKIE, VARY,
};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engineioxide::config::EngineIoConfig;
use engineioxide::service::EngineIoService;
use hearth_protocol::PeerId;
use rand::RngExt as _;
use tokio::sync::oneshot;

use super::super::request::Caller;
use super::engine_io::{EngineIoEvents, MESSAGE, PageCaller, PayloadEncoding};
use super::pages::{AuthorizeRequest, Decision, PagesHandle};
use super::payload;
use crate::rooms::PageId;

/// Where socket.io lives.
const PATH: &str = "/socket.io/";
/// As socket.io 1.7 has them, and as its clients are told at the handshake.
const PING_EVERY: Duration = Duration::from_secs(25);
const PING_WITHIN: Duration = Duration::from_secs(60);
/// Packets for one page that it has not taken. Cap 16384: twice what another one may send while the page is frozen by
/// its own `alert()`. Full: the page is disconnected.
const UNTAKEN: usize = 16_384;
/// Longest request of a polling page, bytes. It puts all that it has to say into one: offers to a full room are 400 kB.
const PAYLOAD: usize = 1024 * 1024;
/// Longest answer to a poll, bytes: the transport stops after [`PAYLOAD`], but not in the middle of a packet.
const ANSWER: usize = 3 * PAYLOAD;
/// Read buffer of a WebSocket, bytes: most messages are candidates of 400 bytes.
const READ_BUFFER: usize = 4 * 1024;
/// The cookie by which a page is recognised. Scripts cannot read it.
const COOKIE_NAME: &str = "hearth_page";

/// Whether a page of another site made the browser ask (Fetch Metadata); old browsers do not say.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the gateway needs of the hub.
#[derive(Clone)]
pub(crate) struct LegacyGuard {
    pub(crate) pages: PagesHandle,
    /// Cookies go back over TLS alone.
    pub(crate) is_secure: bool,
}

/// Adds the gateway to `router`.
pub(crate) fn mount<S: Clone + Send + Sync + 'static>(router: Router<S>, door: LegacyGuard) -> Router<S> {
    let config = EngineIoConfig::builder()
        .req_path("/socket.io")
        .ping_interval(PING_EVERY)
        .ping_timeout(PING_WITHIN)
        .max_buffer_size(UNTAKEN)
        .max_payload(PAYLOAD as u64)
        .ws_read_buffer_size(READ_BUFFER)
        .ws_max_message_size(MESSAGE)
        .ws_max_frame_size(MESSAGE)
        .build();
    let ears = Arc::new(EngineIoEvents { news: door.pages.news.clone() });
    let service = EngineIoService::with_config(ears, config);
    let routes = Router::new().route_service(PATH, service).layer(from_fn_with_state(door, pass));
    router.merge(routes)
}

/// Lets a request through to the transport, if it is its session's own.
async fn pass(State(door): State<LegacyGuard>, mut request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let (mut cookie, is_poll) = (None, request.method() == Method::GET);
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else if request.headers().get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site") {
        (StatusCode::FORBIDDEN, "Only this server's own pages may speak to it.\n").into_response()
    } else {
        match admit(&door, &mut request).await {
            Ok(Admitted { fresh, form }) => {
                cookie = fresh;
                let response = next.run(request).await;
                if is_poll && form == PayloadEncoding::Bytes { in_bytes(response).await } else { response }
            }
            Err(refusal) => refusal,
        }
    };
    let headers = response.headers_mut();
    if let Some(page) = cookie {
        set_cookie(headers, page, door.is_secure);
    }
    allow(headers, origin);
    response
}

/// A request that may go on.
struct Admitted {
    /// The page that it begins, when its browser should be recognised from now on.
    fresh: Option<PageId>,
    form: PayloadEncoding,
}

/// Whose request it is.
async fn admit(door: &LegacyGuard, request: &mut Request) -> Result<Admitted, Response> {
    let Some(Caller(address)) = request.extensions().get::<Caller>().copied() else {
        return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()); // the listener names every caller
    };
    let known = page_of(request.headers());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let pairs = || query.split('&');
    let Some(sid) = pairs().find_map(|pair| pair.strip_prefix("sid=")) else {
        // Said at the handshake, for the whole session.
        let takes_text = pairs().any(|pair| pair.starts_with("b64=")) || !pairs().any(|pair| pair == "EIO=3");
        let form = if takes_text { PayloadEncoding::Text } else { PayloadEncoding::Bytes };
        let page = known.unwrap_or_else(|| PageId(rand::rng().random()));
        request.extensions_mut().insert(PageCaller { address, page: Some(page), form });
        return Ok(Admitted { fresh: known.is_none().then_some(page), form });
    };
    let Ok(sid) = PeerId::parse(sid) else { return Err(unknown()) };
    let (answer, verdict) = oneshot::channel();
    let question = AuthorizeRequest { sid, page: known, address, answer };
    if door.pages.questions.send(question).await.is_err() {
        return Err(unknown());
    }
    match verdict.await {
        Ok(Decision::Own(form)) => Ok(Admitted { fresh: None, form }),
        Ok(Decision::Unknown) | Err(_) => Err(unknown()),
    }
}

/// A polled answer of text in the form that its page reads.
async fn in_bytes(response: Response) -> Response {
    let is_text = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_text || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(text) = to_bytes(body, ANSWER).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    match std::str::from_utf8(&text).ok().and_then(payload::in_bytes) {
        Some(bytes) => {
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            parts.headers.remove(CONTENT_LENGTH); // it is a different one now
            Response::from_parts(parts, bytes.into())
        }
        None => Response::from_parts(parts, text.into()),
    }
}

/// As engine.io says it.
fn unknown() -> Response {
    let body = r#"{"code":1,"message":"Session ID unknown"}"#;
    (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// The page of a request's cookie, if it carries one of ours.
fn page_of(headers: &HeaderMap) -> Option<PageId> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
    let bytes = URL_SAFE_NO_PAD.decode(value.get(..22)?).ok()?;
    bytes.try_into().ok().map(PageId)
}

fn set_cookie(headers: &mut HeaderMap, page: PageId, is_secure: bool) {
    let secure = if is_secure { "; Secure" } else { "" };
    let value = URL_SAFE_NO_PAD.encode(page.0);
    // Lax: an old page lies on another port of the same site.
    let cookie = format!("{COOKIE_NAME}={value}; Path=/socket.io; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

/// A page of the same host on another port may read the answer, and send its cookie with the request. That its origin
/// is one of ours was checked; it is echoed because a wildcard would exclude cookies.
fn allow(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    let Some(origin) = origin else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_recognised_by_its_own_cookie_alone() {
        let page = PageId([7; 16]);
        let mut headers = HeaderMap::new();
        set_cookie(&mut headers, page, true);
        let set = headers.get(SET_COOKIE).unwrap().to_str().unwrap().to_owned();
        assert!(set.contains("HttpOnly") && set.contains("Secure"), "{set}");
        let pair = set.split(';').next().unwrap();
        for (cookie, expected) in [
            (pair.to_owned(), Some(page)),
            (format!("io=abc; {pair}; x=y"), Some(page)),
            (format!("not{pair}"), None),
            ("hearth_page=".to_owned(), None),
            ("hearth_page=!!!!!!!!!!!!!!!!!!!!!!".to_owned(), None),
            ("hearth_page=围炉围炉围炉围炉".to_owned(), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
            assert_eq!(page_of(&headers), expected, "{cookie}");
        }
    }
}
