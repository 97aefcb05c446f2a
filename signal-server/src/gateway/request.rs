//! What handlers and listeners know a request and its answer by. Values and pure functions.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderName};
use axum::response::{IntoResponse as _, Response};

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller(pub(crate) IpAddr);

/// Marks an answer that others wrote: it gets no policy of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThirdPartyFile;

/// What is answered where there is nothing.
pub(super) fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, "There is nothing here. Check the link.\n").into_response()
}

/// The header's value, if it is there once and is text.
pub(super) fn only(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.to_owned();
    values.next().is_none().then_some(value)
}
