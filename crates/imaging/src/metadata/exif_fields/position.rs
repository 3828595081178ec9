//! Where a picture was taken.

use eidetic_domain::GeoPosition;

use super::decoded;
use super::tags::gps_tag;
use crate::exif::{Ifd, tag};

pub fn altitude(gps: &Ifd<'_>) -> Option<f64> {
    const BELOW_SEA: f64 = 1.0;
    let altitude = gps.number(gps_tag::ALTITUDE, 0)?;
    let is_below = gps.number(gps_tag::ALTITUDE_REF, 0) == Some(BELOW_SEA);
    let plausible = altitude.abs() < 100_000.0;
    plausible.then_some(if is_below { -altitude.abs() } else { altitude })
}

/// None for exactly 0° N 0° E, which receivers without a fix write.
pub fn position(gps: &Ifd<'_>) -> Option<GeoPosition> {
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
