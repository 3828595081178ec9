//! A shop: pictures of products against descriptions, labels of its own, and decisions as a table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use eidetic_tests::{Scenario, captions, text};
use serde_json::Value;

/// Pictures of the shop.
const PRODUCTS: usize = 30;
/// Descriptions that each is compared with.
const DESCRIPTIONS: usize = 8;

struct Shop {
    scenario: Scenario,
    captions: Vec<(String, String)>,
    labels: PathBuf,
    pairs: PathBuf,
}

impl Shop {
    /// A library of the gallery, and beside its pictures a file of labels and a file of pairs.
    fn new() -> Self {
        let scenario = Scenario::new();
        let folder = scenario.gallery("pictures", usize::MAX);
        scenario.index(&folder);
        let captions = captions();
        let count = captions.len();
        let mut labels = "picture,caption,label\n".to_owned();
        for (at, (name, own)) in captions.iter().enumerate().skip(PRODUCTS) {
            let other = &captions[(at * 7 + 3) % count].1;
            let _ = writeln!(
                labels,
                "{name},\"{own}\",1\n{name},\"{other}\",{}",
                u8::from(own == other)
            );
        }
        let mut pairs = String::new();
        for (at, (name, _)) in captions.iter().enumerate().take(PRODUCTS) {
            for step in 0..DESCRIPTIONS {
                let caption = &captions[(at + step * 11) % count].1;
                let _ = writeln!(pairs, "{name}\t{caption}");
            }
        }
        let shop = Self {
            labels: folder.join("labels.csv"),
            pairs: folder.join("pairs.tsv"),
            scenario,
            captions,
        };
        fs::write(&shop.labels, labels).expect("it is writable");
        fs::write(&shop.pairs, pairs).expect("it is writable");
        shop
    }

    fn own(&self, name: &str) -> &str {
        &self
            .captions
            .iter()
            .find(|(image, _)| image == name)
            .expect("a product")
            .1
    }
}

#[test]
fn best_text_is_decided_for_each_product() {
    let shop = Shop::new();
    let calibrated = shop
        .scenario
        .run(&["calibrate", text(&shop.labels), "--profile", "product"])
        .expect_code(0);
    for part in [
        "profile product",
        "precision 0.95",
        "recall 0.95",
        "10% of all pairs match",
    ] {
        assert!(calibrated.stdout.contains(part), "{part}: {}", calibrated.stdout);
    }
    let arguments = [
        "match",
        "--pairs",
        text(&shop.pairs),
        "--profile",
        "product",
        "--best",
    ];
    let table = shop
        .scenario
        .run(&[&arguments[..], &["--csv"]].concat())
        .expect_code(0);
    let mut rows = csv::Reader::from_reader(table.stdout.as_bytes());
    let columns: Vec<&str> = rows.headers().expect("column names").iter().map(|_| "").collect();
    assert_eq!(columns.len(), 12);
    let rows: Vec<BTreeMap<String, String>> = rows
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("rows of the same columns");
    assert_eq!(rows.len(), PRODUCTS);
    let right = rows
        .iter()
        .filter(|row| row["text"] == shop.own(&row["image"]))
        .count();
    assert!(right >= PRODUCTS - 2, "{right} of {PRODUCTS}");
    for row in &rows {
        let margin: f64 = row["margin"].parse().expect("a margin");
        assert!(margin >= 0.0 && row["runner_up"] != row["text"], "{row:?}");
        assert!(row["reason"].contains("score"), "{row:?}");
    }
    let used = rows.iter().filter(|row| row["verdict"] == "use");
    let wrong: Vec<_> = used
        .clone()
        .filter(|row| row["text"] != shop.own(&row["image"]))
        .collect();
    assert!(used.count() > 5 && wrong.is_empty(), "{wrong:?}");
    assert!(table.stderr.contains("30 images: "), "{}", table.stderr);
    assert!(table.stderr.contains("of 240 pairs match"), "{}", table.stderr);
    let json = shop
        .scenario
        .run(&[&arguments[..], &["--json"]].concat())
        .expect_code(0);
    let first: Value = serde_json::from_str(json.stdout.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["text"], rows[0]["text"].as_str());
    assert!(first["runner_up_score"].is_number(), "{first}");
}

#[test]
fn one_image_is_decided_as_its_pairs() {
    let shop = Shop::new();
    let _ = shop
        .scenario
        .run(&["calibrate", text(&shop.labels)])
        .expect_code(0);
    let file = fs::read_to_string(&shop.pairs).expect("it is readable");
    let texts: Vec<&str> = file
        .lines()
        .take(DESCRIPTIONS)
        .map(|line| line.split_once('\t').expect("two columns").1)
        .collect();
    let few = shop.pairs.with_file_name("few.tsv");
    let name = &shop.captions[0].0;
    let rows: Vec<String> = texts.iter().map(|text| format!("{name}\t{text}\n")).collect();
    fs::write(&few, rows.concat()).expect("it is writable");
    let image = shop.pairs.with_file_name(name);
    let options = ["--profile", "product", "--json"];
    let one = [&["match", text(&image)][..], &texts, &options].concat();
    let one = shop.scenario.run(&one).expect_code(0).json();
    let pairs = shop
        .scenario
        .run(&[&["match", "--pairs", text(&few)][..], &options].concat())
        .expect_code(0);
    for line in pairs.stdout.lines() {
        let pair: Value = serde_json::from_str(line).expect("JSON");
        let results = one["results"].as_array().expect("a list");
        let same = results
            .iter()
            .find(|result| result["text"] == pair["text"])
            .expect("the text");
        assert_eq!(pair["verdict"], same["verdict"], "{pair}");
    }
    assert_eq!(pairs.stdout.lines().count(), DESCRIPTIONS);
}

#[test]
fn labels_of_shop_do_not_change_moderation() {
    let shop = Shop::new();
    let image = shop.pairs.with_file_name(&shop.captions[0].0);
    let under = |profile: &str| {
        let arguments = [
            "match",
            text(&image),
            "a red bicycle",
            "--profile",
            profile,
            "--json",
        ];
        shop.scenario.run(&arguments).expect_code(0).json()["results"].clone()
    };
    let (product, moderation) = (under("product"), under("moderation"));
    let _ = shop
        .scenario
        .run(&["calibrate", text(&shop.labels), "--profile", "product"])
        .expect_code(0);
    assert_ne!(under("product"), product);
    assert_eq!(under("moderation"), moderation);
    let undone = shop
        .scenario
        .run(&["calibrate", "--undo", "--profile", "product"])
        .expect_code(0);
    assert!(
        undone.stdout.contains("uses the calibration of texts"),
        "{undone:?}"
    );
    assert_eq!(under("product"), product);
}

#[test]
fn stated_scores_and_prevalence_decide() {
    let shop = Shop::new();
    let profiles = shop.scenario.path("profiles.toml");
    let own = "[profile.shop]\n[[profile.shop.level]]\nname = \"yes\"\ntarget = { score = 0.32 }\n\
               action = \"adopt\"\n[profile.shop.otherwise]\nname = \"no\"\naction = \"replace\"\n";
    fs::write(&profiles, own).expect("it is writable");
    let arguments = [
        "match",
        "--pairs",
        text(&shop.pairs),
        "--profile",
        "shop",
        "--profiles",
        text(&profiles),
        "--json",
    ];
    let answer = shop.scenario.run(&arguments).expect_code(0);
    for line in answer.stdout.lines() {
        let pair: Value = serde_json::from_str(line).expect("JSON");
        let expected = match pair["score"].as_f64() {
            _ if pair["unknown_words"].is_array() => "unknown",
            score if score >= Some(0.32) => "yes",
            _ => "no",
        };
        assert_eq!(pair["verdict"]["level"], expected, "{pair}");
    }
    let _ = shop
        .scenario
        .run(&["calibrate", text(&shop.labels)])
        .expect_code(0);
    let used = |prevalence: &str| {
        let arguments = [
            "match",
            "--pairs",
            text(&shop.pairs),
            "--profile",
            "product",
            "--prevalence",
            prevalence,
        ];
        let answer = shop.scenario.run(&arguments).expect_code(0);
        answer
            .stdout
            .lines()
            .filter(|line| line.contains("\tuse\t"))
            .count()
    };
    assert!(used("0.5") > used("0.001"));
}

/// The lines of JSON that a command printed or a server sent.
fn lines(text: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).expect("a line is JSON");
    text.lines().map(line).collect()
}

/// The file of pairs with absolute paths, since a server knows no folder of it.
fn absolute_pairs(shop: &Shop) -> String {
    let file = fs::read_to_string(&shop.pairs).expect("it is readable");
    let folder = shop
        .pairs
        .parent()
        .expect("a folder")
        .canonicalize()
        .expect("it exists");
    let mut absolute = String::new();
    for line in file.lines() {
        let _ = writeln!(absolute, "{}/{line}", folder.display());
    }
    absolute
}

#[test]
fn server_decides_batches_under_profile() {
    let shop = Shop::new();
    let _ = shop
        .scenario
        .run(&["calibrate", text(&shop.labels)])
        .expect_code(0);
    let here = shop
        .scenario
        .run(&[
            "match",
            "--pairs",
            text(&shop.pairs),
            "--profile",
            "product",
            "--json",
        ])
        .expect_code(0);
    let here = lines(&here.stdout);
    let pairs = absolute_pairs(&shop);
    let server = shop.scenario.serve();
    let send = |query: &str| {
        let request = ureq::post(format!("{}/v1/match{query}", server.address))
            .config()
            .http_status_as_error(false)
            .build()
            .content_type("text/tab-separated-values");
        let mut answer = request.send(&pairs).expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.body_mut().read_to_string().expect("text"))
    };
    let (status, body) = send("?profile=product");
    assert_eq!(status, 200, "{body}");
    let there = lines(&body);
    assert_eq!(there.len(), here.len());
    for (there, here) in there.iter().zip(&here) {
        assert_eq!(there["line"], here["line"]);
        assert_eq!(
            there["verdict"]["level"], here["verdict"]["level"],
            "{there} {here}"
        );
    }
    for (query, said) in [
        ("?profile=nothing", "unknown profile"),
        ("?criticality=high", "no effect without a profile"),
        ("?profil=product", "profil"),
    ] {
        let (status, body) = send(query);
        assert_eq!(status, 400, "{query}: {body}");
        assert!(body.contains(said), "{query}: {body}");
    }
}
