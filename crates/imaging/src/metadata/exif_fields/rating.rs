//! Ratings in stars, and in percent as Windows writes them.

use super::tags::main_tag;
use crate::exif::Ifd;

pub fn rating(main: &Ifd<'_>) -> Option<i8> {
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
