//! One HTTP request on a connection, answered within bounds of time and size; then the connection ends.
//!
//! For what is asked beside the server proper: figures, and the way to https. Holds no state.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// How long the whole exchange may take, from the first byte to the last.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest head of a request, bytes. The least that hyper takes: none that is meant here is as long.
const HEAD_BYTES: usize = 8 * 1024;

/// Answers one request on `stream`; the log calls the exchange `what`.
pub(super) async fn answer_one<S, F>(stream: S, what: &str, answer: impl Fn(Request<Incoming>) -> F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Response>,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(WITHIN)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(WITHIN, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::debug!("{what}: {e}"),
        Err(_) => tracing::debug!("{what}: not done in time"),
    }
}
