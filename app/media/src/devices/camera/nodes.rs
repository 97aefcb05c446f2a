//! Which cameras there are, and which of them is meant.
//!
//! Owns nothing. On V4L2 the nodes are read here: the library's own list holds nodes without pictures, and it panics on a
//! node whose name has no number.

use std::fs;

use hearth_base::{DeviceChoice, DeviceEntry, DeviceFault, DeviceId};
use nokhwa::utils::{ApiBackend, CameraIndex};

/// More than anybody has.
const CAMERAS: usize = 32;

/// The cameras, in the system's order; the first is what it would take.
pub(in crate::devices) fn list() -> Vec<DeviceEntry> {
    cameras().into_iter().map(|(_, entry)| entry).collect()
}

/// The camera that is meant. A named one is known by its name again when it comes back as another number.
pub(super) fn find(choice: &DeviceChoice) -> Result<(CameraIndex, DeviceEntry), DeviceFault> {
    let mut cameras = cameras();
    let at = match choice {
        DeviceChoice::Named(id) => {
            let exact = cameras.iter().position(|(_, entry)| entry.id == *id);
            exact.or_else(|| cameras.iter().position(|(_, entry)| model(&entry.id) == model(id)))
        }
        DeviceChoice::Off | DeviceChoice::Default | DeviceChoice::Test => Some(0),
    };
    at.filter(|at| *at < cameras.len()).map(|at| cameras.swap_remove(at)).ok_or(DeviceFault::NoDevice)
}

/// What stands before the number.
fn model(DeviceId(id): &DeviceId) -> &str {
    id.rsplit_once('#').map_or(id, |(model, _)| model)
}

fn cameras() -> Vec<(CameraIndex, DeviceEntry)> {
    let found = match nokhwa::native_api_backend() {
        Some(ApiBackend::Video4Linux) => nodes(),
        Some(backend) => asked(backend),
        None => Vec::new(),
    };
    let entry = |(at, (index, name)): (usize, (CameraIndex, String))| {
        let id = DeviceId(format!("{name}#{index}"));
        (index, DeviceEntry { id, name, is_default: at == 0 })
    };
    found.into_iter().take(CAMERAS).enumerate().map(entry).collect()
}

fn asked(backend: ApiBackend) -> Vec<(CameraIndex, String)> {
    let cameras = nokhwa::query(backend).unwrap_or_default();
    cameras.into_iter().map(|camera| (camera.index().clone(), camera.human_name())).collect()
}

/// The nodes of V4L2 that have pictures. A camera's other nodes (metadata) come behind its first.
fn nodes() -> Vec<(CameraIndex, String)> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_prefix("video")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = entries.filter_map(number).collect();
    numbers.sort_unstable();
    let attribute = |number: u32, name: &str| {
        let read = fs::read_to_string(format!("/sys/class/video4linux/video{number}/{name}"));
        read.ok().map(|text| text.trim().to_owned())
    };
    let first = |number: &u32| attribute(*number, "index").is_none_or(|index| index == "0");
    let named = |number: u32| {
        let name = attribute(number, "name").filter(|name| !name.is_empty());
        (CameraIndex::Index(number), name.unwrap_or_else(|| format!("video{number}")))
    };
    numbers.into_iter().filter(first).map(named).collect()
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
