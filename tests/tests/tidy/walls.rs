//! Which crate, clock or platform may be named in which files: the walls between the rooms of ARCHITECTURE.md.

use crate::clutter::has;
use crate::finding::Finding;
use crate::tree::{Line, Source};

struct Wall {
    /// Any of these, in code that is shipped.
    any_of: &'static [&'static str],
    /// Files, or folders with their slash, where it may stand.
    only_in: &'static [&'static str],
    advice: &'static str,
}

const WALLS: &[Wall] = &[
    Wall {
        any_of: &["Instant::now", "SystemTime::now", "UNIX_EPOCH", ".elapsed()", "now_utc("],
        only_in: &[
            "app/src/engine/clock.rs",
            "app/media/src/clock.rs",
            "signal-server/src/clock.rs",
            "turn-server/src/shell/",
            "turn-server/src/service/",
            "app/examples/gallery/scenes.rs",
            "signal-server/examples/load/",
            "app/call/benches/",
            "tests/netem/src/shell.rs",
            "tests/v4l2/src/camera.rs",
            "tests/xtask/src/steps.rs",
        ],
        advice: "take `now` as an argument; only a shell reads the clock",
    },
    Wall {
        any_of: &["rtc::"],
        only_in: &["app/call/src/peer_connection/"],
        advice: "speak of tracks, packets and states of our own",
    },
    Wall {
        any_of: &["tokio"],
        only_in: &[
            "app/src/engine/",
            "app/src/headless.rs",
            "app/src/main.rs",
            "signal-server/examples/load/",
            "app/call/benches/",
            "signal-server/src/gateway/",
            "signal-server/src/server.rs",
            "signal-server/src/server/",
            "signal-server/src/main.rs",
            "turn-server/src/shell/",
            "turn-server/src/service/",
            "turn-server/src/main.rs",
        ],
        advice: "cores do no input or output: hand it to the shell",
    },
    Wall {
        any_of: &["egui", "eframe"],
        only_in: &["app/src/ui/", "app/examples/gallery/"],
        advice: "the window shows a View and hands back Actions",
    },
    Wall {
        any_of: &[
            "Color32::from_rgb",
            "Color32::from_gray",
            "Color32::from_black_alpha",
            "Color32::from_white_alpha",
            "Color32::from_rgba_premultiplied",
            "Color32::from_rgba_unmultiplied",
            "Color32::from_rgba_unmultiplied_const",
            "Color32::from_hex",
            "Color32::WHITE",
            "Color32::BLACK",
            "hex_color!",
        ],
        only_in: &["app/src/ui/tokens.rs"],
        advice: "give the colour a name in tokens.rs, once by day and once by night",
    },
    Wall {
        any_of: &["cpal", "nokhwa", "v4l::", "openh264", "openh264_sys2", "opus::", "opusic_sys", "vpx_sys"],
        only_in: &["app/media/"],
        advice: "devices and codecs stay behind hearth-media",
    },
    Wall {
        any_of: &["unsafe"],
        only_in: &[
            "app/media/src/codec/h264/control.rs",
            "app/media/src/codec/vp8/vpx.rs",
            "app/src/ui/video/gl.rs",
            "tests/v4l2/src/lib.rs",
            "tests/v4l2/src/next.rs",
            "tests/v4l2/src/camera.rs",
            "turn-server/src/shell/udp/mmsg.rs",
        ],
        advice: "there is a safe way, or it belongs into a named FFI file",
    },
    Wall {
        any_of: &["target_os", "cfg(windows)", "cfg(target_family"],
        only_in: &[
            "app/media/src/devices/camera/system.rs",
            "app/media/src/screens/system.rs",
            "app/media/src/devices/sound/complaints.rs",
            "app/media/src/devices/sound/monitors.rs",
            "turn-server/src/shell/udp/mod.rs",
        ],
        advice: "put it into a named platform file",
    },
];

/// Where the call and the media meet.
const MEETING: &str = "app/src/engine/";

/// Checks one file.
pub(crate) fn check(source: Source) -> Vec<Finding> {
    let walls = WALLS.iter().filter(|wall| !wall.only_in.iter().any(|place| source.path.starts_with(place)));
    let breaches = walls.flat_map(|wall| {
        source.shipped().filter_map(|line| {
            let met = wall.any_of.iter().find(|words| names(line, words))?;
            Some(Finding::at(&source.path, line.number, format!("`{met}` here"), wall.advice))
        })
    });
    breaches.chain(meeting(&source)).collect()
}

fn names(line: &Line, words: &str) -> bool {
    // The calendar's own zero is no look at a clock.
    let code = line.code.replace("OffsetDateTime::UNIX_EPOCH", "");
    has(&code, words)
}

fn meeting(source: &Source) -> Option<Finding> {
    let first = |name: &str| source.shipped().find(|line| has(&line.code, name)).map(|line| line.number);
    let both = first("hearth_call")?.max(first("hearth_media")?);
    let advice = "call and media meet in the engine alone: pass what is needed through it";
    (!source.path.starts_with(MEETING)).then(|| Finding::at(&source.path, both, "hearth_call and hearth_media", advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wall_stands() {
        for (path, text, expected) in [
            ("app/call/src/call/mod.rs", "let now = Instant::now();", 1),
            ("app/call/src/call/mod.rs", "let late = since.elapsed();", 1),
            ("app/src/engine/clock.rs", "let now = Instant::now();", 0),
            ("app/call/src/call/mod.rs", "#[cfg(test)]\nmod tests {\n    fn f() { Instant::now(); }\n}", 0),
            ("signal-server/src/tls/certificate.rs", "let a = OffsetDateTime::UNIX_EPOCH;", 0),
            ("app/call/src/participant/mod.rs", "use rtc::rtp;", 1),
            ("app/call/src/peer_connection/mod.rs", "use rtc::rtp;", 0),
            ("app/call/src/participant/mod.rs", "use webrtc::x; // rtc::rtp", 0),
            ("signal-server/src/rooms/mod.rs", "use tokio::sync::mpsc;", 1),
            ("app/src/engine/call_loop.rs", "use tokio::sync::mpsc;", 0),
            ("app/src/engine/call_loop.rs", "fn f(ui: &mut egui::Ui)", 1),
            ("app/src/ui/home.rs", "let red = Color32::from_rgb(255, 0, 0);", 1),
            ("app/src/ui/home.rs", "let ink: Color32 = t.text;", 0),
            ("app/src/ui/tokens.rs", "let red = Color32::from_rgb(255, 0, 0);", 0),
            ("app/src/ui/video/rgba.rs", "unsafe { f() }", 1),
            ("app/src/ui/video/gl.rs", "unsafe { f() }", 0),
            ("app/src/engine/call_loop.rs", "use opus::Encoder;", 1),
            ("app/media/src/codec/opus.rs", "use opus::Encoder;", 0),
            ("app/src/engine/x.rs", "unsafe { f() }", 1),
            ("app/src/engine/x.rs", "#[expect(unsafe_code, reason = \"\")]", 0),
            ("app/src/engine/x.rs", "#[cfg(target_os = \"linux\")]", 1),
            ("app/src/ui/x.rs", "use hearth_call::A;\nuse hearth_media::B;", 1),
            ("app/src/ui/x.rs", "use hearth_call::A;", 0),
            ("app/src/engine/x.rs", "use hearth_call::A;\nuse hearth_media::B;", 0),
        ] {
            let found = check(Source::new(path, text, false));
            assert_eq!(found.len(), expected, "{path}: {text}: {found:?}");
        }
    }
}
