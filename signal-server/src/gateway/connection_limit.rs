//! How many connections there are, in all and from one source, how much each has written, and what they have open.
//!
//! The listener owns the counts; a connection holds its place for as long as its stream lives, upgraded or not.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::open_bytes::{Follower, OpenBytes, Sum};
use crate::rooms::Source;

/// The places for connections. A place is a reference: anyone who drops the last one gives the place back.
pub(crate) struct ConnectionLimiter {
    all: usize,
    of_one: usize,
    taken: Arc<()>,
    /// Those of a source share what it has open.
    by_source: BTreeMap<Source, Sum>,
    /// What all have open.
    open: Sum,
}

/// What has become of connections since the start: plain counters, which the metrics read.
#[derive(Debug, Default)]
pub(crate) struct ConnectionStats {
    accepted: AtomicU64,
    refused: AtomicU64,
}

impl ConnectionStats {
    /// Connections that were given a place.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections for which there was no place.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, place: Option<&Permit>) {
        let counter = if place.is_some() { &self.accepted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many places are taken, for who does not own them.
#[derive(Clone, Debug)]
pub(crate) struct OpenConnections(Weak<()>);

impl OpenConnections {
    pub(crate) fn count(&self) -> usize {
        self.0.strong_count().saturating_sub(1)
    }
}

/// One connection's place.
pub(crate) struct Permit {
    _all: Arc<()>,
    follower: Follower,
}

impl ConnectionLimiter {
    pub(crate) fn new(all: usize, of_one: usize) -> Self {
        Self { all, of_one, taken: Arc::new(()), by_source: BTreeMap::new(), open: Sum::default() }
    }

    /// How many are taken, now and later.
    pub(crate) fn taken(&self) -> OpenConnections {
        OpenConnections(Arc::downgrade(&self.taken))
    }

    /// A place for a connection; `source` is none for this machine itself, where a proxy speaks for everybody.
    pub(crate) fn take(&mut self, source: Option<Source>) -> Option<Permit> {
        if Arc::strong_count(&self.taken) > self.all {
            return None;
        }
        self.by_source.retain(|_, places| Arc::strong_count(places) > 1);
        let source = match source {
            None => None,
            Some(source) => {
                let places = self.by_source.entry(source).or_default();
                if Arc::strong_count(places) > self.of_one {
                    return None;
                }
                Some(places.clone())
            }
        };
        Some(Permit { _all: self.taken.clone(), follower: Follower::new(source, self.open.clone()) })
    }
}

/// A stream that keeps its place while it lives.
pub(super) struct Counted<S> {
    stream: S,
    written: Arc<AtomicU64>,
    place: Permit,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, place: Permit) -> Self {
        Self { stream, written: Arc::default(), place }
    }

    /// What it has sent that is no whole message yet.
    pub(super) fn held(&self) -> OpenBytes {
        self.place.follower.held()
    }

    /// Bytes that were written so far, as they become more.
    pub(super) fn written(&self) -> Arc<AtomicU64> {
        self.written.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = read
            && !self.place.follower.read(buf.filled().get(before..).unwrap_or_default())
        {
            let why = "too many bytes of unfinished messages from one source";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, why)));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(bytes)) = written {
            self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn places_are_limited_by_source_and_in_all_and_come_back() {
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|a| Some(Source::from(a.parse::<IpAddr>().unwrap())));
        let mut places = ConnectionLimiter::new(3, 2);
        let mut held = vec![places.take(one).unwrap(), places.take(one).unwrap()];
        assert!(places.take(one).is_none());
        held.push(places.take(other).unwrap());
        assert!(places.take(other).is_none(), "three in all");
        held.remove(0);
        assert!(places.take(one).is_some());
        drop(held);
        let _held = [places.take(None).unwrap(), places.take(None).unwrap(), places.take(None).unwrap()];
        assert!(places.take(None).is_none());
        assert_eq!(places.taken().count(), 3);
    }
}
