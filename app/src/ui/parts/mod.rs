//! The pieces that every screen is made of. Each is drawn from tokens, has a name in words for anyone who cannot see
//! it, shows when it has the keyboard, and knows nothing of a call.

mod avatar;
mod banner;
mod button;
mod card;
mod field;
mod graph;
mod hidden;
mod icon_button;
mod logo;
mod meter;
mod picker;
mod row;
mod segments;
mod switch;
mod words;

pub(super) use avatar::paint_avatar;
pub(super) use banner::{Banner, Tone};
pub(super) use button::{Button, focus_ring};
pub(super) use card::{card, section};
pub(super) use field::{Says, field, field_with_id, frame as field_frame};
pub(super) use graph::{Graph, graph};
pub(super) use hidden::Hidden;
pub(super) use icon_button::IconButton;
pub(super) use logo::paint_logo;
pub(super) use meter::meter;
pub(super) use picker::{Pick, menu_item, picker};
pub(super) use row::{row, row_width};
pub(super) use segments::segments;
pub(super) use switch::switch;
pub(super) use words::{Parts, elided};
