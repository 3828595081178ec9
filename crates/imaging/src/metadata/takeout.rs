//! The JSON files that Google Takeout puts beside pictures.

use eidetic_domain::{Details, GeoPosition, Taken, TakenSource, TimePrecision};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Deserialize;

use super::exif_fields::on_earth;
use super::text;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Takeout {
    photo_taken_time: Option<Time>,
    description: Option<String>,
    geo_data: Option<Place>,
    geo_data_exif: Option<Place>,
    #[serde(default)]
    people: Vec<Person>,
}

/// Seconds since 1970, as a text.
#[derive(Deserialize)]
struct Time {
    timestamp: String,
}

/// All zeros where no position is known.
#[derive(Deserialize)]
struct Place {
    latitude: f64,
    longitude: f64,
    #[serde(default)]
    altitude: f64,
}

#[derive(Deserialize)]
struct Person {
    #[serde(default)]
    name: String,
}

/// What the file says; none where it is another kind of JSON.
pub fn read(bytes: &[u8]) -> Option<Details> {
    let takeout: Takeout = serde_json::from_slice(bytes).ok()?;
    let place = takeout
        .geo_data
        .filter(|place| place.position().is_some())
        .or(takeout.geo_data_exif);
    let position = place.as_ref().and_then(Place::position);
    let altitude = place.filter(|place| position.is_some() && place.altitude != 0.0);
    Some(Details {
        description: takeout.description.and_then(|text| text::long(&text)),
        people: text::distinct(takeout.people.into_iter().map(|person| person.name)),
        altitude: altitude.map(|place| place.altitude),
        position,
        taken: takeout.photo_taken_time.and_then(|time| taken(&time.timestamp)),
        ..Details::default()
    })
}

impl Place {
    fn position(&self) -> Option<GeoPosition> {
        on_earth(self.latitude, self.longitude)
    }
}

/// The time in UTC, since the file does not know the local time.
fn taken(seconds: &str) -> Option<Taken> {
    let time = Timestamp::from_second(seconds.trim().parse().ok()?).ok()?;
    Some(Taken {
        time: Offset::UTC.to_datetime(time),
        precision: TimePrecision::Second,
        offset_minutes: Some(0),
        source: TakenSource::SideCar,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn known_fields_are_read() {
        let details = read(
            br#"{"title": "IMG_1.jpg", "description": "At the lake", "imageViews": "3",
                "creationTime": {"timestamp": "1720100000", "formatted": "x"},
                "photoTakenTime": {"timestamp": "1720087872", "formatted": "x"},
                "geoData": {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0, "latitudeSpan": 0.0},
                "geoDataExif": {"latitude": 43.5, "longitude": -11.25, "altitude": 30.5},
                "people": [{"name": "Ada"}, {"name": "Bo"}, {}], "url": "x"}"#,
        )
        .unwrap();
        assert_eq!(details.title, None);
        assert_eq!(details.description.as_deref(), Some("At the lake"));
        assert_eq!(details.people, ["Ada", "Bo"]);
        assert_eq!(details.altitude, Some(30.5));
        assert_eq!(details.position, on_earth(43.5, -11.25));
        let taken = details.taken.unwrap();
        assert_eq!(
            (taken.time, taken.offset_minutes),
            (date(2024, 7, 4).at(10, 11, 12, 0), Some(0))
        );
    }

    #[test]
    fn other_json_says_nothing() {
        assert_eq!(read(b"[1, 2]"), None);
        assert_eq!(read(b"{\"photoTakenTime\": 5}"), None);
        assert_eq!(read(b"{}"), Some(Details::default()));
        assert_eq!(read(&b"[".repeat(100_000)), None);
    }
}
