//! Hashes as people compare them: words that can be read out, and the hex that browsers show.
//!
//! Words are of the public key, which stays; hex is of the certificate, which changes with the network.

use bip39::Language;

use crate::SpkiHash;

/// Words in a fingerprint. Six of 11 bits each are 66 bits: more than anybody searches through to imitate a key.
const WORDS: u32 = 6;
/// Bits that one word of a list of 2048 stands for.
const BITS: u32 = 11;

impl SpkiHash {
    /// The first 66 bits as six words of the English list of BIP-39, of which no two begin with the same four letters.
    pub fn words(&self) -> String {
        let head = self.0.first_chunk().map_or(0, |head| u128::from_be_bytes(*head));
        let list = Language::English.word_list();
        let word = |at: u32| list.get((head >> (u128::BITS - BITS * (at + 1))) as usize % list.len()).copied();
        (0..WORDS).filter_map(word).collect::<Vec<_>>().join(" ")
    }
}

/// A certificate's SHA-256 as browsers show it: `AB:CD:...`.
pub fn fingerprint_hex(sha256: &[u8; 32]) -> String {
    sha256.map(|byte| format!("{byte:02X}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_six_words_that_its_first_bits_decide() {
        // The words of the BIP's own first vectors: entropy of zeros, of 7f..., of 80..., of ff....
        for (byte, words) in [
            (0x00, "abandon abandon abandon abandon abandon abandon"),
            (0x7f, "legal winner thank year wave sausage"),
            (0x80, "letter advice cage absurd amount doctor"),
            (0xff, "zoo zoo zoo zoo zoo zoo"),
        ] {
            assert_eq!(SpkiHash([byte; 32]).words(), words);
        }
        let mut hash = [0; 32];
        hash[8] = 0b0100_0000; // the 66th bit
        assert!(SpkiHash(hash).words().ends_with(" ability"));
        hash[8] = 0b0010_0000; // the 67th
        assert!(SpkiHash(hash).words().ends_with(" abandon"));
    }

    #[test]
    fn a_certificate_is_written_as_browsers_write_it() {
        let mut sha256 = [0; 32];
        (sha256[0], sha256[31]) = (0xab, 0x0c);
        let text = fingerprint_hex(&sha256);
        assert!(text.starts_with("AB:00:") && text.ends_with(":0C") && text.len() == 95, "{text}");
    }
}
