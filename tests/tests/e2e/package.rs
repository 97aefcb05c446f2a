//! The package as a person gets it: installed, found by the desktop, started from its menu and by a link.
//!
//! `cargo xtask test` makes the package before the tests run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hearth_protocol::RoomLink;

use crate::desktop::{Desktop, spaced};
use crate::lan::{Lan, enter_namespaces};
use crate::process::{Process, built, now};

/// How long a window may take to close on a loaded machine of two cores.
const CLOSING: Duration = Duration::from_secs(60);
/// What mends a package that is missing or old.
const ADVICE: &str = "`cargo xtask package --debug` makes it";

/// One starts a room from the desktop's menu; another opens the `hearth:` link and joins.
#[test]
fn the_package_is_installed_started_from_the_menu_and_by_a_link() -> Result<()> {
    enter_namespaces()?;
    let folder = tempfile::Builder::new().prefix("hearth-package").tempdir()?;
    let begun = now();
    let installed = Installed::new(&folder.path().join("root"))?;
    println!("the package was installed and checked in {:?}", now() - begun);
    let mut lan = Lan::new()?;
    let (host, friend) = (lan.host("host")?, lan.host("friend")?);

    let host = Desktop::start(&host, "packaged", folder.path())?;
    host.write_settings()?;
    let begun = now();
    let entry = installed.file("usr/share/applications/hearth.desktop")?;
    let hosting = installed.start("Grandma", &host, &["launch", &entry.display().to_string()])?;
    let link = host.start_room("Grandma")?;
    println!("from the menu to a link in the clipboard: {:?}", now() - begun);
    let room = RoomLink::parse(&link)?;
    ensure!(room.secret.is_some(), "the copied link lets in");

    let friend = Desktop::start(&friend, "linked", folder.path())?;
    friend.write_settings()?;
    let begun = now();
    // As a browser or a chat does it: anyone who is registered for links of this kind gets it.
    let joining = installed.start("Uncle", &friend, &["open", &link.replacen("https:", "hearth:", 1)])?;
    friend.find(&format!("Join {}", spaced(room.room.as_str())))?;
    println!("from the link to the mirror before that room: {:?}", now() - begun);
    friend.keep_screenshot("1-mirror")?;
    friend.enter("Uncle")?;
    friend.find("Leave")?;
    host.read("Uncle")?;
    host.keep_screenshot("1-joined")?;

    host.click("End for all")?;
    host.find("Cancel")?;
    host.click("End for all")?;
    friend.read("The host ended the room.")?;
    host.find("Start a room")?;
    for (desktop, mut program) in [(host, hosting), (friend, joining)] {
        desktop.close_window()?;
        program.wait_end(CLOSING)?;
    }
    Ok(())
}

/// A package that is installed.
struct Installed {
    root: PathBuf,
}

impl Installed {
    /// Installs it by dpkg into a root of its own: the machine that runs the tests is not to be changed, and a Hearth
    /// that is installed there is not to be met. What the machine has is what the package may depend on, so dpkg is
    /// told of it.
    fn new(root: &Path) -> Result<Self> {
        let package = built("hearth")?.with_file_name("hearth.deb");
        ensure!(package.exists(), "{} is missing: {ADVICE}", package.display());
        let state = root.join("var/lib/dpkg");
        for folder in ["info", "updates", "triggers"] {
            fs::create_dir_all(state.join(folder))?;
        }
        fs::copy("/var/lib/dpkg/status", state.join("status")).context("this test needs a Debian or one of its kin")?;
        let mut dpkg = Command::new("dpkg");
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        dpkg.env("PATH", path).env("LC_ALL", "C.UTF-8").arg(format!("--root={}", root.display()));
        said(dpkg.args(["--force-unsafe-io", "--install"]).arg(package))?;
        let installed = Self { root: root.to_owned() };
        let same = fs::read(installed.file("usr/bin/hearth")?)? == fs::read(built("hearth")?)?;
        ensure!(same, "the package holds another program than the one that is built: {ADVICE} anew");
        installed.check()?;
        Ok(installed)
    }

    /// What the desktop's own tools say of it. The last does what a desktop does after each installation.
    fn check(&self) -> Result<()> {
        said(Command::new("desktop-file-validate").arg(self.file("usr/share/applications/hearth.desktop")?))?;
        let metainfo = self.file("usr/share/metainfo/io.github.hearth.Hearth.metainfo.xml")?;
        said(Command::new("appstreamcli").args(["validate", "--no-net"]).arg(metainfo))?;
        self.file("usr/share/icons/hicolor/scalable/apps/hearth.svg")?;
        self.file("usr/share/doc/hearth/copyright")?;
        said(Command::new("update-desktop-database").arg(self.file("usr/share/applications")?))
    }

    fn file(&self, path: &str) -> Result<PathBuf> {
        let file = self.root.join(path);
        ensure!(file.exists(), "the package brings no {path}");
        Ok(file)
    }

    /// Has the desktop start it, by `gio` as GNOME and its kin do. What is waited for later is the client, which keeps
    /// the standard output that gio had.
    fn start(&self, name: &str, desktop: &Desktop, ask: &[&str]) -> Result<Process> {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut gio = desktop.command("gio");
        gio.args(ask).env("PATH", format!("{}:{path}", self.file("usr/bin")?.display()));
        gio.env("XDG_DATA_DIRS", format!("{}:/usr/share", self.file("usr/share")?.display()));
        Process::start(name, &mut gio, None)
    }
}

/// Runs a tool that has nothing to say when all is well.
fn said(command: &mut Command) -> Result<()> {
    let output =
        command.output().with_context(|| format!("{command:?}; `cargo xtask test` installs what is missing"))?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
    Ok(())
}
