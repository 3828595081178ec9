//! Measures precision and recall of near duplicates on photos of one's own: makes variants of some photos (other encodings,
//! sizes, orientations, frames, crops, captions, gray) and looks for them among all photos.
//!
//! `cargo run --release -p eidetic-duplicates --example accuracy -- FOLDER [PHOTOS] [SEED] [KNOWN.tsv]`
//!
//! `KNOWN.tsv` names pairs of photos, by paths below FOLDER, that are copies of each other in the data itself. Pairs of
//! different photos that are found and not known are printed, to be looked at.
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs, thread};

use eidetic_duplicates::{Fingerprint, NearPair, near_pairs};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

/// Thresholds of probability at which precision and recall are printed.
const THRESHOLDS: [f32; 5] = [0.5, 0.7, 0.85, 0.9, 0.95];
/// Longer side of what fingerprints are computed from: that of a library's thumbnails.
const THUMBNAIL: u32 = 384;

/// A small generator (`SplitMix64`), so that runs can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u32) -> u32 {
        (self.next() % u64::from(limit.max(1))) as u32
    }
}

/// A kind of variant: its name, and how it is made.
type Kind = (&'static str, fn(&RgbImage, &mut Random) -> RgbImage);

const KINDS: &[Kind] = &[
    ("re-encoded (JPEG 50)", |image, _| jpeg(image, 50)),
    ("half size", |image, _| {
        let half = |side: u32| (side / 2).max(1);
        imageops::resize(
            image,
            half(image.width()),
            half(image.height()),
            FilterType::Triangle,
        )
    }),
    ("rotated by 90", |image, _| imageops::rotate90(image)),
    ("rotated by 180", |image, _| imageops::rotate180(image)),
    ("rotated by 270", |image, _| imageops::rotate270(image)),
    ("mirrored", |image, _| imageops::flip_horizontal(image)),
    ("border of 8 %", |image, random| {
        let shade = [0, 255, 128][random.below(3) as usize];
        framed(image, 0.08, Rgb([shade; 3]))
    }),
    ("crop: 80 % of both sides", |image, random| {
        cropped(image, 0.8, random)
    }),
    ("crop: 80 % of the area", |image, random| {
        cropped(image, 0.8_f32.sqrt(), random)
    }),
    ("caption below", |image, random| caption_below(image, random)),
    ("caption on the picture", |image, random| {
        let mut captioned = image.clone();
        let height = bar_height(image);
        write_bar(&mut captioned, image.height() - height, height, random);
        captioned
    }),
    ("gray", |image, _| imageops::grayscale(image).expand()),
];

trait Expand {
    fn expand(&self) -> RgbImage;
}

impl Expand for image::GrayImage {
    fn expand(&self) -> RgbImage {
        RgbImage::from_fn(self.width(), self.height(), |x, y| {
            Rgb([self.get_pixel(x, y).0[0]; 3])
        })
    }
}

fn jpeg(image: &RgbImage, quality: u8) -> RgbImage {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    encoder.encode_image(image).expect("a picture can be encoded");
    image::load_from_memory(&bytes)
        .expect("what was encoded decodes")
        .into_rgb8()
}

fn framed(image: &RgbImage, share: f32, color: Rgb<u8>) -> RgbImage {
    let width = (image.width().max(image.height()) as f32 * share) as u32;
    let mut framed = RgbImage::from_pixel(image.width() + 2 * width, image.height() + 2 * width, color);
    imageops::replace(&mut framed, image, i64::from(width), i64::from(width));
    framed
}

fn cropped(image: &RgbImage, share: f32, random: &mut Random) -> RgbImage {
    let side = |length: u32| ((length as f32 * share) as u32).max(1);
    let (width, height) = (side(image.width()), side(image.height()));
    let (x, y) = (
        random.below(image.width() - width + 1),
        random.below(image.height() - height + 1),
    );
    imageops::crop_imm(image, x, y, width, height).to_image()
}

fn bar_height(image: &RgbImage) -> u32 {
    (image.height() * 14 / 100).max(8).min(image.height())
}

fn caption_below(image: &RgbImage, random: &mut Random) -> RgbImage {
    let bar = bar_height(image);
    let mut captioned = RgbImage::new(image.width(), image.height() + bar);
    imageops::replace(&mut captioned, image, 0, 0);
    write_bar(&mut captioned, image.height(), bar, random);
    captioned
}

/// A plain bar with a line of signs of three times five dots, which look like letters.
fn write_bar(image: &mut RgbImage, top: u32, height: u32, random: &mut Random) {
    let (paper, ink) = if random.below(2) == 0 { (255, 0) } else { (0, 255) };
    for y in top..top + height {
        for x in 0..image.width() {
            image.put_pixel(x, y, Rgb([paper; 3]));
        }
    }
    let dot = (height / 9).max(1);
    let letters = image.width() / (4 * dot);
    for letter in 1..letters.saturating_sub(1) {
        let shape = if random.below(6) == 0 {
            0
        } else {
            random.next() | 1
        };
        for at in (0..15).filter(|at| shape >> at & 1 == 1) {
            let (left, above) = ((letter * 4 + at % 3) * dot, top + (2 + at / 3) * dot);
            for (x, y) in (0..dot * dot).map(|pixel| (left + pixel % dot, above + pixel / dot)) {
                if x < image.width() && y < top + height {
                    image.put_pixel(x, y, Rgb([ink; 3]));
                }
            }
        }
    }
}

/// As a library makes it: shrunk, and encoded once more.
fn fingerprint(image: &RgbImage) -> Fingerprint {
    let longest = image.width().max(image.height());
    let small = if longest > THUMBNAIL {
        let side = |length: u32| (length * THUMBNAIL / longest).max(1);
        imageops::resize(
            image,
            side(image.width()),
            side(image.height()),
            FilterType::Triangle,
        )
    } else {
        image.clone()
    };
    Fingerprint::of(&jpeg(&small, 80)).expect("a picture has pixels")
}

/// A fingerprint of a photo, as it is or as a variant.
struct Sample {
    photo: usize,
    kind: Option<usize>,
    fingerprint: Fingerprint,
}

fn photos(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read").flatten() {
            let path = entry.path();
            let extension = path
                .extension()
                .and_then(|name| name.to_str())
                .map(str::to_lowercase);
            if path.is_dir() {
                folders.push(path);
            } else if matches!(extension.as_deref(), Some("jpg" | "jpeg" | "png" | "webp")) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn samples(paths: &[PathBuf], chosen: &BTreeSet<usize>, seed: u64) -> Vec<Sample> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let numbers: Vec<usize> = (0..paths.len()).collect();
    thread::scope(|scope| {
        let started: Vec<_> = numbers
            .chunks(paths.len().div_ceil(threads))
            .map(|numbers| {
                scope.spawn(move || {
                    numbers
                        .iter()
                        .flat_map(|at| of_photo(paths, *at, chosen, seed))
                        .collect()
                })
            })
            .collect();
        started
            .into_iter()
            .flat_map(|thread| -> Vec<Sample> { thread.join().expect("no thread panics") })
            .collect()
    })
}

fn of_photo(paths: &[PathBuf], photo: usize, chosen: &BTreeSet<usize>, seed: u64) -> Vec<Sample> {
    let Ok(image) = image::open(&paths[photo]) else {
        return Vec::new();
    };
    let image = image.into_rgb8();
    let mut random = Random(seed ^ (photo as u64) << 20);
    let mut made = vec![Sample {
        photo,
        kind: None,
        fingerprint: fingerprint(&image),
    }];
    if chosen.contains(&photo) {
        made.extend(KINDS.iter().enumerate().map(|(kind, (_, make))| Sample {
            photo,
            kind: Some(kind),
            // Whoever changes a picture stores it again.
            fingerprint: fingerprint(&jpeg(&make(&image, &mut random), 85)),
        }));
    }
    made
}

/// Groups by linked pairs: the smallest member of each.
fn grouped(count: usize, pairs: &[NearPair], threshold: f32) -> Vec<usize> {
    fn find(of: &mut [usize], at: usize) -> usize {
        let mut at = at;
        while of[at] != at {
            of[at] = of[of[at]];
            at = of[at];
        }
        at
    }
    let mut of: Vec<usize> = (0..count).collect();
    for pair in pairs.iter().filter(|pair| pair.probability >= threshold) {
        let (a, b) = (find(&mut of, pair.images.0), find(&mut of, pair.images.1));
        of[a.max(b)] = a.min(b);
    }
    (0..count).map(|at| find(&mut of, at)).collect()
}

fn known(file: Option<&String>, folder: &Path, paths: &[PathBuf]) -> Vec<(usize, usize)> {
    let Some(file) = file else {
        return Vec::new();
    };
    let position = |name: &str| paths.binary_search(&folder.join(name)).ok();
    let text = fs::read_to_string(file).expect("the file of known pairs can be read");
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    pairs
        .filter_map(|(a, b)| Some((position(a)?, position(b.trim())?)))
        .collect()
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let folder = PathBuf::from(arguments.first().expect("give a folder of photos"));
    let number = |at: usize, default: u64| {
        arguments
            .get(at)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (count, seed) = (number(1, 1000) as usize, number(2, 1));
    let paths = photos(&folder);
    let mut random = Random(seed);
    let mut chosen = BTreeSet::new();
    while chosen.len() < count.min(paths.len()) {
        chosen.insert(random.below(paths.len() as u32) as usize);
    }
    let start = Instant::now();
    let samples = samples(&paths, &chosen, seed);
    println!(
        "{} photos, {} samples, seed {seed}; made in {:.1?}",
        paths.len(),
        samples.len(),
        start.elapsed()
    );
    let fingerprints: Vec<Fingerprint> = samples.iter().map(|sample| sample.fingerprint.clone()).collect();
    let start = Instant::now();
    let pairs = near_pairs(&fingerprints);
    println!(
        "pairs of {} fingerprints in {:.1?}",
        fingerprints.len(),
        start.elapsed()
    );
    let known = known(arguments.get(3), &folder, &paths);
    report(&samples, &pairs, &same_photo(paths.len(), &known));
    print_unknown(
        &samples,
        &pairs,
        &paths,
        &same_photo(paths.len(), &known),
        &folder,
    );
}

/// The photo that each photo is a copy of, in the data itself.
fn same_photo(count: usize, known: &[(usize, usize)]) -> Vec<usize> {
    let pairs: Vec<NearPair> = known
        .iter()
        .map(|images| NearPair {
            images: *images,
            probability: 1.0,
        })
        .collect();
    grouped(count, &pairs, 0.5)
}

/// What is known of all samples at one threshold.
struct Outcome<'a> {
    samples: &'a [Sample],
    same: &'a [usize],
    /// The sample of each photo as it is.
    original: BTreeMap<usize, usize>,
    found: Vec<&'a NearPair>,
    groups: Vec<usize>,
}

fn report(samples: &[Sample], pairs: &[NearPair], same: &[usize]) {
    for threshold in THRESHOLDS {
        let originals = samples
            .iter()
            .enumerate()
            .filter(|(_, sample)| sample.kind.is_none());
        let outcome = Outcome {
            samples,
            same,
            original: originals.map(|(at, sample)| (sample.photo, at)).collect(),
            found: pairs
                .iter()
                .filter(|pair| pair.probability >= threshold)
                .collect(),
            groups: grouped(samples.len(), pairs, threshold),
        };
        println!("\nthreshold {threshold}");
        println!(
            "{:<28} {:>8} {:>8} {:>10}",
            "kind", "recall", "direct", "precision"
        );
        for kind in 0..KINDS.len() {
            outcome.print_kind(kind);
        }
        outcome.print_all();
    }
}

impl Outcome<'_> {
    fn is_right(&self, pair: &NearPair) -> bool {
        let photo = |at: usize| self.same[self.samples[at].photo];
        photo(pair.images.0) == photo(pair.images.1)
    }

    fn base(&self, variant: usize) -> usize {
        self.original[&self.samples[variant].photo]
    }

    /// Recall through groups, recall of direct pairs of photo and variant, precision of pairs with a variant of the kind.
    fn print_kind(&self, kind: usize) {
        let is_of_kind = |at: &usize| self.samples[*at].kind == Some(kind);
        let of_kind: Vec<usize> = (0..self.samples.len()).filter(is_of_kind).collect();
        let direct: BTreeSet<(usize, usize)> = self.found.iter().map(|pair| pair.images).collect();
        let is_grouped = |at: &&usize| self.groups[**at] == self.groups[self.base(**at)];
        let is_linked = |at: &&usize| direct.contains(&(self.base(**at), **at));
        let with_kind = || {
            self.found
                .iter()
                .filter(|pair| is_of_kind(&pair.images.0) || is_of_kind(&pair.images.1))
        };
        let right = with_kind().filter(|pair| self.is_right(pair)).count();
        println!(
            "{:<28} {:>8.4} {:>8.4} {:>10.4}",
            KINDS[kind].0,
            share(of_kind.iter().filter(is_grouped).count(), of_kind.len()),
            share(of_kind.iter().filter(is_linked).count(), of_kind.len()),
            share(right, with_kind().count())
        );
    }

    fn print_all(&self) {
        let variants: Vec<usize> = (0..self.samples.len())
            .filter(|at| self.samples[*at].kind.is_some())
            .collect();
        let recalled = variants
            .iter()
            .filter(|at| self.groups[**at] == self.groups[self.base(**at)])
            .count();
        let right = self.found.iter().filter(|pair| self.is_right(pair)).count();
        let (in_groups, right_in_groups) = pairs_in_groups(self.samples, &self.groups, self.same);
        println!(
            "all: recall {:.4}, precision of pairs {:.4} ({right} of {}), of pairs in groups {:.4}",
            share(recalled, variants.len()),
            share(right, self.found.len()),
            self.found.len(),
            share(right_in_groups, in_groups)
        );
    }
}

fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

/// All pairs of members of one group, and how many of them are of one photo.
fn pairs_in_groups(samples: &[Sample], groups: &[usize], same: &[usize]) -> (usize, usize) {
    let mut members: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
    for (sample, group) in samples.iter().zip(groups) {
        *members
            .entry(*group)
            .or_default()
            .entry(same[sample.photo])
            .or_default() += 1;
    }
    let pairs = |count: usize| count * (count - 1) / 2;
    members.values().fold((0, 0), |(all, right), photos| {
        (
            all + pairs(photos.values().sum()),
            right + photos.values().map(|count| pairs(*count)).sum::<usize>(),
        )
    })
}

fn print_unknown(samples: &[Sample], pairs: &[NearPair], paths: &[PathBuf], same: &[usize], folder: &Path) {
    let mut unknown: BTreeMap<(usize, usize), (f32, usize)> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.probability >= THRESHOLDS[0]) {
        let (a, b) = (samples[pair.images.0].photo, samples[pair.images.1].photo);
        if same[a] != same[b] {
            let entry = unknown.entry((a.min(b), a.max(b))).or_default();
            *entry = (entry.0.max(pair.probability), entry.1 + 1);
        }
    }
    println!("\npairs of different photos, with the highest probability and number of pairs of variants:");
    let name = |photo: usize| {
        paths[photo]
            .strip_prefix(folder)
            .unwrap_or(&paths[photo])
            .display()
    };
    for ((a, b), (probability, count)) in unknown {
        println!("{probability:.3}\t{count}\t{}\t{}", name(a), name(b));
    }
}
