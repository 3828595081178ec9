//! Frames of videos, by `ffmpeg`.
//!
//! Key frames are candidates: reading them costs a small part of decoding everything. Where a video has few, one frame
//! a second is decoded instead. Of the candidates those are taken that begin a new shot, and some of long shots
//! ([`sampling`]).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use eidetic_domain::{Details, ImageFormat, ImageId, PartPath, PartPosition};

use crate::bounds::MOST_FRAMES;
use crate::{ContainerError, EachPart, FoundPart, PartImage, picture};

mod ffmpeg;
mod report;
mod sampling;

pub use ffmpeg::Ffmpeg;
use ffmpeg::{Frame, FrameSelection};
use sampling::Sampler;

/// Seconds between candidates, on average, above which key frames are too few.
const SPARSE_SECONDS: f64 = 15.0;
/// Bytes of each of the pieces of a video that its id is made of.
const PIECE: u64 = 1 << 20;

pub fn for_each(ffmpeg: &Ffmpeg, path: &Path, each: EachPart<'_>) -> Result<(), ContainerError> {
    let file = id_of(path)?;
    let mut sampler = Sampler::default();
    let mut taken = BTreeSet::new();
    let mut details = Details::default();
    for selection in [FrameSelection::KeyFrames, FrameSelection::EverySecond] {
        let mut frames = ffmpeg.frames(path, selection)?;
        let mut candidates = 0;
        while let Some(frame) = frames.next()? {
            if candidates == 0 {
                details = frames.facts_so_far().details();
            }
            candidates += 1;
            if !sampler.takes(&frame) || !taken.insert(frame.moment) {
                continue;
            }
            if each(part(&file, frame, &details)).is_break() || taken.len() >= MOST_FRAMES {
                return Ok(());
            }
        }
        let seconds = frames.facts_so_far().seconds;
        if candidates > 0 && seconds.is_some_and(|seconds| seconds <= SPARSE_SECONDS * f64::from(candidates))
        {
            break;
        }
    }
    // A video that shows one color throughout has its first frame.
    if taken.is_empty()
        && let Some(frame) = sampler.into_first_blank()
    {
        let _ = each(part(&file, frame, &details));
    }
    Ok(())
}

pub fn read(ffmpeg: &Ffmpeg, part_path: &PartPath) -> Result<PartImage, ContainerError> {
    let PartPosition::Moment(moment) = part_path.position() else {
        return Err(ContainerError::NoSuchPart);
    };
    let file = id_of(&part_path.file)?;
    let mut frames = ffmpeg.frames(&part_path.file, FrameSelection::At(moment))?;
    let frame = frames.next()?.ok_or(ContainerError::NoSuchPart)?;
    let details = frames.facts_so_far().details();
    Ok(image(&file, Frame { moment, ..frame }, details))
}

/// Whether a video still has the content of which `image` is a frame.
pub fn holds_frame(part: &PartPath, image: &ImageId) -> bool {
    id_of(&part.file).is_ok_and(|file| file.of_part(&part.part) == *image)
}

fn part(file: &ImageId, frame: Frame, details: &Details) -> FoundPart {
    FoundPart {
        name: frame.moment.to_string(),
        content: Ok(image(file, frame, details.clone())),
    }
}

fn image(file: &ImageId, frame: Frame, details: Details) -> PartImage {
    let decoded = picture(frame.image, frame.full_size, ImageFormat::Video);
    PartImage::rendered(file, &frame.moment.to_string(), decoded, details)
}

/// Identifies the content of a video by its size and three pieces of it, since reading gigabytes for a hash would take
/// longer than finding its frames.
fn id_of(path: &Path) -> io::Result<ImageId> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&size.to_le_bytes());
    for start in [0, size / 2, size.saturating_sub(PIECE)] {
        let mut piece = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.by_ref().take(PIECE).read_to_end(&mut piece)?;
        hasher.update(&piece);
    }
    Ok(ImageId::from_bytes(*hasher.finalize().as_bytes()))
}
