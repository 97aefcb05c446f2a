//! How many connections there are, in all and from one source.
//!
//! The listener owns the counts; a connection holds its place for as long as its stream lives, upgraded or not.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::rooms::Source;

/// The places for connections. A place is a reference: whoever drops the last one gives the place back.
pub(super) struct Places {
    all: usize,
    of_one: usize,
    taken: Arc<()>,
    by_source: BTreeMap<Source, Arc<()>>,
}

/// One connection's place.
pub(super) struct Place {
    _all: Arc<()>,
    _source: Option<Arc<()>>,
}

impl Places {
    pub(super) fn new(all: usize, of_one: usize) -> Self {
        Self { all, of_one, taken: Arc::new(()), by_source: BTreeMap::new() }
    }

    /// A place for a connection; `source` is none for this machine itself, where a proxy speaks for everybody.
    pub(super) fn take(&mut self, source: Option<Source>) -> Option<Place> {
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
        Some(Place { _all: self.taken.clone(), _source: source })
    }
}

/// A stream that keeps its place while it lives.
pub(super) struct Counted<S> {
    stream: S,
    _place: Place,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, place: Place) -> Self {
        Self { stream, _place: place }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
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
        let mut places = Places::new(3, 2);
        let mut held = vec![places.take(one).unwrap(), places.take(one).unwrap()];
        assert!(places.take(one).is_none());
        held.push(places.take(other).unwrap());
        assert!(places.take(other).is_none(), "three in all");
        held.remove(0);
        assert!(places.take(one).is_some());
        drop(held);
        let _held = [places.take(None).unwrap(), places.take(None).unwrap(), places.take(None).unwrap()];
        assert!(places.take(None).is_none());
    }
}
