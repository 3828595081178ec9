//! What a picture's file and the files beside it say about the picture, besides its pixels.

use std::fmt;

use jiff::Zoned;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::{Camera, GeoPosition};

/// Title, caption, keywords, people, exposure and whatever else is known about a picture from its file and the
/// side-car files beside it. Texts are trimmed and of bounded length; what is unknown is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// A short name.
    pub title: Option<String>,
    /// A caption.
    pub description: Option<String>,
    /// Keywords in the order of the file, none twice in any case of letters.
    pub keywords: Vec<String>,
    /// Paths of nested keywords, from the most general one, separated by `|`: `Places|Italy|Rome`.
    pub hierarchical_keywords: Vec<String>,
    /// Names of the people who are seen, as marked on faces or listed.
    pub people: Vec<String>,
    /// Stars from 0 to 5; −1 for a rejected picture.
    pub rating: Option<i8>,
    /// A color label or the name of a state, such as `Red` or `To print`.
    pub label: Option<String>,
    /// Photographers and other authors.
    pub creators: Vec<String>,
    /// The notice of copyright.
    pub copyright: Option<String>,
    /// The program or the firmware that wrote the file.
    pub software: Option<String>,
    /// Where it was taken, in words.
    pub place: Place,
    /// Meters above the sea.
    pub altitude: Option<f64>,
    /// The lens and how the picture was exposed.
    pub exposure: Exposure,
    /// When it was taken.
    pub taken: Option<Taken>,
    /// The camera.
    pub camera: Option<Camera>,
    /// Where it was taken.
    pub position: Option<GeoPosition>,
    /// Paths of the files beside the picture that something of this was read from, sorted, for display.
    pub side_cars: Vec<String>,
    /// What is wrong with the file, in one sentence, if it is damaged and shown as far as it goes.
    pub damage: Option<String>,
}

/// Names of a place, from the narrowest to the widest.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// A part of a city, or a sight.
    pub sublocation: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Country.
    pub country: Option<String>,
}

/// Lens and settings of an exposure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Name of the lens.
    pub lens: Option<String>,
    /// Exposure time in seconds.
    pub seconds: Option<f64>,
    /// Aperture: 2.8 for f/2.8.
    pub f_number: Option<f64>,
    /// Sensitivity.
    pub iso: Option<u32>,
    /// Focal length in millimeters.
    pub focal_length: Option<f64>,
    /// Focal length in millimeters that gives the same field of view on 35 mm film.
    pub focal_length_35mm: Option<f64>,
}

/// When a picture was taken, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Local time; where the date is incomplete, its first moment.
    pub time: DateTime,
    /// How much of `time` is known.
    pub precision: TimePrecision,
    /// Offset of the local time from UTC in minutes, east positive; `None` where it is unknown.
    pub offset_minutes: Option<i16>,
    /// Where the date was found.
    pub source: TakenSource,
}

impl Taken {
    /// A moment with its offset from UTC, to the second; none beyond the years that dates can have.
    pub fn at(time: &Zoned, source: TakenSource) -> Option<Self> {
        Some(Self {
            time: time.datetime().with().subsec_nanosecond(0).build().ok()?,
            precision: TimePrecision::Second,
            offset_minutes: i16::try_from(time.offset().seconds() / 60).ok(),
            source,
        })
    }
}

/// How much of a time is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimePrecision {
    /// The year.
    Year,
    /// Year and month.
    Month,
    /// The date.
    Day,
    /// Date, hour and minute.
    Minute,
    /// All but fractions of a second.
    Second,
    /// Fractions of a second too.
    Fraction,
}

/// Where a date was found, but for the last from the most to the least reliable place. Records name them by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakenSource {
    /// EXIF: the time of exposure.
    Exif,
    /// EXIF: the time of digitization.
    ExifDigitized,
    /// XMP, in the file or in a side-car.
    Xmp,
    /// IPTC.
    Iptc,
    /// The time of the position, in UTC.
    Gps,
    /// A text in a PNG file.
    PngText,
    /// The file's name.
    FileName,
    /// A side-car other than XMP.
    SideCar,
    /// EXIF: the time of the last change.
    ExifModified,
    /// The modification time of the file, which copying may change.
    FileTime,
    /// The metadata of a video, as reliable as the time of a position.
    Video,
}

impl Details {
    /// Adds what `other`, read from another file of the same picture, knows beyond this. The more reliable date
    /// stays; of two that are equally so, the earlier.
    pub fn add(&mut self, other: Self) {
        fill(&mut self.title, other.title);
        fill(&mut self.description, other.description);
        append(&mut self.keywords, other.keywords);
        append(&mut self.hierarchical_keywords, other.hierarchical_keywords);
        append(&mut self.people, other.people);
        fill(&mut self.rating, other.rating);
        fill(&mut self.label, other.label);
        if self.creators.is_empty() {
            self.creators = other.creators;
        }
        fill(&mut self.copyright, other.copyright);
        fill(&mut self.software, other.software);
        self.place.add(other.place);
        if self.position.is_none() {
            self.position = other.position;
            self.altitude = other.altitude.or(self.altitude);
        }
        fill(&mut self.altitude, other.altitude);
        self.exposure.add(other.exposure);
        self.taken = better_taken(self.taken, other.taken);
        fill(&mut self.camera, other.camera);
        append(&mut self.side_cars, other.side_cars);
        self.side_cars.sort();
        fill(&mut self.damage, other.damage);
    }
}

impl Details {
    /// All keywords: each by itself, and each level of nested ones.
    pub fn all_keywords(&self) -> impl Iterator<Item = &str> {
        let nested = self.hierarchical_keywords.iter().flat_map(|path| path.split('|'));
        self.keywords.iter().map(String::as_str).chain(nested)
    }
}

impl Place {
    /// Its names, the widest first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = [&self.country, &self.state, &self.city, &self.sublocation];
        names.into_iter().flatten().map(String::as_str)
    }

    fn add(&mut self, other: Self) {
        // Names of two places must not mix.
        if *self == Self::default() {
            *self = other;
        }
    }
}

impl Exposure {
    fn add(&mut self, other: Self) {
        fill(&mut self.lens, other.lens);
        fill(&mut self.seconds, other.seconds);
        fill(&mut self.f_number, other.f_number);
        fill(&mut self.iso, other.iso);
        fill(&mut self.focal_length, other.focal_length);
        fill(&mut self.focal_length_35mm, other.focal_length_35mm);
    }
}

impl TakenSource {
    /// Whether a date from here says little about when a picture was taken.
    pub const fn is_weak(self) -> bool {
        matches!(self, Self::FileTime)
    }

    /// What it is, for users.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exif => "EXIF, time of exposure",
            Self::ExifDigitized => "EXIF, time of digitization",
            Self::Xmp => "XMP",
            Self::Iptc => "IPTC",
            Self::Gps => "GPS",
            Self::PngText => "PNG text",
            Self::FileName => "file name",
            Self::SideCar => "side-car file",
            Self::ExifModified => "EXIF, time of the last change",
            Self::FileTime => "file time",
            Self::Video => "video metadata",
        }
    }

    /// Lower for more reliable places.
    const fn rank(self) -> u8 {
        match self {
            Self::Video => Self::Gps as u8,
            other => other as u8,
        }
    }
}

impl fmt::Display for TakenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The more reliable of two dates; of two that are equally reliable, the earlier.
pub fn better_taken(one: Option<Taken>, other: Option<Taken>) -> Option<Taken> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    let rank = |taken: &Taken| (taken.source.rank(), taken.time);
    Some(if rank(&other) < rank(&one) { other } else { one })
}

fn fill<T>(value: &mut Option<T>, other: Option<T>) {
    if value.is_none() {
        *value = other;
    }
}

fn append<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn taken(source: TakenSource, year: i16) -> Taken {
        Taken {
            time: date(year, 1, 1).at(0, 0, 0, 0),
            precision: TimePrecision::Second,
            offset_minutes: None,
            source,
        }
    }

    #[test]
    fn reliable_date_wins_then_earlier_one() {
        let name = taken(TakenSource::FileName, 2020);
        let file = taken(TakenSource::FileTime, 2010);
        assert_eq!(better_taken(Some(file), Some(name)), Some(name));
        assert_eq!(better_taken(None, Some(file)), Some(file));
        let later = taken(TakenSource::FileTime, 2024);
        assert_eq!(better_taken(Some(later), Some(file)), Some(file));
        assert!(file.source.is_weak() && !name.source.is_weak());
    }

    #[test]
    fn second_file_only_adds() {
        let mut details = Details {
            title: Some("Harbor".into()),
            keywords: vec!["sea".into()],
            place: Place {
                city: Some("Genoa".into()),
                ..Place::default()
            },
            ..Details::default()
        };
        details.add(Details {
            title: Some("Other".into()),
            description: Some("Ships".into()),
            keywords: vec!["sea".into(), "ship".into()],
            place: Place {
                country: Some("France".into()),
                ..Place::default()
            },
            rating: Some(4),
            ..Details::default()
        });
        assert_eq!(details.title.as_deref(), Some("Harbor"));
        assert_eq!(details.description.as_deref(), Some("Ships"));
        assert_eq!(details.keywords, ["sea", "ship"]);
        assert_eq!(details.place.country, None);
        assert_eq!(details.rating, Some(4));
    }
}
