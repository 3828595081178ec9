//! Decoding through the public interface.

mod colors;
mod corpus;
mod formats;
mod heif_thumbnails;
mod hostile;
mod jpeg_kinds;
mod jpeg_scaled;
mod newer_formats;
mod orientation;
mod partial;
mod reduced;
mod samples;
mod svg;
mod svg_hostile;
mod tiff_colors;
mod tiff_hostile;
mod tiff_samples;
mod tiff_storage;
mod tiff_writer;
