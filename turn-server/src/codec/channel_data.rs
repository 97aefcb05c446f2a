//! ChannelData: four bytes in front of the application's own.

/// "Channel Number" and "Length" (RFC 8656 section 12.4), 16 bits each.
const HEADER: usize = 4;

/// Data on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelData<'a> {
    pub(crate) number: u16,
    pub(crate) data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Bytes in front of the data.
    pub(crate) const HEADER: usize = HEADER;

    /// The longest data that fits into a datagram with it.
    pub(crate) const LONGEST: usize = super::DATAGRAM - Self::HEADER;

    /// Whether a datagram is ChannelData by its first two bits: 01, where STUN has 00 (RFC 5766 section 11).
    pub(crate) fn is_one(datagram: &[u8]) -> bool {
        datagram.first().is_some_and(|byte| byte & 0xc0 == 0x40)
    }

    /// Takes a datagram apart. Over UDP it may carry padding behind the data (RFC 8656 section 12.5), or none.
    pub(crate) fn decode(datagram: &'a [u8]) -> Option<Self> {
        let ([n0, n1, l0, l1], rest) = datagram.split_first_chunk::<HEADER>()?;
        let length = u16::from_be_bytes([*l0, *l1]);
        let data = rest.get(..usize::from(length))?;
        Some(Self { number: u16::from_be_bytes([*n0, *n1]), data })
    }

    /// The message, with padding for a stream; `None` when the data is too long for a datagram.
    pub(crate) fn encode(self, padded: bool) -> Option<Vec<u8>> {
        let length = u16::try_from(self.data.len()).ok().filter(|length| usize::from(*length) <= Self::LONGEST)?;
        let mut datagram = Vec::with_capacity(Self::HEADER + self.data.len() + 3);
        datagram.extend_from_slice(&Self::header(self.number, length));
        datagram.extend_from_slice(self.data);
        if padded {
            datagram.resize(datagram.len().next_multiple_of(4), 0);
        }
        Some(datagram)
    }

    /// Writes the header over the first bytes of `message`, in front of the data that stands behind them: at most
    /// [`Self::LONGEST`] bytes.
    pub(crate) fn write_header(number: u16, message: &mut [u8]) {
        if let Some((header, data)) = message.split_first_chunk_mut() {
            *header = Self::header(number, data.len() as u16);
        }
    }

    fn header(number: u16, length: u16) -> [u8; HEADER] {
        let ([n0, n1], [l0, l1]) = (number.to_be_bytes(), length.to_be_bytes());
        [n0, n1, l0, l1]
    }
}
