//! HEIF (ISO/IEC 23008-12), the container of HEIC and AVIF pictures: a reader of its boxes, and the assembly of the
//! primary picture from its coded parts.

mod av1;
mod canvas;
mod container;
mod hevc;
mod location;
mod picture;
mod planes;
mod properties;
mod sequence;
mod thumbnail;
mod ycbcr;

pub use container::Container;
pub use picture::{DecodedPicture, decode_primary, decode_primary_reduced};
pub use thumbnail::Thumbnail;
