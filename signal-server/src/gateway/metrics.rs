//! Counters in the text form that Prometheus reads, on a port of their own.
//!
//! Owns that port. Figures are asked for when somebody reads them: of the hub, which owns the rooms, and of the
//! listener's tally. No label names a person, a room or an address.

use std::sync::Arc;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::connection_limit::{ConnectionStats, OpenConnections};
use super::hosts::Hosts;
use super::hub::{HubFigures, ScrapeRequest};
use super::one_shot::answer_one;
use super::ports::accept_backoff;
use super::request::only;
use crate::rooms::Counters;

/// Who reads metrics is one program, or two. One more waits until another is done.
const READERS: usize = 8;
/// The form that is written: what Prometheus calls OpenMetrics.
const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The port of the metrics.
pub(crate) struct Metrics {
    pub(crate) socket: TcpListener,
    pub(crate) sources: Sources,
}

/// Where figures come from.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) hosts: watch::Receiver<Hosts>,
    pub(crate) hub: mpsc::Sender<ScrapeRequest>,
    pub(crate) tally: Arc<ConnectionStats>,
    pub(crate) taken: OpenConnections,
    /// The relay's, where it runs in this process.
    pub(crate) relay: Option<watch::Receiver<hearth_turn::Stats>>,
}

impl Metrics {
    /// Answers for ever; ends only by being dropped.
    pub(crate) async fn run(self) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.socket.accept(), if tasks.len() < READERS => match accepted {
                    Ok((stream, _)) => drop(tasks.spawn(serve(stream, self.sources.clone()))),
                    Err(e) => accept_backoff(e).await,
                },
                Some(_) = tasks.join_next() => {}
            }
        }
    }
}

async fn serve(stream: TcpStream, sources: Sources) {
    answer_one(stream, "metrics", |request| {
        let sources = sources.clone();
        async move { answer(&request, &sources).await }
    })
    .await;
}

async fn answer(request: &hyper::Request<Incoming>, sources: &Sources) -> Response {
    let is_ours = only(request.headers(), HOST).is_some_and(|host| sources.hosts.borrow().allows_host(&host));
    if !is_ours {
        return (StatusCode::MISDIRECTED_REQUEST, "This server does not go by that name.\n").into_response();
    }
    if request.uri().path() != "/metrics" || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::NOT_FOUND, "There is /metrics here, and nothing else.\n").into_response();
    }
    let (question, answered) = oneshot::channel();
    let Ok(()) = sources.hub.try_send(question) else { return busy() };
    let Ok(figures) = answered.await else { return busy() };
    let headers = [(CONTENT_TYPE, FORM), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, text(&figures, sources)).into_response()
}

fn busy() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "The server is busy. Ask again.\n").into_response()
}

fn text(figures: &HubFigures, sources: &Sources) -> String {
    let mut registry = Registry::with_prefix("hearth_signal");
    gauges(&mut registry, figures, sources);
    counters(&mut registry, figures, sources);
    if let Some(stats) = &sources.relay {
        hearth_turn::metrics::register(registry.sub_registry_with_prefix("relay"), &stats.borrow());
    }
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        text.clear(); // a text takes whatever is written into it
    }
    text
}

fn gauges(registry: &mut Registry, figures: &HubFigures, sources: &Sources) {
    for (name, help, value) in [
        ("rooms", "Open rooms", figures.rooms),
        ("sessions", "Sessions, those that are away included", figures.sessions),
        ("websockets", "WebSockets of our own protocol", figures.websockets),
        ("legacy_pages", "Pages that speak signalmaster's protocol", figures.pages),
        ("connections", "Connections of any kind on the main ports", sources.taken.count()),
    ] {
        registry.register(name, help, ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)));
    }
}

fn counters(registry: &mut Registry, figures: &HubFigures, sources: &Sources) {
    // Taken apart by name: a counter that is left out here does not compile.
    let Counters {
        messages,
        bad_messages,
        rate_limited,
        wrong_guesses,
        knocks,
        kicks,
        stray_signals,
        untold,
        resumed,
        restored,
        timed_out,
        floods,
        overflows,
    } = figures.counters;
    for (name, help, value) in [
        ("connections_accepted", "Connections that were given a place", sources.tally.accepted()),
        ("connections_refused", "Connections beyond the limits", sources.tally.refused()),
        ("messages", "Messages heard", messages),
        ("bad_messages", "Messages that could not be taken", bad_messages),
        ("rate_limited", "Requests refused because there were too many", rate_limited),
        ("wrong_guesses", "Wrong numbers and invitations", wrong_guesses),
        ("knocks", "People who were made to wait at a door", knocks),
        ("kicks", "People put out by a host", kicks),
        ("stray_signals", "Signals for somebody who is not in the room", stray_signals),
        ("untold", "Words of legacy pages that others have none for", untold),
        ("resumed", "Sessions that came back", resumed),
        ("restored", "Members who came back after a restart", restored),
        ("timed_out", "Sessions that did not come back", timed_out),
        ("floods", "Sessions ended because they sent too much", floods),
        ("overflows", "Sessions ended because too much waited for them", overflows),
    ] {
        registry.register(name, help, ConstCounter::new(value));
    }
}
