//! Queries in words, each another one, so that the cache of texts is not what is measured.

const COLORS: [&str; 12] = [
    "red", "green", "blue", "yellow", "orange", "pink", "purple", "brown", "black", "white", "grey", "teal",
];
const THINGS: [&str; 64] = [
    "apple",
    "elephant",
    "guitar",
    "bicycle",
    "car",
    "cat",
    "dog",
    "bird",
    "boat",
    "bus",
    "train",
    "truck",
    "airplane",
    "balloon",
    "kite",
    "umbrella",
    "house",
    "lighthouse",
    "tree",
    "cactus",
    "tulip",
    "sunflower",
    "mushroom",
    "pear",
    "lemon",
    "banana",
    "strawberry",
    "pineapple",
    "watermelon",
    "cup",
    "teapot",
    "chair",
    "table",
    "lamp",
    "book",
    "clock",
    "camera",
    "hat",
    "jacket",
    "helmet",
    "ladder",
    "bridge",
    "castle",
    "horse",
    "cow",
    "sheep",
    "goat",
    "rabbit",
    "fox",
    "bear",
    "lion",
    "tiger",
    "giraffe",
    "kangaroo",
    "penguin",
    "duck",
    "flamingo",
    "butterfly",
    "bee",
    "snail",
    "turtle",
    "dolphin",
    "octopus",
    "frog",
];
const SETTINGS: [&str; 16] = [
    "in the snow",
    "in the rain",
    "at night",
    "at sunset",
    "on a table",
    "in a meadow",
    "in the desert",
    "in the forest",
    "in the city",
    "by the sea",
    "underwater",
    "in autumn",
    "in winter",
    "on a lake",
    "in a blue sky",
    "in space",
];
/// Has no factor in common with the number of queries, so that neighboring numbers give queries of nothing in common.
const STRIDE: u64 = 7_919;
const QUERIES: u64 = (COLORS.len() * THINGS.len() * SETTINGS.len()) as u64;

/// The query of a number, such as `a red apple in the snow`; they repeat after 12,288.
pub(super) fn query(number: u64) -> String {
    let index = (number % QUERIES * STRIDE % QUERIES) as usize;
    let (rest, color) = (index / COLORS.len(), COLORS[index % COLORS.len()]);
    let (thing, setting) = (THINGS[rest % THINGS.len()], SETTINGS[rest / THINGS.len()]);
    format!("a {color} {thing} {setting}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn queries_differ() {
        let queries: HashSet<String> = (0..QUERIES).map(query).collect();
        assert_eq!(queries.len() as u64, QUERIES);
        assert_eq!(query(QUERIES), query(0));
    }
}
