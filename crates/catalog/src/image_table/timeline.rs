//! Images by time and place, and their tags by number: what events and maps are made of.

use eidetic_domain::{Filter, GeoPosition, ImageId, Place, TakenSource, TimePrecision};
use jiff::civil::DateTime;

use super::ImageTable;
use crate::SpaceNumber;

/// Images in the order in which they were taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// The images that have a date; those of one moment in the order of their ids.
    pub entries: Vec<TimelineEntry>,
    /// The places that entries name by number.
    pub places: Vec<Place>,
    /// Number of images without a date.
    pub undated: u64,
}

/// When and where an image was taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimelineEntry {
    /// The image.
    pub image: ImageId,
    /// In the camera's local time.
    pub taken: DateTime,
    /// Where that was found.
    pub source: Option<TakenSource>,
    /// How much of it is known, where that is known.
    pub precision: Option<TimePrecision>,
    /// Where, to about a meter.
    pub position: Option<GeoPosition>,
    /// The number of the place.
    pub place: Option<u32>,
    /// Stars.
    pub rating: Option<i8>,
}

/// The tags of some images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberedTags {
    /// All tags of the space.
    pub names: Vec<String>,
    /// Of each image, the numbers of its tags; none for an unknown one.
    pub of_image: Vec<Box<[u32]>>,
}

impl ImageTable {
    /// The images that match a filter, but for its tags, of those in `among`. The table has details.
    pub fn timeline(&self, filter: &Filter, among: Option<&[ImageId]>) -> Timeline {
        let selection = self.select(filter, among);
        let mut timeline = Timeline {
            places: self
                .details
                .as_ref()
                .map_or_else(Vec::new, |column| column.places.as_slice().to_vec()),
            ..Timeline::default()
        };
        for slot in selection.slots() {
            match self.timeline_entry(slot) {
                Some(entry) => timeline.entries.push(entry),
                None => timeline.undated += 1,
            }
        }
        timeline
            .entries
            .sort_unstable_by_key(|entry| (entry.taken, entry.image));
        timeline
    }

    fn timeline_entry(&self, slot: u32) -> Option<TimelineEntry> {
        let row = &self.rows[slot as usize];
        let details = self.details.as_ref().map(|column| column.row(slot));
        Some(TimelineEntry {
            image: row.image,
            taken: row.taken?,
            source: row.taken_source,
            precision: details.and_then(|details| details.precision),
            position: row.position.map(|[latitude, longitude]| GeoPosition {
                latitude: latitude.into(),
                longitude: longitude.into(),
            }),
            place: details.and_then(|details| details.place),
            rating: details.and_then(|details| details.rating),
        })
    }

    /// The tags of `images` in a space whose tags the table has.
    pub fn numbered_tags(&self, images: &[ImageId], space: SpaceNumber) -> NumberedTags {
        let Some(column) = self.tags_in(space) else {
            return NumberedTags::default();
        };
        let tags = |image: &ImageId| {
            self.slot(image)
                .map_or_else(Box::default, |slot| column.row(slot).into())
        };
        NumberedTags {
            names: column.names.as_slice().to_vec(),
            of_image: images.iter().map(tags).collect(),
        }
    }
}
