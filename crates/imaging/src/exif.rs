//! EXIF 2.3 metadata, which are stored as TIFF 6.0 directories.
//!
//! A reader for the ten tags in use. It borrows the bytes, follows no chains and copies short texts only,
//! so that the cost of a file is bounded. (kamadak-exif, which tests compare it with, copies the block and
//! lists the entries of overlapping directories: for a crafted block its memory is quadratic.)

use eidetic_domain::{Camera, GeoPosition};
use jiff::civil::{Date, DateTime, Time};

use image::metadata::Orientation;

mod ifd;

pub use ifd::{Ifd, RawValue, tag};

/// The metadata in an EXIF block, or in the first directory of a TIFF file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExifData {
    pub orientation: Option<Orientation>,
    pub taken: Option<DateTime>,
    pub camera: Option<Camera>,
    pub position: Option<GeoPosition>,
    /// Whether the colors are Adobe RGB (1998), in which cameras write no profile.
    pub is_adobe_rgb: bool,
}

impl ExifData {
    /// Parses a block that begins with a TIFF header, optionally after `Exif\0\0`. Damaged fields are none.
    pub fn parse(block: &[u8]) -> Self {
        let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
        let main = Ifd::first(block);
        let sub_ifd = |tag| main.as_ref().and_then(|main| main.sub_ifd(tag));
        Self::of_directories(main, sub_ifd(tag::EXIF), sub_ifd(tag::GPS))
    }

    /// The fields of three directories: the main one, the photo's, and the position's.
    pub fn of_directories(main: Option<Ifd>, photo: Option<Ifd>, gps: Option<Ifd>) -> Self {
        let orientation = || Orientation::from_exif(main?.unsigned(tag::ORIENTATION)?.try_into().ok()?);
        Self {
            orientation: orientation(),
            taken: taken(main.as_ref(), photo.as_ref()),
            camera: main.as_ref().and_then(camera),
            position: gps.as_ref().and_then(position),
            is_adobe_rgb: photo.as_ref().is_some_and(is_adobe_rgb),
        }
    }

    /// These fields, and those of `other` where they are missing.
    pub fn or(self, other: Self) -> Self {
        Self {
            orientation: self.orientation.or(other.orientation),
            taken: self.taken.or(other.taken),
            camera: self.camera.or(other.camera),
            position: self.position.or(other.position),
            is_adobe_rgb: self.is_adobe_rgb || other.is_adobe_rgb,
        }
    }
}

/// The date of exposure, else of digitization, else of the last change of the file.
fn taken(main: Option<&Ifd>, photo: Option<&Ifd>) -> Option<DateTime> {
    let in_photo = |tag| photo.and_then(|photo| date(&photo.text(tag)?));
    in_photo(tag::DATE_TIME_ORIGINAL)
        .or_else(|| in_photo(tag::DATE_TIME_DIGITIZED))
        .or_else(|| date(&main?.text(tag::DATE_TIME)?))
}

/// Parses `YYYY:MM:DD hh:mm:ss` with any separators and ignores what follows. Year 0 is not a date.
fn date(text: &str) -> Option<DateTime> {
    let mut numbers = text
        .get(..19)?
        .split(|character: char| !character.is_ascii_digit())
        .map(|digits| digits.parse::<i16>().ok());
    let mut next = || numbers.next().flatten();
    let (year, month, day) = (next()?, next()?, next()?);
    let (hour, minute, second) = (next()?, next()?, next()?);
    if year == 0 {
        return None;
    }
    let small = |number: i16| i8::try_from(number).ok();
    let date = Date::new(year, small(month)?, small(day)?).ok()?;
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    Some(date.to_datetime(time))
}

fn camera(main: &Ifd) -> Option<Camera> {
    let make = main.text(tag::MAKE);
    let model = main.text(tag::MODEL);
    (make.is_some() || model.is_some()).then_some(Camera { make, model })
}

/// The color space is "uncalibrated" and the file follows DCF's rule for the optional color space, or has the number
/// that some cameras write instead.
fn is_adobe_rgb(photo: &Ifd) -> bool {
    const UNCALIBRATED: u32 = 0xFFFF;
    const ADOBE_RGB: u32 = 2;
    let rule = || {
        photo
            .sub_ifd(tag::INTEROPERABILITY)?
            .text(tag::INTEROPERABILITY_INDEX)
    };
    match photo.unsigned(tag::COLOR_SPACE) {
        Some(ADOBE_RGB) => true,
        Some(UNCALIBRATED) | None => rule().as_deref() == Some("R03"),
        Some(_) => false,
    }
}

/// Degrees with their hemispheres. None for exactly 0° N 0° E, which receivers without a fix write.
fn position(gps: &Ifd) -> Option<GeoPosition> {
    let latitude = angle(gps, tag::LATITUDE, tag::LATITUDE_REF, "N", "S")?;
    let longitude = angle(gps, tag::LONGITUDE, tag::LONGITUDE_REF, "E", "W")?;
    let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    let fixed = latitude != 0.0 || longitude != 0.0;
    (on_earth && fixed).then_some(GeoPosition { latitude, longitude })
}

/// Degrees, minutes and seconds to signed degrees.
fn angle(gps: &Ifd, value: u16, reference: u16, positive: &str, negative: &str) -> Option<f64> {
    let [degrees, minutes, seconds] = gps.rationals::<3>(value)?;
    let magnitude = degrees? + minutes.unwrap_or(0.0) / 60.0 + seconds.unwrap_or(0.0) / 3600.0;
    let hemisphere = gps.text(reference)?;
    if hemisphere.eq_ignore_ascii_case(positive) {
        Some(magnitude)
    } else if hemisphere.eq_ignore_ascii_case(negative) {
        Some(-magnitude)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exif::experimental::Writer;
    use exif::{Field, In, Rational, Tag, Value};
    use jiff::civil::date as day;
    use proptest::prelude::*;

    fn ascii(tag: Tag, text: &str) -> Field {
        Field {
            tag,
            ifd_num: In::PRIMARY,
            value: Value::Ascii(vec![text.as_bytes().to_vec()]),
        }
    }

    fn number(tag: Tag, number: u16) -> Field {
        Field {
            tag,
            ifd_num: In::PRIMARY,
            value: Value::Short(vec![number]),
        }
    }

    fn angle_field(tag: Tag, parts: [(u32, u32); 3]) -> Field {
        Field {
            tag,
            ifd_num: In::PRIMARY,
            value: Value::Rational(parts.map(|(num, denom)| Rational { num, denom }).to_vec()),
        }
    }

    fn block(fields: &[Field], little_endian: bool) -> Vec<u8> {
        let mut writer = Writer::new();
        for field in fields {
            writer.push_field(field);
        }
        let mut bytes = std::io::Cursor::new(Vec::new());
        writer
            .write(&mut bytes, little_endian)
            .expect("writing into memory");
        bytes.into_inner()
    }

    #[test]
    fn fields_are_read_in_either_byte_order() {
        let fields = [
            number(Tag::Orientation, 6),
            ascii(Tag::Make, "NIKON CORPORATION  "),
            ascii(Tag::Model, "NIKON D750"),
            ascii(Tag::DateTimeOriginal, "2019:07:04 12:30:59"),
            ascii(Tag::GPSLatitudeRef, "N"),
            angle_field(Tag::GPSLatitude, [(43, 1), (28, 1), (281_400, 10_000)]),
            ascii(Tag::GPSLongitudeRef, "W"),
            angle_field(Tag::GPSLongitude, [(11, 1), (53, 1), (0, 0)]),
        ];
        for little_endian in [false, true] {
            let exif_data = ExifData::parse(&block(&fields, little_endian));
            assert_eq!(exif_data.orientation, Some(Orientation::Rotate90));
            assert_eq!(exif_data.taken, Some(day(2019, 7, 4).at(12, 30, 59, 0)));
            let camera = exif_data.camera.unwrap();
            assert_eq!(camera.make.as_deref(), Some("NIKON CORPORATION"));
            assert_eq!(camera.model.as_deref(), Some("NIKON D750"));
            let position = exif_data.position.unwrap();
            assert!((position.latitude - 43.474_483_3).abs() < 1e-6, "{position:?}");
            assert!((position.longitude + 11.883_333_3).abs() < 1e-6, "{position:?}");
        }
    }

    #[test]
    fn invalid_date_falls_back_to_next() {
        let exif_data = ExifData::parse(&block(
            &[
                ascii(Tag::DateTimeOriginal, "0000:00:00 00:00:00"),
                ascii(Tag::DateTimeDigitized, "    :  :     :  :  "),
                ascii(Tag::DateTime, "2001:02:03 04:05:06"),
            ],
            true,
        ));
        assert_eq!(exif_data.taken, Some(day(2001, 2, 3).at(4, 5, 6, 0)));
        assert_eq!(date("2021:02:30 00:00:00"), None);
        assert_eq!(
            date("2021-02-28T23:59:59Z"),
            Some(day(2021, 2, 28).at(23, 59, 59, 0))
        );
        assert_eq!(date("2021:02:28"), None);
        assert_eq!(date("ÄÄÄÄÄÄÄÄÄÄÄÄÄ"), None);
    }

    #[test]
    fn impossible_positions_are_ignored() {
        let at = |latitude, longitude, north: &str| {
            let fields = [
                ascii(Tag::GPSLatitudeRef, north),
                angle_field(Tag::GPSLatitude, [latitude, (0, 1), (0, 1)]),
                ascii(Tag::GPSLongitudeRef, "E"),
                angle_field(Tag::GPSLongitude, [longitude, (0, 1), (0, 1)]),
            ];
            ExifData::parse(&block(&fields, false)).position
        };
        assert!(at((43, 1), (11, 1), "N").is_some());
        assert_eq!(at((91, 1), (11, 1), "N"), None);
        assert_eq!(at((43, 0), (11, 1), "N"), None);
        assert_eq!(at((43, 1), (181, 1), "N"), None);
        assert_eq!(at((43, 1), (11, 1), "?"), None);
        assert_eq!(at((0, 1), (0, 1), "N"), None);
    }

    proptest! {
        #[test]
        fn mutated_blocks_agree_with_kamadak_exif(
            at in prop::collection::vec((0_usize..200, any::<u8>()), 0..4),
            little_endian: bool,
        ) {
            let mut bytes = block(
                &[
                    number(Tag::Orientation, 3),
                    ascii(Tag::Model, "Model of a camera"),
                    ascii(Tag::DateTimeOriginal, "2019:07:04 12:30:59"),
                ],
                little_endian,
            );
            let length = bytes.len();
            for (place, value) in at {
                bytes[place % length] = value;
            }
            let exif_data = ExifData::parse(&bytes);
            if let Ok(reference) = exif::Reader::new().read_raw(bytes.clone()) {
                let reference = reference.get_field(Tag::Orientation, In::PRIMARY)
                    .and_then(|field| field.value.get_uint(0))
                    .and_then(|number| Orientation::from_exif(u8::try_from(number).ok()?));
                prop_assert_eq!(exif_data.orientation, reference);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            tail in prop::collection::vec(any::<u8>(), 0..300),
            head in prop_oneof![Just(b"II*\0\x08\0\0\0".as_slice()), Just(b"MM\0*\0\0\0\x08".as_slice()), Just(b"".as_slice())],
        ) {
            let _ = ExifData::parse(&[head, &tail].concat());
        }
    }
}
