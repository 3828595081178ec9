//! When a picture was taken: the most reliable of several dates.

use eidetic_domain::{Taken, TakenSource, better_taken};

use super::decoded;
use super::tags::{gps_tag, photo_tag};
use crate::exif::{Ifd, tag};
use crate::metadata::moment::Moment;

/// The most reliable of the dates.
pub fn taken(main: &Ifd<'_>, photo: Option<&Ifd<'_>>, gps: Option<&Ifd<'_>>) -> Option<Taken> {
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
