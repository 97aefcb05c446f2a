//! Which devices there are, for anyone who looks at the settings where no room has any open.
//!
//! Owner of: the thread that looks, as long as somebody wants to know.

use std::sync::Arc;

use hearth_base::DeviceLists;
use hearth_media::devices::DeviceList;
use tokio::sync::Notify;

/// Looks, or does not.
#[derive(Default)]
pub(super) struct Looking {
    list: Option<DeviceList>,
    lists: DeviceLists,
    news: Arc<Notify>,
}

impl Looking {
    /// Begins or ends it. What was seen is forgotten with it: it may be another machine by the next time.
    pub(super) fn set(&mut self, wanted: bool) {
        if wanted == self.list.is_some() {
            return;
        }
        self.lists = DeviceLists::default();
        self.list = None;
        if wanted {
            let news = self.news.clone();
            let started = DeviceList::spawn(move || news.notify_one());
            self.list = started.inspect_err(|error| tracing::warn!(%error, "devices are not looked for")).ok();
        }
    }

    /// Waits until there are others.
    pub(super) async fn changed(&self) {
        self.news.notified().await;
    }

    /// What was found last.
    pub(super) fn lists(&mut self) -> &DeviceLists {
        if let Some(newer) = self.list.as_ref().and_then(DeviceList::take) {
            self.lists = newer;
        }
        &self.lists
    }
}
