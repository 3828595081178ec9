//! The pictures and texts on which precisions are compared: every fifth of the bundled gallery, and everyday captions.

use eidetic_encoder::{Encoder, Pixels};
use eidetic_imaging::{DecodeLimits, decode};
use rayon::prelude::*;

macro_rules! picture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/gallery/", $name))
    };
}

/// Texts to compare embeddings of.
pub(super) const TEXTS: [&str; 16] = [
    "a photo of a dog",
    "a red apple on a table",
    "a sailboat at sunset",
    "people walking in a city street",
    "a portrait of a woman",
    "a plate of food",
    "snow covered mountains",
    "a black and white photo of a train",
    "a bicycle leaning against a wall",
    "children playing on the beach",
    "a cat sleeping on a sofa",
    "a bouquet of flowers",
    "the night sky with stars",
    "an old book",
    "a screenshot of a text document",
    "a football match",
];

const PICTURES: [&[u8]; 24] = [
    picture!("black-cat-and-brown-dog-in-the-snow.jpg"),
    picture!("black-train-before-green-hills.jpg"),
    picture!("blue-bird-in-the-forest.jpg"),
    picture!("blue-house-in-the-snow.jpg"),
    picture!("brown-cake-and-blue-gift-on-table.jpg"),
    picture!("brown-snail-in-the-rain.jpg"),
    picture!("green-book-and-yellow-lamp-on-table.jpg"),
    picture!("green-truck-in-the-desert.jpg"),
    picture!("mountain-on-lake.jpg"),
    picture!("orange-tree-in-autumn.jpg"),
    picture!("pink-elephant-in-meadow.jpg"),
    picture!("purple-hot-air-balloon-at-sunset.jpg"),
    picture!("red-apple-and-blue-cup-on-table.jpg"),
    picture!("red-book-on-table.jpg"),
    picture!("red-guitar-on-the-beach.jpg"),
    picture!("red-lighthouse-on-the-beach.jpg"),
    picture!("red-teapot-and-white-cup-on-table.jpg"),
    picture!("snowman-in-the-snow.jpg"),
    picture!("three-green-cacti-at-sunset.jpg"),
    picture!("three-red-houses-before-green-hills.jpg"),
    picture!("three-yellow-sunflowers-in-meadow.jpg"),
    picture!("two-green-pears-on-table.jpg"),
    picture!("two-red-mushrooms-in-the-forest.jpg"),
    picture!("two-yellow-lemons-on-plain-background.jpg"),
];

/// The pictures to compare embeddings of, as the model reads them.
pub(super) fn pixels(encoder: &dyn Encoder) -> Vec<Pixels> {
    let decoded = PICTURES
        .par_iter()
        .filter_map(|bytes| decode(bytes, &DecodeLimits::default()).ok());
    decoded
        .map(|decoded| encoder.preprocess(&decoded.image))
        .collect()
}
