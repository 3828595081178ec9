//! Of all fields, in blocks made here.

use super::tags::{gps_tag, main_tag, photo_tag};
use super::*;
use crate::metadata::samples::{Value, exif_block};
use eidetic_domain::{TakenSource, TimePrecision};
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
