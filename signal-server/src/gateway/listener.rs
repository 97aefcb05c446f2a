//! The ports: accepting, TLS, HTTP/1.1, and the limits that keep one client from taking everything.
//!
//! Owns the sockets, the identity in use, the addresses of this machine and the tasks of connections until they become
//! WebSockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::addresses::Addresses;
use super::connection_limit::{ConnectionLimiter, ConnectionStats, Counted, Permit};
use super::hosts::Hosts;
use super::open_bytes::OpenBytes;
use super::ports::{Accepted, PortRole, Ports, accept_backoff};
use super::proxies::TrustedProxies;
use super::redirect::{Destination, redirect};
use super::request::Caller;
use crate::rooms::Source;
use crate::tls::{Authority, CHALLENGE, Identity};

/// The first byte of a TLS connection: a record of type handshake (RFC 8446, section 5.1). No HTTP begins with it.
const TLS_HANDSHAKE: u8 = 0x16;
/// How long a TLS handshake may take, and its first byte.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long the head of a request may take to arrive.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may bring requests. A page and its files take a second; a WebSocket leaves this count.
const HTTP_WITHIN: Duration = Duration::from_secs(120);
/// After that an answer under way may go on, as long as this much of it is taken in this time: a film on a slow link
/// is, and a poll that waits for news gets them sooner.
const STALLED: (u64, Duration) = (64 * 1024, Duration::from_secs(60));
/// Longest head of a request, bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// How often the addresses of this machine and the age of the certificate are looked at.
/// Who carries a laptop from room to room gives out the new address at once, and it should be answered to by then.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The server's ports.
pub(crate) struct Listener {
    pub(crate) ports: Ports,
    pub(crate) places: ConnectionLimiter,
    pub(crate) tally: Arc<ConnectionStats>,
    pub(crate) identity: Option<Identity>,
    /// Keeps the identity fresh, where it is an authority's.
    pub(crate) authority: Option<Authority>,
    /// The port of https that plain HTTP on a port of its own is sent to.
    pub(crate) https: u16,
    /// Hears the hash of each new certificate.
    pub(crate) renewed: watch::Sender<Option<[u8; 32]>>,
    pub(crate) addresses: Addresses,
    pub(crate) hosts: watch::Sender<Hosts>,
    pub(crate) router: Router,
    /// Proxies, which are no sources.
    pub(crate) proxies: Arc<TrustedProxies>,
    /// A test wants it to end by a fault.
    #[cfg(test)]
    pub(crate) is_faulty: bool,
}

impl Listener {
    /// Accepts for ever; ends only by being dropped.
    pub(crate) async fn run(mut self) {
        let mut authority = self.authority.take();
        let mut acceptor = self.identity.as_ref().map(Identity::acceptor);
        let mut tasks = JoinSet::new();
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.tick().await;
        #[cfg(test)]
        assert!(!self.is_faulty, "a test wanted it");
        loop {
            tokio::select! {
                accepted = self.ports.accept() => match accepted {
                    Ok(accepted) => {
                        let place = self.places.take(self.source_of(accepted.from));
                        self.tally.count(place.as_ref());
                        match place {
                            Some(place) => drop(tasks.spawn(self.serve(accepted, place, acceptor.clone()))),
                            // Who floods us does not fill the log as well.
                            None => tracing::debug!("too many connections: one more refused"),
                        }
                    }
                    Err(e) => accept_backoff(e).await,
                },
                Some(_) = tasks.join_next() => {}
                () = ask(&mut authority) => {}
                _ = look.tick() => {
                    if self.look() {
                        acceptor = self.identity.as_ref().map(Identity::acceptor);
                    }
                }
            }
        }
    }

    /// None for this machine itself, and for proxies: each speaks for many.
    fn source_of(&self, from: SocketAddr) -> Option<Source> {
        let address = from.ip().to_canonical();
        (!address.is_loopback() && !self.proxies.contains(address)).then(|| address.into())
    }

    /// What is done with one connection.
    fn serve(
        &self,
        accepted: Accepted,
        place: Permit,
        acceptor: Option<TlsAcceptor>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (hosts, router, destination) = (self.hosts.subscribe(), self.router.clone(), Destination::Port(self.https));
        let Accepted { stream, from, role } = accepted;
        async move {
            // Small messages wait for nothing; where this fails they are merely later.
            if let Err(e) = stream.set_nodelay(true) {
                tracing::debug!("nodelay: {e}");
            }
            match (role, acceptor) {
                (PortRole::Redirect, _) => redirect(Counted::new(stream, place), hosts, destination).await,
                (PortRole::Serve, None) => serve_http(Counted::new(stream, place), from, router).await,
                (PortRole::Serve, Some(acceptor)) => serve_tls(stream, from, place, (acceptor, hosts), router).await,
            }
        }
    }

    /// Follows the network: the names we answer to, and the certificate that lists them. True when the latter is new.
    fn look(&mut self) -> bool {
        let is_new = self.renew();
        let hosts = self.addresses.hosts(self.identity.as_ref().map_or(&[], Identity::names));
        self.hosts.send_if_modified(|old| {
            let changed = *old != hosts;
            *old = hosts;
            changed
        });
        is_new
    }

    fn renew(&mut self) -> bool {
        let Some(identity) = &mut self.identity else { return false };
        match identity.renew(&self.addresses.certificate_names(), crate::clock::unix_s()) {
            Ok(is_new) => {
                if is_new {
                    self.renewed.send_replace(identity.certificate_sha256());
                }
                is_new
            }
            Err(e) => {
                tracing::warn!("{e}");
                false
            }
        }
    }
}

/// What a port that speaks TLS needs beside.
type Secure = (TlsAcceptor, watch::Receiver<Hosts>);

async fn serve_tls(stream: TcpStream, from: SocketAddr, place: Permit, (acceptor, hosts): Secure, router: Router) {
    let mut first = [0];
    match timeout(HANDSHAKE_WITHIN, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first != [TLS_HANDSHAKE] => {
            return redirect(Counted::new(stream, place), hosts, Destination::Here).await;
        }
        Ok(Ok(1)) => {}
        Ok(Ok(_)) => return, // gone without a word
        Ok(Err(e)) => return tracing::debug!("before TLS: {e}"),
        Err(_) => return tracing::debug!("before TLS: not a word in time"),
    }
    match timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
        // An authority has seen all that it wanted.
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(CHALLENGE) => {}
        Ok(Ok(stream)) => serve_http(Counted::new(stream, place), from, router).await,
        Ok(Err(e)) => tracing::debug!("TLS: {e}"),
        Err(_) => tracing::debug!("TLS: no handshake in time"),
    }
}

async fn serve_http<S>(stream: Counted<S>, from: SocketAddr, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (caller, written, held) = (Caller(from.ip()), stream.written(), stream.held());
    let service =
        service_fn(move |request: hyper::Request<Incoming>| answer(router.clone(), caller, held.clone(), request));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let mut ended = timeout(HTTP_WITHIN, connection.as_mut()).await;
    if ended.is_err() {
        connection.as_mut().graceful_shutdown();
    }
    while ended.is_err() {
        let before = written.load(Ordering::Relaxed);
        ended = timeout(STALLED.1, connection.as_mut()).await;
        if ended.is_err() && written.load(Ordering::Relaxed) - before < STALLED.0 {
            return tracing::debug!("HTTP: the connection had its time");
        }
    }
    if let Ok(Err(e)) = ended {
        tracing::debug!("HTTP: {e}");
    }
}

/// What the authority should be asked next; never done where there is none.
async fn ask(authority: &mut Option<Authority>) {
    match authority {
        Some(authority) => authority.ask().await,
        None => std::future::pending().await,
    }
}

async fn answer(
    router: Router,
    caller: Caller,
    held: OpenBytes,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(caller);
    let answer = router.oneshot(request).await;
    match &answer {
        Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => held.upgraded(),
        Ok(_) | Err(_) => held.answered(),
    }
    answer
}
