//! A certificate of ours, and the few lines that are above it in its file.
//!
//! The lines say what it is good for, so that reading it back needs no X.509 parser; PEM (RFC 7468, section 2) allows
//! such text before the first boundary. A file that was tampered with at most leads to a new certificate.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber,
};
use time::{Duration, OffsetDateTime};

/// iOS and Chromium refuse certificates of more than 398 days, whole.
const DAYS: i64 = 390;
/// Days before its end at which a certificate is replaced.
const RENEW_DAYS: i64 = 30;
const DAY_S: u64 = 24 * 3600;

/// A certificate.
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
    names: BTreeSet<String>,
    /// Seconds since 1970 from which a new one is wanted.
    renew_at: u64,
}

impl Certificate {
    /// A certificate of `key` for `names` from `unix_s` on.
    pub(super) fn make(key: &KeyPair, names: &[String], unix_s: u64) -> Result<Self, rcgen::Error> {
        let now = i64::try_from(unix_s).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
        let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Hearth");
        // A day back: clocks of other machines go wrong.
        params.not_before = now - Duration::days(1);
        params.not_after = now + Duration::days(DAYS);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Firefox refuses a second certificate of one issuer with the same number.
        params.serial_number = Some(SerialNumber::from_slice(&serial(unix_s)));
        let der = params.self_signed(key)?.der().to_vec();
        let renew_at = unix_s.saturating_add((DAYS - RENEW_DAYS) as u64 * DAY_S);
        Ok(Self { der, names: names.iter().cloned().collect(), renew_at })
    }

    /// Whether it is good for all of `names` and still young at `unix_s`. Names that went away do no harm: a laptop
    /// that changes between two networks must not make browsers ask again each time.
    pub(super) fn serves(&self, names: &[String], unix_s: u64) -> bool {
        let born = self.renew_at.saturating_sub((DAYS - RENEW_DAYS) as u64 * DAY_S);
        names.iter().all(|name| self.names.contains(name))
            && (born.saturating_sub(DAY_S)..self.renew_at).contains(&unix_s)
    }

    /// The file's text.
    pub(super) fn to_text(&self) -> String {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let mut text =
            format!("names: {}\nrenew-at: {}\n-----BEGIN CERTIFICATE-----\n", names.join(" "), self.renew_at);
        let encoded = STANDARD.encode(&self.der);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text + "-----END CERTIFICATE-----\n"
    }

    /// Reads what [`Self::to_text`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
        let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
        let field = |key: &str| head.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let body: String = body.split_whitespace().collect();
        Some(Self {
            der: STANDARD.decode(body).ok()?,
            names: field("names:")?.split_whitespace().map(str::to_owned).collect(),
            renew_at: field("renew-at:")?.parse().ok()?,
        })
    }
}

/// A number never used before: the time, and chance beside it.
fn serial(unix_s: u64) -> [u8; 16] {
    let mut serial = [0; 16];
    let chance = rand::random::<u64>().to_be_bytes();
    let bytes = unix_s.to_be_bytes().into_iter().chain(chance);
    serial.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    serial
}
