//! Reads what `ffmpeg` says about a video.

use std::sync::{Arc, Mutex, PoisonError};

use eidetic_domain::{Camera, Details, GeoPosition, Moment, Taken, TakenSource};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The beginning of the messages of the filter that tells when a frame is shown.
const SHOWINFO: &str = "[Parsed_showinfo_";
/// A line of the report that says that no picture is in the file.
const NO_VIDEO: &[&str] = &["matches no streams", "does not contain any stream"];

/// What was said of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameFacts {
    pub moment: Moment,
    /// Width and height as shown.
    pub size: (u32, u32),
}

/// What was said of the whole.
#[derive(Debug, Clone, Default)]
pub struct VideoFacts {
    /// Duration.
    pub seconds: Option<f64>,
    created: Option<Taken>,
    position: Option<GeoPosition>,
    camera: Option<Camera>,
}

/// What was said so far.
#[derive(Debug, Default)]
pub struct Report {
    /// Shared with those who wait for frames.
    pub facts: Arc<Mutex<VideoFacts>>,
    /// The last line that may say what is wrong.
    pub problem: Option<String>,
    pub has_no_video: bool,
}

impl Report {
    /// Reads one line; returns what it says of a frame.
    pub fn read_line(&mut self, line: &str) -> Option<FrameFacts> {
        let line = line.trim();
        if line.starts_with(SHOWINFO) {
            return frame_facts(line);
        }
        if NO_VIDEO.iter().any(|text| line.contains(text)) {
            self.has_no_video = true;
        }
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let tag = line.split_once(':');
        if let Some(rest) = line.strip_prefix("Duration: ") {
            facts.seconds = rest.split(',').next().and_then(clock_seconds);
        } else if !tag.is_some_and(|(key, value)| facts.read_tag(key.trim(), value.trim()))
            && !line.is_empty()
        {
            self.problem = Some(without_address(line).to_owned());
        }
        None
    }
}

impl VideoFacts {
    /// As details of every frame.
    pub fn details(&self) -> Details {
        Details {
            taken: self.created,
            position: self.position,
            camera: self.camera.clone(),
            ..Details::default()
        }
    }

    /// Takes a tag of the file; false for those of no interest. The first value of a tag is that of the whole file.
    fn read_tag(&mut self, key: &str, value: &str) -> bool {
        match key {
            // Local time, which the maker knew; the other is in UTC.
            "com.apple.quicktime.creationdate" => self.created = local_time(value).or(self.created),
            "creation_time" if self.created.is_none() => self.created = utc_time(value),
            "location" | "com.apple.quicktime.location.ISO6709" => {
                self.position = self.position.or_else(|| iso_6709(value));
            }
            "make" | "com.apple.quicktime.make" => self.camera_mut().make = Some(value.to_owned()),
            "model" | "com.apple.quicktime.model" => self.camera_mut().model = Some(value.to_owned()),
            _ => return false,
        }
        true
    }

    fn camera_mut(&mut self) -> &mut Camera {
        self.camera.get_or_insert(Camera {
            make: None,
            model: None,
        })
    }
}

/// `[Parsed_showinfo_0 @ 0x5581] n:   3 pts:  72072 pts_time:3.003   … sar:1/1 s:1920x1080 i:P …`
fn frame_facts(line: &str) -> Option<FrameFacts> {
    let field = |name: &str| {
        let start = line.find(name)? + name.len();
        line[start..].split_ascii_whitespace().next()
    };
    let seconds: f64 = field(" pts_time:")?.parse().ok()?;
    let (width, height) = field(" s:")?.split_once('x')?;
    let (width, height): (u32, u32) = (width.parse().ok()?, height.parse().ok()?);
    let ratio = field(" sar:").and_then(|ratio| {
        let (across, down) = ratio.split_once('/')?;
        let (across, down): (f64, f64) = (across.parse().ok()?, down.parse().ok()?);
        (across > 0.0 && down > 0.0).then_some(across / down)
    });
    Some(FrameFacts {
        // Rounded down, since seeking passes over frames before the moment.
        moment: Moment {
            milliseconds: (seconds.max(0.0) * 1000.0) as u64,
        },
        size: ((f64::from(width) * ratio.unwrap_or(1.0)).round() as u32, height),
    })
}

/// `00:01:23.45` in seconds.
fn clock_seconds(text: &str) -> Option<f64> {
    text.trim().split(':').try_fold(0.0, |seconds, field| {
        let field: f64 = field.parse().ok()?;
        Some(seconds * 60.0 + field)
    })
}

/// A time with the offset of where it was taken: `2024-07-04T12:11:12+0200`.
fn local_time(text: &str) -> Option<Taken> {
    let time = Zoned::strptime("%Y-%m-%dT%H:%M:%S%z", text).ok()?;
    Taken::at(&time, TakenSource::Video)
}

/// A time in UTC, shown in this machine's time zone. The start of that format's time, 1904, stands for none.
fn utc_time(text: &str) -> Option<Taken> {
    let time: Timestamp = text.parse().ok()?;
    let time = Some(time).filter(|time| time.as_second() > 0)?;
    Taken::at(&time.to_zoned(TimeZone::system()), TakenSource::Video)
}

/// A position as in ISO 6709: `+48.8577+002.2950+035.000/`.
fn iso_6709(text: &str) -> Option<GeoPosition> {
    let end = text.get(1..)?.find(['+', '-'])? + 1;
    let (latitude, rest) = text.split_at_checked(end)?;
    let rest_end = rest[1..].find(['+', '-', '/']).map_or(rest.len(), |at| at + 1);
    let (latitude, longitude): (f64, f64) = (latitude.parse().ok()?, rest[..rest_end].parse().ok()?);
    let is_valid = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    is_valid.then_some(GeoPosition { latitude, longitude })
}

/// A message without the address of its sender: `[mov,mp4 @ 0x5581] moov atom not found`.
fn without_address(line: &str) -> &str {
    let message = line.strip_prefix('[').and_then(|line| line.split_once("] "));
    message.map_or(line, |(_, message)| message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &[&str]) -> (Report, Vec<FrameFacts>) {
        let mut report = Report::default();
        let frames = lines.iter().filter_map(|line| report.read_line(line)).collect();
        (report, frames)
    }

    #[test]
    fn facts_are_read_from_messages() {
        let (report, frames) = report(&[
            "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/p/a.mov':",
            "  Metadata:",
            "    creation_time   : 2024-07-04T10:11:12.000000Z",
            "    com.apple.quicktime.creationdate: 2024-07-04T12:11:12+0200",
            "    com.apple.quicktime.location.ISO6709: +48.8577-002.2950+035.000/",
            "    com.apple.quicktime.make: Apple",
            "    com.apple.quicktime.model: iPhone 12",
            "  Duration: 00:01:23.50, start: 0.000000, bitrate: 8000 kb/s",
            "[Parsed_showinfo_0 @ 0x55] n:   0 pts:      0 pts_time:0       duration: 1 fmt:yuv420p sar:1/1 s:1920x1080 i:P iskey:1",
            "[Parsed_showinfo_0 @ 0x55] n:   1 pts:  72072 pts_time:3.00399 duration: 1 fmt:yuv420p sar:16/15 s:720x576 i:P iskey:1",
            "[Parsed_showinfo_0 @ 0x55] color_range:tv color_space:bt709",
        ]);
        let facts = report.facts.lock().unwrap();
        assert_eq!(facts.seconds, Some(83.5));
        let details = facts.details();
        let taken = details.taken.unwrap();
        assert_eq!((taken.time.hour(), taken.offset_minutes), (12, Some(120)));
        assert_eq!(taken.source, TakenSource::Video);
        let position = details.position.unwrap();
        assert_eq!((position.latitude, position.longitude), (48.8577, -2.295));
        assert_eq!(details.camera.unwrap().to_string(), "Apple iPhone 12");
        let moments: Vec<u64> = frames.iter().map(|frame| frame.moment.milliseconds).collect();
        assert_eq!(moments, [0, 3003]);
        assert_eq!(frames[1].size, (768, 576));
    }

    #[test]
    fn strange_values_are_ignored() {
        let (report, frames) = report(&[
            "    creation_time   : 1904-01-01T00:00:00.000000Z",
            "    location        : nowhere",
            "    location        : +91.0+000.0/",
            "    location        : ",
            "[Parsed_showinfo_0 @ 0x55] n:0 pts:NOPTS pts_time:NOPTS",
            "[mov,mp4 @ 0x55] moov atom not found",
        ]);
        assert_eq!(report.facts.lock().unwrap().details(), Details::default());
        assert!(frames.is_empty());
        assert_eq!(report.problem.as_deref(), Some("moov atom not found"));
    }

    #[test]
    fn sound_without_pictures_is_recognized() {
        let (report, _) = report(&["Stream map '0:V:0' matches no streams."]);
        assert!(report.has_no_video);
    }
}
