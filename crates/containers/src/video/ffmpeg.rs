//! Runs `ffmpeg`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use eidetic_domain::Moment;
use image::RgbImage;

use super::report::{FrameFacts, Report, VideoFacts};
use crate::ContainerError;

/// Pixels of the longer side of a frame.
const LONG_SIDE: u32 = 1_024;
/// A video that gives no frame for so long is given up.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Environment variable with the path of the program.
const VARIABLE: &str = "EIDETIC_FFMPEG";
/// Formats that hold a video in one file. Others, such as playlists, name further files or addresses.
const FORMATS: &str =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,dv,mxf";
/// The first version with the option `-fps_mode`.
const FPS_MODE_SINCE: (u32, u32) = (5, 1);

/// The program `ffmpeg`.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    /// The option that keeps frames from being repeated, by its name in this version. Looked up when a video is read, since
    /// starting the program takes a tenth of a second.
    passthrough: Arc<OnceLock<&'static str>>,
}

/// Which frames of a video to decode.
#[derive(Debug, Clone, Copy)]
pub enum FrameSelection {
    KeyFrames,
    EverySecond,
    /// The one at a moment.
    At(Moment),
}

/// A decoded frame.
#[derive(Debug, Clone)]
pub struct Frame {
    pub moment: Moment,
    pub image: RgbImage,
    /// Width and height of the video as shown.
    pub full_size: (u32, u32),
}

impl Ffmpeg {
    /// The program that `EIDETIC_FFMPEG` names, else the first one of this name in the folders of `PATH`.
    pub fn find() -> Option<Self> {
        let named = env::var_os(VARIABLE).filter(|name| !name.is_empty());
        Self::at(named.map_or_else(|| in_search_path(&env::var_os("PATH")?), |name| Some(name.into()))?)
    }

    /// The program at a path; none where there is no file.
    pub fn at(program: PathBuf) -> Option<Self> {
        program.is_file().then(|| Self {
            program,
            passthrough: Arc::default(),
        })
    }

    /// Errors: the program cannot be run.
    fn passthrough(&self) -> io::Result<&'static str> {
        if let Some(known) = self.passthrough.get() {
            return Ok(known);
        }
        let output = Command::new(&self.program)
            .arg("-version")
            .stdin(Stdio::null())
            .output()?;
        let version = version(&String::from_utf8_lossy(&output.stdout));
        let has_fps_mode = version.is_none_or(|version| version >= FPS_MODE_SINCE);
        let option = if has_fps_mode { "-fps_mode" } else { "-vsync" };
        Ok(self.passthrough.get_or_init(|| option))
    }

    /// Starts decoding.
    pub fn frames(&self, path: &Path, selection: FrameSelection) -> Result<Frames, ContainerError> {
        let mut child = Command::new(&self.program)
            .args(self.arguments(path, selection)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (images, to_take) = sync_channel(1);
        let (facts, of_frames) = channel();
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("ffmpeg has no output").into());
        };
        thread::spawn(move || send_images(stdout, &images));
        let report = Report::default();
        let said = report.facts.clone();
        let reporting = thread::spawn(move || read_report(stderr, report, &facts));
        Ok(Frames {
            child,
            images: to_take,
            facts: of_frames,
            said,
            reporting: Some(reporting),
            report: Report::default(),
            any: false,
        })
    }

    fn arguments(&self, path: &Path, selection: FrameSelection) -> io::Result<Vec<OsString>> {
        let moment = match selection {
            FrameSelection::At(moment) => format!("{:.3}", moment.seconds()),
            FrameSelection::KeyFrames | FrameSelection::EverySecond => String::new(),
        };
        let (before_input, filter, after): (&[&str], &str, &[&str]) = match selection {
            FrameSelection::KeyFrames => (&["-skip_frame", "nokey"], "", &[]),
            FrameSelection::EverySecond => (
                &[],
                "select='isnan(prev_selected_t)+gte(t-prev_selected_t,1)',",
                &[],
            ),
            FrameSelection::At(_) => (&["-ss", &moment], "", &["-frames:v", "1"]),
        };
        let general = [
            "-nostdin",
            "-hide_banner",
            "-nostats",
            "-loglevel",
            "info",
            "-threads",
            "1",
        ];
        // Nothing but the file itself is read, whatever it names.
        let confined = ["-protocol_whitelist", "file", "-format_whitelist", FORMATS];
        let mut input = OsString::from("file:");
        input.push(path);
        let filters = format!("{filter}showinfo=checksum=0,{}", scale());
        let output = [
            "-map",
            "0:V:0",
            "-an",
            "-sn",
            "-dn",
            "-vf",
            &filters,
            self.passthrough()?,
            "passthrough",
            "-c:v",
            "ppm",
        ];
        let end = ["-f", "image2pipe", "pipe:1"];
        let text = |options: &[&str]| options.iter().map(OsString::from).collect::<Vec<_>>();
        let mut all = text(&general);
        all.extend(text(&confined));
        all.extend(text(before_input));
        all.extend([OsString::from("-i"), input]);
        all.extend(text(&output));
        all.extend(text(after));
        all.extend(text(&end));
        Ok(all)
    }
}

/// Square pixels, within the longer side.
fn scale() -> String {
    let factor = format!("min(1,{LONG_SIDE}/max(iw*sar,ih))");
    format!("scale=w='max(1,trunc(iw*sar*{factor}))':h='max(1,trunc(ih*{factor}))',setsar=1")
}

fn in_search_path(folders: &OsStr) -> Option<PathBuf> {
    let name = format!("ffmpeg{}", env::consts::EXE_SUFFIX);
    env::split_paths(folders)
        .map(|folder| folder.join(&name))
        .find(|program| program.is_file())
}

/// `ffmpeg version 5.1.6-0+deb12u1 Copyright …`; none for builds that are called by a commit.
fn version(text: &str) -> Option<(u32, u32)> {
    let version = text.strip_prefix("ffmpeg version ")?.trim_start_matches('n');
    let mut fields = version.split(|character: char| !character.is_ascii_digit());
    Some((
        fields.next()?.parse().ok()?,
        fields.next().and_then(|minor| minor.parse().ok()).unwrap_or(0),
    ))
}

/// The frames of a running program, which ends with this.
pub struct Frames {
    child: Child,
    images: Receiver<io::Result<RgbImage>>,
    facts: Receiver<FrameFacts>,
    said: Arc<Mutex<VideoFacts>>,
    /// Reads what the program says, until it ends.
    reporting: Option<JoinHandle<Report>>,
    report: Report,
    /// Whether there was a frame.
    any: bool,
}

impl Frames {
    /// The next frame; none at the end.
    ///
    /// Errors: there is none at all, or none for two minutes.
    pub fn next(&mut self) -> Result<Option<Frame>, ContainerError> {
        match self.images.recv_timeout(TIMEOUT) {
            Ok(image) => {
                let image = image?;
                let facts = self.facts.recv_timeout(TIMEOUT).map_err(|_| {
                    ContainerError::Unreadable(
                        "this version of ffmpeg does not say when a frame is shown".into(),
                    )
                })?;
                self.any = true;
                Ok(Some(Frame {
                    moment: facts.moment,
                    image,
                    full_size: facts.size,
                }))
            }
            Err(RecvTimeoutError::Timeout) => Err(ContainerError::Unreadable(format!(
                "ffmpeg gave no frame for {} seconds",
                TIMEOUT.as_secs()
            ))),
            Err(RecvTimeoutError::Disconnected) => self.end().map(|()| None),
        }
    }

    /// Errors: the program failed before the first frame, and not because the file has sound only.
    fn end(&mut self) -> Result<(), ContainerError> {
        let failed = !self.child.wait()?.success();
        self.collect_report();
        if !failed || self.any || self.report.has_no_video {
            return Ok(());
        }
        let problem = self.report.problem.as_deref().unwrap_or("unknown kind of file");
        Err(ContainerError::Unreadable(format!(
            "ffmpeg cannot read the video: {problem}"
        )))
    }

    /// What the program has said of the video; all of it once there was a frame.
    pub fn facts_so_far(&self) -> VideoFacts {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// To be called when the program has ended.
    fn collect_report(&mut self) {
        if let Some(reporting) = self.reporting.take() {
            self.report = reporting.join().unwrap_or_default();
        }
    }

    fn stop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends the images of a stream of PPM files, until it ends or nobody receives them.
fn send_images(stdout: ChildStdout, images: &SyncSender<io::Result<RgbImage>>) {
    let mut stream = BufReader::new(stdout);
    loop {
        let image = match read_ppm(&mut stream) {
            Ok(None) => return,
            Ok(Some(image)) => Ok(image),
            Err(error) => Err(error),
        };
        let is_last = image.is_err();
        if images.send(image).is_err() || is_last {
            return;
        }
    }
}

/// The next image of a stream; none at its end, also where the program was stopped amid an image.
fn read_ppm(stream: &mut impl BufRead) -> io::Result<Option<RgbImage>> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "unexpected output of ffmpeg");
    let mut header = Vec::new();
    for _ in 0..3 {
        if stream.take(64).read_until(b'\n', &mut header)? == 0 {
            return Ok(None);
        }
    }
    let header = String::from_utf8(header).map_err(|_| invalid())?;
    let fields: Vec<&str> = header.split_ascii_whitespace().collect();
    let ["P6", width, height, "255"] = fields[..] else {
        return Err(invalid());
    };
    let side = |text: &str| text.parse::<u32>().ok().filter(|side| *side <= LONG_SIDE);
    let (width, height) = side(width).zip(side(height)).ok_or_else(invalid)?;
    let mut pixels = vec![0; width as usize * height as usize * 3];
    match stream.read_exact(&mut pixels) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
        Ok(()) => RgbImage::from_raw(width, height, pixels)
            .map(Some)
            .ok_or_else(invalid),
    }
}

fn read_report(stderr: ChildStderr, mut report: Report, frames: &Sender<FrameFacts>) -> Report {
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { break };
        if let Some(frame) = report.read_line(&String::from_utf8_lossy(&line)) {
            // Nobody receives it where the rest of the video is not wanted.
            let _ = frames.send(frame);
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for (text, expected) in [
            (
                "ffmpeg version 5.1.6-0+deb12u1 Copyright (c) 2000-2024",
                Some((5, 1)),
            ),
            ("ffmpeg version n7.1 Copyright", Some((7, 1))),
            ("ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", Some((4, 4))),
            ("ffmpeg version N-118000-gabc Copyright", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }

    #[test]
    fn images_are_read_until_stream_ends() {
        let stream = b"P6\n2 1\n255\nabcdefP6\n1 1\n255\nxyzP6\n1 1\n255\nx";
        let mut stream = &stream[..];
        assert_eq!(read_ppm(&mut stream).unwrap().unwrap().dimensions(), (2, 1));
        assert_eq!(read_ppm(&mut stream).unwrap().unwrap().as_raw(), b"xyz");
        assert!(read_ppm(&mut stream).unwrap().is_none());
        assert!(read_ppm(&mut &b"P5\n1 1\n255\nx"[..]).is_err());
        assert!(read_ppm(&mut &b"P6\n99999 1\n255\nx"[..]).is_err());
    }
}
