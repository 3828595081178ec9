//! EXIF beyond orientation: texts, exposure, dates and position (CIPA DC-008, and the tags that Windows adds).

use eidetic_domain::{Camera, Details, Exposure, GeoPosition, Taken, TakenSource, better_taken};

use super::moment::Moment;
use super::text;
use crate::exif::{Ifd, RawValue, tag};

/// Numbers of tags in the first directory.
mod main_tag {
    pub const IMAGE_DESCRIPTION: u16 = 0x010E;
    pub const SOFTWARE: u16 = 0x0131;
    pub const ARTIST: u16 = 0x013B;
    pub const RATING: u16 = 0x4746;
    pub const RATING_PERCENT: u16 = 0x4749;
    pub const COPYRIGHT: u16 = 0x8298;
    pub const XP_TITLE: u16 = 0x9C9B;
    pub const XP_COMMENT: u16 = 0x9C9C;
    pub const XP_AUTHOR: u16 = 0x9C9D;
    pub const XP_KEYWORDS: u16 = 0x9C9E;
    pub const XP_SUBJECT: u16 = 0x9C9F;
}

/// Numbers of tags in the EXIF directory.
mod photo_tag {
    pub const EXPOSURE_TIME: u16 = 0x829A;
    pub const F_NUMBER: u16 = 0x829D;
    pub const ISO: u16 = 0x8827;
    pub const STANDARD_OUTPUT_SENSITIVITY: u16 = 0x8831;
    pub const RECOMMENDED_EXPOSURE_INDEX: u16 = 0x8832;
    pub const OFFSET_TIME: u16 = 0x9010;
    pub const OFFSET_TIME_ORIGINAL: u16 = 0x9011;
    pub const OFFSET_TIME_DIGITIZED: u16 = 0x9012;
    pub const SHUTTER_SPEED: u16 = 0x9201;
    pub const APERTURE: u16 = 0x9202;
    pub const FOCAL_LENGTH: u16 = 0x920A;
    pub const USER_COMMENT: u16 = 0x9286;
    pub const SUB_SECONDS: u16 = 0x9290;
    pub const SUB_SECONDS_ORIGINAL: u16 = 0x9291;
    pub const SUB_SECONDS_DIGITIZED: u16 = 0x9292;
    pub const FOCAL_LENGTH_35MM: u16 = 0xA405;
    pub const LENS_SPECIFICATION: u16 = 0xA432;
    pub const LENS_MODEL: u16 = 0xA434;
}

/// Numbers of tags in the GPS directory.
mod gps_tag {
    pub const ALTITUDE_REF: u16 = 5;
    pub const ALTITUDE: u16 = 6;
    pub const TIME: u16 = 7;
    pub const DATE: u16 = 29;
}

/// What cameras write as the description of every picture.
const NO_DESCRIPTIONS: [&str; 12] = [
    "OLYMPUS DIGITAL CAMERA",
    "MINOLTA DIGITAL CAMERA",
    "KONICA MINOLTA DIGITAL CAMERA",
    "KODAK DIGITAL STILL CAMERA",
    "SONY DSC",
    "EXIF_JPEG_PICTURE",
    "DIGITAL CAMERA",
    "DCIM\\100MEDIA",
    "DEFAULT",
    "SAMSUNG DIGITAL CAMERA",
    "SAMSUNG",
    "<DIGIMAX>",
];

/// What the EXIF block says. It begins with a TIFF header, optionally after `Exif\0\0`.
pub fn read(block: &[u8]) -> Details {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let main = Ifd::first(block);
    let sub_ifd = |tag| main?.sub_ifd(tag);
    of_directories(main, sub_ifd(tag::EXIF), sub_ifd(tag::GPS))
}

/// What three directories say: the main one, the photo's, and the position's. Without a main one there is no EXIF.
pub fn of_directories(main: Option<Ifd<'_>>, photo: Option<Ifd<'_>>, gps: Option<Ifd<'_>>) -> Details {
    let Some(main) = &main else {
        return Details::default();
    };
    Details {
        title: xp_text(main, main_tag::XP_TITLE).or_else(|| xp_text(main, main_tag::XP_SUBJECT)),
        description: description(main, photo.as_ref()),
        keywords: xp_list(main, main_tag::XP_KEYWORDS),
        rating: rating(main),
        creators: creators(main),
        copyright: copyright(main),
        software: main_text(main, main_tag::SOFTWARE),
        altitude: gps.as_ref().and_then(altitude),
        exposure: photo.as_ref().map(exposure).unwrap_or_default(),
        taken: taken(main, photo.as_ref(), gps.as_ref()),
        camera: camera(main),
        position: gps.as_ref().and_then(position),
        ..Details::default()
    }
}

fn main_text(directory: &Ifd<'_>, tag: u16) -> Option<String> {
    text::short(&decoded(directory, tag)?)
}

fn decoded(directory: &Ifd<'_>, tag: u16) -> Option<String> {
    let value = directory.raw(tag).filter(RawValue::may_be_text)?;
    Some(text::decode(value.bytes))
}

fn xp_text(main: &Ifd<'_>, tag: u16) -> Option<String> {
    let value = main.raw(tag).filter(RawValue::may_be_text)?;
    text::long(&text::utf16(value.bytes, u16::from_le_bytes))
}

fn xp_list(main: &Ifd<'_>, tag: u16) -> Vec<String> {
    let list = xp_text(main, tag).unwrap_or_default();
    text::distinct(list.split(';').map(ToOwned::to_owned))
}

fn description(main: &Ifd<'_>, photo: Option<&Ifd<'_>>) -> Option<String> {
    let written = decoded(main, main_tag::IMAGE_DESCRIPTION).and_then(|text| text::long(&text));
    written
        .filter(|text| !NO_DESCRIPTIONS.contains(&text.to_ascii_uppercase().as_str()))
        .or_else(|| user_comment(photo?))
        .or_else(|| xp_text(main, main_tag::XP_COMMENT))
}

/// A comment after eight bytes that name its encoding.
fn user_comment(photo: &Ifd<'_>) -> Option<String> {
    let value = photo.raw(photo_tag::USER_COMMENT)?;
    let (code, comment) = value.bytes.split_first_chunk::<8>()?;
    let text = match code {
        b"UNICODE\0" => text::utf16(comment, utf16_order(comment, photo)),
        b"ASCII\0\0\0" => text::decode(comment),
        // Without a code, only what cannot be anything but a text.
        [0, 0, 0, 0, 0, 0, 0, 0] => std::str::from_utf8(comment).ok()?.to_owned(),
        // Some programs begin the text where the code should be.
        code if !code.contains(&0) => std::str::from_utf8(value.bytes).ok()?.to_owned(),
        _ => return None,
    };
    let text = text::long(&text)?;
    text.chars().any(char::is_alphanumeric).then_some(text)
}

/// Programs do not agree on whose order holds: in Latin texts, the zeros tell.
fn utf16_order(comment: &[u8], photo: &Ifd<'_>) -> fn([u8; 2]) -> u16 {
    let (pairs, _) = comment.as_chunks::<2>();
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    let little = match zeros(1).cmp(&zeros(0)) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => photo.is_little_endian(),
    };
    if little {
        u16::from_le_bytes
    } else {
        u16::from_be_bytes
    }
}

fn rating(main: &Ifd<'_>) -> Option<i8> {
    let stars = main.number(main_tag::RATING, 0).and_then(stars);
    stars.or_else(|| percent_to_stars(main.number(main_tag::RATING_PERCENT, 0)?))
}

/// A rating in stars; none where it is out of −1 to 5.
pub fn stars(number: f64) -> Option<i8> {
    let rounded = number.round();
    (-1.0..=5.0).contains(&rounded).then_some(rounded as i8)
}

/// A rating by Windows, where 1, 25, 50, 75 and 99 are one to five stars.
pub fn percent_to_stars(percent: f64) -> Option<i8> {
    Some(match percent {
        p if !(0.0..=100.0).contains(&p) => return None,
        0.0 => 0,
        p if p < 13.0 => 1,
        p if p < 38.0 => 2,
        p if p < 63.0 => 3,
        p if p < 88.0 => 4,
        _ => 5,
    })
}

fn creators(main: &Ifd<'_>) -> Vec<String> {
    let artist = main_text(main, main_tag::ARTIST);
    match artist {
        Some(artist) => text::distinct(artist.split(';').map(ToOwned::to_owned)),
        None => xp_list(main, main_tag::XP_AUTHOR),
    }
}

/// The notices of the photographer and of the editor, which a NUL separates.
fn copyright(main: &Ifd<'_>) -> Option<String> {
    let written = decoded(main, main_tag::COPYRIGHT)?;
    let notices: Vec<String> = written.split('\0').take(2).filter_map(text::short).collect();
    text::short(&notices.join("; "))
}

fn camera(main: &Ifd<'_>) -> Option<Camera> {
    let make = main_text(main, tag::MAKE);
    let model = main_text(main, tag::MODEL);
    (make.is_some() || model.is_some()).then_some(Camera { make, model })
}

fn exposure(photo: &Ifd<'_>) -> Exposure {
    let positive = |tag| photo.number(tag, 0).filter(|number| *number > 0.0);
    let apex = |tag| photo.number(tag, 0).filter(|value| value.abs() < 30.0);
    Exposure {
        lens: main_text(photo, photo_tag::LENS_MODEL).or_else(|| lens_by_range(photo)),
        seconds: positive(photo_tag::EXPOSURE_TIME)
            .or_else(|| apex(photo_tag::SHUTTER_SPEED).map(|value| (-value).exp2())),
        f_number: positive(photo_tag::F_NUMBER)
            .or_else(|| apex(photo_tag::APERTURE).map(|value| (value / 2.0).exp2())),
        iso: iso(photo),
        focal_length: positive(photo_tag::FOCAL_LENGTH),
        focal_length_35mm: positive(photo_tag::FOCAL_LENGTH_35MM),
    }
}

/// Sensitivities beyond two bytes are in other tags.
fn iso(photo: &Ifd<'_>) -> Option<u32> {
    const TOO_LARGE: f64 = 65_535.0;
    let at = |tag| photo.number(tag, 0).filter(|iso| (1.0..=1e8).contains(iso));
    let iso = at(photo_tag::ISO).filter(|iso| *iso < TOO_LARGE);
    let iso = iso
        .or_else(|| at(photo_tag::RECOMMENDED_EXPOSURE_INDEX))
        .or_else(|| at(photo_tag::STANDARD_OUTPUT_SENSITIVITY))?;
    Some(iso.round() as u32)
}

/// `24-70mm f/2.8`, where the lens has no name.
fn lens_by_range(photo: &Ifd<'_>) -> Option<String> {
    let range = photo.raw(photo_tag::LENS_SPECIFICATION)?;
    let (shortest, longest) = (range.number(0)?, range.number(1)?);
    if shortest <= 0.0 {
        return None;
    }
    let length = if longest > shortest {
        format!("{shortest}-{longest}mm")
    } else {
        format!("{shortest}mm")
    };
    Some(match (range.number(2), range.number(3)) {
        (Some(wide), Some(long)) if wide > 0.0 && long > wide => format!("{length} f/{wide}-{long}"),
        (Some(wide), _) if wide > 0.0 => format!("{length} f/{wide}"),
        _ => length,
    })
}

/// The most reliable of the dates.
fn taken(main: &Ifd<'_>, photo: Option<&Ifd<'_>>, gps: Option<&Ifd<'_>>) -> Option<Taken> {
    let moment = |directory: &Ifd<'_>, date: u16, fraction: u16, offset: u16| {
        let moment = Moment::parse(&decoded(directory, date)?)?;
        let in_photo = |tag| photo.and_then(|photo| decoded(photo, tag)).unwrap_or_default();
        Some(
            moment
                .with_fraction(&in_photo(fraction))
                .with_offset(&in_photo(offset)),
        )
    };
    let original = photo.and_then(|photo| {
        moment(
            photo,
            tag::DATE_TIME_ORIGINAL,
            photo_tag::SUB_SECONDS_ORIGINAL,
            photo_tag::OFFSET_TIME_ORIGINAL,
        )
    });
    let digitized = photo.and_then(|photo| {
        moment(
            photo,
            tag::DATE_TIME_DIGITIZED,
            photo_tag::SUB_SECONDS_DIGITIZED,
            photo_tag::OFFSET_TIME_DIGITIZED,
        )
    });
    let modified = moment(
        main,
        tag::DATE_TIME,
        photo_tag::SUB_SECONDS,
        photo_tag::OFFSET_TIME,
    );
    let candidates = [
        (original, TakenSource::Exif),
        (digitized, TakenSource::ExifDigitized),
        (gps.and_then(gps_moment), TakenSource::Gps),
        (modified, TakenSource::ExifModified),
    ];
    let taken = candidates.map(|(moment, source)| moment.map(|moment| moment.taken(source)));
    taken.into_iter().fold(None, better_taken)
}

/// Date and time of the position, which are in UTC.
fn gps_moment(gps: &Ifd<'_>) -> Option<Moment> {
    let date = Moment::parse(&decoded(gps, gps_tag::DATE)?)?;
    let part = |index| gps.number(gps_tag::TIME, index).unwrap_or(-1.0);
    let (hour, minute, second) = (part(0), part(1), part(2).max(0.0));
    if hour < 0.0 || minute < 0.0 {
        return Some(date);
    }
    Some(date.with_time(&format!(
        "{:02}:{:02}:{:02}Z",
        hour as u32, minute as u32, second as u32
    )))
}

fn altitude(gps: &Ifd<'_>) -> Option<f64> {
    const BELOW_SEA: f64 = 1.0;
    let altitude = gps.number(gps_tag::ALTITUDE, 0)?;
    let is_below = gps.number(gps_tag::ALTITUDE_REF, 0) == Some(BELOW_SEA);
    let plausible = altitude.abs() < 100_000.0;
    plausible.then_some(if is_below { -altitude.abs() } else { altitude })
}

/// None for exactly 0° N 0° E, which receivers without a fix write.
fn position(gps: &Ifd<'_>) -> Option<GeoPosition> {
    on_earth(
        degrees(gps, tag::LATITUDE, tag::LATITUDE_REF, ('N', 'S'))?,
        degrees(gps, tag::LONGITUDE, tag::LONGITUDE_REF, ('E', 'W'))?,
    )
}

/// A position, unless it is impossible or exactly 0° N 0° E.
pub fn on_earth(latitude: f64, longitude: f64) -> Option<GeoPosition> {
    let possible = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    let fixed = latitude != 0.0 || longitude != 0.0;
    (possible && fixed).then_some(GeoPosition { latitude, longitude })
}

/// Degrees, minutes and seconds to signed degrees. Programs also write signed fractions, with or without a
/// hemisphere.
fn degrees(gps: &Ifd<'_>, value: u16, reference: u16, (positive, negative): (char, char)) -> Option<f64> {
    let value = gps.raw(value)?;
    let degrees = value.number(0)?;
    let part = |index| value.number(index).unwrap_or(0.0).abs();
    let magnitude = degrees.abs() + part(1) / 60.0 + part(2) / 3600.0;
    let hemisphere = decoded(gps, reference).and_then(|text| text.trim().chars().next());
    match hemisphere.map(|letter| letter.to_ascii_uppercase()) {
        Some(letter) if letter == positive => Some(if degrees < 0.0 { -magnitude } else { magnitude }),
        Some(letter) if letter == negative => Some(-magnitude),
        _ if degrees < 0.0 => Some(-magnitude),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::samples::{Value, exif_block};
    use eidetic_domain::TimePrecision;
    use jiff::civil::date as day;

    fn utf16_le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn texts_and_rating_are_read() {
        let details = read(&exif_block(
            &[
                (main_tag::IMAGE_DESCRIPTION, Value::text("Zürich am See")),
                (tag::MAKE, Value::text("Apple")),
                (tag::MODEL, Value::text("iPhone 12")),
                (main_tag::SOFTWARE, Value::text("14.2")),
                (main_tag::ARTIST, Value::text("Ada; Bo")),
                (main_tag::COPYRIGHT, Value::Bytes(2, b"Ada\0Agency\0".to_vec())),
                (main_tag::RATING_PERCENT, Value::Shorts(vec![75])),
                (main_tag::XP_TITLE, Value::Bytes(1, utf16_le("Ünter\0"))),
                (
                    main_tag::XP_KEYWORDS,
                    Value::Bytes(1, utf16_le("sea;Sea; ship\0")),
                ),
            ],
            &[],
            &[],
        ));
        assert_eq!(details.description.as_deref(), Some("Zürich am See"));
        assert_eq!(details.title.as_deref(), Some("Ünter"));
        assert_eq!(details.keywords, ["sea", "ship"]);
        assert_eq!(details.creators, ["Ada", "Bo"]);
        assert_eq!(details.copyright.as_deref(), Some("Ada; Agency"));
        assert_eq!(details.software.as_deref(), Some("14.2"));
        assert_eq!(details.rating, Some(4));
        assert_eq!(details.camera.unwrap().to_string(), "Apple iPhone 12");
    }

    #[test]
    fn description_of_camera_is_no_caption() {
        let with_comment = |comment: Vec<u8>| {
            let main = [(main_tag::IMAGE_DESCRIPTION, Value::text("OLYMPUS DIGITAL CAMERA"))];
            let photo = [(photo_tag::USER_COMMENT, Value::Bytes(7, comment))];
            read(&exif_block(&main, &photo, &[])).description
        };
        let unicode = [b"UNICODE\0".to_vec(), utf16_le("At the lake")].concat();
        assert_eq!(with_comment(unicode).as_deref(), Some("At the lake"));
        let big: Vec<u8> = "At the lake".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let big = [b"UNICODE\0".to_vec(), big].concat();
        assert_eq!(with_comment(big).as_deref(), Some("At the lake"));
        assert_eq!(
            with_comment(b"ASCII\0\0\0Here   ".to_vec()).as_deref(),
            Some("Here")
        );
        assert_eq!(with_comment(vec![0; 40]), None);
        assert_eq!(with_comment(b"ASC".to_vec()), None);
    }

    #[test]
    fn exposure_is_read_in_both_forms() {
        let exposure = |fields: &[(u16, Value)]| read(&exif_block(&[], fields, &[])).exposure;
        let plain = exposure(&[
            (photo_tag::EXPOSURE_TIME, Value::Fractions(vec![(1, 250)])),
            (photo_tag::F_NUMBER, Value::Fractions(vec![(28, 10)])),
            (photo_tag::ISO, Value::Shorts(vec![400])),
            (photo_tag::FOCAL_LENGTH, Value::Fractions(vec![(85, 1)])),
            (photo_tag::FOCAL_LENGTH_35MM, Value::Shorts(vec![127])),
            (photo_tag::LENS_MODEL, Value::text("EF 85mm")),
        ]);
        assert_eq!(
            (plain.seconds, plain.f_number, plain.iso),
            (Some(0.004), Some(2.8), Some(400))
        );
        assert_eq!(
            (plain.focal_length, plain.focal_length_35mm),
            (Some(85.0), Some(127.0))
        );
        assert_eq!(plain.lens.as_deref(), Some("EF 85mm"));
        let apex = exposure(&[
            (photo_tag::SHUTTER_SPEED, Value::SignedFractions(vec![(-1, 1)])),
            (photo_tag::APERTURE, Value::Fractions(vec![(4, 1)])),
            (photo_tag::ISO, Value::Shorts(vec![65_535])),
            (photo_tag::RECOMMENDED_EXPOSURE_INDEX, Value::Longs(vec![102_400])),
            (photo_tag::FOCAL_LENGTH, Value::Fractions(vec![(0, 0)])),
            (
                photo_tag::LENS_SPECIFICATION,
                Value::Fractions(vec![(24, 1), (70, 1), (28, 10), (28, 10)]),
            ),
        ]);
        assert_eq!(
            (apex.seconds, apex.f_number, apex.iso),
            (Some(2.0), Some(4.0), Some(102_400))
        );
        assert_eq!(apex.focal_length, None);
        assert_eq!(apex.lens.as_deref(), Some("24-70mm f/2.8"));
    }

    #[test]
    fn dates_fall_back_in_order() {
        let original = (tag::DATE_TIME_ORIGINAL, Value::text("2019:07:04 12:30:59"));
        let fraction = (photo_tag::SUB_SECONDS_ORIGINAL, Value::text("5"));
        let offset = (photo_tag::OFFSET_TIME_ORIGINAL, Value::text("+02:00"));
        let taken = read(&exif_block(&[], &[original, fraction, offset], &[]))
            .taken
            .unwrap();
        assert_eq!(taken.time, day(2019, 7, 4).at(12, 30, 59, 500_000_000));
        assert_eq!(
            (taken.offset_minutes, taken.source),
            (Some(120), TakenSource::Exif)
        );
        let main = [(tag::DATE_TIME, Value::text("2001:02:03 04:05:06"))];
        let blank = (tag::DATE_TIME_ORIGINAL, Value::text("    :  :     :  :  "));
        let half = (tag::DATE_TIME_DIGITIZED, Value::text("2004:06:00 00:00:00"));
        let taken = read(&exif_block(&main, &[blank.clone(), half], &[]))
            .taken
            .unwrap();
        assert_eq!(
            (taken.time, taken.precision),
            (day(2004, 6, 1).at(0, 0, 0, 0), TimePrecision::Month)
        );
        let gps = [
            (gps_tag::DATE, Value::text("2003:01:02")),
            (
                gps_tag::TIME,
                Value::Fractions(vec![(10, 1), (11, 1), (1250, 100)]),
            ),
        ];
        let taken = read(&exif_block(&main, std::slice::from_ref(&blank), &gps))
            .taken
            .unwrap();
        assert_eq!(
            (taken.time, taken.source),
            (day(2003, 1, 2).at(10, 11, 12, 0), TakenSource::Gps)
        );
        let taken = read(&exif_block(&main, &[blank], &[])).taken.unwrap();
        assert_eq!(taken.source, TakenSource::ExifModified);
    }

    #[test]
    fn positions_are_read_in_all_forms() {
        let at = |latitude: Value, north: &str, longitude: Value, east: &str| {
            let fields = [
                (tag::LATITUDE_REF, Value::text(north)),
                (tag::LATITUDE, latitude),
                (tag::LONGITUDE_REF, Value::text(east)),
                (tag::LONGITUDE, longitude),
            ];
            let position = read(&exif_block(&[], &[], &fields)).position;
            position.map(|position| (position.latitude, position.longitude))
        };
        let fractions = |degrees, minutes| Value::Fractions(vec![(degrees, 1), (minutes, 1), (0, 0)]);
        let signed = |degrees| Value::SignedFractions(vec![(degrees, 1)]);
        assert_eq!(
            at(fractions(43, 30), "N", fractions(11, 15), "E"),
            Some((43.5, 11.25))
        );
        assert_eq!(
            at(fractions(43, 30), "s", fractions(11, 15), "West"),
            Some((-43.5, -11.25))
        );
        assert_eq!(at(signed(-43), "", signed(-11), ""), Some((-43.0, -11.0)));
        assert_eq!(at(signed(-43), "S", signed(11), "W"), Some((-43.0, -11.0)));
        assert_eq!(at(fractions(43, 30), "?", fractions(11, 15), "E"), None);
        assert_eq!(at(fractions(91, 0), "N", fractions(11, 15), "E"), None);
        assert_eq!(at(fractions(0, 0), "N", fractions(0, 0), "E"), None);
        assert_eq!(
            at(Value::Fractions(vec![(0, 0); 3]), "N", fractions(11, 0), "E"),
            None
        );
    }

    #[test]
    fn altitude_may_lie_below_sea() {
        let altitude = |reference| {
            let fields = [
                (gps_tag::ALTITUDE_REF, Value::Bytes(1, vec![reference])),
                (gps_tag::ALTITUDE, Value::Fractions(vec![(305, 10)])),
            ];
            read(&exif_block(&[], &[], &fields)).altitude
        };
        assert_eq!((altitude(0), altitude(1)), (Some(30.5), Some(-30.5)));
    }
}
