//! Events in JSON.

use std::path::PathBuf;

use eidetic_domain::ImageId;
use eidetic_library::{Event, EventImages, EventPage};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::{original_path, path_bytes, path_text};
use super::{AlbumPicture, Position};

/// Images that were taken at one time and place, the latest event first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventsResponse {
    /// The events of this page.
    pub events: Vec<EventResponse>,
    /// Events on all pages.
    pub total: u64,
    /// What the next page begins after, for the parameter `cursor`; null on the last one.
    pub next_cursor: Option<String>,
    /// Images that are in no event, since their dates are those of files, which copying changes.
    pub weak_dates: u64,
    /// Images that are in no event, since no more than the year or the month is known of their dates.
    pub vague_dates: u64,
    /// Images without a date.
    pub undated: u64,
    /// When the last change was made that the events know of, where the command line looks while another process changes the
    /// library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventResponse {
    /// The id of its first image, for `/v1/events/{id}`.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub id: ImageId,
    /// Its dates and its place.
    #[schema(example = "2024-07-04 – 2024-07-06, Rome")]
    pub title: String,
    /// When its first image was taken, in the camera's local time.
    #[schema(value_type = String, example = "2024-07-04T09:12:00")]
    pub first: DateTime,
    /// When its last image was taken.
    #[schema(value_type = String, example = "2024-07-06T21:40:31")]
    pub last: DateTime,
    /// Number of its images.
    pub count: u64,
    /// The narrowest name that most of its images with a place share.
    pub place: Option<String>,
    /// The middle of its positions.
    pub position: Option<Position>,
    /// The id of the image that stands for it.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// Where that image is.
    pub path: String,
    /// Its bytes in base64, only where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
}

/// An event with its images, in the order in which they were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventImagesResponse {
    /// The event.
    pub event: EventResponse,
    /// The images of this page.
    pub images: Vec<AlbumPicture>,
    /// What the next page begins after, for the parameter `cursor`; null on the last one.
    pub next_cursor: Option<String>,
}

impl EventResponse {
    /// The path of the image that stands for it, as it is.
    pub fn original_path(&self) -> PathBuf {
        original_path(&self.path, self.path_bytes.as_deref())
    }
}

impl From<&EventPage> for EventsResponse {
    fn from(page: &EventPage) -> Self {
        Self {
            events: page.events.iter().map(Into::into).collect(),
            total: page.total,
            next_cursor: page.next.map(|next| next.to_string()),
            weak_dates: page.weak_dates,
            vague_dates: page.vague_dates,
            undated: page.undated,
            as_of: None,
        }
    }
}

impl From<&Event> for EventResponse {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id,
            title: event.title.clone(),
            first: event.first,
            last: event.last,
            count: event.images,
            place: event.place.clone(),
            position: event.position.map(Position::from),
            image: event.representative,
            path: path_text(&event.path),
            path_bytes: path_bytes(&event.path),
        }
    }
}

impl From<EventImages> for EventImagesResponse {
    fn from(found: EventImages) -> Self {
        let picture = |image| AlbumPicture::new(image, false);
        Self {
            event: (&found.event).into(),
            images: found.images.into_iter().map(picture).collect(),
            next_cursor: found.next.map(|next| next.to_string()),
        }
    }
}
