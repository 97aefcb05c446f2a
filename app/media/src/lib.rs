//! Sources, codecs, jitter buffer and sinks
