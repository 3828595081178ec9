//! PDF documents and TIFF files of several pages.

use std::fs;

use eidetic_containers::{ContainerError, ContainerReader, PartContent, PartImage};
use eidetic_domain::PartPath;

use crate::samples::{folder, names, parts, pdf, tiff};

/// The color in the middle of a rendered part, and its size.
fn center(image: &PartImage) -> ([u8; 3], (u32, u32)) {
    let PartContent::Rendered(part) = &image.content else {
        panic!("a page is rendered");
    };
    let pixels = &part.decoded.image;
    let (width, height) = pixels.dimensions();
    (pixels.get_pixel(width / 2, height / 2).0, (width, height))
}

#[test]
fn pages_of_documents_are_rendered() {
    let folder = folder();
    let path = pdf(folder.path(), &[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    let reader = ContainerReader::default();
    let (found, ended) = parts(&reader, &path);
    ended.unwrap();
    let pages: Vec<_> = found
        .into_iter()
        .map(|part| (part.name, part.content.unwrap()))
        .collect();
    assert_eq!(pages[0].0, "page 1");
    assert_eq!(center(&pages[0].1), ([255, 0, 0], (1600, 800)));
    assert_eq!(center(&pages[1].1).0, [0, 0, 255]);
    let again = reader.read_part(&PartPath::new(&path, "page 2")).unwrap();
    assert_eq!(
        (again.image, center(&again)),
        (pages[1].1.image, center(&pages[1].1))
    );
    assert_ne!(pages[0].1.image, pages[1].1.image);
    for missing in ["page 0", "page 3", "cover"] {
        let read = reader.read_part(&PartPath::new(&path, missing));
        assert!(matches!(read, Err(ContainerError::NoSuchPart)), "{missing}");
    }
}

#[test]
fn damaged_documents_are_refused() {
    let folder = folder();
    let path = folder.path().join("a.pdf");
    fs::write(&path, b"%PDF-1.7\nnothing else").unwrap();
    let (found, ended) = parts(&ContainerReader::default(), &path);
    assert!(found.is_empty());
    assert!(matches!(ended, Err(ContainerError::Unreadable(reason)) if reason == "damaged PDF document"));
}

#[test]
fn further_pages_of_tiff_are_parts() {
    let folder = folder();
    let path = tiff(folder.path(), &[10, 100, 200]);
    let reader = ContainerReader::default();
    assert_eq!(names(&reader, &path), ["page 2", "page 3"]);
    let page = reader.read_part(&PartPath::new(&path, "page 3")).unwrap();
    assert_eq!(center(&page), ([200; 3], (2, 1)));
    let first = reader.read_part(&PartPath::new(&path, "page 1"));
    assert!(matches!(first, Err(ContainerError::NoSuchPart)));
}
