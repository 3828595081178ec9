use eidetic_domain::SplitMix64;

use super::*;

/// A captioned world: every picture has hidden properties, which pictures' vectors and captions' vectors show each in
/// their own way.
struct World {
    pairs: Vec<Pair>,
    pictures: Vec<Vec<f32>>,
    keys: Vec<String>,
}

/// Numbers between −½ and ½, always the same.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut random = SplitMix64::new(seed);
    move || random.signed_unit() / 2.0
}

impl World {
    /// `relation` 1: captions follow from the properties but for a little noise; 0: from nothing.
    fn new(pictures: usize, captions_each: usize, dimensions: [usize; 2], relation: f32) -> Self {
        const PROPERTIES: usize = 12;
        let mut next = noise(7);
        let mut matrix = |rows: usize| -> Vec<Vec<f32>> {
            (0..rows)
                .map(|_| (0..PROPERTIES).map(|_| next()).collect())
                .collect()
        };
        let hidden = matrix(pictures);
        let (to_caption, to_picture) = (matrix(dimensions[0]), matrix(dimensions[1]));
        let show = |by: &[Vec<f32>], properties: &[f32]| -> Vec<f32> {
            let dot = |row: &Vec<f32>| row.iter().zip(properties).map(|(a, b)| a * b).sum::<f32>();
            by.iter().map(dot).collect()
        };
        let mut next = noise(8);
        let pairs = (0..pictures * captions_each).map(|number| {
            let picture = number % pictures;
            let mut caption = show(&to_caption, &hidden[picture]);
            // All captions lie in a narrow cone, as those of language models do.
            for x in &mut caption {
                *x = *x * relation + 2.0 + 0.02 * next();
            }
            Pair { caption, picture }
        });
        let pairs = pairs.collect();
        Self {
            pairs,
            pictures: hidden.iter().map(|h| unit(&show(&to_picture, h))).collect(),
            keys: (0..pictures)
                .map(|number| format!("picture-{number}.jpg"))
                .collect(),
        }
    }

    fn fit(&self) -> Result<Fitted, FitError> {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        fit_alignment(&self.pairs, &self.pictures, &keys)
    }
}

#[test]
fn a_relation_that_is_there_is_learnt_for_pictures_never_seen() {
    // Fewer observations than inputs, and more.
    for dimensions in [[300, 24], [40, 24]] {
        let fitted = World::new(200, 1, dimensions, 1.0).fit().unwrap();
        assert_eq!((fitted.pictures, fitted.held_out_pictures), (160, 40));
        assert_eq!(fitted.before, None, "of other lengths");
        assert!(fitted.chance.at_1 < 0.03);
        assert!(fitted.after.at_1 > 0.9, "{:?}", fitted.after);
        assert!(fitted.after.at_10 >= fitted.after.at_5 && fitted.after.at_5 >= fitted.after.at_1);
        assert!(fitted.span.high > fitted.span.low + 0.3, "{:?}", fitted.span);
    }
}

#[test]
fn a_relation_that_is_not_there_is_not_made_up() {
    let fitted = World::new(400, 1, [64, 24], 0.0).fit().unwrap();
    assert!(fitted.after.at_1 < 0.1, "{:?}", fitted.after);
}

#[test]
fn vectors_of_the_same_length_are_compared_before_too() {
    let fitted = World::new(200, 1, [24, 24], 1.0).fit().unwrap();
    let before = fitted.before.expect("they can be compared");
    assert!(before.at_1 < 0.3 && fitted.after.at_1 > 0.9, "{before:?}");
}

#[test]
fn all_captions_of_a_picture_are_on_the_same_side_of_the_split() {
    let fitted = World::new(100, 5, [40, 24], 1.0).fit().unwrap();
    assert_eq!((fitted.captions, fitted.held_out_captions), (400, 100));
    assert_eq!((fitted.pictures, fitted.held_out_pictures), (80, 20));
}

#[test]
fn the_same_pairs_give_the_same_projection_in_any_order() {
    let mut world = World::new(120, 2, [40, 24], 1.0);
    let first = world.fit().unwrap();
    assert_eq!(first, world.fit().unwrap());
    world.pairs.reverse();
    let again = world.fit().unwrap();
    assert_eq!((first.recipe, first.after), (again.recipe, again.after));
}

#[test]
fn too_few_pictures_are_refused_however_many_captions_they_have() {
    let error = World::new(LEAST_PICTURES - 1, 9, [40, 24], 1.0)
        .fit()
        .unwrap_err();
    assert!(matches!(error, FitError::TooFew { found: 49 }), "{error}");
    assert!(error.to_string().contains("at least 50"), "{error}");
    World::new(LEAST_PICTURES, 1, [40, 24], 1.0).fit().unwrap();
}

#[test]
fn useless_vectors_are_refused() {
    let mut world = World::new(60, 1, [4, 24], 1.0);
    world.pairs[3].caption[0] = f32::NAN;
    assert!(matches!(world.fit(), Err(FitError::Useless(_))));
    world.pairs[3].caption = vec![1.0; 5];
    assert!(matches!(world.fit(), Err(FitError::Useless(_))));
    world
        .pairs
        .iter_mut()
        .for_each(|pair| pair.caption = vec![0.0; 4]);
    assert!(matches!(world.fit(), Err(FitError::Useless(_))));
    world.pairs.clear();
    assert!(matches!(world.fit(), Err(FitError::TooFew { found: 0 })));
}
