//! Which cameras there are, and which of them is meant.
//!
//! Owns nothing.

use hearth_base::{DeviceChoice, DeviceEntry, DeviceId};

use super::system::{self, Index};

/// More than anybody has.
const CAMERAS: usize = 32;

/// The cameras, in the system's order; the first is what it would take.
pub(in crate::devices) fn list() -> Vec<DeviceEntry> {
    cameras().into_iter().map(|(_, entry)| entry).collect()
}

/// The cameras that are meant, in the order in which they are tried. A named one is known by its name again when it
/// comes back as another number; of those that were not chosen any will do.
pub(super) fn meant(choice: &DeviceChoice) -> Vec<(Index, DeviceEntry)> {
    let mut cameras = cameras();
    if let DeviceChoice::Named(id) = choice {
        let exact = cameras.iter().position(|(_, entry)| entry.id == *id);
        let at = exact.or_else(|| cameras.iter().position(|(_, entry)| model(&entry.id) == model(id)));
        return at.map(|at| cameras.swap_remove(at)).into_iter().collect();
    }
    cameras
}

/// What is before the number.
fn model(DeviceId(id): &DeviceId) -> &str {
    id.rsplit_once('#').map_or(id, |(model, _)| model)
}

fn cameras() -> Vec<(Index, DeviceEntry)> {
    let entry = |(at, (index, name)): (usize, (Index, String))| {
        let id = DeviceId(format!("{name}#{index}"));
        (index, DeviceEntry { id, name, is_default: at == 0, is_monitor: false })
    };
    system::cameras().into_iter().take(CAMERAS).enumerate().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_known_without_its_number() {
        assert_eq!(model(&DeviceId("Webcam #2#0".into())), "Webcam #2");
        assert_eq!(model(&DeviceId("Webcam".into())), "Webcam");
    }
}
