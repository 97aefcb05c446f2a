//! System packages that a command needs, and how they come: by apt on Debian and its kin, by hand elsewhere.
//!
//! What is there is found by looking for the program or the library, so that one installed by other means counts.
//! Nothing is removed or upgraded.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::steps;

/// A package of the system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name in Debian.
    name: &'static str,
    /// By what it is found.
    mark: Mark,
    /// What it is for.
    why: &'static str,
}

/// By what a package is found.
#[derive(Debug, PartialEq, Eq)]
enum Mark {
    /// A program.
    Program(&'static str),
    /// A library, or a module or plugin: its file's name, to which numbers may be added where a name ends with `*`.
    Library(&'static [&'static str]),
}

use Mark::{Library, Program};

const CMAKE: Package = Package { name: "cmake", mark: Program("cmake"), why: "builds Opus, the sound codec" };
const NASM: Package =
    Package { name: "nasm", mark: Program("nasm"), why: "assembles the fast parts of OpenH264, the video codec" };
const CHROMIUM: Package =
    Package { name: "chromium", mark: Program("chromium"), why: "is the guest in the end-to-end tests" };
const CHROMEDRIVER: Package =
    Package { name: "chromium-driver", mark: Program("chromedriver"), why: "drives that guest" };
const FIREFOX: Package =
    Package { name: "firefox-esr", mark: Program("firefox-esr"), why: "is another guest there, without H.264" };
const PEBBLE: Package =
    Package { name: "pebble", mark: Program("pebble"), why: "is the authority that the server asks for a certificate" };
const COTURN: Package = Package {
    name: "coturn",
    mark: Program("turnutils_uclient"),
    why: "has the clients that judge the relay; its server is not started",
};
const ESPEAK: Package =
    Package { name: "espeak-ng", mark: Program("espeak-ng"), why: "speaks, for a benchmark of what is understood" };
const NPM: Package = Package {
    name: "npm",
    mark: Program("npm"),
    why: "gets SimpleWebRTC, and peers that the end-to-end tests call with",
};
const VENV: Package =
    Package { name: "python3-venv", mark: Library(&["ensurepip"]), why: "keeps aiortc, a peer in those tests, apart" };
const GSTREAMER: Package = Package {
    name: "gstreamer1.0-tools",
    mark: Program("gst-launch-1.0"),
    why: "encodes and decodes for a peer there that has no codecs",
};
const GSTREAMER_BASE: Package =
    Package { name: "gstreamer1.0-plugins-base", mark: Library(&["libgstopus.so"]), why: "has Opus for those peers" };
const GSTREAMER_GOOD: Package =
    Package { name: "gstreamer1.0-plugins-good", mark: Library(&["libgstvpx.so"]), why: "has VP8 for them" };
const GSTREAMER_BAD: Package = Package {
    name: "gstreamer1.0-plugins-bad",
    mark: Library(&["libgstwebrtc.so"]),
    why: "is webrtcbin, another of them, and has H.264",
};
const GSTREAMER_NICE: Package =
    Package { name: "gstreamer1.0-nice", mark: Library(&["libgstnice.so"]), why: "finds paths for webrtcbin" };
const WEBRTCBIN: Package = Package {
    name: "gir1.2-gst-plugins-bad-1.0",
    mark: Library(&["GstWebRTC-1.0.typelib"]),
    why: "tells Python of webrtcbin",
};
const PYTHON_GI: Package = Package { name: "python3-gi", mark: Library(&["gi"]), why: "drives webrtcbin from Python" };
const PYTHON_WEBSOCKETS: Package = Package {
    name: "python3-websockets",
    mark: Library(&["websockets"]),
    why: "is how webrtcbin's peer reaches the server",
};
const PYTHON_CRYPTOGRAPHY: Package =
    Package { name: "python3-cryptography", mark: Library(&["cryptography"]), why: "compares that server's key" };
const FAKETIME: Package = Package {
    name: "faketime",
    mark: Program("faketime"),
    why: "sets the clock of a server while it runs, for that server alone",
};
const NGINX: Package = Package {
    name: "nginx",
    mark: Program("nginx"),
    why: "is the reverse proxy in front of a server in tests; its own service is not started",
};
const IPROUTE: Package =
    Package { name: "iproute2", mark: Program("ip"), why: "builds the networks that the end-to-end tests run in" };
const NFTABLES: Package =
    Package { name: "nftables", mark: Program("nft"), why: "closes those networks towards everything else" };

const PKG_CONFIG: Package =
    Package { name: "pkg-config", mark: Program("pkg-config"), why: "finds the system's libraries" };
const ALSA: Package = Package {
    name: "libasound2-dev",
    mark: Library(&["libasound.so"]),
    why: "plays sound where there is no sound server",
};
const VPX: Package = Package {
    name: "libvpx-dev",
    mark: Library(&["libvpx.so"]),
    why: "is VP8, the video codec that every browser has",
};
const CLANG: Package = Package {
    name: "libclang-dev",
    mark: Library(&["libclang.so*", "libclang-1*"]),
    why: "reads the system's descriptions of cameras and of libvpx",
};
const PULSEAUDIO: Package = Package {
    name: "pulseaudio",
    mark: Program("pulseaudio"),
    why: "is the sound server in the tests of microphone and speaker",
};

const EGL: Package = Package { name: "libegl1", mark: Library(&["libEGL.so.1"]), why: "draws the window" };
const GL: Package = Package { name: "libgl1", mark: Library(&["libGL.so.1"]), why: "draws the window" };
const DRI: Package = Package {
    name: "libgl1-mesa-dri",
    mark: Library(&["libgallium*", "libglapi.so.0"]),
    why: "draws the window where there is no graphics card",
};
const XKB: Package =
    Package { name: "libxkbcommon-x11-0", mark: Library(&["libxkbcommon-x11.so.0"]), why: "reads the keyboard" };
const XCURSOR: Package =
    Package { name: "libxcursor1", mark: Library(&["libXcursor.so.1"]), why: "shows the mouse over the window" };
const XINPUT: Package = Package { name: "libxi6", mark: Library(&["libXi.so.6"]), why: "reads the mouse" };
const XRANDR: Package = Package { name: "libxrandr2", mark: Library(&["libXrandr.so.2"]), why: "finds the screens" };
const VULKAN: Package = Package {
    name: "mesa-vulkan-drivers",
    mark: Library(&["libvulkan_lvp.so"]),
    why: "draws the window's pictures that tests compare",
};
const ALSA_PLUGINS: Package = Package {
    name: "libasound2-plugins",
    mark: Library(&["libasound_module_pcm_pulse.so"]),
    why: "leads from ALSA to the sound server, past which no test may get",
};
const XVFB: Package = Package { name: "xvfb", mark: Program("Xvfb"), why: "is the screen of the end-to-end tests" };
const OPENBOX: Package = Package { name: "openbox", mark: Program("openbox"), why: "moves the windows on that screen" };
const XDOTOOL: Package =
    Package { name: "xdotool", mark: Program("xdotool"), why: "is the hand on mouse and keyboard there" };
const XCLIP: Package = Package { name: "xclip", mark: Program("xclip"), why: "reads what a test has copied there" };
const IMAGEMAGICK: Package =
    Package { name: "imagemagick", mark: Program("import"), why: "takes the pictures of that screen" };
const DESKTOP_FILES: Package = Package {
    name: "desktop-file-utils",
    mark: Program("desktop-file-validate"),
    why: "checks the package's desktop entry",
};
const APPSTREAM: Package =
    Package { name: "appstream", mark: Program("appstreamcli"), why: "checks what the package says of itself" };

const GIO: Package =
    Package { name: "libglib2.0-bin", mark: Program("gio"), why: "starts the installed package as a desktop does" };
const ATSPI: Package = Package {
    name: "at-spi2-core",
    mark: Library(&["at-spi-bus-launcher"]),
    why: "tells the end-to-end tests where buttons are, as it tells a screen reader",
};
const DBUS: Package =
    Package { name: "dbus-daemon", mark: Program("dbus-daemon"), why: "carries what buttons say of themselves" };

/// What a build needs beyond git, build-essential and Rust.
const BUILD: &[Package] = &[CMAKE, NASM, PKG_CONFIG, ALSA, VPX, CLANG];
/// What the window needs.
const WINDOW: &[Package] = &[EGL, GL, DRI, XKB, XCURSOR, XINPUT, XRANDR];
/// What it takes to run the client.
pub(crate) const RUN: &[&[Package]] = &[BUILD, WINDOW];
/// What it takes to package it.
pub(crate) const PACKAGE: &[&[Package]] = &[BUILD, &[DESKTOP_FILES, APPSTREAM]];
/// What says something in a benchmark.
pub(crate) const SPEECH: &[&[Package]] = &[&[ESPEAK]];
/// What the tests need.
pub(crate) const TEST: &[&[Package]] = &[
    BUILD,
    WINDOW,
    &[
        PULSEAUDIO,
        ALSA_PLUGINS,
        CHROMIUM,
        CHROMEDRIVER,
        FIREFOX,
        PEBBLE,
        COTURN,
        NGINX,
        NPM,
        FAKETIME,
        IPROUTE,
        NFTABLES,
    ],
    &[VENV, GSTREAMER, GSTREAMER_BASE, GSTREAMER_GOOD, GSTREAMER_BAD, GSTREAMER_NICE],
    &[WEBRTCBIN, PYTHON_GI, PYTHON_WEBSOCKETS, PYTHON_CRYPTOGRAPHY],
    &[VULKAN, XVFB, OPENBOX, ATSPI, DBUS, XDOTOOL, XCLIP, IMAGEMAGICK, DESKTOP_FILES, APPSTREAM, GIO],
];

/// Folders of programs; those for administrators are in nobody else's PATH.
fn folders() -> Vec<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(Into::into)).collect()
}

/// Whether a program is installed.
pub(crate) fn has_program(name: &str) -> bool {
    folders().iter().any(|folder| folder.join(name).is_file())
}

/// Folders below one of libraries that are looked into as well: plugins of ALSA, plugins and descriptions of GStreamer,
/// modules of Python.
const BELOW: [&str; 4] = ["alsa-lib", "gstreamer-1.0", "girepository-1.0", "dist-packages"];

/// Whether a library is installed, in any folder where the system keeps them.
fn has_library(names: &[&str]) -> bool {
    let below = |folder: &str| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let versions = below("/usr/lib").map(|folder| match folder.file_name().and_then(|name| name.to_str()) {
        Some(name) if name.starts_with("llvm-") => folder.join("lib"),
        _ => folder,
    });
    let folders = versions.chain(["/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local/lib"].map(PathBuf::from));
    let folders = folders.flat_map(|folder| BELOW.map(|name| folder.join(name)).into_iter().chain([folder]));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    files.filter_map(|file| file.file_name().into_string().ok()).any(|file| {
        names.iter().any(|name| name.strip_suffix('*').map_or(file == *name, |start| file.starts_with(start)))
    })
}

fn is_there(package: &Package) -> bool {
    match package.mark {
        Program(name) => has_program(name),
        Library(names) => has_library(names),
    }
}

/// Sees to it that `packages` are there.
pub(crate) fn ensure(packages: &'static [&'static [Package]]) -> Outcome<()> {
    let missing: Vec<&Package> = packages.iter().copied().flatten().filter(|package| !is_there(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    println!("Missing on this system:");
    for package in &missing {
        println!("  {:16} {}", package.name, package.why);
    }
    if !Path::new("/etc/debian_version").exists() || !has_program("apt-get") {
        return Err(format!("Install {} by the means of this system, then run this command again.", names.join(", ")));
    }
    install(&names)
}

fn install(names: &[&str]) -> Outcome<()> {
    let sudo = !is_root();
    if sudo && !has_program("sudo") {
        return Err(format!("There is no sudo here. As root, run: apt-get install {}", names.join(" ")));
    }
    println!(
        "Installing with apt-get{}: {}",
        if sudo { " (sudo may ask for your password)" } else { "" },
        names.join(" ")
    );
    // An update may fail for one source of many and still leave what is needed.
    let updated = apt(sudo, &["update"]);
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(names);
    apt(sudo, &arguments).map_err(|said| {
        let updated = updated.err().unwrap_or_default();
        format!("{updated}{said}\napt-get could not install {}. Repair what it names, then try again.", names.join(" "))
    })?;
    for (package, service) in [(COTURN, "coturn.service"), (NGINX, "nginx.service")] {
        if names.contains(&package.name) {
            keep_off(sudo, service);
        }
    }
    Ok(())
}

/// Sees to it that a service that came with a package does not begin with the next start of the machine either.
fn keep_off(sudo: bool, service: &str) {
    let mut command = if sudo { Command::new("sudo") } else { Command::new("env") };
    // Without systemd there is nothing to keep off.
    if has_program("systemctl") && steps::quietly(command.args(["systemctl", "disable", service])).is_err() {
        println!("{service} may begin with the next start of this machine: nobody needs it to.");
    }
}

/// Runs apt-get quietly, and lets no package start a service; an error is what it said.
fn apt(sudo: bool, arguments: &[&str]) -> Result<(), String> {
    let mut command = if sudo { Command::new("sudo") } else { Command::new("env") };
    if sudo {
        command.arg("env");
    }
    command.args([
        "DEBIAN_FRONTEND=noninteractive",
        "SYSTEMD_OFFLINE=1",
        "apt-get",
        "-qq",
        "-o",
        "DPkg::Lock::Timeout=120",
    ]);
    steps::quietly(command.args(arguments))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name() {
        assert!(has_program("sh"));
        assert!(!has_program("no-such-program-as-this"));
    }

    #[test]
    fn libraries_are_found_by_their_files() {
        assert!(has_library(&["libc.so*"]));
        assert!(!has_library(&["libc.so.", "libno-such-library.so*"]));
    }

    #[test]
    fn each_package_says_what_it_is_for() {
        for package in TEST.iter().chain(PACKAGE).copied().flatten() {
            assert!(!package.why.is_empty() && !package.why.ends_with('.'), "{}", package.name);
        }
    }
}
