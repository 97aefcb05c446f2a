//! The command line. Values only: what they mean is decided where they are used.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use hearth_base::{FrameRate, Resolution};
use hearth_protocol::SpkiHash;
use url::Url;

use crate::view::DeviceFiles;

/// Video calls with the people you choose, through your own server or none. Without a command, opens the window.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// Run without a window: `create` or `join` a room, and report on the standard output.
    #[arg(long)]
    pub headless: bool,
    /// Print statistics each second (with a window).
    #[arg(long, value_enum)]
    pub stats: Option<StatsFormat>,
    /// Number stamped into the test pattern and chirp, 1 to 255 (with a window); different for each client in a room.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    pub source_id: Option<u8>,
    /// YUV4MPEG2 file to show in the camera's place (with a window); it can be picked as a camera then.
    #[arg(long, value_name = "FILE.y4m", value_parser = parse_video_file)]
    pub camera: Option<PathBuf>,
    /// WAV file to play in the microphone's place (with a window); it can be picked as a microphone then.
    #[arg(long, value_name = "FILE.wav", value_parser = parse_audio_file)]
    pub microphone: Option<PathBuf>,
    /// Invitation to open, such as hearth://HOST:PORT/r/NUMBER#...
    #[arg(value_parser = parse_link)]
    pub link: Option<String>,
    /// What to do without a window.
    #[command(subcommand)]
    pub command: Option<CliCommand>,
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Run {
    /// The window, perhaps with a link.
    Window {
        /// Where the person wants to go.
        link: Option<String>,
        /// What is printed.
        stats: Option<StatsFormat>,
        /// What test sources are stamped with.
        source_id: Option<u8>,
        /// What stands for camera and microphone.
        files: DeviceFiles,
    },
    /// No window.
    Headless(Box<CliCommand>),
}

impl Cli {
    /// Reads the command line; ends the program with a sentence where it asks for nothing that there is.
    pub fn read() -> Run {
        Self::parse().run().unwrap_or_else(|error| error.exit())
    }

    fn run(self) -> Result<Run, clap::Error> {
        let files = DeviceFiles { camera: self.camera.map(absolute), microphone: self.microphone.map(absolute) };
        match (self.headless, self.command) {
            (true, Some(_)) if files != DeviceFiles::default() => {
                let sentence = "without a window, --camera and --microphone go behind `create` or `join`";
                Err(Self::command().error(clap::error::ErrorKind::ArgumentConflict, sentence))
            }
            (true, Some(command)) => match command.part().refusal() {
                None => Ok(Run::Headless(Box::new(command))),
                Some(sentence) => Err(Self::command().error(clap::error::ErrorKind::ValueValidation, sentence)),
            },
            (false, None) => Ok(Run::Window { link: self.link, stats: self.stats, source_id: self.source_id, files }),
            (true, None) | (false, Some(_)) => {
                let sentence = "`create` and `join` go with --headless, and --headless with one of them";
                Err(Self::command().error(clap::error::ErrorKind::MissingRequiredArgument, sentence))
            }
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Create a room on a server, print its link, and take part. HEARTH_PASSWORD, if set, becomes the room's password
    /// for people who join by number.
    Create {
        /// Address of the server: https://HOST:PORT
        server: Url,
        /// Hash of the server's public key, as the server prints it; no other key is accepted.
        // One key in 64 begins with a hyphen.
        #[arg(long, value_parser = parse_spki, allow_hyphen_values = true)]
        spki: Option<SpkiHash>,
        /// What is sent, and how.
        #[command(flatten)]
        part: Part,
    },
    /// Join a room. The link is read from HEARTH_LINK or the first line of standard input, the room's password from
    /// HEARTH_PASSWORD: both are secrets, and arguments can be read in the list of processes.
    Join {
        /// What is sent, and how.
        #[command(flatten)]
        part: Part,
    },
}

impl CliCommand {
    fn part(&self) -> &Part {
        match self {
            Self::Create { part, .. } | Self::Join { part } => part,
        }
    }
}

/// How one takes part.
#[derive(Debug, Args)]
pub struct Part {
    /// Name that the others see.
    #[arg(long, default_value = "Headless", allow_hyphen_values = true)]
    pub nick: String,
    /// Video source: none, pattern (a moving test pattern), or a YUV4MPEG2 file, which is scaled to --size, played at
    /// --fps without end, and stamped with number and time as the pattern is.
    #[arg(long, value_name = "none|pattern|FILE.y4m", default_value = "none", value_parser = parse_camera)]
    pub camera: CameraArg,
    /// Share this monitor or window of an X11 desktop, by its name.
    #[arg(long, value_name = "NAME")]
    pub share: Option<String>,
    /// Audio source: none, chirp (one each second), or a WAV file, which is played without end. Echo cancelling and
    /// noise suppression leave it as it is.
    #[arg(long, value_name = "none|chirp|FILE.wav", default_value = "none", value_parser = parse_microphone)]
    pub microphone: MicrophoneArg,
    /// Size of the video, as WIDTHxHEIGHT.
    #[arg(long, default_value = "640x360", value_parser = parse_resolution)]
    pub size: Resolution,
    /// Frames per second.
    #[arg(long, default_value = "15", value_parser = parse_frame_rate)]
    pub fps: FrameRate,
    /// Video codecs, in order of preference; by default all that this build has.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "CODEC,...")]
    pub video_codecs: Vec<CodecArg>,
    /// Number stamped into the test pattern and chirp, 0 to 255; different for each client in a room.
    #[arg(long, default_value = "1")]
    pub source_id: u8,
    /// Send media through relays only.
    #[arg(long)]
    pub relay_only: bool,
    /// Use loopback addresses, for benchmarks on one machine.
    #[arg(long)]
    pub loopback: bool,
    /// Print statistics each second.
    #[arg(long, value_enum)]
    pub stats: Option<StatsFormat>,
    /// Write the first remote video to this YUV4MPEG2 file, as a viewer would see it: scaled to --size, at --fps, a
    /// frozen picture repeated. Needs --leave-after of at most 600.
    #[arg(long, value_name = "FILE.y4m", value_parser = parse_video_file)]
    pub record_video: Option<PathBuf>,
    /// Write the audio that would be heard to this WAV file: 48 kHz, mono, 16 bits. Needs --leave-after of at most 600.
    #[arg(long, value_name = "FILE.wav", value_parser = parse_audio_file)]
    pub record_audio: Option<PathBuf>,
    /// Leave after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub leave_after: Option<u64>,
}

impl Part {
    /// Why this cannot be done together.
    fn refusal(&self) -> Option<&'static str> {
        let records = self.record_video.is_some() || self.record_audio.is_some();
        if records && self.leave_after.is_none_or(|seconds| seconds > RECORDED_SECONDS) {
            return Some(
                "a recording needs --leave-after of at most 600 seconds, \
                 for which 1280x720 at 30 frames a second takes 25 GB of disk",
            );
        }
        let video = matches!((&self.camera, &self.record_video), (CameraArg::File(from), Some(to)) if from == to);
        let sound =
            matches!((&self.microphone, &self.record_audio), (MicrophoneArg::File(from), Some(to)) if from == to);
        (video || sound).then_some("a file cannot be sent and recorded at once: name a different file")
    }
}

/// The longest recording.
const RECORDED_SECONDS: u64 = hearth_media::files::LONGEST.as_secs();

/// Video source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraArg {
    /// No video.
    None,
    /// Moving test pattern, stamped with number and time.
    Pattern,
    /// A YUV4MPEG2 file, stamped the same way.
    File(PathBuf),
}

/// A video codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CodecArg {
    /// H.264.
    H264,
    /// VP8.
    Vp8,
}

/// Audio source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MicrophoneArg {
    /// No audio.
    None,
    /// A chirp each second.
    Chirp,
    /// A WAV file.
    File(PathBuf),
}

/// How statistics are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatsFormat {
    /// One JSON object a line.
    Json,
}

/// Any link is taken, so that a damaged one is told of in the window, where a person reads it.
fn parse_link(text: &str) -> Result<String, String> {
    let known = ["hearth:", "https:", "http:"].iter().any(|scheme| text.starts_with(scheme));
    if known { Ok(text.to_owned()) } else { Err("a link begins with hearth:// or https://".to_owned()) }
}

fn parse_camera(text: &str) -> Result<CameraArg, String> {
    match text {
        "none" => Ok(CameraArg::None),
        "pattern" => Ok(CameraArg::Pattern),
        _ => parse_video_file(text).map(CameraArg::File).map_err(|sentence| format!("none, pattern, or {sentence}")),
    }
}

fn parse_microphone(text: &str) -> Result<MicrophoneArg, String> {
    match text {
        "none" => Ok(MicrophoneArg::None),
        "chirp" => Ok(MicrophoneArg::Chirp),
        _ => parse_audio_file(text).map(MicrophoneArg::File).map_err(|sentence| format!("none, chirp, or {sentence}")),
    }
}

/// By its ending: else a misspelt word would be a file that is not there.
fn parse_video_file(text: &str) -> Result<PathBuf, String> {
    ends_with(text, "y4m").ok_or_else(|| "a file whose name ends with .y4m".to_owned())
}

fn parse_audio_file(text: &str) -> Result<PathBuf, String> {
    ends_with(text, "wav").ok_or_else(|| "a file whose name ends with .wav".to_owned())
}

fn ends_with(text: &str, ending: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    let ends = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
    ends.then_some(path)
}

/// What is chosen is kept in the settings, and found again from any folder.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn parse_spki(text: &str) -> Result<SpkiHash, String> {
    SpkiHash::parse(text).ok_or_else(|| "not 32 bytes in base64url, as the server prints them".to_owned())
}

fn parse_resolution(text: &str) -> Result<Resolution, String> {
    let size =
        text.split_once('x').and_then(|(width, height)| Resolution::new(width.parse().ok()?, height.parse().ok()?));
    size.ok_or_else(|| "two even numbers, as in 640x360".to_owned())
}

fn parse_frame_rate(text: &str) -> Result<FrameRate, String> {
    let fps: u32 = text.parse().map_err(|_| "a whole number".to_owned())?;
    if (1..=60).contains(&fps) { Ok(FrameRate::new(fps)) } else { Err("between 1 and 60".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_read_or_refused() {
        for (line, good) in [
            ("hearth --headless create https://h:8443", true),
            ("hearth --headless create https://h:8443 --camera pattern --microphone chirp --stats json", true),
            ("hearth --headless join --camera film.y4m --microphone voice.WAV", true),
            ("hearth --headless join --record-video seen.y4m --leave-after 60", true),
            ("hearth --headless join --record-audio heard.wav --leave-after 600", true),
            ("hearth --headless join --record-video seen.y4m", false),
            ("hearth --headless join --record-audio heard.wav --leave-after 601", false),
            ("hearth --headless join --record-audio heard.mp3 --leave-after 60", false),
            ("hearth --headless join --camera a.y4m --record-video a.y4m --leave-after 60", false),
            ("hearth --headless join --camera patern", false),
            ("hearth --headless join --camera voice.wav", false),
            ("hearth --headless join --microphone film.y4m", false),
            ("hearth --headless join --size 1280x720 --fps 30", true),
            ("hearth --headless join --video-codecs vp8,h264", true),
            ("hearth --headless join --video-codecs theora", false),
            ("hearth --headless join https://h/r/1#s=secret", false),
            ("hearth --headless join --size 641x360", false),
            ("hearth --headless join --fps 0", false),
            ("hearth --headless join --source-id 256", false),
            ("hearth --headless create https://h --spki short", false),
            ("hearth --headless create https://h --spki -Q8W0bNmtH3pVd2cXo5uYJq1rKzLs9EaTfIgBvC7kPw", true),
            ("hearth --headless join --nick -_-", true),
            ("hearth --headless", false),
            ("hearth create https://h", false),
            ("hearth", true),
            ("hearth --stats json", true),
            ("hearth --camera film.y4m --microphone voice.wav", true),
            ("hearth --camera pattern", false),
            ("hearth --headless --camera film.y4m join", false),
            ("hearth hearth://10.0.0.1:8443/r/123456789", true),
            ("hearth tea", false),
        ] {
            let read = Cli::try_parse_from(line.split(' ')).and_then(Cli::run);
            assert_eq!(read.is_ok(), good, "{line}");
        }
    }
}
