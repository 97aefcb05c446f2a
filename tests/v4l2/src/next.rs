//! The C library's own functions behind ours: found once by `dlsym(RTLD_NEXT, ..)`.
//!
//! Owner of: their addresses. Decides nothing.

use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// The next function of this name after ours.
struct Next {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self { name, found: AtomicPtr::new(std::ptr::null_mut()) }
    }

    fn address(&self) -> *mut c_void {
        let mut address = self.found.load(Ordering::Relaxed);
        if address.is_null() {
            // SAFETY: a name that ends with a zero.
            address = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
            if address.is_null() {
                // Without the C library nothing can go on, not even a panic.
                std::process::abort();
            }
            self.found.store(address, Ordering::Relaxed);
        }
        address
    }
}

static OPEN: Next = Next::new(c"open");
static OPEN64: Next = Next::new(c"open64");
static CLOSE: Next = Next::new(c"close");
static POLL: Next = Next::new(c"poll");
static SYSCALL: Next = Next::new(c"syscall");
static OPENDIR: Next = Next::new(c"opendir");
static CLOSEDIR: Next = Next::new(c"closedir");
static READDIR64: Next = Next::new(c"readdir64");

pub(super) unsafe fn open(name: &CStr, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    let next = if name == c"open64" { &OPEN64 } else { &OPEN };
    // SAFETY: the C library's function of that name has these arguments; the caller passes on its own.
    unsafe {
        let open: extern "C" fn(*const c_char, c_int, ...) -> c_int = std::mem::transmute(next.address());
        open(path, flags, mode)
    }
}

pub(super) unsafe fn close(fd: c_int) -> c_int {
    // SAFETY: the C library's function of that name has this argument.
    unsafe {
        let close: extern "C" fn(c_int) -> c_int = std::mem::transmute(CLOSE.address());
        close(fd)
    }
}

pub(super) unsafe fn poll(fds: *mut libc::pollfd, count: libc::nfds_t, timeout: c_int) -> c_int {
    // SAFETY: the C library's function of that name has these arguments; the caller passes on its own.
    unsafe {
        let poll: extern "C" fn(*mut libc::pollfd, libc::nfds_t, c_int) -> c_int = std::mem::transmute(POLL.address());
        poll(fds, count, timeout)
    }
}

pub(super) unsafe fn syscall(number: c_long, [a, b, c, d, e, f]: [c_ulong; 6]) -> c_long {
    // SAFETY: the C library's function takes a number and up to six words; the caller passes on its own.
    unsafe {
        let syscall: extern "C" fn(c_long, ...) -> c_long = std::mem::transmute(SYSCALL.address());
        syscall(number, a, b, c, d, e, f)
    }
}

pub(super) unsafe fn opendir(path: *const c_char) -> *mut c_void {
    // SAFETY: the C library's function of that name has this argument; the caller passes on its own.
    unsafe {
        let opendir: extern "C" fn(*const c_char) -> *mut c_void = std::mem::transmute(OPENDIR.address());
        opendir(path)
    }
}

pub(super) unsafe fn closedir(folder: *mut c_void) -> c_int {
    // SAFETY: the C library's function of that name has this argument; the caller passes on its own.
    unsafe {
        let closedir: extern "C" fn(*mut c_void) -> c_int = std::mem::transmute(CLOSEDIR.address());
        closedir(folder)
    }
}

pub(super) unsafe fn readdir64(folder: *mut c_void) -> *mut libc::dirent64 {
    // SAFETY: the C library's function of that name has this argument; the caller passes on its own.
    unsafe {
        let readdir: extern "C" fn(*mut c_void) -> *mut libc::dirent64 = std::mem::transmute(READDIR64.address());
        readdir(folder)
    }
}
