//! A desktop on a host of the LAN: a screen (Xvfb), a window manager, the bus of assistive programs, and a person's
//! hands and eyes.
//!
//! What should be clicked is found by its label, as a screen reader finds it (AT-SPI), and clicked with the mouse where
//! it is (xdotool). So a control that has no name, or is elsewhere than it says, fails the test.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::lan::Host;
use crate::process::{Process, built, now};
use crate::tree::{Node, Tree};

/// A program of a desktop on a loaded machine of two cores.
const STARTING: Duration = Duration::from_secs(40);
/// How long a person looks for something before they say that it is not there.
const LOOKING: Duration = Duration::from_secs(60);
/// And how long they wait for what a click copies before they click once more.
const COPYING: Duration = Duration::from_secs(10);
/// The size of the screen.
const SCREEN: &str = "1280x800x24";
/// What the window is called.
const WINDOW: &str = "^Hearth$";
/// Test sources in place of devices, a small picture, everything else as at first.
const SETTINGS: &str = "camera = \"test\"\nmicrophone = \"test\"\npicture = \"small\"\n";

/// The desktop. Fields are dropped in this order.
pub struct Desktop {
    app: Option<Process>,
    tree: Option<Tree>,
    _manager: Process,
    _bus: Process,
    _screen: Process,
    display: String,
    bus: String,
    home: PathBuf,
    host: Host,
    name: String,
}

impl Desktop {
    /// An empty desktop of somebody called `name`, with a home of their own below `folder`.
    pub fn start(host: &Host, name: &str, folder: &Path) -> Result<Self> {
        let mut desktop = Self::without_assistance(host, name, folder)?;
        desktop.tree = Some(Tree::open(&desktop.bus)?);
        Ok(desktop)
    }

    /// The same, where no assistive program asks what is shown: as it is for most people, and cheaper.
    pub fn without_assistance(host: &Host, name: &str, folder: &Path) -> Result<Self> {
        Self::on_screen(host, name, folder, SCREEN)
    }

    /// The same on a screen of this size.
    pub fn on_screen(host: &Host, name: &str, folder: &Path, size: &str) -> Result<Self> {
        let home = folder.join(name);
        std::fs::create_dir_all(&home)?;
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp", "-noreset"]);
        let screen = Process::start_unheard("Xvfb", &mut command)?;
        let display = screen.wait_line(STARTING, |line| line.trim().parse::<u32>().ok())?;
        let display = format!(":{display}");
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address"]).env("DISPLAY", &display).env("HOME", &home);
        let bus_daemon = Process::start_unheard("dbus-daemon", &mut command)?;
        let bus = bus_daemon.wait_line(STARTING, |line| line.starts_with("unix:").then(|| line.to_owned()))?;
        let mut command = Command::new("openbox");
        command.env("DISPLAY", &display).env("HOME", &home);
        let manager = Process::start_unheard("openbox", &mut command)?;
        Ok(Self {
            tree: None,
            app: None,
            _manager: manager,
            _bus: bus_daemon,
            _screen: screen,
            display,
            bus,
            home,
            host: host.clone(),
            name: name.to_owned(),
        })
    }

    /// Puts settings for a computer without devices where the program will find them, as if it had been used before.
    pub fn write_settings(&self) -> Result<()> {
        let folder = self.home.join("config/hearth");
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(folder.join("settings.toml"), SETTINGS)?)
    }

    /// From the empty window to a room, and its link.
    pub fn start_room(&self, nick: &str) -> Result<String> {
        self.find("Start a room")?;
        self.keep_screenshot("1-home")?;
        self.click("Start a room")?;
        self.enter(nick)?;
        self.find("Copy the link")?;
        // This computer has no sound, and says so once.
        self.click("Dismiss")?;
        self.keep_screenshot("3-invitation")?;
        self.copy("Copy the link")
    }

    /// Through the door that the mirror is before.
    pub fn enter(&self, nick: &str) -> Result<()> {
        self.click("Your name")?;
        self.press("ctrl+a")?;
        self.type_text(nick)?;
        self.keep_screenshot("2-mirror")?;
        self.press("Return")
    }

    /// Starts the client as a double click does.
    pub fn open_hearth(&mut self, arguments: &[&str]) -> Result<()> {
        let mut command = self.command(built("hearth")?);
        command.args(arguments);
        self.app = Some(Process::start(&self.name, &mut command, None)?);
        self.window()?;
        Ok(())
    }

    /// A command on this desktop.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.host.command(program);
        command.env("DISPLAY", &self.display).env("DBUS_SESSION_BUS_ADDRESS", &self.bus).env("HOME", &self.home);
        command.env("XDG_CONFIG_HOME", self.home.join("config")).env("XDG_STATE_HOME", self.home.join("state"));
        command
            .env("XDG_RUNTIME_DIR", &self.home)
            .env("PULSE_SERVER", "unix:/nonexistent")
            .env("LIBGL_ALWAYS_SOFTWARE", "1");
        command.env_remove("WAYLAND_DISPLAY");
        command
    }

    /// The client, where it was started.
    pub fn app(&self) -> Result<&Process> {
        self.app.as_ref().context("nothing was started")
    }

    /// Waits until the program has closed its window and ended by itself.
    pub fn wait_closed(&mut self) -> Result<()> {
        self.app.as_mut().context("nothing was started")?.wait_end(LOOKING)
    }

    /// Processor time that the client takes in ten seconds in which nobody touches it.
    pub fn ticks_at_rest(&self) -> Result<u64> {
        let app = self.app()?;
        // Fonts, icons and the list of rooms on the network are looked for at first.
        app.let_pass(Duration::from_secs(5))?;
        let before = app.ticks()?;
        app.let_pass(Duration::from_secs(10))?;
        Ok(app.ticks()? - before)
    }

    /// Waits until the window's foot lies above this line of the screen.
    pub fn wait_above(&self, line: i32) -> Result<()> {
        let end = now() + LOOKING;
        loop {
            let foot = self.foot()?;
            if foot <= line {
                return Ok(());
            }
            ensure!(now() < end, "{}: the window's foot is at {foot}, below {line}", self.name);
            self.app()?.let_pass(Duration::from_millis(200))?;
        }
    }

    fn foot(&self) -> Result<i32> {
        let mut command = self.command("xdotool");
        let said =
            command.args(["search", "--onlyvisible", "--name", WINDOW, "getwindowgeometry", "--shell"]).output()?;
        let said = String::from_utf8(said.stdout)?;
        let value = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.parse::<i32>().ok());
        Ok(value("Y=").context("a place")? + value("HEIGHT=").context("a size")?)
    }

    /// Closes the window by the manager's own key.
    pub fn close_window(&self) -> Result<()> {
        self.press("alt+F4")
    }

    /// Brings a minimised window back, as a task bar does.
    pub fn bring_back(&self) -> Result<()> {
        self.hand(&["search", "--name", WINDOW, "windowactivate", "--sync"])
    }

    /// Waits until no window should be seen.
    pub fn wait_hidden(&self) -> Result<()> {
        let end = now() + LOOKING;
        while self.hand(&["search", "--onlyvisible", "--name", WINDOW]).is_ok() {
            ensure!(now() < end, "{}: the window stays", self.name);
            self.tree()?.wait_for_change()?;
        }
        Ok(())
    }

    /// Clicks what is called `label`, once it has come to rest: what still moves is missed by a hand. A field has the
    /// focus when this returns: who types faster than a frame is drawn would type elsewhere.
    pub fn click(&self, label: &str) -> Result<()> {
        let end = now() + LOOKING;
        let mut place = self.find(label)?;
        loop {
            self.tree()?.wait_for_change()?;
            let next = self.find(label)?;
            if next == place {
                break;
            }
            ensure!(now() < end, "{}: {label:?} does not stand still", self.name);
            place = next;
        }
        let node = self.look_for(label, |found| found == label)?;
        self.click_at(place)?;
        while self.tree()?.awaits_focus(&node)? {
            ensure!(now() < end, "{}: {label:?} does not take the focus", self.name);
            self.tree()?.wait_for_change()?;
        }
        Ok(())
    }

    /// Clicks the middle of a place.
    pub fn click_at(&self, place: (i32, i32, i32, i32)) -> Result<()> {
        let (x, y) = (place.0 + place.2 / 2, place.1 + place.3 / 2);
        self.hand(&["mousemove", "--sync", &x.to_string(), &y.to_string(), "click", "1"])
    }

    /// Types into whatever has the focus.
    pub fn type_text(&self, text: &str) -> Result<()> {
        self.hand(&["type", "--delay", "15", text])
    }

    /// Presses keys, as in `ctrl+a`.
    pub fn press(&self, keys: &str) -> Result<()> {
        self.hand(&["key", "--clearmodifiers", keys])
    }

    /// Waits until something is called so; where it is on the screen: left, top, width, height.
    pub fn find(&self, label: &str) -> Result<(i32, i32, i32, i32)> {
        Ok(self.look_for(label, |found| found == label)?.extents)
    }

    /// Waits until something that can be read holds these words.
    pub fn read(&self, words: &str) -> Result<()> {
        self.look_for(words, |found| found.contains(words)).map(drop)
    }

    fn look_for(&self, what: &str, is_it: impl Fn(&str) -> bool) -> Result<Node> {
        let end = now() + LOOKING;
        let mut seen = VecDeque::new();
        while now() < end {
            let nodes = self.tree()?.nodes()?;
            // What lies on top comes last.
            let found = nodes.iter().rev().filter(|node| is_it(&node.name) && node.extents.2 > 0);
            // A field and the words over it are called the same; a hand goes for the field.
            if let Some(node) = found.min_by_key(|node| node.is_label) {
                return Ok(node.clone());
            }
            seen = nodes.into_iter().map(|node| node.name).filter(|name| !name.is_empty()).collect();
            self.tree()?.wait_for_change()?;
        }
        self.keep_screenshot("missing")?;
        bail!("{}: nothing is called {what:?}; there are {seen:?}", self.name)
    }

    /// Clicks until the clipboard holds something: what comes in between moves a button away from under the hand, and a
    /// person clicks once more.
    fn copy(&self, label: &str) -> Result<String> {
        let end = now() + LOOKING;
        loop {
            self.click(label)?;
            let again = end.min(now() + COPYING);
            while now() < again {
                let output = self.command("timeout").args(["20", "xclip", "-selection", "clipboard", "-o"]).output()?;
                if output.status.success() && !output.stdout.is_empty() {
                    return Ok(String::from_utf8(output.stdout)?);
                }
                self.tree()?.wait_for_change()?;
            }
            ensure!(now() < end, "{}: the clipboard stays empty", self.name);
        }
    }

    /// Keeps a picture of the screen where CI can show it.
    pub fn keep_screenshot(&self, name: &str) -> Result<()> {
        let Some(folder) = std::env::var_os("HEARTH_SCREENSHOTS").map(PathBuf::from) else { return Ok(()) };
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}-{name}.png", self.name));
        let status = self.command("import").args(["-window", "root"]).arg(file).status()?;
        ensure!(status.success(), "no picture of the screen");
        Ok(())
    }

    fn tree(&self) -> Result<&Tree> {
        self.tree.as_ref().context("this desktop was started without assistance")
    }

    fn window(&self) -> Result<()> {
        self.hand(&["search", "--sync", "--onlyvisible", "--name", WINDOW])
    }

    fn hand(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.command("timeout");
        let output = command.arg("20").arg("xdotool").args(arguments).stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: xdotool {arguments:?}: {said}", self.name);
        Ok(())
    }
}

/// A number as it is shown: 3-3-3.
pub fn spaced(number: &str) -> String {
    let parts = number.as_bytes().chunks(3).map(|part| String::from_utf8_lossy(part).into_owned());
    parts.collect::<Vec<_>>().join("-")
}
