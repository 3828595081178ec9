//! Which copy is the best one.

use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, ImageRecord};
use eidetic_domain::{Details, ImageFormat, TakenSource};
use eidetic_duplicates::{CopyFacts, Encoding, best_first};

use super::DuplicateCopy;
use crate::{Library, LibraryError};

impl Library {
    /// All files of `records` that `admits` accepts, the best first.
    pub(super) fn best_first(
        &self,
        records: &[&ImageRecord],
        admits: impl Fn(&Path) -> bool,
    ) -> Result<Vec<DuplicateCopy>, LibraryError> {
        let mut copies = Vec::new();
        for record in records {
            let details = self.catalog.details(&record.image)?.unwrap_or_default();
            let details = count(&details) + usize::from(record.metadata.position.is_some());
            let paths = record.paths.iter().filter(|path| admits(path));
            copies.extend(paths.map(|path| (facts(record, path, details), record.image)));
        }
        copies.sort_by(|(a, _), (b, _)| best_first(a, b));
        let named = copies.iter().map(|(facts, image)| DuplicateCopy {
            image: *image,
            path: facts.path.to_owned(),
        });
        Ok(named.collect())
    }
}

fn facts<'a>(record: &'a ImageRecord, path: &'a PathBuf, details: usize) -> CopyFacts<'a> {
    let metadata = &record.metadata;
    let is_in_file = |source: TakenSource| source == TakenSource::Exif || source == TakenSource::Xmp;
    CopyFacts {
        path,
        pixels: u64::from(metadata.width) * u64::from(metadata.height),
        encoding: encoding(metadata.format),
        has_camera: metadata.camera.is_some(),
        has_date: record.taken_source.is_some_and(is_in_file),
        details,
        bytes: record.bytes,
    }
}

const fn encoding(format: ImageFormat) -> Encoding {
    match format {
        ImageFormat::Raw => Encoding::Raw,
        ImageFormat::Tiff
        | ImageFormat::Png
        | ImageFormat::Psd
        | ImageFormat::Bmp
        | ImageFormat::Qoi
        | ImageFormat::Pnm
        | ImageFormat::Tga
        | ImageFormat::Hdr
        | ImageFormat::Svg => Encoding::Lossless,
        ImageFormat::Jpeg | ImageFormat::Heif => Encoding::Photo,
        ImageFormat::WebP
        | ImageFormat::Avif
        | ImageFormat::Jxl
        | ImageFormat::Jp2
        | ImageFormat::Pdf
        | ImageFormat::Video => Encoding::Converted,
        ImageFormat::Gif | ImageFormat::Ico => Encoding::Palette,
    }
}

/// How many kinds of details are known.
fn count(details: &Details) -> usize {
    let texts = [
        &details.title,
        &details.description,
        &details.label,
        &details.copyright,
    ];
    let lists = [&details.keywords, &details.people, &details.creators];
    let place = &details.place;
    let places = [&place.sublocation, &place.city, &place.state, &place.country];
    let exposure = &details.exposure;
    let numbers = [
        exposure.seconds,
        exposure.f_number,
        exposure.focal_length,
        details.altitude,
    ];
    texts.iter().filter(|text| text.is_some()).count()
        + lists.iter().filter(|list| !list.is_empty()).count()
        + places.iter().filter(|name| name.is_some()).count()
        + numbers.iter().flatten().count()
        + usize::from(exposure.lens.is_some())
        + usize::from(exposure.iso.is_some())
        + usize::from(details.rating.is_some())
}
