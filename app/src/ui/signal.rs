//! How the connection to somebody stands, as a picture and a word. Pure: what is done with them is for who draws.

use std::borrow::Cow;

use hearth_call::Route;
use rust_i18n::t;

use super::icons::{self, Icon};
use crate::view::Quality;

/// The picture.
pub(super) fn icon(quality: Quality) -> Icon {
    match quality {
        Quality::Connecting => icons::WAITING,
        Quality::Good(Route::Direct) => icons::DIRECT,
        Quality::Good(Route::Relayed) => icons::RELAYED,
        Quality::Poor(_) => icons::POOR,
        Quality::Lost => icons::LOST,
    }
}

/// The word.
pub(super) fn word(quality: Quality) -> Cow<'static, str> {
    match quality {
        Quality::Connecting => t!("ui.people.connecting"),
        Quality::Good(Route::Direct) => t!("ui.people.direct"),
        Quality::Good(Route::Relayed) => t!("ui.people.relayed"),
        Quality::Poor(Route::Direct) => t!("ui.people.poor_direct"),
        Quality::Poor(Route::Relayed) => t!("ui.people.poor_relayed"),
        Quality::Lost => t!("ui.people.lost"),
    }
}
