//! `/metrics` for Prometheus and `/healthz`, on a port of its own. Figures name no person.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use hearth_turn::Stats;
use hearth_turn::metrics::text;
use tokio::net::TcpListener;
use tokio::sync::watch::Receiver;

/// What Prometheus calls the form of its texts.
const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The port, bound.
pub(super) struct Metrics {
    socket: TcpListener,
    address: SocketAddr,
    stats: Receiver<Stats>,
}

impl Metrics {
    pub(super) async fn bind(address: SocketAddr, stats: Receiver<Stats>) -> anyhow::Result<Self> {
        let refused = || format!("figures cannot be served on {address}; choose another --metrics");
        let socket = TcpListener::bind(address).await.with_context(refused)?;
        let address = socket.local_addr().with_context(refused)?;
        Ok(Self { socket, address, stats })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped, or its port fails.
    pub(super) async fn run(self) {
        let routes = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .fallback(|| async { (StatusCode::NOT_FOUND, "There are /metrics and /healthz here, and nothing else.\n") })
            .with_state(self.stats);
        if let Err(error) = axum::serve(self.socket, routes).await {
            tracing::error!(%error, "figures are served no more");
        }
    }
}

async fn metrics(State(stats): State<Receiver<Stats>>) -> impl IntoResponse {
    let text = text(&stats.borrow());
    ([(CONTENT_TYPE, FORM), (CACHE_CONTROL, "no-store")], text)
}
