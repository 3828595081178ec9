//! Details of images: side-cars that appear, change and vanish, records of earlier versions, copies, dates.

use std::fs;
use std::io::Cursor;

use crate::world::{DIMENSION, World, each_world, image_bytes, summary};
use eidetic_catalog::{FileRecord, FileStamp, FileState, NewImage, WriteBatch};
use eidetic_domain::{Details, Embedding, ImageId, Metadata, TakenSource};
use image::{ImageFormat, Rgb, RgbImage};

fn xmp(title: &str) -> String {
    format!(
        r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></rdf:Description>
        </rdf:RDF></x:xmpmeta>"#
    )
}

fn details(world: &World, number: u32) -> Details {
    let image = ImageId::of(&image_bytes(number));
    let details = world.catalog.details(&image).expect("details can be read");
    details.expect("the image has details")
}

fn title(world: &World, number: u32) -> Option<String> {
    details(world, number).title
}

/// As if the picture had been read long after it was written, so that its stamp is trusted.
fn settle(world: &World, name: &str, number: u32) {
    let path = world.path(name);
    let side_cars = world.catalog.file(&path).expect("a record can be read");
    let side_cars = side_cars.and_then(|file| file.stamp.side_cars);
    let stamp = FileStamp {
        side_cars,
        ..world.stamp(name)
    };
    let state = FileState::Indexed(ImageId::of(&image_bytes(number)));
    world.put_record(name, stamp, state);
}

#[test]
fn side_cars_are_noticed_without_embedding() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.index();
        settle(world, "a.bmp", 1);
        assert_eq!((world.index().described, title(world, 1)), (0, None));
        let steps = [Some("First"), Some("Second title"), None];
        for step in steps {
            match step {
                Some(title) => fs::write(world.path("a.xmp"), xmp(title)).expect("a file can be written"),
                None => world.remove("a.xmp"),
            }
            let report = world.index();
            assert_eq!((report.encoded, report.unchanged, report.described), (0, 1, 1));
            assert_eq!(title(world, 1).as_deref(), step);
        }
        assert_eq!(world.index().described, 0);
        world.assert_consistent();
    });
}

#[test]
fn records_of_earlier_versions_are_completed() {
    each_world(|world| {
        world.put("IMG_20240704_101112.bmp", 1, 0);
        world.put_bytes("IMG_20240704_101112.txt", b"Ships at noon", 0);
        world.index();
        let earlier = world.stamp("IMG_20240704_101112.bmp");
        let state = FileState::Indexed(ImageId::of(&image_bytes(1)));
        world.put_record("IMG_20240704_101112.bmp", earlier, state);
        let report = world.index();
        assert_eq!((report.encoded, report.described), (0, 1));
        let details = details(world, 1);
        assert_eq!(details.description.as_deref(), Some("Ships at noon"));
        assert_eq!(
            details.taken.map(|taken| taken.source),
            Some(TakenSource::FileName)
        );
        let record = world
            .catalog
            .find_by_hash(&ImageId::of(&image_bytes(1)))
            .unwrap()
            .unwrap();
        assert_eq!(record.taken_source, Some(TakenSource::FileName));
        assert_eq!(record.metadata.taken.unwrap().to_string(), "2024-07-04T10:11:12");
    });
}

/// A JPEG file that is turned by XMP alone, which earlier versions did not read.
fn turned_by_xmp() -> Vec<u8> {
    let packet = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
        xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
        xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"#;
    let packet = format!("http://ns.adobe.com/xap/1.0/\0{packet}").into_bytes();
    let image = RgbImage::from_fn(24, 16, |x, y| Rgb([(x * 10) as u8, (y * 15) as u8, 90]));
    let mut jpeg = Cursor::new(Vec::new());
    image
        .write_to(&mut jpeg, ImageFormat::Jpeg)
        .expect("an image can be encoded");
    let (start, rest) = jpeg.get_ref().split_at(2);
    let length = (packet.len() as u16 + 2).to_be_bytes();
    [start, &[0xFF, 0xE1], &length, &packet, rest].concat()
}

#[test]
fn pictures_once_decoded_otherwise_are_embedded_again() {
    each_world(|world| {
        let bytes = turned_by_xmp();
        let image = ImageId::of(&bytes);
        world.put_bytes("a.jpg", &bytes, 0);
        let mut vector = vec![0.0; DIMENSION];
        vector[3] = 1.0;
        let earlier = Embedding::normalize(vector).expect("a unit vector");
        let mut vectors = world.vectors.write().unwrap();
        let rows = vectors.upsert(&[(image, earlier.clone())]).unwrap();
        vectors.commit().unwrap();
        drop(vectors);
        let new = NewImage {
            image,
            row: rows[0],
            bytes: bytes.len() as u64,
            metadata: Metadata {
                width: 24,
                height: 16,
                format: eidetic_domain::ImageFormat::Jpeg,
                taken: None,
                camera: None,
                position: None,
            },
        };
        let file = FileRecord {
            path: world.path("a.jpg"),
            stamp: world.stamp("a.jpg"),
            state: FileState::Indexed(image),
        };
        let batch = WriteBatch {
            images: vec![new],
            files: vec![file],
            ..WriteBatch::default()
        };
        world.catalog.put_batch(&batch).unwrap();
        let report = world.index();
        assert_eq!((report.encoded, report.unchanged, report.replaced), (0, 1, 1));
        let now = world.vectors.read().unwrap().vector(&image);
        assert_ne!(now, Some(earlier));
        let record = world.catalog.find_by_hash(&image).unwrap().unwrap();
        assert_eq!((record.metadata.width, record.metadata.height), (16, 24));
        world.assert_consistent();
        assert_eq!(world.index().replaced, 0);
    });
}

#[test]
fn copies_share_what_is_beside_them() {
    each_world(|world| {
        world.put("x/a.bmp", 1, 0);
        world.put("y/b.bmp", 1, 5);
        world.put_bytes("y/b.txt", b"Ships at noon", 0);
        world.put_bytes("x/a.bmp.xmp", xmp("Harbor").as_bytes(), 0);
        assert_eq!(
            summary(&world.index()),
            "indexed 2 encoded 1 unchanged 0 moved 0 removed 0 failed 0 skipped 2"
        );
        let both = details(world, 1);
        assert_eq!(both.title.as_deref(), Some("Harbor"));
        assert_eq!(both.description.as_deref(), Some("Ships at noon"));
        assert_eq!(both.side_cars.len(), 2);
        let taken = both.taken.unwrap();
        assert_eq!((taken.source, taken.time.year()), (TakenSource::FileTime, 2017));
        world.remove("y/b.txt");
        world.index();
        assert_eq!(details(world, 1).description, None);
        assert_eq!(title(world, 1).as_deref(), Some("Harbor"));
    });
}

#[test]
fn side_cars_belong_to_paths() {
    each_world(|world| {
        world.put("a.bmp", 1, 0);
        world.put_bytes("a.txt", b"Ships at noon", 0);
        world.index();
        world.remove("a.bmp");
        world.put("b/c.bmp", 1, 0);
        assert_eq!(world.index().moved, 1);
        // Its caption stayed behind.
        assert_eq!(details(world, 1).description, None);
        world.put_bytes("b/c.txt", b"Ships at noon", 0);
        world.index();
        assert_eq!(details(world, 1).description.as_deref(), Some("Ships at noon"));
    });
}

/// Each folder is listed once, however many files and side-cars it has.
#[test]
fn many_like_names_are_matched_quickly() {
    let world = World::in_memory();
    for number in 0..2_000 {
        world.put_bytes(&format!("IMG({number}).txt"), b"A caption", 0);
        world.put_bytes(
            &format!("IMG.bmp({number}).json"),
            br#"{"description": "Text"}"#,
            0,
        );
    }
    for number in 0..50 {
        world.put(&format!("IMG({number}).bmp"), number, 0);
    }
    let started = std::time::Instant::now();
    world.index();
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    assert_eq!(details(&world, 7).side_cars.len(), 2);
    assert_eq!(details(&world, 7).description.as_deref(), Some("Text"));
}
