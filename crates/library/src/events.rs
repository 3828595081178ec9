//! Events: images that were taken at one time and place, such as a day at the sea or a journey.

mod segments;
mod title;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use eidetic_catalog::{Catalog, Timeline, TimelineEntry};
use eidetic_domain::{Filter, GeoPosition, ImageId, TakenSource, TimePrecision};
use eidetic_vectors::VectorIndex;
use jiff::civil::DateTime;

use crate::{AlbumImage, Library, LibraryError, Space, paths};
use segments::{Moment, Whereabouts, event_starts};
use title::title;

/// Images of an event whose vectors are compared to choose the one that represents it.
const COMPARED: usize = 32;

/// Which events to return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOptions {
    /// Events of the images that match it.
    pub filter: Filter,
    /// The place after which the page begins; none for the first page.
    pub after: Option<EventPosition>,
    /// Most events of the page.
    pub count: usize,
}

/// Where an event is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPosition {
    /// Its first moment.
    pub first: DateTime,
    /// Its id.
    pub id: ImageId,
}

/// A text is no place in a list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not the next_cursor of a list of events")]
pub struct ParseEventPositionError;

/// Events, the latest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventPage {
    /// The events of this page.
    pub events: Vec<Event>,
    /// Number of events on all pages.
    pub total: u64,
    /// The place of the last event, if there are more after it.
    pub next: Option<EventPosition>,
    /// Images that are in no event because their dates are those of files, which say little.
    pub weak_dates: u64,
    /// Images that are in no event because no more than the year or the month is known of their dates.
    pub vague_dates: u64,
    /// Images without a date.
    pub undated: u64,
}

/// Images that were taken at one time and place.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The id of its first image, which names it.
    pub id: ImageId,
    /// When its first image was taken, in the camera's local time.
    pub first: DateTime,
    /// When its last image was taken.
    pub last: DateTime,
    /// Number of its images.
    pub images: u64,
    /// Its dates and its place, such as `2024-07-04 – 2024-07-06, Rome`.
    pub title: String,
    /// The narrowest name that most of its images with a place share.
    pub place: Option<String>,
    /// The position that is nearest to all others, of its images that have one.
    pub position: Option<GeoPosition>,
    /// The image that stands for it: of the best rated ones, the most typical.
    pub representative: ImageId,
    /// The first of its paths that exists.
    pub path: PathBuf,
}

/// Images of an event.
#[derive(Debug, Clone)]
pub struct EventImages {
    /// The event.
    pub event: Event,
    /// Its images of this page, in the order in which they were taken.
    pub images: Vec<AlbumImage>,
    /// The last image of the page, if there are more after it.
    pub next: Option<ImageId>,
}

/// The images of all events in order, and where each event begins.
struct Found {
    timeline: Timeline,
    starts: Vec<usize>,
    weak_dates: u64,
    vague_dates: u64,
}

impl Library {
    /// A page of the events of all images that match a filter, the latest first. Images whose dates are those of files, or of which only the year
    /// or the month is known, are in no event.
    ///
    /// Errors: among others, the filter names a folder or a tag that the library does not have.
    pub fn events(&self, space: &Space, options: &EventOptions) -> Result<EventPage, LibraryError> {
        let found = self.find_events(space, &options.filter)?;
        let is_after = |position: &EventPosition| options.after.is_none_or(|after| *position < after);
        let mut rest = (0..found.starts.len())
            .rev()
            .filter(|event| is_after(&found.position(*event)));
        let page: Vec<usize> = rest.by_ref().take(options.count).collect();
        let last = page.last().filter(|_| rest.next().is_some());
        Ok(EventPage {
            next: last.map(|last| found.position(*last)),
            events: page
                .iter()
                .map(|event| self.event(&found, *event, space))
                .collect::<Result<_, _>>()?,
            total: found.starts.len() as u64,
            weak_dates: found.weak_dates,
            vague_dates: found.vague_dates,
            undated: found.timeline.undated,
        })
    }

    /// The event of the images that match a filter that has this id or this image, and up to `count` of its images after `after`.
    ///
    /// Errors: among others, the image is in no event.
    pub fn event_images(
        &self,
        space: &Space,
        filter: &Filter,
        id: &ImageId,
        after: Option<ImageId>,
        count: usize,
    ) -> Result<EventImages, LibraryError> {
        let found = self.find_events(space, filter)?;
        let entries = &found.timeline.entries;
        let place = entries.iter().position(|entry| entry.image == *id);
        let place = place.ok_or(LibraryError::UnknownEvent(*id))?;
        let event = found.starts.partition_point(|start| *start <= place) - 1;
        let members = found.entries(event);
        let start = after.map_or(0, |after| {
            let place = members.iter().position(|entry| entry.image == after);
            place.map_or(members.len(), |place| place + 1)
        });
        let page = &members[start..][..count.min(members.len() - start)];
        let has_more = start + page.len() < members.len();
        let ids: Vec<ImageId> = page.iter().map(|entry| entry.image).collect();
        let records = self.catalog.get_many(&ids)?.into_iter().flatten();
        let images = records.map(|mut record| {
            let reachable = paths::arrange(&mut record.paths, filter);
            AlbumImage {
                record,
                tags: None,
                reachable,
            }
        });
        Ok(EventImages {
            event: self.event(&found, event, space)?,
            images: images.collect(),
            next: ids.last().copied().filter(|_| has_more),
        })
    }

    fn event(&self, found: &Found, event: usize, space: &Space) -> Result<Event, LibraryError> {
        let entries = found.entries(event);
        let (first, last) = (entries[0].taken, entries[entries.len() - 1].taken);
        let place = found.place(event);
        let representative = representative(entries, space);
        let record = self.catalog.find_by_hash(&representative)?;
        let mut all_paths = record.map(|record| record.paths).unwrap_or_default();
        paths::arrange(&mut all_paths, &Filter::default());
        Ok(Event {
            id: entries[0].image,
            first,
            last,
            images: entries.len() as u64,
            title: title(first, last, place.as_deref()),
            place,
            position: segments::middle(entries.iter().filter_map(|entry| entry.position)),
            representative,
            path: all_paths.into_iter().next().unwrap_or_default(),
        })
    }

    fn find_events(&self, space: &Space, filter: &Filter) -> Result<Found, LibraryError> {
        let filter = self.resolve_filter(filter)?;
        let among = space.images_with_tags_of(&filter)?;
        let mut timeline = space.catalog.timeline(&filter, among.as_deref())?;
        if timeline.entries.is_empty() {
            space.require_known_values(&filter)?;
        }
        let all = timeline.entries.len();
        timeline
            .entries
            .retain(|entry| entry.source.is_some_and(|source| !TakenSource::is_weak(source)));
        let dated = timeline.entries.len();
        timeline.entries.retain(|entry| {
            entry
                .precision
                .is_none_or(|precision| precision >= TimePrecision::Day)
        });
        let moments: Vec<Moment> = timeline.entries.iter().map(moment).collect();
        Ok(Found {
            weak_dates: (all - dated) as u64,
            vague_dates: (dated - timeline.entries.len()) as u64,
            starts: event_starts(&moments),
            timeline,
        })
    }
}

impl Found {
    fn entries(&self, event: usize) -> &[TimelineEntry] {
        let end = self
            .starts
            .get(event + 1)
            .copied()
            .unwrap_or(self.timeline.entries.len());
        &self.timeline.entries[self.starts[event]..end]
    }

    fn position(&self, event: usize) -> EventPosition {
        let first = &self.timeline.entries[self.starts[event]];
        EventPosition {
            first: first.taken,
            id: first.image,
        }
    }

    /// The narrowest name that most images of an event with a place share.
    fn place(&self, event: usize) -> Option<String> {
        let places = self.entries(event).iter().filter_map(|entry| entry.place);
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        places.for_each(|place| *counts.entry(place).or_default() += 1);
        let counts = counts
            .iter()
            .map(|(place, count)| (&self.timeline.places[*place as usize], *count));
        title::place_name(counts)
    }
}

fn moment(entry: &TimelineEntry) -> Moment {
    let at = entry.position.map(Whereabouts::At);
    Moment {
        seconds: entry.taken.duration_since(DateTime::ZERO).as_secs(),
        whereabouts: at.or_else(|| entry.place.map(Whereabouts::Named)),
    }
}

/// Of the best rated images, the one whose vector is nearest to the sum of all; the middle one where there are no vectors.
fn representative(entries: &[TimelineEntry], space: &Space) -> ImageId {
    let best = entries.iter().map(|entry| entry.rating).max().flatten();
    let rated: Vec<ImageId> = entries
        .iter()
        .filter(|entry| entry.rating == best)
        .map(|entry| entry.image)
        .collect();
    let step = rated.len().div_ceil(COMPARED).max(1);
    let sample: Vec<ImageId> = rated.iter().step_by(step).copied().collect();
    let vectors = space.read_vectors();
    let known: Vec<_> = sample
        .iter()
        .filter_map(|image| Some((*image, vectors.vector(image)?)))
        .collect();
    let sum_of_cosines = |at: usize| {
        known
            .iter()
            .map(|(_, other)| known[at].1.cosine(other))
            .sum::<f64>()
    };
    let typical = (0..known.len()).max_by(|a, b| sum_of_cosines(*a).total_cmp(&sum_of_cosines(*b)));
    typical.map_or(rated[rated.len() / 2], |at| known[at].0)
}

impl fmt::Display for EventPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.first, self.id)
    }
}

impl FromStr for EventPosition {
    type Err = ParseEventPositionError;

    fn from_str(text: &str) -> Result<Self, ParseEventPositionError> {
        let (first, id) = text.split_once('~').ok_or(ParseEventPositionError)?;
        Ok(Self {
            first: first.parse().map_err(|_| ParseEventPositionError)?,
            id: id.parse().map_err(|_| ParseEventPositionError)?,
        })
    }
}
