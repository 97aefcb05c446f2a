//! Cuts a ClientHello as Firefox does: three sendings at one place, then all further ones at another.
//!
//! Firefox ESR 153 sends 1461 bytes as 1383 and 78, then as 1163 and 298; here the shares are the same. Owner of: the
//! numbers of the records, because a piece more is a record more, and no number may come twice.

/// Sendings before the message is cut elsewhere.
const SENDINGS: u32 = 3;
/// Of a thousand bytes, how many are in the first piece: at first, and later.
const FIRST_CUT: usize = 947;
const LATER_CUT: usize = 796;
const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Cuts what one client sends.
#[derive(Debug, Default)]
pub struct Cutter {
    records: u32,
    hellos: u32,
}

impl Cutter {
    /// What goes out in the place of a datagram.
    pub fn cut(&mut self, mut datagram: Vec<u8>) -> Vec<Vec<u8>> {
        if datagram.len() <= RECORD_HEADER || !(20..=63).contains(&datagram[0]) {
            return vec![datagram];
        }
        let is_plain = datagram[3..5] == [0, 0];
        let is_hello = is_plain && datagram[0] == HANDSHAKE && datagram[RECORD_HEADER] == CLIENT_HELLO;
        if !is_hello {
            self.number_all(&mut datagram);
            return vec![datagram];
        }
        let (message, bytes) = datagram[RECORD_HEADER..].split_at(MESSAGE_HEADER);
        self.hellos += 1;
        let share = if self.hellos <= SENDINGS { FIRST_CUT } else { LATER_CUT };
        let cut = bytes.len() * share / 1000;
        let mut piece = |from: usize, to: usize| {
            let number = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
            let mut out = datagram[..RECORD_HEADER - 2].to_vec();
            out.extend(((MESSAGE_HEADER + to - from) as u16).to_be_bytes());
            out.extend(&message[..6]);
            out.extend(number(from));
            out.extend(number(to - from));
            out.extend(&bytes[from..to]);
            self.number(&mut out);
            out
        };
        vec![piece(0, cut), piece(cut, bytes.len())]
    }

    /// Renumbers the records of a datagram that are not encrypted: the numbers of the others are part of what is
    /// sealed.
    fn number_all(&mut self, datagram: &mut [u8]) {
        let mut at = 0;
        while at + RECORD_HEADER <= datagram.len() {
            if datagram[at + 3..at + 5] == [0, 0] {
                self.number(&mut datagram[at..]);
            }
            at += RECORD_HEADER + usize::from(u16::from_be_bytes([datagram[at + 11], datagram[at + 12]]));
        }
    }

    fn number(&mut self, record: &mut [u8]) {
        record[7..11].copy_from_slice(&self.records.to_be_bytes());
        self.records += 1;
    }
}
