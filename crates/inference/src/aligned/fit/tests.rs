//! Fits projections in synthetic worlds with and without a relation between captions and images.

use eidetic_domain::SplitMix64;

use super::*;

/// A synthetic world: every image has hidden properties. The vectors of images and captions are two different linear
/// functions of them.
struct World {
    pairs: Vec<CaptionPair>,
    images: Vec<Vec<f32>>,
    keys: Vec<String>,
}

/// Random numbers between −½ and ½.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut random = SplitMix64::new(seed);
    move || random.signed_unit() / 2.0
}

impl World {
    /// `relation` 1: captions depend on the properties, with a little noise; 0: on nothing.
    fn new(images: usize, captions_each: usize, dimensions: [usize; 2], relation: f32) -> Self {
        const PROPERTIES: usize = 12;
        let mut next = noise(7);
        let mut matrix = |rows: usize| -> Vec<Vec<f32>> {
            (0..rows)
                .map(|_| (0..PROPERTIES).map(|_| next()).collect())
                .collect()
        };
        let hidden = matrix(images);
        let (to_caption, to_image) = (matrix(dimensions[0]), matrix(dimensions[1]));
        let show = |by: &[Vec<f32>], properties: &[f32]| -> Vec<f32> {
            let dot = |row: &Vec<f32>| row.iter().zip(properties).map(|(a, b)| a * b).sum::<f32>();
            by.iter().map(dot).collect()
        };
        let mut next = noise(8);
        let pairs = (0..images * captions_each).map(|number| {
            let image = number % images;
            let mut caption = show(&to_caption, &hidden[image]);
            // All captions are in a narrow cone, as those of language models.
            for x in &mut caption {
                *x = *x * relation + 2.0 + 0.02 * next();
            }
            CaptionPair { caption, image }
        });
        let pairs = pairs.collect();
        Self {
            pairs,
            images: hidden.iter().map(|h| unit(&show(&to_image, h))).collect(),
            keys: (0..images)
                .map(|number| format!("picture-{number}.jpg"))
                .collect(),
        }
    }

    fn fit(&self) -> Result<Fitted, FitError> {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        fit_alignment(&self.pairs, &self.images, &keys)
    }
}

#[test]
fn existing_relation_generalizes_to_held_out_images() {
    // Fewer observations than inputs, and more.
    for dimensions in [[300, 24], [40, 24]] {
        let fitted = World::new(200, 1, dimensions, 1.0).fit().unwrap();
        assert_eq!((fitted.images, fitted.held_out_images), (160, 40));
        assert_eq!(fitted.before, None, "of other dimensions");
        assert!(fitted.chance.at_1 < 0.03);
        assert!(fitted.after.at_1 > 0.9, "{:?}", fitted.after);
        assert!(fitted.after.at_10 >= fitted.after.at_5 && fitted.after.at_5 >= fitted.after.at_1);
        let range = fitted.score_range;
        assert!(range.high > range.low + 0.3, "{range:?}");
    }
}

#[test]
fn missing_relation_gives_no_recall() {
    let fitted = World::new(400, 1, [64, 24], 0.0).fit().unwrap();
    assert!(fitted.after.at_1 < 0.1, "{:?}", fitted.after);
}

#[test]
fn equal_dimensions_are_also_compared_before() {
    let fitted = World::new(200, 1, [24, 24], 1.0).fit().unwrap();
    let before = fitted.before.expect("they can be compared");
    assert!(before.at_1 < 0.3 && fitted.after.at_1 > 0.9, "{before:?}");
}

#[test]
fn split_keeps_captions_of_image_together() {
    let fitted = World::new(100, 5, [40, 24], 1.0).fit().unwrap();
    assert_eq!((fitted.captions, fitted.held_out_captions), (400, 100));
    assert_eq!((fitted.images, fitted.held_out_images), (80, 20));
}

#[test]
fn projection_does_not_depend_on_order() {
    let mut world = World::new(120, 2, [40, 24], 1.0);
    let first = world.fit().unwrap();
    assert_eq!(first, world.fit().unwrap());
    world.pairs.reverse();
    let again = world.fit().unwrap();
    assert_eq!(
        (first.hyperparameters, first.after),
        (again.hyperparameters, again.after)
    );
}

#[test]
fn too_few_images_are_refused() {
    let error = World::new(MIN_IMAGES - 1, 9, [40, 24], 1.0).fit().unwrap_err();
    assert!(matches!(error, FitError::TooFew { found: 49 }), "{error}");
    assert!(error.to_string().contains("at least 50"), "{error}");
    World::new(MIN_IMAGES, 1, [40, 24], 1.0).fit().unwrap();
}

#[test]
fn invalid_vectors_are_refused() {
    let mut world = World::new(60, 1, [4, 24], 1.0);
    world.pairs[3].caption[0] = f32::NAN;
    assert!(matches!(world.fit(), Err(FitError::InvalidVectors(_))));
    world.pairs[3].caption = vec![1.0; 5];
    assert!(matches!(world.fit(), Err(FitError::InvalidVectors(_))));
    world
        .pairs
        .iter_mut()
        .for_each(|pair| pair.caption = vec![0.0; 4]);
    assert!(matches!(world.fit(), Err(FitError::InvalidVectors(_))));
    world.pairs.clear();
    assert!(matches!(world.fit(), Err(FitError::TooFew { found: 0 })));
}
