//! Files beside a picture that say something about it.

use eidetic_domain::Details;

use super::{finish, picasa, takeout, text, xmp};

/// Largest side-car in bytes. Larger files are no side-cars.
pub const MAX_SIDE_CAR: u64 = 4 << 20;

/// What a side-car holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SideCarKind {
    /// XMP, as Lightroom, darktable and digiKam write it.
    Xmp,
    /// JSON, as Google Takeout writes it.
    Takeout,
    /// `.picasa.ini`, about all pictures of its folder.
    Picasa,
    /// A caption, as data sets have it.
    Caption,
}

/// What the side-car `bytes` says about the picture whose file is named `name`; none where it says nothing.
pub fn read_side_car(kind: SideCarKind, bytes: &[u8], name: &str) -> Option<Details> {
    let details = match kind {
        SideCarKind::Xmp => xmp::read(bytes),
        SideCarKind::Takeout => takeout::read(bytes)?,
        SideCarKind::Picasa => picasa::read(bytes, name),
        SideCarKind::Caption => Details {
            description: caption(bytes),
            ..Details::default()
        },
    };
    (details != Details::default()).then_some(details)
}

/// What a picture's file and its side-cars say together. Texts are taken from XMP side-cars first, since programs
/// that do not touch the picture write its edits there; then from the file, and then from the others. Camera,
/// exposure and position are those of the file, where it has them.
pub fn combine(mut embedded: Details, mut side_cars: Vec<(SideCarKind, String, Details)>) -> Details {
    let mut details = Details {
        altitude: embedded.altitude.take(),
        exposure: std::mem::take(&mut embedded.exposure),
        camera: embedded.camera.take(),
        position: embedded.position.take(),
        software: embedded.software.take(),
        ..Details::default()
    };
    side_cars
        .sort_by(|(left, left_path, _), (right, right_path, _)| (left, left_path).cmp(&(right, right_path)));
    let mut embedded = Some(embedded);
    for (kind, path, said) in side_cars {
        if kind > SideCarKind::Xmp {
            details.add(embedded.take().unwrap_or_default());
        }
        details.add(said);
        details.side_cars.push(path);
    }
    details.add(embedded.unwrap_or_default());
    details.side_cars.sort();
    finish(details)
}

/// The text, unless it has no letters: data sets also keep boxes and other numbers beside pictures.
fn caption(bytes: &[u8]) -> Option<String> {
    let text = text::long(&text::decode(bytes))?;
    text.chars().any(char::is_alphabetic).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_texts_not_numbers() {
        let read = |bytes: &[u8]| read_side_car(SideCarKind::Caption, bytes, "a.jpg");
        let details = read(b"\xEF\xBB\xBFA dog on a beach\r\n").unwrap();
        assert_eq!(details.description.as_deref(), Some("A dog on a beach"));
        assert_eq!(read(b"0 0.5 0.5 0.25 0.25\n"), None);
        assert_eq!(read(b""), None);
    }

    #[test]
    fn side_car_with_edits_comes_first() {
        let said = |title: &str, description: &str| Details {
            title: Some(title.to_owned()).filter(|title| !title.is_empty()),
            description: Some(description.to_owned()),
            ..Details::default()
        };
        let details = combine(
            said("Embedded", "embedded"),
            vec![
                (SideCarKind::Caption, "a.txt".into(), said("Text", "text")),
                (SideCarKind::Xmp, "a.xmp".into(), said("", "edited")),
            ],
        );
        assert_eq!(details.title.as_deref(), Some("Embedded"));
        assert_eq!(details.description.as_deref(), Some("edited"));
        assert_eq!(details.side_cars.len(), 2);
    }
}
