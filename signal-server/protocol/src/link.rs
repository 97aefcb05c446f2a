//! The link that lets a person in: `https://HOST:PORT/r/NUMBER#s=SECRET&k=SPKI`.
//!
//! What follows `#` never leaves the browser: neither secret nor pin reaches a server's log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::{InviteSecret, RoomName};

/// Longest link that is looked at, bytes.
const MAX: usize = 2048;

/// SHA-256 of a server certificate's SubjectPublicKeyInfo: what a desktop client pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpkiHash(pub [u8; 32]);

/// Why a text is no link to a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// Not an `https` (or, for a proxy on this machine, `http`) address with a host.
    #[error("not an https address")]
    Address,
    /// `http` to another machine: secret and password would go in the clear.
    #[error("not encrypted: the link begins with http, where it should begin with https")]
    Unencrypted,
    /// No `/r/NAME` in it.
    #[error("no room in it")]
    Room,
    /// A secret or pin that cannot be one.
    #[error("damaged secret or key")]
    Fragment,
}

/// A link to a room. `Debug` and `Display` hide the secret; [`RoomLink::reveal`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomLink {
    server: Url,
    /// The room.
    pub room: RoomName,
    /// What lets in without knocking.
    pub secret: Option<InviteSecret>,
    /// The server's public key.
    pub spki: Option<SpkiHash>,
}

impl RoomLink {
    /// A link to `room` on `server`, of which scheme, host and port are kept.
    ///
    /// # Errors
    /// [`BadLink::Address`] when the server's address is none.
    pub fn new(
        server: &str,
        room: RoomName,
        secret: Option<InviteSecret>,
        spki: Option<SpkiHash>,
    ) -> Result<Self, BadLink> {
        Ok(Self { server: server_url(server)?, room, secret, spki })
    }

    /// Reads a link.
    ///
    /// # Errors
    /// [`BadLink`], by the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, BadLink> {
        let text = text.trim();
        let url = (text.len() <= MAX).then(|| Url::parse(text).ok()).flatten().ok_or(BadLink::Address)?;
        let server = server_url(text)?;
        let mut path = url.path_segments().ok_or(BadLink::Room)?;
        let (Some("r"), Some(name), None) = (path.next(), path.next(), path.next()) else { return Err(BadLink::Room) };
        let name = percent_decode(name).ok_or(BadLink::Room)?;
        let room = RoomName::parse(&name).map_err(|_| BadLink::Room)?;
        let mut link = Self { server, room, secret: None, spki: None };
        for (key, value) in url::form_urlencoded::parse(url.fragment().unwrap_or_default().as_bytes()) {
            match key.as_ref() {
                "s" => link.secret = Some(InviteSecret::parse(&value).map_err(|_| BadLink::Fragment)?),
                "k" => link.spki = Some(SpkiHash::parse(&value).ok_or(BadLink::Fragment)?),
                _ => {} // a newer link may say more
            }
        }
        Ok(link)
    }

    /// The server: scheme, host and port, without a path.
    pub fn server(&self) -> &Url {
        &self.server
    }

    /// The address of the signalling WebSocket.
    pub fn websocket(&self) -> Url {
        websocket_of(&self.server)
    }

    /// The whole link, secret included: for the person who shares it.
    pub fn reveal(&self) -> String {
        let mut url = self.page();
        let mut fragment = Vec::new();
        fragment.extend(self.secret.map(|s| format!("s={}", s.reveal())));
        fragment.extend(self.spki.map(|k| format!("k={}", k.to_text())));
        if !fragment.is_empty() {
            url.set_fragment(Some(&fragment.join("&")));
        }
        url.into()
    }

    fn page(&self) -> Url {
        let mut url = self.server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push("r").push(self.room.as_str());
        }
        url
    }
}

impl fmt::Debug for RoomLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for RoomLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.page())
    }
}

impl SpkiHash {
    /// Reads the base64url form.
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The base64url form.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// The WebSocket of the server at `base`.
fn websocket_of(base: &Url) -> Url {
    let mut url = base.clone();
    let scheme = if base.scheme() == "http" { "ws" } else { "wss" };
    // Both pairs are "special" schemes, between which the URL standard allows the change.
    let changed = url.set_scheme(scheme);
    debug_assert!(changed.is_ok());
    url.set_path("/ws");
    url
}

/// Scheme, host and port of `text`.
fn server_url(text: &str) -> Result<Url, BadLink> {
    let mut url = Url::parse(text.trim()).map_err(|_| BadLink::Address)?;
    let host = url.host().ok_or(BadLink::Address)?;
    match url.scheme() {
        "https" => {}
        // What a proxy on this machine would be asked by goes over no network.
        "http" if is_this_machine(&host) => {}
        "http" => return Err(BadLink::Unencrypted),
        _ => return Err(BadLink::Address),
    }
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    url.set_username("").map_err(|()| BadLink::Address)?;
    url.set_password(None).map_err(|()| BadLink::Address)?;
    Ok(url)
}

/// Whether a host is this machine anyone who is asked for it (RFC 6761, section 6.3).
fn is_this_machine(host: &url::Host<&str>) -> bool {
    match host {
        url::Host::Domain(name) => *name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => std::net::IpAddr::from(*address).to_canonical().is_loopback(),
    }
}

fn percent_decode(segment: &str) -> Option<String> {
    // To `form_urlencoded` these three mean something; here they are letters of a name.
    let escaped = segment.replace('+', "%2B").replace('=', "%3D").replace('&', "%26");
    url::form_urlencoded::parse(escaped.as_bytes()).next().map(|(name, _)| name.into_owned())
}
