//! Synthetic images of any number, for measurements: records and vectors such as real photos have, of files that do not
//! exist.

use eidetic_catalog::{
    Catalog, FileRecord, FileStamp, FileState, ImageTags, NewImage, Tag, TagStore, WriteBatch,
};
use eidetic_domain::{
    Camera, Details, Embedding, Exposure, GeoPosition, ImageFormat, ImageId, Metadata, Place, SplitMix64,
    Taken, TakenSource, TimePrecision,
};
use eidetic_indexer::{RunContext, RunStage};
use eidetic_vectors::VectorIndex;
use jiff::ToSpan;
use jiff::civil::{DateTime, date};

use crate::operations::Operation;
use crate::{Library, LibraryError};

/// The folder that all synthetic images are in, in a hundred folders.
pub const SYNTHETIC_FOLDER: &str = "/photos";

/// Images of a commit.
const BATCH: usize = 5_000;
/// Images of an event: one subject at one place, in one hour, with one camera.
const EVENT: u64 = 40;
/// Days from the first date to the last one.
const DAYS: u64 = 24 * 365;
/// Length of what the vectors of an event have in common, beside the unit vector of their subject.
const EVENT_SPREAD: f32 = 0.7;
/// Length of what each image has of its own.
const IMAGE_SPREAD: f32 = 0.5;
/// Keeps numbers that are derived from an event apart from those of images.
const EVENT_SEED: u64 = 0x6576_656e_7400_0000;

/// Maker, model, and how many of a thousand events were taken with it.
const CAMERAS: [(&str, &str, u64); 5] = [
    ("NIKON CORPORATION", "NIKON D750", 500),
    ("Apple", "iPhone 13", 390),
    ("FUJIFILM", "X100V", 100),
    ("Canon", "EOS R5", 9),
    ("LEICA CAMERA AG", "M11", 1),
];

/// The images of a synthetic library.
#[derive(Debug, Clone)]
pub struct SyntheticImages {
    images: u64,
    subjects: Vec<Embedding>,
}

impl SyntheticImages {
    /// `images` images around the vectors `subjects`, such as those of some real images: at least one, of the dimension of
    /// the library's space.
    pub fn around(subjects: Vec<Embedding>, images: u64) -> Self {
        assert!(!subjects.is_empty(), "there is nothing to be around");
        Self { images, subjects }
    }

    /// `images` images around random vectors.
    pub fn random(dimension: usize, images: u64) -> Self {
        let subject = |number| {
            Embedding::normalize(direction(number, dimension)).expect("a random direction is not zero")
        };
        Self::around((1..=100).map(subject).collect(), images)
    }

    fn vector(&self, number: u64) -> Embedding {
        let event = Event::of(number);
        let subject = &self.subjects[event.below(self.subjects.len())];
        let dimension = subject.dimension();
        let shared = direction(EVENT_SEED + event.0, dimension);
        let own = direction(number, dimension);
        let spread = shared.iter().zip(own);
        let components = subject.as_slice().iter().zip(spread);
        let components =
            components.map(|(subject, (shared, own))| subject + EVENT_SPREAD * shared + IMAGE_SPREAD * own);
        Embedding::normalize(components.collect()).expect("random directions do not cancel out")
    }

    /// Evenly spread over the years, those of an event within an hour.
    fn taken(&self, number: u64) -> DateTime {
        let event = Event::of(number);
        let day = event.0 * DAYS / (self.images / EVENT).max(1) % DAYS;
        let hours = 8 + event.below(12) as i64;
        let minutes = (number % EVENT) as i64;
        let first = date(2001, 1, 1).at(0, 0, 0, 0);
        let time = first.checked_add((day as i64).days().hours(hours).minutes(minutes));
        time.unwrap_or(first)
    }

    fn metadata(&self, number: u64) -> Metadata {
        let event = Event::of(number);
        let (width, height) = if number.is_multiple_of(4) {
            (3000, 4000)
        } else {
            (4000, 3000)
        };
        Metadata {
            width,
            height,
            format: ImageFormat::Jpeg,
            taken: Some(self.taken(number)),
            camera: Some(event.camera()),
            position: event.position(),
        }
    }

    fn details(&self, number: u64) -> Details {
        let event = Event::of(number);
        Details {
            // The first is that of about a thousandth of the images.
            keywords: vec![
                format!("keyword {}", event.below(1_000)),
                format!("event {}", event.0),
            ],
            rating: (!number.is_multiple_of(3)).then_some((number % 6) as i8),
            place: Place {
                city: Some(format!("city {}", event.below(211))),
                country: Some(format!("country {}", event.below(211) % 17)),
                ..Place::default()
            },
            exposure: Exposure {
                lens: Some(format!("lens {}", event.below(13))),
                ..Exposure::default()
            },
            taken: Some(Taken {
                time: self.taken(number),
                precision: TimePrecision::Second,
                offset_minutes: None,
                source: TakenSource::Exif,
            }),
            camera: Some(event.camera()),
            ..Details::default()
        }
    }
}

/// The number of an event; what its images share follows from it.
#[derive(Debug, Clone, Copy)]
struct Event(u64);

impl Event {
    const fn of(image: u64) -> Self {
        Self(image / EVENT)
    }

    fn below(self, bound: usize) -> usize {
        SplitMix64::new(EVENT_SEED + self.0).below(bound.max(1))
    }

    fn camera(self) -> Camera {
        let mut share = SplitMix64::mix(self.0) % 1_000;
        let mut chosen = CAMERAS[0];
        for camera in CAMERAS {
            chosen = camera;
            if share < camera.2 {
                break;
            }
            share -= camera.2;
        }
        Camera {
            make: Some(chosen.0.to_owned()),
            model: Some(chosen.1.to_owned()),
        }
    }

    /// That of two events of five.
    fn position(self) -> Option<GeoPosition> {
        let mut random = SplitMix64::new(self.0);
        (random.below(5) < 2).then(|| GeoPosition {
            latitude: f64::from(random.signed_unit()) * 70.0,
            longitude: f64::from(random.signed_unit()) * 180.0,
        })
    }
}

impl Library {
    /// Adds synthetic images, in commits of 5,000. The library has no sources, so that nothing looks for their files.
    ///
    /// Stops early when the run is cancelled. Errors: the subjects are not of the space's dimension; the catalog or the
    /// vectors failed.
    pub fn add_synthetic(
        &self,
        images: &SyntheticImages,
        context: &RunContext<'_>,
    ) -> Result<(), LibraryError> {
        let _index = self.operations.lock(Operation::Index);
        context.observer.stage(RunStage::Indexing);
        context.observer.total(images.images);
        let numbers: Vec<u64> = (0..images.images).collect();
        for part in numbers.chunks(BATCH) {
            if context.is_cancelled() {
                break;
            }
            self.add_part(images, part)?;
            context.observer.done(part[part.len() - 1] + 1);
        }
        Ok(())
    }

    fn add_part(&self, images: &SyntheticImages, part: &[u64]) -> Result<(), LibraryError> {
        let space = self.active();
        let vectors: Vec<(ImageId, Embedding)> = part
            .iter()
            .map(|&number| (image(number), images.vector(number)))
            .collect();
        let rows = {
            let mut store = space.write_vectors();
            let rows = store.upsert(&vectors)?;
            store.commit()?;
            rows
        };
        let new = part.iter().zip(rows).map(|(&number, row)| NewImage {
            image: image(number),
            row,
            bytes: bytes(number),
            metadata: images.metadata(number),
        });
        space.catalog.put_batch(&WriteBatch {
            images: new.collect(),
            files: part.iter().map(|&number| file(number)).collect(),
            details: part
                .iter()
                .map(|&number| (image(number), images.details(number)))
                .collect(),
            at_ms: Some(1_700_000_000_000 + part[0] as i64),
            ..WriteBatch::default()
        })?;
        let tagged: Vec<(ImageId, ImageTags)> =
            part.iter().map(|&number| (image(number), tags(number))).collect();
        space.catalog.put_tags(&tagged)?;
        Ok(())
    }
}

/// A random vector of about unit length.
fn direction(seed: u64, dimension: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(SplitMix64::mix(seed));
    // The square of a number in -1..1 is a third on average.
    let scale = (3.0 / dimension as f32).sqrt();
    (0..dimension).map(|_| scale * random.signed_unit()).collect()
}

fn image(number: u64) -> ImageId {
    ImageId::of(&number.to_le_bytes())
}

const fn bytes(number: u64) -> u64 {
    4_000_000 + number
}

fn tags(number: u64) -> ImageTags {
    let tag = |n: u64| Tag {
        name: format!("tag {}", n % 499),
        confidence: 0.9,
        score: 0.3,
        low: false,
    };
    ImageTags {
        fingerprint: [1; 32],
        tags: [number, Event::of(number).0, number / 100].map(tag).into(),
    }
}

/// The images of an event are in one folder, and each folder has about a hundredth of all.
fn file(number: u64) -> FileRecord {
    let folder = Event::of(number).0 % 100;
    FileRecord {
        path: format!("{SYNTHETIC_FOLDER}/{folder:03}/DSC_{number:07}.jpg").into(),
        stamp: FileStamp {
            size: bytes(number),
            modified_ns: 1_700_000_000_000_000_000,
            changed_ns: Some(1_700_000_000_000_000_000),
            inode: Some(number),
            side_cars: Some(0),
        },
        state: FileState::Indexed(image(number)),
    }
}

#[cfg(test)]
mod tests {
    use eidetic_encoder::Encoder;
    use eidetic_encoder::fake::FakeEncoder;
    use eidetic_search::Query;

    use super::*;
    use crate::Owner;

    #[test]
    fn images_of_one_event_are_nearest() {
        let images = SyntheticImages::random(64, 1_000);
        let vector = |number| images.vector(number);
        let same = vector(0).cosine(&vector(1));
        let other = vector(0).cosine(&vector(EVENT));
        assert!((0.7..0.95).contains(&same), "{same}");
        assert!(other < 0.6, "{other}");
        assert_eq!(vector(0), vector(0));
    }

    #[test]
    fn filled_library_is_searched_and_counted() {
        let directory = tempfile::tempdir().unwrap();
        let encoder = FakeEncoder::new(16);
        let space = encoder.space().dimension;
        let library = Library::with_encoder(
            &directory.path().join("library"),
            Box::new(encoder),
            &Owner::this_process("test"),
        );
        let library = library.unwrap();
        let images = SyntheticImages::random(space, 200);
        library.add_synthetic(&images, &RunContext::default()).unwrap();
        assert_eq!(library.counts().unwrap().images, 200);
        let found = library.active().search(&Query::text("red")).unwrap();
        assert_eq!(found.hits.len(), 20);
        assert!(found.hits[0].record.paths[0].starts_with(SYNTHETIC_FOLDER));
    }

    #[test]
    fn cameras_have_their_shares() {
        let used = (0..10_000).map(|event| Event(event).camera().model.unwrap());
        let nikon = used.filter(|model| model == "NIKON D750").count();
        assert!((4_700..5_300).contains(&nikon), "{nikon}");
    }
}
