//! `eidetic show`

use std::path::Path;

use eidetic_domain::ImageId;
use eidetic_library::Library;
use eidetic_server::responses::{ImageResponse, PlaceNames};

use super::{Access, access_to_read};
use crate::arguments::{Global, ShowArgs};
use crate::failure::Failure;
use crate::{Outcome, output, remote};

/// Width of the column of names.
const NAME_WIDTH: usize = 14;

/// `eidetic show`
pub(crate) fn run(global: &Global, arguments: &ShowArgs) -> Result<Outcome, Failure> {
    let picture = &arguments.picture;
    let response = match access_to_read(global, "eidetic show")? {
        Access::Local(library) => {
            let id = id_in(&library, picture)?;
            ImageResponse::new(&library.image(&id)?, library.details(&id)?)
        }
        Access::Remote(server) => remote::image(&server, &id_of(picture)?)?,
    };
    if global.json {
        output::json(&response)?;
    } else {
        for (name, value) in facts(&response) {
            let words: Vec<&str> = value.split_whitespace().collect();
            let value = output::text(&words.join(" ")).into_owned();
            output::line(&format!("{name:<NAME_WIDTH$}  {value}"))?;
        }
    }
    Ok(Outcome::Done)
}

/// The id that the text is, or that of the file as it was last indexed, or of its content.
pub(super) fn id_in(library: &Library, picture: &Path) -> Result<ImageId, Failure> {
    let path = std::path::absolute(picture).map_err(anyhow::Error::from)?;
    let real = path.canonicalize();
    let known = [Some(path), real.ok()].into_iter().flatten();
    for path in known {
        if let Some(id) = library.image_at(&path)? {
            return Ok(id);
        }
    }
    id_of(picture)
}

/// The id that the text is, where no file is called so, or that of the file's content.
fn id_of(picture: &Path) -> Result<ImageId, Failure> {
    let id = picture.to_str().and_then(|text| text.parse().ok());
    match id.filter(|_| !picture.exists()) {
        Some(id) => Ok(id),
        None => match std::fs::read(picture) {
            Ok(content) => Ok(ImageId::of(&content)),
            Err(error) => Err(Failure::in_file(picture, error)),
        },
    }
}

/// What is known, by name.
fn facts(image: &ImageResponse) -> Vec<(&'static str, String)> {
    let join = |list: &[String]| Some(list.join(", ")).filter(|text| !text.is_empty());
    let size = format!(
        "{} × {} pixels, {}",
        image.width,
        image.height,
        output::bytes(image.bytes)
    );
    let paths = image.paths.iter().map(|path| ("Path", Some(path.clone())));
    let side_cars = image
        .side_cars
        .iter()
        .map(|path| ("Side-car", Some(path.clone())));
    let facts = [
        ("Id", Some(image.image.to_string())),
        ("Size", Some(size)),
        ("Damage", image.damage.clone()),
        ("Title", image.title.clone()),
        ("Description", image.description.clone()),
        ("Keywords", join(&image.keywords)),
        ("Nested", join(&image.hierarchical_keywords)),
        ("People", join(&image.people)),
        ("Rating", image.rating.map(rating)),
        ("Label", image.label.clone()),
        ("Taken", taken(image)),
        ("Place", image.place.as_ref().and_then(place)),
        ("Position", position(image)),
        ("Camera", image.camera.clone()),
        ("Lens", image.lens.clone()),
        ("Exposure", exposure(image)),
        ("Creator", join(&image.creators)),
        ("Copyright", image.copyright.clone()),
        ("Software", image.software.clone()),
    ];
    let all = paths.chain(facts).chain(side_cars);
    all.filter_map(|(name, value)| Some((name, value?))).collect()
}

fn rating(stars: i8) -> String {
    match stars {
        stars if stars < 0 => "rejected".to_owned(),
        1 => "1 star".to_owned(),
        stars => format!("{stars} stars"),
    }
}

/// The date as far as it is known, with its source.
fn taken(image: &ImageResponse) -> Option<String> {
    use eidetic_domain::TimePrecision::{Day, Fraction, Minute, Month, Second, Year};
    let time = image.taken?;
    let format = match image.taken_precision.unwrap_or(Second) {
        Year => "%Y",
        Month => "%Y-%m",
        Day => "%Y-%m-%d",
        Minute => "%Y-%m-%d %H:%M",
        Second | Fraction => "%Y-%m-%d %H:%M:%S",
    };
    let source = image.taken_source.map(|source| format!("({source})"));
    let parts = [
        Some(time.strftime(format).to_string()),
        image.utc_offset.clone(),
        source,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Some(parts.join(" "))
}

fn place(place: &PlaceNames) -> Option<String> {
    let names = [&place.sublocation, &place.city, &place.state, &place.country];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn position(image: &ImageResponse) -> Option<String> {
    let position = image.position?;
    let text = format!("{:.6}, {:.6}", position.latitude, position.longitude);
    Some(match image.altitude {
        Some(altitude) => format!("{text}, {altitude:.0} m"),
        None => text,
    })
}

/// Such as `1/250 s, f/2.8, ISO 400, 85 mm (127 mm on 35 mm film)`.
fn exposure(image: &ImageResponse) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(image.exposure_seconds.map(exposure_time));
    parts.extend(image.f_number.map(|number| format!("f/{}", rounded(number))));
    parts.extend(image.iso.map(|iso| format!("ISO {iso}")));
    let on_film = image
        .focal_length_35mm
        .map(|length| format!("{} mm on 35 mm film", rounded(length)));
    match (image.focal_length, on_film) {
        (Some(length), Some(on_film)) => parts.push(format!("{} mm ({on_film})", rounded(length))),
        (Some(length), None) => parts.push(format!("{} mm", rounded(length))),
        (None, on_film) => parts.extend(on_film),
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn exposure_time(seconds: f64) -> String {
    /// From here on, cameras show decimals rather than fractions.
    const LONG: f64 = 0.3;
    if seconds < LONG {
        format!("1/{:.0} s", 1.0 / seconds)
    } else {
        format!("{} s", rounded(seconds))
    }
}

/// With at most two decimals.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposure_times_are_written_as_on_cameras() {
        assert_eq!(exposure_time(0.004), "1/250 s");
        assert_eq!(exposure_time(1.0 / 3.0), "0.33 s");
        assert_eq!(exposure_time(2.5), "2.5 s");
    }

    #[test]
    fn rejected_pictures_have_no_stars() {
        assert_eq!(rating(-1), "rejected");
        assert_eq!(rating(1), "1 star");
        assert_eq!(rating(5), "5 stars");
    }
}
