//! The guest page, as it lies in the binary.
//!
//! Bytes only; nothing is read from disk while the server runs.

/// A file of the guest page.
pub(super) struct Asset {
    pub(super) content_type: &'static str,
    pub(super) body: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The page itself.
pub(super) const INDEX: Asset = Asset { content_type: HTML, body: include_str!("../../web/index.html") };

/// The file `name` under `/assets/`.
pub(super) fn asset(name: &str) -> Option<Asset> {
    let (content_type, body) = match name {
        "style.css" => (CSS, include_str!("../../web/style.css")),
        "icon.svg" => (SVG, include_str!("../../web/icon.svg")),
        "app.js" => (SCRIPT, include_str!("../../web/app.js")),
        "call.js" => (SCRIPT, include_str!("../../web/call.js")),
        "chat.js" => (SCRIPT, include_str!("../../web/chat.js")),
        "devices.js" => (SCRIPT, include_str!("../../web/devices.js")),
        "dom.js" => (SCRIPT, include_str!("../../web/dom.js")),
        "link.js" => (SCRIPT, include_str!("../../web/link.js")),
        "signalling.js" => (SCRIPT, include_str!("../../web/signalling.js")),
        "peer.js" => (SCRIPT, include_str!("../../web/peer.js")),
        "tiles.js" => (SCRIPT, include_str!("../../web/tiles.js")),
        "words.js" => (SCRIPT, include_str!("../../web/words.js")),
        _ => return None,
    };
    Some(Asset { content_type, body })
}
