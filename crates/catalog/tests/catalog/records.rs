//! Sample records.

use std::path::PathBuf;

use eidetic_catalog::{Feedback, FeedbackKind, FileRecord, FileStamp, FileState, ImageTags, NewImage, Tag};
use eidetic_domain::{
    Camera, Details, Exposure, GeoPosition, ImageFormat, ImageId, Metadata, Place, RowId, Taken, TakenSource,
    TimePrecision,
};
use jiff::civil::date;

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

/// Details with a date in this year of the century; of every third year without one. The rest has few values, and some none.
pub fn details(year: u16) -> Details {
    let time = date(2000 + year as i16, 1, 2).at(3, 4, 5, 0);
    let taken = Taken {
        time,
        precision: TimePrecision::Second,
        offset_minutes: Some(-90),
        source: TakenSource::Iptc,
    };
    Details {
        title: Some(format!("Title {year}")),
        keywords: vec![
            "sea".to_owned(),
            ["Dog", "dog", "été"][usize::from(year % 3)].to_owned(),
        ],
        hierarchical_keywords: vec![format!("Places|Italy|{}", year % 4)],
        rating: (!year.is_multiple_of(5)).then_some((year % 7) as i8 - 1),
        exposure: Exposure {
            lens: (!year.is_multiple_of(4)).then(|| format!("{}mm", year % 2)),
            ..Exposure::default()
        },
        place: Place {
            city: year.is_multiple_of(2).then(|| "Rome".to_owned()),
            country: (!year.is_multiple_of(6)).then(|| ["Italy", "France"][usize::from(year % 2)].to_owned()),
            ..Place::default()
        },
        damage: year.is_multiple_of(7).then(|| "the end is missing".to_owned()),
        taken: (!year.is_multiple_of(3)).then_some(taken),
        ..Details::default()
    }
}

/// Tags with these names.
pub fn tags(fingerprint: u8, names: &[&str]) -> ImageTags {
    let tag = |name: &&str| Tag {
        name: (*name).to_owned(),
        confidence: 0.75,
        score: 0.25,
        low: name.len() > 3,
    };
    ImageTags {
        fingerprint: [fingerprint; 32],
        tags: names.iter().map(tag).collect(),
    }
}

/// An answer to whether image `image` matches the text `query`.
pub fn answer(query: &str, image: u32, right: bool) -> Feedback {
    Feedback {
        at_ms: 1_700_000_000_000 + i64::from(image),
        kind: FeedbackKind::Text,
        profile: None,
        expected: None,
        query: query.to_owned(),
        image: id(image),
        path: format!("/p/{image}.jpg").into(),
        right,
    }
}

pub fn file(path: impl Into<PathBuf>, state: FileState) -> FileRecord {
    let path = path.into();
    FileRecord {
        stamp: FileStamp {
            size: path.as_os_str().len() as u64,
            modified_ns: -7,
            changed_ns: Some(11),
            inode: None,
            side_cars: Some(u64::from(path.as_os_str().len() as u32)),
        },
        path,
        state,
    }
}
