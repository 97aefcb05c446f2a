//! The nouns that both sides of a call share: ids, units, frames, layers
