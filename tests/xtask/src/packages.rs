//! System packages that a command needs, and how they come: by apt on Debian and its kin, by hand elsewhere.
//!
//! What is there is found by looking for the program, so that one installed by other means counts. Nothing is removed or
//! upgraded.

use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::steps;

/// A package of the system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name in Debian.
    name: &'static str,
    /// The program by which it is found.
    program: &'static str,
    /// What it is for.
    why: &'static str,
}

const CMAKE: Package = Package { name: "cmake", program: "cmake", why: "builds Opus, the sound codec" };
const NASM: Package =
    Package { name: "nasm", program: "nasm", why: "assembles the fast parts of OpenH264, the video codec" };
const CHROMIUM: Package =
    Package { name: "chromium", program: "chromium", why: "is the guest in the end-to-end tests" };
const CHROMEDRIVER: Package = Package { name: "chromium-driver", program: "chromedriver", why: "drives that guest" };
const IPROUTE: Package =
    Package { name: "iproute2", program: "ip", why: "builds the networks that the end-to-end tests run in" };
const NFTABLES: Package =
    Package { name: "nftables", program: "nft", why: "closes those networks towards everything else" };

/// What a build needs beyond git, build-essential and Rust.
pub(crate) const BUILD: &[Package] = &[CMAKE, NASM];
/// What the tests need.
pub(crate) const TEST: &[Package] = &[CMAKE, NASM, CHROMIUM, CHROMEDRIVER, IPROUTE, NFTABLES];

/// Folders of programs; those for administrators are in nobody else's PATH.
fn folders() -> Vec<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(Into::into)).collect()
}

/// Whether a program is installed.
pub(crate) fn has_program(name: &str) -> bool {
    folders().iter().any(|folder| folder.join(name).is_file())
}

/// Sees to it that `packages` are there.
pub(crate) fn ensure(packages: &'static [Package]) -> Outcome<()> {
    let missing: Vec<&Package> = packages.iter().filter(|package| !has_program(package.program)).collect();
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
    })
}

/// Runs apt-get quietly; an error is what it said.
fn apt(sudo: bool, arguments: &[&str]) -> Result<(), String> {
    let mut command = if sudo { Command::new("sudo") } else { Command::new("env") };
    if sudo {
        command.arg("env");
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]);
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
    fn each_package_says_what_it_is_for() {
        for package in TEST.iter().chain(BUILD) {
            assert!(!package.why.is_empty() && !package.why.ends_with('.'), "{}", package.name);
        }
    }
}
