//! A camera for tests: loaded into a program by `LD_PRELOAD`, it answers for `/dev/video0`.
//!
//! These are the C library's functions that a V4L2 program calls; whatever does not concern the camera goes on to the C
//! library. Owner of: the descriptors handed out. What the camera is and does is [`camera`]'s. How to use it:
//! README.md.
#![expect(unsafe_code, reason = "this library stands in the C library's place: its callers and its callees are C")]

mod camera;
mod drawing;
mod jpeg;
mod next;
mod setting;

use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard};

use camera::{Camera, Wait};
use setting::{INFRARED, Mode, Setting};

/// The camera, once it was opened; one opening at a time, as nokhwa does it.
static CAMERA: Mutex<Option<Camera>> = Mutex::new(None);
/// Its descriptor, or -1: asked before the lock, because what is done under the lock opens and closes files too.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(-1);
/// The folder stream that shows `/dev`, while one is open.
static DEV: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
/// How many entries of ours it has shown.
static SHOWN: AtomicU8 = AtomicU8::new(0);

/// What `/dev` has besides its own: the camera, a node without pictures, and a name without a number.
const NODES: [&CStr; 3] = [c"video0", c"video1", c"videocodec"];
/// The same where `video0` is an infrared camera.
const NODES_WITH_INFRARED: [&CStr; 3] = [c"video0", c"video1", c"video2"];

fn camera() -> MutexGuard<'static, Option<Camera>> {
    CAMERA.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn is_camera(fd: c_int) -> bool {
    fd >= 0 && fd == DESCRIPTOR.load(Ordering::Acquire)
}

fn fail(errno: c_int) -> c_int {
    // SAFETY: the C library's own place for this thread's error number.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// `open`.
///
/// # Safety
/// As of the C library's: `path` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller promises what `open` asks for.
    unsafe { open_any(path, flags, mode, c"open") }
}

/// `open64`.
///
/// # Safety
/// As of the C library's: `path` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller promises what `open64` asks for.
    unsafe { open_any(path, flags, mode, c"open64") }
}

unsafe fn open_any(path: *const c_char, flags: c_int, mode: c_uint, name: &CStr) -> c_int {
    // SAFETY: the caller promises that the path ends with a zero.
    let wanted = unsafe { CStr::from_ptr(path) }.to_bytes();
    match wanted {
        b"/dev/video0" => open_camera(Setting::read().odd.infrared),
        b"/dev/video2" if Setting::read().odd.infrared => open_camera(false),
        b"/sys/class/video4linux/video0/name" if Setting::read().odd.infrared => text("Infrared"),
        b"/sys/class/video4linux/video0/name" | b"/sys/class/video4linux/video2/name" => text(&Setting::read().name),
        b"/sys/class/video4linux/video0/index" | b"/sys/class/video4linux/video2/index" => text("0"),
        b"/sys/class/video4linux/video1/name" => text(&Setting::read().name),
        b"/sys/class/video4linux/video1/index" => text("1"),
        // SAFETY: these are the caller's own arguments.
        _ => unsafe { next::open(name, path, flags, mode) },
    }
}

fn open_camera(is_infrared: bool) -> c_int {
    let mut setting = Setting::read();
    if is_infrared {
        setting.formats = vec![INFRARED];
    }
    match setting.mode() {
        Mode::Denied => return fail(libc::EACCES),
        Mode::Unplugged => return fail(libc::ENOENT),
        Mode::On | Mode::Stalled | Mode::Busy | Mode::Broken => {}
    }
    // SAFETY: a name that ends with a zero, and no flags.
    let fd = unsafe { libc::memfd_create(c"video0".as_ptr(), 0) };
    if fd >= 0 {
        *camera() = Some(Camera::new(fd, setting));
        DESCRIPTOR.store(fd, Ordering::Release);
    }
    fd
}

/// A file that holds `text`.
fn text(text: &str) -> c_int {
    // SAFETY: a name that ends with a zero; then bytes that are there, into a descriptor that is ours.
    unsafe {
        let fd = libc::memfd_create(c"attribute".as_ptr(), 0);
        libc::write(fd, text.as_ptr().cast(), text.len());
        libc::lseek(fd, 0, libc::SEEK_SET);
        fd
    }
}

/// `close`.
///
/// # Safety
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    if is_camera(fd) {
        DESCRIPTOR.store(-1, Ordering::Release);
        *camera() = None;
    }
    // SAFETY: the caller's own argument.
    unsafe { next::close(fd) }
}

/// `poll`.
///
/// # Safety
/// As of the C library's: `fds` points to `count` entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn poll(fds: *mut libc::pollfd, count: libc::nfds_t, timeout: c_int) -> c_int {
    // SAFETY: the caller promises that there are as many entries as it says.
    if count == 1 && is_camera(unsafe { (*fds).fd }) {
        // SAFETY: as above.
        return wait(unsafe { &mut *fds }, timeout);
    }
    // SAFETY: the caller's own arguments.
    unsafe { next::poll(fds, count, timeout) }
}

/// Waits for a picture, at most `timeout` milliseconds; for ever when that is negative.
fn wait(entry: &mut libc::pollfd, timeout: c_int) -> c_int {
    let mut left = timeout;
    loop {
        let step = camera().as_mut().map_or(Wait::Gone, Camera::wait);
        match step {
            Wait::Ready => entry.revents = libc::POLLIN,
            Wait::Gone => entry.revents = libc::POLLERR | libc::POLLHUP,
            Wait::Millis(_) if left == 0 => return 0,
            Wait::Millis(millis) => {
                let millis = if left < 0 { millis } else { millis.min(left) };
                // SAFETY: no entries to look at: it only waits.
                unsafe { next::poll(std::ptr::null_mut(), 0, millis) };
                left = if left < 0 { left } else { left - millis };
                continue;
            }
        }
        return 1;
    }
}

/// `syscall`: programs reach `ioctl` by this where its type differs between platforms.
///
/// # Safety
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(
    number: c_long,
    a: c_ulong,
    b: c_ulong,
    c: c_ulong,
    d: c_ulong,
    e: c_ulong,
    f: c_ulong,
) -> c_long {
    if number == libc::SYS_ioctl && is_camera(a as c_int) {
        let size = (b as usize >> 16) & 0x3fff;
        // SAFETY: the request's number says how many bytes the caller's argument has, in words of four.
        let words = unsafe { std::slice::from_raw_parts_mut(c as *mut u32, size / 4) };
        let answer = camera().as_mut().map(|camera| camera.handle_request(b as u32 & 0xff, words));
        return match answer {
            Some(Ok(())) => 0,
            Some(Err(errno)) => fail(errno).into(),
            None => fail(libc::EBADF).into(),
        };
    }
    // SAFETY: the caller's own arguments.
    unsafe { next::syscall(number, [a, b, c, d, e, f]) }
}

/// `opendir`.
///
/// # Safety
/// As of the C library's: `path` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opendir(path: *const c_char) -> *mut c_void {
    // SAFETY: the caller's own argument, here and below.
    let folder = unsafe { next::opendir(path) };
    // SAFETY: as above.
    if unsafe { CStr::from_ptr(path) } == c"/dev" && !folder.is_null() {
        SHOWN.store(0, Ordering::Relaxed);
        DEV.store(folder, Ordering::Relaxed);
    }
    folder
}

/// `closedir`.
///
/// # Safety
/// As of the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn closedir(folder: *mut c_void) -> c_int {
    // Another folder may get the same address.
    let _ours = DEV.compare_exchange(folder, std::ptr::null_mut(), Ordering::Relaxed, Ordering::Relaxed);
    // SAFETY: the caller's own argument.
    unsafe { next::closedir(folder) }
}

/// `readdir64`.
///
/// # Safety
/// As of the C library's: `folder` came from `opendir`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdir64(folder: *mut c_void) -> *mut libc::dirent64 {
    // SAFETY: the caller's own argument.
    let entry = unsafe { next::readdir64(folder) };
    let gone = Setting::read().mode() == Mode::Unplugged;
    if !entry.is_null() || folder != DEV.load(Ordering::Relaxed) || gone {
        return entry;
    }
    let nodes = if Setting::read().odd.infrared { NODES_WITH_INFRARED } else { NODES };
    let Some(name) = nodes.get(usize::from(SHOWN.fetch_add(1, Ordering::Relaxed))) else { return entry };
    // Never freed, as little as there is: it must outlive this call, and nobody else says how long.
    let shown = Box::leak(Box::new(empty_entry()));
    for (to, from) in shown.d_name.iter_mut().zip(name.to_bytes_with_nul()) {
        *to = *from as c_char;
    }
    shown
}

fn empty_entry() -> libc::dirent64 {
    // SAFETY: numbers and characters, for which zero is a value.
    let mut entry: libc::dirent64 = unsafe { std::mem::zeroed() };
    entry.d_ino = 1;
    entry.d_reclen = size_of::<libc::dirent64>() as u16;
    entry.d_type = libc::DT_CHR;
    entry
}
