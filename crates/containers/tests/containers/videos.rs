//! Frames of videos, by a program that behaves like `ffmpeg`.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use eidetic_containers::{ContainerError, ContainerReader, Ffmpeg, PartContent, holds_frame};
use eidetic_domain::PartPath;

use crate::samples::{folder, names, parts};

/// A program that prints what `ffmpeg` prints for a video of `seconds` with a key frame of 2 × 1 pixels, half black
/// and half white, each ten seconds; the one of `-ss` for a single frame.
fn reader(folder: &Path, seconds: u32) -> ContainerReader {
    let script = format!(
        r#"#!/bin/sh
if [ "$1" = -version ]; then echo "ffmpeg version 7.1 Copyright"; exit 0; fi
echo "  Duration: 00:00:{seconds}.00, start: 0.000000" >&2
echo "    com.apple.quicktime.make: Apple" >&2
show() {{
  echo "[Parsed_showinfo_0 @ 0x1] n: 0 pts: 0 pts_time:$1 duration: 1 sar:1/1 s:1920x1080 i:P" >&2
  printf 'P6\n2 1\n255\n\0\0\0\377\377\377'
}}
case "$*" in
  *" -ss "*) show 0;;
  *"broken.mp4"*) echo "[mov @ 0x1] moov atom not found" >&2; exit 1;;
  *"sound.mp4"*) echo "Stream map '0:V:0' matches no streams." >&2; exit 1;;
  *) at=0; while [ $at -lt {seconds} ]; do show $at.25; at=$((at + 10)); done;;
esac
"#
    );
    let program = folder.join("ffmpeg");
    fs::write(&program, script).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    ContainerReader {
        ffmpeg: Some(Ffmpeg::at(program).expect("a program that runs")),
        ..ContainerReader::default()
    }
}

fn video(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, "what the program does not read").expect("a file");
    path
}

#[test]
fn frames_are_named_by_their_moments() {
    let folder = folder();
    let reader = reader(folder.path(), 50);
    let path = video(folder.path(), "clip.mp4");
    assert_eq!(names(&reader, &path), ["0:00:00.250", "0:00:30.250"]);
    let part = PartPath::new(&path, "0:00:30.250");
    let (found, _) = parts(&reader, &path);
    let image = reader.read_part(&part).unwrap();
    assert_eq!(image.image, found[1].content.as_ref().unwrap().image);
    let PartContent::Rendered(frame) = &image.content else {
        panic!("a frame is rendered");
    };
    assert_eq!(
        (frame.decoded.metadata.width, frame.decoded.metadata.height),
        (1920, 1080)
    );
    assert_eq!(
        frame.details.camera.as_ref().unwrap().make.as_deref(),
        Some("Apple")
    );
    assert!(holds_frame(&part, &image.image));
    fs::write(&path, "another video").unwrap();
    assert!(!holds_frame(&part, &image.image));
}

#[test]
fn unreadable_videos_say_why() {
    let folder = folder();
    let reader = reader(folder.path(), 50);
    let (found, ended) = parts(&reader, &video(folder.path(), "broken.mp4"));
    assert!(found.is_empty());
    assert!(
        matches!(ended, Err(ContainerError::Unreadable(reason)) if reason.ends_with("moov atom not found"))
    );
    assert!(names(&reader, &video(folder.path(), "sound.mp4")).is_empty());
}

#[test]
fn videos_need_ffmpeg() {
    let folder = folder();
    let path = video(folder.path(), "clip.mp4");
    let (_, ended) = parts(&ContainerReader::default(), &path);
    assert!(matches!(ended, Err(ContainerError::NoFfmpeg)));
    assert!(Ffmpeg::at(folder.path().join("missing")).is_none());
}

/// The program that is installed, if there is one: the rest is tested without.
#[test]
fn installed_ffmpeg_decodes_video() {
    let Some(ffmpeg) = Ffmpeg::find() else {
        return;
    };
    let folder = folder();
    let path = folder.path().join("made.mkv");
    let made = std::process::Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x240:rate=5:duration=4",
        ])
        .args(["-c:v", "mpeg4", "-g", "5"])
        .arg(&path)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let reader = ContainerReader {
        ffmpeg: Some(ffmpeg),
        ..ContainerReader::default()
    };
    let (found, ended) = parts(&reader, &path);
    ended.unwrap();
    let PartContent::Rendered(first) = &found[0].content.as_ref().unwrap().content else {
        panic!("a frame is rendered");
    };
    assert_eq!(first.decoded.image.dimensions(), (320, 240));
    let again = reader
        .read_part(&PartPath::new(&path, found[0].name.as_str()))
        .unwrap();
    let PartContent::Rendered(again) = &again.content else {
        panic!("a frame is rendered");
    };
    assert_eq!(again.decoded.image, first.decoded.image);
}
