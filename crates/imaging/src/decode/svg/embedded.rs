//! Pictures within drawings: JPEG, PNG and WebP in the file itself, never other files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eidetic_domain::ImageFormat;
use resvg::usvg::{ImageHrefResolver, ImageKind, Options};

use crate::classify::format_of;
use crate::{DecodeLimits, full_memory};

/// A resolver of references that admits pictures in `data:` addresses, as long as all of them together take no more than a
/// quarter of the memory, by the sizes that their headers declare.
pub fn resolver(limits: &DecodeLimits) -> ImageHrefResolver<'static> {
    let limits = DecodeLimits {
        memory: limits.memory / 4,
        ..*limits
    };
    let admitted = AtomicU64::new(0);
    let admit = move |_: &str, data: Arc<Vec<u8>>, _: &Options<'_>| {
        let kind = match format_of(&data)? {
            ImageFormat::Jpeg => ImageKind::JPEG,
            ImageFormat::Png => ImageKind::PNG,
            ImageFormat::WebP => ImageKind::WEBP,
            _ => return None,
        };
        let memory = full_memory(&data, &limits);
        let before = admitted.fetch_add(memory, Ordering::Relaxed);
        (before + memory < limits.memory).then(|| kind(data))
    };
    ImageHrefResolver {
        resolve_data: Box::new(admit),
        resolve_string: Box::new(|_, _| None),
    }
}
