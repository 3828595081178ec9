//! Records for tests.

use std::path::PathBuf;

use eidetic_catalog::{FileRecord, FileStamp, FileState, NewImage};
use eidetic_domain::{Camera, GeoPosition, ImageFormat, ImageId, Metadata, RowId};

pub fn id(n: u32) -> ImageId {
    ImageId::of(&n.to_le_bytes())
}

pub fn new_image(n: u32) -> NewImage {
    NewImage {
        image: id(n),
        row: RowId(u64::from(n)),
        bytes: 1000 + u64::from(n),
        metadata: Metadata {
            width: 640 + n,
            height: 480,
            format: ImageFormat::Jpeg,
            taken: n
                .is_multiple_of(2)
                .then(|| "2020-02-03T04:05:06".parse().expect("a date")),
            camera: Some(Camera {
                make: Some("Maker".into()),
                model: None,
            }),
            position: n.is_multiple_of(3).then_some(GeoPosition {
                latitude: 48.1,
                longitude: -11.5,
            }),
        },
    }
}

pub fn file(path: impl Into<PathBuf>, state: FileState) -> FileRecord {
    let path = path.into();
    FileRecord {
        stamp: FileStamp {
            size: path.as_os_str().len() as u64,
            modified_ns: -7,
        },
        path,
        state,
    }
}
