//! What a certificate says of itself: the names it is for, and the hash of its key.
//!
//! Holds nothing.

use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

/// Names taken from one certificate. More is no server of ours.
const NAMES: usize = 256;

/// The subject alternative names (RFC 5280, section 4.2.1.6) and the SubjectPublicKeyInfo of a certificate in DER.
pub(super) fn read(der: &[u8]) -> Option<(Vec<String>, Vec<u8>)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    let names = names.filter_map(name).take(NAMES).collect();
    Some((names, certificate.public_key().raw.to_vec()))
}

/// Whether a certificate is of X.509 version 1, as `openssl x509 -req -signkey` without extensions makes it: it can
/// hold no names, and TLS libraries of today refuse it.
pub(super) fn is_version_1(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| certificate.version() == X509Version::V1)
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some((*name).to_owned());
    }
    let GeneralName::IPAddress(bytes) = name else { return None };
    let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|address| address.to_string())
}
