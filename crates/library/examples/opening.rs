//! How long opening takes in a large library, and how much memory it needs beside vectors: as the owner, and as a reader of
//! the snapshot.
//!
//! `cargo run --release -p eidetic-library --example opening -- fill FOLDER IMAGES`, then `… -- graph FOLDER` for the search graph,
//! `… -- owner FOLDER`, `… -- reader FOLDER`, and `… -- browse FOLDER` for lists, counts and searches that go on. `… -- bare FOLDER` takes
//! all vectors away, for `eidetic vectors import` to bring back. The model is the built-in one, of 256 dimensions; vectors are random, in
//! clusters, and the images do not exist.

use std::path::Path;
use std::time::Instant;

use eidetic_catalog::{RowStore, SledCatalog};
use eidetic_domain::{Filter, ImageId, RatingRange};
use eidetic_indexer::RunContext;
use eidetic_inference::LoadOptions;
use eidetic_library::{
    CreateOptions, FacetOptions, Library, ListOptions, ListOrder, ModelRef, ModelSource, Owner, SortKey,
    SyntheticImages,
};
use eidetic_search::Query;

/// Rows that are removed together.
const BATCH: usize = 5_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "opening fill FOLDER IMAGES | graph FOLDER | owner FOLDER | reader FOLDER | browse FOLDER | bare FOLDER";
    let (action, folder) = match arguments.as_slice() {
        [action, folder, ..] => (action.as_str(), Path::new(folder)),
        _ => panic!("{usage}"),
    };
    match (action, arguments.get(2).and_then(|images| images.parse().ok())) {
        ("fill", Some(images)) => fill(folder, images),
        ("graph", None) => build_graph(folder),
        ("owner" | "reader", None) => measure(action, folder),
        ("browse", None) => browse(folder),
        ("bare", None) => take_vectors(folder),
        _ => panic!("{usage}"),
    }
}

#[expect(clippy::print_stdout, reason = "the result")]
fn measure(action: &str, folder: &Path) {
    let before = resident();
    let start = Instant::now();
    let library = match action {
        "owner" => Library::open(folder, &owner()),
        _ => Library::open_to_read(folder, &owner()),
    };
    let library = library.expect("the library opens");
    println!("{action}: opened in {:.2} s", start.elapsed().as_secs_f64());
    let space = library.active();
    let images = library.counts().expect("images are counted").images;
    let codes = space.id().dimension as u64 * images;
    println!(
        "{images} images, {:.0} bytes an image resident beside the codes of vectors",
        (resident() - before).saturating_sub(codes) as f64 / images as f64
    );
    let query = Query::text("red");
    for (name, filter) in [
        ("search", Filter::default()),
        ("search in a folder of a hundredth", folder_filter("/photos/007")),
        ("search in a folder of all", folder_filter("/photos")),
    ] {
        let query = Query {
            filter,
            ..query.clone()
        };
        for time in ["first", "second"] {
            let start = Instant::now();
            let found = space.search(&query).expect("it answers");
            let took = 1000.0 * start.elapsed().as_secs_f64();
            println!("{name}, {time} time: {} hits in {took:.1} ms", found.hits.len());
        }
    }
    let start = Instant::now();
    space.confidence_model().expect("there is a model of confidence");
    println!("confidences: {:.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    library.status().expect("there is a status");
    println!("status: {:.2} s", start.elapsed().as_secs_f64());
    println!("{:.0} MB resident at the end", resident() as f64 / 1e6);
}

/// Times lists, counts, and searches that go on, each for the first time and again.
#[expect(clippy::print_stdout, reason = "the result")]
fn browse(folder: &Path) {
    let library = Library::open_to_read(folder, &owner()).expect("the library opens");
    let name = Filter {
        names: vec!["99".to_owned()],
        ..Filter::default()
    };
    time_list(&library, "by date", SortKey::Taken, &Filter::default());
    time_list(&library, "by name", SortKey::Name, &Filter::default());
    time_list(&library, "by rating", SortKey::Rating, &Filter::default());
    time_list(
        &library,
        "of a folder",
        SortKey::Taken,
        &folder_filter("/photos/007"),
    );
    time_list(&library, "of a camera, 4 stars", SortKey::Taken, &camera_filter());
    time_list(&library, "of a part of names", SortKey::Taken, &name);
    time_facets(&library, "all", &Filter::default());
    time_facets(&library, "a folder", &folder_filter("/photos/007"));
    time_facets(&library, "a camera, 4 stars", &camera_filter());
    time_search(&library);
    println!("{:.0} MB resident at the end", resident() as f64 / 1e6);
}

/// Removes all vectors, as if the images had been indexed by another model.
fn take_vectors(folder: &Path) {
    let catalog = SledCatalog::open(&folder.join("catalog")).expect("the catalog opens");
    let images: Vec<ImageId> = catalog
        .rows()
        .expect("rows are read")
        .into_iter()
        .map(|(_, image)| image)
        .collect();
    for batch in images.chunks(BATCH) {
        catalog.remove_rows(batch).expect("rows are removed");
    }
    std::fs::remove_dir_all(folder.join("vectors")).expect("the vectors are removed");
}

fn camera_filter() -> Filter {
    Filter {
        cameras: vec!["*d7*".to_owned()],
        rating: Some(RatingRange::Stars(4, 5)),
        ..Filter::default()
    }
}

#[expect(clippy::print_stdout, reason = "the result")]
fn time_list(library: &Library, what: &str, key: SortKey, filter: &Filter) {
    let mut options = ListOptions {
        order: ListOrder { key, reverse: false },
        filter: filter.clone(),
        after: None,
        count: 100,
        with_tags: false,
    };
    for time in ["first", "second", "third"] {
        let start = Instant::now();
        let page = library.list(&library.active(), &options).expect("it lists");
        let took = milliseconds(start);
        println!(
            "list {what}, {time} page: {} of {} in {took:.1} ms",
            page.images.len(),
            page.total
        );
        options.after = page.next;
    }
}

#[expect(clippy::print_stdout, reason = "the result")]
fn time_facets(library: &Library, what: &str, filter: &Filter) {
    let options = FacetOptions {
        filter: filter.clone(),
        parent: None,
        most: 100,
    };
    for time in ["first", "second"] {
        let start = Instant::now();
        let facets = library.facets(&library.active(), &options).expect("it counts");
        let took = milliseconds(start);
        println!(
            "facets of {what}, {time} time: {} images in {took:.1} ms",
            facets.total
        );
    }
}

#[expect(clippy::print_stdout, reason = "the result")]
fn time_search(library: &Library) {
    let mut query = Query::text("red");
    query.k = 100;
    for time in ["first", "second", "third", "fourth"] {
        let start = Instant::now();
        let found = library.search(&library.active(), &query).expect("it answers");
        let took = milliseconds(start);
        println!("search, {time} page: {} hits in {took:.1} ms", found.hits.len());
        query.after = found.next;
    }
}

fn milliseconds(start: Instant) -> f64 {
    1000.0 * start.elapsed().as_secs_f64()
}

/// The images do not exist, so nothing can be indexed.
fn fill(folder: &Path, images: u64) {
    let options = CreateOptions {
        model: ModelSource::Named(ModelRef::Builtin),
        precision: None,
        load: LoadOptions::default(),
    };
    let library = Library::open_or_create(folder, &options, &owner(), &());
    let library = library.expect("the library opens").0;
    let images = SyntheticImages::random(library.active().id().dimension, images);
    let filled = library.add_synthetic(&images, &RunContext::default());
    filled.expect("images are added");
}

fn build_graph(folder: &Path) {
    let library = Library::open(folder, &owner()).expect("the library opens");
    let built = library.active().refresh_graph(&RunContext::default());
    built.expect("the graph is built");
}

fn owner() -> Owner {
    Owner::this_process("opening")
}

fn folder_filter(folder: &str) -> Filter {
    Filter {
        folders: vec![folder.into()],
        ..Filter::default()
    }
}

/// Resident memory of this process in bytes, from Linux's /proc; 0 elsewhere.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}
