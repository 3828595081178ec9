//! Files that hold pictures, made for tests.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use eidetic_containers::{ContainerError, ContainerReader, FoundPart};
use eidetic_domain::ContainerKind;
use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A folder for the files of one test.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A PNG file of one color.
pub fn png(color: [u8; 3]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(16, 8, Rgb(color))
        .write_to(&mut bytes, ImageFormat::Png)
        .expect("writing to memory");
    bytes.into_inner()
}

/// A ZIP archive with these members.
pub fn zip(folder: &Path, members: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("pictures.zip");
    let mut archive = ZipWriter::new(File::create(&path).expect("a file"));
    for (name, content) in members {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .expect("a member");
        archive.write_all(content).expect("its content");
    }
    archive.finish().expect("the directory");
    path
}

/// A tar archive with these members.
pub fn tar(folder: &Path, members: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("pictures.tar");
    let mut archive = tar::Builder::new(File::create(&path).expect("a file"));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive
            .append_data(&mut header, name, *content)
            .expect("a member");
    }
    archive.finish().expect("the end");
    path
}

/// A PDF document with a page of 200 × 100 points for each color, filled with it.
pub fn pdf(folder: &Path, colors: &[[f32; 3]]) -> PathBuf {
    let mut objects = Vec::new();
    let kids: Vec<String> = (0..colors.len())
        .map(|page| format!("{} 0 R", 3 + 2 * page))
        .collect();
    objects.push("<< /Type /Catalog /Pages 2 0 R >>".to_owned());
    objects.push(format!(
        "<< /Type /Pages /Kids [{}] /Count {} >>",
        kids.join(" "),
        colors.len()
    ));
    for (page, [red, green, blue]) in colors.iter().enumerate() {
        let content = format!("{red} {green} {blue} rg 0 0 200 100 re f");
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents {} 0 R >>",
            4 + 2 * page
        ));
        objects.push(format!(
            "<< /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        ));
    }
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        offsets.push(file.len());
        file.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        file.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    file.extend(
        format!(
            "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
            objects.len() + 1
        )
        .bytes(),
    );
    let path = folder.join("document.pdf");
    fs::write(&path, file).expect("a file");
    path
}

/// A TIFF file with a page of 2 × 1 gray pixels for each value.
pub fn tiff(folder: &Path, grays: &[u8]) -> PathBuf {
    const ENTRIES: u16 = 8;
    const DIRECTORY: u32 = 2 + 12 * ENTRIES as u32 + 4;
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    for (page, gray) in grays.iter().enumerate() {
        let start = file.len() as u32;
        let pixels = start + DIRECTORY;
        file.extend(ENTRIES.to_le_bytes());
        // Width, height, bits, compression, photometric interpretation, offset, rows a strip, bytes.
        for (tag, value) in [
            (256u16, 2u32),
            (257, 1),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, pixels),
            (278, 1),
            (279, 2),
        ] {
            file.extend(tag.to_le_bytes());
            file.extend(4u16.to_le_bytes());
            file.extend(1u32.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        let next = if page + 1 < grays.len() { pixels + 2 } else { 0 };
        file.extend(next.to_le_bytes());
        file.extend([*gray; 2]);
    }
    let path = folder.join("scan.tif");
    fs::write(&path, file).expect("a file");
    path
}

/// All parts of a file, and how reading it ended.
pub fn parts(reader: &ContainerReader, path: &Path) -> (Vec<FoundPart>, Result<(), ContainerError>) {
    let kind = ContainerKind::of(path).expect("a container");
    let mut found = Vec::new();
    let ended = reader.for_each_part(path, kind, &mut |part| {
        found.push(part);
        ControlFlow::Continue(())
    });
    (found, ended)
}

/// The names of the parts of a file that is read to its end.
pub fn names(reader: &ContainerReader, path: &Path) -> Vec<String> {
    let (found, ended) = parts(reader, path);
    ended.expect("a file that can be read");
    found.into_iter().map(|part| part.name).collect()
}
