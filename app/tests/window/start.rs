//! The program as it is started where there is no desktop. No window is opened, and nothing is kept outside a folder of
//! the test.

use std::borrow::Cow;
use std::io::Result;
use std::process::{Command, Output};

/// Runs it in a language, with folders of its own and no display.
fn hearth(language: &str, arguments: &[&str]) -> Result<Output> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
    command.args(arguments).env("HEARTH_LANG", language).env("HOME", home.path());
    for (name, folder) in
        [("CONFIG_HOME", "config"), ("STATE_HOME", "state"), ("DATA_HOME", "data"), ("CACHE_HOME", "c")]
    {
        command.env(format!("XDG_{name}"), home.path().join(folder));
    }
    for display in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(display);
    }
    command.output()
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[test]
fn a_start_without_a_desktop_says_so() -> Result<()> {
    for (language, sentence) in [
        ("en", "Hearth needs a desktop. For a server use hearth-signal."),
        ("zh", "围炉需要桌面环境，服务器请使用 hearth-signal"),
    ] {
        let ended = hearth(language, &[])?;
        assert!(!ended.status.success(), "{ended:?}");
        assert_eq!(text(&ended.stderr).trim_end(), sentence);
        assert_eq!(text(&ended.stdout), "");
    }
    Ok(())
}

#[test]
fn version_and_help_need_no_desktop() -> Result<()> {
    let version = hearth("en", &["--version"])?;
    assert!(version.status.success(), "{version:?}");
    assert_eq!(text(&version.stdout).trim_end(), format!("hearth {}", env!("CARGO_PKG_VERSION")));
    let help = hearth("en", &["--help"])?;
    assert!(help.status.success(), "{help:?}");
    for word in ["Usage: hearth", "--headless", "--version", "create", "join"] {
        assert!(text(&help.stdout).contains(word), "{word} in {help:?}");
    }
    Ok(())
}
