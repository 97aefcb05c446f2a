//! The way of our media to one peer: which layer, how fast, when.

pub(crate) mod circuit_breaker;
pub(crate) mod estimator;
pub(crate) mod governor;
pub(crate) mod layers;
pub(crate) mod overhead;
pub(crate) mod pacer;
pub(crate) mod repair;
pub(crate) mod stills;
