//! Which monitors and windows there are.

use hearth_base::Resolution;
use x11rb::protocol::randr;
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, MapState, WindowClass};

use super::{Display, OrFault as _};
use hearth_base::{ScreenEntry, ScreenFault, ScreenId};

/// Windows that are listed at most; nobody has more, and each costs a round trip.
const WINDOWS: usize = 100;
/// Longest name, in units of four bytes.
const NAME: u32 = 64;
/// Smaller windows are none that anybody would share: panels, trays, tooltips.
const SMALLEST: u16 = 48;

/// What can be shared of a display; of one that Wayland lends (`is_lent`), windows alone.
pub(in crate::screens) fn list(name: Option<&str>, is_lent: bool) -> Result<Vec<ScreenEntry>, ScreenFault> {
    let display = Display::connect(name)?;
    let mut entries = if is_lent { Vec::new() } else { display.monitors()? };
    if entries.len() > 1 {
        entries.extend(display.desktop()?);
    }
    for window in display.windows()?.into_iter().take(WINDOWS) {
        // One that has gone since is none.
        entries.extend(display.window(window).ok().flatten());
    }
    if is_lent && entries.is_empty() {
        return Err(ScreenFault::NoDisplay("Wayland, and no window of X11".to_owned()));
    }
    Ok(entries)
}

impl Display {
    fn monitors(&self) -> Result<Vec<ScreenEntry>, ScreenFault> {
        let monitors = randr::get_monitors(&self.connection, self.root, true).or_fault()?.reply().or_fault()?.monitors;
        let mut entries = Vec::new();
        for monitor in &monitors {
            let name = self.connection.get_atom_name(monitor.name).or_fault()?.reply().or_fault()?.name;
            let name = String::from_utf8_lossy(&name).into_owned();
            let id = ScreenId::Monitor(monitor.name);
            entries.extend(even(monitor.width, monitor.height).map(|resolution| ScreenEntry { id, name, resolution }));
        }
        Ok(entries)
    }

    /// All monitors together; it has no name of its own.
    fn desktop(&self) -> Result<Option<ScreenEntry>, ScreenFault> {
        let whole = self.connection.get_geometry(self.root).or_fault()?.reply().or_fault()?;
        let (id, name) = (ScreenId::Desktop, "desktop".to_owned());
        Ok(even(whole.width, whole.height).map(|resolution| ScreenEntry { id, name, resolution }))
    }

    /// The windows of people's programs, the topmost first: as the window manager lists them; without one, all that are
    /// shown.
    fn windows(&self) -> Result<Vec<u32>, ScreenFault> {
        let list = self.atoms._NET_CLIENT_LIST_STACKING;
        let listed = self
            .connection
            .get_property(false, self.root, list, AtomEnum::WINDOW, 0, WINDOWS as u32)
            .or_fault()?
            .reply()
            .or_fault()?;
        let mut windows: Vec<u32> = match listed.value32() {
            Some(windows) => windows.collect(),
            None => self.connection.query_tree(self.root).or_fault()?.reply().or_fault()?.children,
        };
        windows.reverse();
        Ok(windows)
    }

    fn window(&self, window: u32) -> Result<Option<ScreenEntry>, ScreenFault> {
        let attributes = self.connection.get_window_attributes(window).or_fault()?.reply().or_fault()?;
        let is_shown = attributes.map_state == MapState::VIEWABLE && attributes.class == WindowClass::INPUT_OUTPUT;
        let geometry = self.connection.get_geometry(window).or_fault()?.reply().or_fault()?;
        let is_small = geometry.width < SMALLEST || geometry.height < SMALLEST;
        let name = self.name(window)?;
        if !is_shown || is_small || name.is_empty() {
            return Ok(None);
        }
        let id = ScreenId::Window(window);
        Ok(even(geometry.width, geometry.height).map(|resolution| ScreenEntry { id, name, resolution }))
    }

    fn name(&self, window: u32) -> Result<String, ScreenFault> {
        let read = |property: u32, kind: u32| -> Result<Vec<u8>, ScreenFault> {
            Ok(self
                .connection
                .get_property(false, window, property, kind, 0, NAME)
                .or_fault()?
                .reply()
                .or_fault()?
                .value)
        };
        let mut name = read(self.atoms._NET_WM_NAME, self.atoms.UTF8_STRING)?;
        if name.is_empty() {
            name = read(AtomEnum::WM_NAME.into(), AtomEnum::STRING.into())?;
        }
        Ok(String::from_utf8_lossy(&name).trim().to_owned())
    }
}

/// A size without its last column or row, where their number is odd.
pub(super) fn even(width: u16, height: u16) -> Option<Resolution> {
    Resolution::new(u32::from(width & !1), u32::from(height & !1))
}
