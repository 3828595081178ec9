//! What the fuzz targets check: whatever the bytes, decoders and readers return, within the limits of memory and pixels.

use std::alloc::System;
use std::io::Write;
use std::ops::ControlFlow;
use std::panic;
use std::path::PathBuf;

use cap::Cap;
use eidetic_containers::{ContainerReader, PartContent};
use eidetic_domain::{ContainerKind, PartPath};
use eidetic_exchange::FileFormat;
use eidetic_imaging::{
    DecodeLimits, DecodeSize, DecodedImage, HEAD_LENGTH, SideCarKind, classify, decode, decode_page,
    decode_scaled, decodes_differently, full_memory, has_all_details, page_count, read_details,
    read_side_car,
};

/// Small limits, so that many files are tried in a second.
const LIMITS: DecodeLimits = DecodeLimits {
    file_bytes: 1 << 20,
    pixels: 4_000_000,
    reduced_pixels: 16_000_000,
    memory: 64 << 20,
};

/// What the process may hold besides a decoder's memory: tables of color profiles, texts, the fuzzer's own files.
const OTHER_MEMORY: usize = 64 << 20;

/// Ends the process, which counts as a crash, where all allocations together exceed the limits.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Prepares a fuzz target. Panics that the product catches are reported with their place and are no crashes; those that
/// escape are.
pub fn set_up() {
    panic::set_hook(Box::new(|panic| eprintln!("panic: {panic}")));
    let most = LIMITS.memory as usize + OTHER_MEMORY;
    ALLOCATOR
        .set_limit(ALLOCATOR.allocated() + most)
        .expect("less is allocated");
}

/// Everything that is done with an image file, which is named by `extension` where its content tells no format.
pub fn check_image(bytes: &[u8], extension: &str) {
    let head = &bytes[..bytes.len().min(HEAD_LENGTH)];
    let _ = classify(head, &PathBuf::from("a").with_extension(extension));
    let _ = decodes_differently(bytes);
    assert!(full_memory(bytes, &LIMITS) <= LIMITS.memory);
    if let Ok(decoded) = decode(bytes, &LIMITS) {
        check_size(&decoded);
    }
    if let Some(decoded) = decode_scaled(bytes, &LIMITS, DecodeSize::for_thumbnail(128)) {
        check_size(&decoded);
    }
    if page_count(bytes) > 1
        && let Ok(decoded) = decode_page(bytes, 1, &LIMITS)
    {
        check_size(&decoded);
    }
    let _ = read_details(bytes);
}

fn check_size(decoded: &DecodedImage) {
    let (width, height) = decoded.image.dimensions();
    assert!(
        u64::from(width) * u64::from(height) <= LIMITS.pixels,
        "{width} × {height}"
    );
}

/// Reads what a file says about its picture.
pub fn check_details(bytes: &[u8]) {
    let _ = has_all_details(bytes);
    let _ = read_details(bytes);
}

/// Parts of a file that are looked at.
const PARTS: usize = 8;

/// Reads the first parts of a file that holds pictures, and each of them again by its path.
pub fn check_container(bytes: &[u8], extension: &str, kind: ContainerKind) {
    let mut file = tempfile::Builder::new()
        .suffix(&format!(".{extension}"))
        .tempfile()
        .expect("a temporary file is made");
    file.write_all(bytes)
        .expect("the temporary file is written");
    let reader = ContainerReader {
        limits: LIMITS,
        ffmpeg: None,
    };
    let mut names = Vec::new();
    let _ = reader.for_each_part(file.path(), kind, &mut |part| {
        if let Ok(image) = &part.content
            && let PartContent::Rendered(rendered) = &image.content
        {
            check_size(&rendered.decoded);
        }
        names.push(part.name);
        if names.len() < PARTS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    for part in names {
        let file = file.path().to_path_buf();
        let _ = reader.read_part(&PartPath { file, part });
    }
}

/// Reads all rows of a file of embeddings.
pub fn check_vectors(bytes: &[u8], format: FileFormat) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file is made");
    file.write_all(bytes)
        .expect("the temporary file is written");
    let Ok(mut reader) = eidetic_exchange::open(file.path(), format) else {
        return;
    };
    // A small file may declare, and hold, many rows that compress to nothing.
    for _ in 0..1000 {
        match reader.next_block() {
            Ok(rows) if !rows.is_empty() => {}
            _ => break,
        }
    }
}

/// Reads the bytes as each kind of side-car.
pub fn check_side_cars(bytes: &[u8]) {
    for kind in [
        SideCarKind::Xmp,
        SideCarKind::Takeout,
        SideCarKind::Picasa,
        SideCarKind::Caption,
    ] {
        let _ = read_side_car(kind, bytes, "photo.jpg");
    }
}
