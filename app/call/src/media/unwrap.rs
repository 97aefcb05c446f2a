//! Numbers that wrap, made to run on (RFC 3550 appendix A.1 does the same for sequence numbers).

/// Extends a counter of `BITS` bits to 64, taking each value for the one nearest to the newest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unwrap<const BITS: u32> {
    newest: Option<u64>,
}

/// RTP sequence numbers.
pub(crate) type UnwrapSequence = Unwrap<16>;
/// RTP time stamps.
pub(crate) type UnwrapTime = Unwrap<32>;

impl<const BITS: u32> Unwrap<BITS> {
    const SPAN: u64 = 1 << BITS;

    /// The value run on. The first one is put one span up, so that what came before it has room below.
    pub(crate) fn extend(&mut self, value: u64) -> u64 {
        let value = value % Self::SPAN;
        let Some(newest) = self.newest else {
            let first = value + Self::SPAN;
            self.newest = Some(first);
            return first;
        };
        let ahead = value.wrapping_sub(newest) % Self::SPAN;
        let extended = if ahead < Self::SPAN / 2 { newest + ahead } else { newest.saturating_sub(Self::SPAN - ahead) };
        self.newest = Some(newest.max(extended));
        extended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_run_on_across_the_wrap_in_both_directions() {
        let mut unwrap = UnwrapSequence::default();
        let base = unwrap.extend(65_534);
        for (value, expected) in [(65_535, 1), (0, 2), (65_533, -1), (5, 7), (2, 4), (32_000, 32_002)] {
            assert_eq!(unwrap.extend(value) as i64 - base as i64, expected, "{value}");
        }
        let mut time = UnwrapTime::default();
        let base = time.extend(u64::from(u32::MAX));
        assert_eq!(time.extend(9), base + 10);
    }
}
