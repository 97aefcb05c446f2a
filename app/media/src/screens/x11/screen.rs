//! One thing that is shared, as a source of pictures.
//!
//! Owner of: its connection to the display, the pixels of the last look, and what has changed since.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_base::{Picture, ScreenFault, ScreenId};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::composite::{self, Redirect};
use x11rb::protocol::damage::{self, ReportLevel};
use x11rb::protocol::randr::{self, NotifyMask};
use x11rb::protocol::xproto::{ChangeWindowAttributesAux, ConnectionExt as _, EventMask};
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, bgra_to_yuv420};

use super::grabber::{Area, Grabber, PIXEL};
use super::listing::even;
use super::pointer::Pointer;
use super::{Display, OrFault as _};
use crate::screens::ScreenPictures;

/// While nothing changes, the last picture is given again so often: encoders use it to make letters sharp, and who
/// comes late sees something.
const AGAIN: Duration = Duration::from_millis(200);

/// Something that is shared.
pub(in crate::screens) struct Screen {
    pub(super) display: Display,
    id: ScreenId,
    /// Whose changes are told, and where they are collected.
    window: u32,
    damage: u32,
    /// Where it is; nothing while it is hidden.
    place: Option<Place>,
    /// Whether it may be elsewhere, or of another size; whether it has other pixels.
    is_moved: bool,
    is_changed: bool,
    /// The pointer in the last picture.
    pointer: Option<(i16, i16, u32)>,
    grabber: Grabber,
    pixels: Vec<u8>,
    last: Option<(Picture, Instant)>,
}

/// Where something is.
#[derive(Clone, Copy, Debug)]
struct Place {
    area: Area,
    /// Its corner, in the root window.
    corner: (i16, i16),
}

impl Screen {
    /// Opens one of a display's, by the display's name or as the environment names it.
    pub(in crate::screens) fn open(name: Option<&str>, id: ScreenId) -> Result<Self, ScreenFault> {
        let display = Display::connect(name)?;
        let connection = &display.connection;
        let window = if let ScreenId::Window(window) = id { window } else { display.root };
        let told = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        connection.change_window_attributes(window, &told).or_fault()?.check().map_err(|_| ScreenFault::Gone)?;
        if window == display.root {
            let of = NotifyMask::SCREEN_CHANGE | NotifyMask::CRTC_CHANGE | NotifyMask::OUTPUT_CHANGE;
            randr::select_input(connection, window, of).or_fault()?.check().or_fault()?;
        } else {
            // Its pixels are its own then, whatever covers it.
            composite::redirect_window(connection, window, Redirect::AUTOMATIC).or_fault()?.check().or_fault()?;
        }
        let damage = connection.generate_id().or_fault()?;
        damage::create(connection, damage, window, ReportLevel::NON_EMPTY).or_fault()?.check().or_fault()?;
        let mut screen = Self {
            display,
            id,
            window,
            damage,
            place: None,
            is_moved: false,
            is_changed: true,
            pointer: None,
            grabber: Grabber::default(),
            pixels: Vec::new(),
            last: None,
        };
        screen.place = screen.locate()?;
        Ok(screen)
    }

    /// Where it is now; nothing where it is hidden.
    fn locate(&self) -> Result<Option<Place>, ScreenFault> {
        let connection = &self.display.connection;
        let root = self.display.root;
        let place = match self.id {
            ScreenId::Desktop => {
                let whole = connection.get_geometry(root).or_fault()?.reply().or_fault()?;
                place(root, (0, 0), (whole.width, whole.height), (0, 0))
            }
            ScreenId::Monitor(name) => {
                let monitors = randr::get_monitors(connection, root, true).or_fault()?.reply().or_fault()?.monitors;
                let monitor = monitors.iter().find(|one| one.name == name).ok_or(ScreenFault::Gone)?;
                let corner = (monitor.x, monitor.y);
                place(root, corner, (monitor.width, monitor.height), corner)
            }
            ScreenId::Window(window) => {
                let size = connection.get_geometry(window).or_fault()?.reply().map_err(|_| ScreenFault::Gone)?;
                let at = connection.translate_coordinates(window, root, 0, 0).or_fault()?.reply().or_fault()?;
                let pixmap = connection.generate_id().or_fault()?;
                // A hidden window has none.
                let named = composite::name_window_pixmap(connection, window, pixmap).or_fault()?.check();
                let border = i16::try_from(size.border_width).unwrap_or_default();
                let place = place(pixmap, (border, border), (size.width, size.height), (at.dst_x, at.dst_y));
                place.filter(|_| named.is_ok())
            }
        };
        Ok(place)
    }

    /// Takes in what the display has said.
    fn listen(&mut self) -> Result<(), ScreenFault> {
        while let Some(event) = self.display.connection.poll_for_event().or_fault()? {
            if let Event::DamageNotify(_) = event {
                self.is_changed = true;
            } else if let Event::DestroyNotify(gone) = event {
                if gone.window == self.window {
                    return Err(ScreenFault::Gone);
                }
            } else {
                self.is_moved |= matches!(
                    event,
                    Event::ConfigureNotify(_)
                        | Event::MapNotify(_)
                        | Event::UnmapNotify(_)
                        | Event::RandrScreenChangeNotify(_)
                        | Event::RandrNotify(_)
                );
            }
        }
        Ok(())
    }

    fn relocate(&mut self) -> Result<(), ScreenFault> {
        let old = self.place.take();
        if let (ScreenId::Window(_), Some(old)) = (self.id, old) {
            self.display.connection.free_pixmap(old.area.drawable).or_fault()?;
        }
        self.place = self.locate()?;
        (self.is_moved, self.is_changed) = (false, true);
        Ok(())
    }

    /// Takes a picture; nothing where it has just changed its place.
    fn take(&mut self, place: Place, pointer: &Pointer, now: Instant) -> Result<Option<Picture>, ScreenFault> {
        // First: what changes while it is taken is news again.
        damage::subtract(&self.display.connection, self.damage, x11rb::NONE, x11rb::NONE).or_fault()?;
        self.is_changed = false;
        if let Err(error) = self.grabber.grab(&self.display, place.area, &mut self.pixels) {
            tracing::debug!(%error, "a screen that moves");
            self.is_moved = true;
            return Ok(None);
        }
        if place.holds(pointer) {
            pointer.draw(place.area, place.corner, &mut self.pixels);
        }
        picture(place.area, &self.pixels, now).map(Some)
    }
}

impl ScreenPictures for Screen {
    fn look(&mut self, now: Instant) -> Result<Option<Picture>, ScreenFault> {
        self.listen()?;
        if self.is_moved {
            self.relocate()?;
        }
        if let Some(place) = self.place {
            let pointer = Pointer::look(&self.display)?;
            let mark = place.holds(&pointer).then(|| pointer.mark());
            if (self.is_changed || mark != self.pointer)
                && let Some(picture) = self.take(place, &pointer, now)?
            {
                (self.pointer, self.last) = (mark, Some((picture.clone(), now)));
                return Ok(Some(picture));
            }
        }
        let is_old = |at: &Instant| now.saturating_duration_since(*at) >= AGAIN;
        let Some((picture, at)) = self.last.as_mut().filter(|(_, at)| is_old(at)) else { return Ok(None) };
        (picture.captured, *at) = (now, now);
        Ok(Some(picture.clone()))
    }
}

impl Place {
    /// Whether the pointer's place is in it.
    fn holds(&self, pointer: &Pointer) -> bool {
        let (x, y, _) = pointer.mark();
        let (left, top) = (i32::from(self.corner.0), i32::from(self.corner.1));
        (left..left + i32::from(self.area.width)).contains(&i32::from(x))
            && (top..top + i32::from(self.area.height)).contains(&i32::from(y))
    }
}

/// A part of a drawable, in even sides; nothing where it has none.
fn place(drawable: u32, (x, y): (i16, i16), (width, height): (u16, u16), corner: (i16, i16)) -> Option<Place> {
    let resolution = even(width, height)?;
    let (width, height) = (u16::try_from(resolution.width).ok()?, u16::try_from(resolution.height).ok()?);
    Some(Place { area: Area { drawable, x, y, width, height }, corner })
}

fn picture(area: Area, pixels: &[u8], now: Instant) -> Result<Picture, ScreenFault> {
    let odd = || ScreenFault::Refused("a picture of odd size".to_owned());
    let resolution = even(area.width, area.height).ok_or_else(odd)?;
    let luma = resolution.area();
    let mut planes: Arc<[u8]> = std::iter::repeat_n(0, luma * 3 / 2).collect();
    let (y, chroma) = Arc::get_mut(&mut planes).ok_or_else(odd)?.split_at_mut(luma);
    let (u, v) = chroma.split_at_mut(luma / 4);
    let (width, height) = (resolution.width, resolution.height);
    let mut target = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: width / 2,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: width / 2,
        width,
        height,
    };
    let (range, matrix, mode) = (YuvRange::Limited, YuvStandardMatrix::Bt601, YuvConversionMode::Balanced);
    bgra_to_yuv420(&mut target, pixels, width * PIXEL as u32, range, matrix, mode)
        .map_err(|error| ScreenFault::Refused(error.to_string()))?;
    Picture::new(resolution, planes, now).map_err(|_| odd())
}
