//! Commands that read the library all the time.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use eidetic_tests::{Finished, text};
use serde_json::Value;

use crate::place::{Place, files_in};

/// A thread that runs `search`, `list` and `status` in turn.
pub struct Reader {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

/// What it saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub answers: u64,
    /// What was wrong, a line each.
    pub faults: Vec<String>,
}

impl Reader {
    pub fn start(place: &Place) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_over);
        let mut commands = reading(place);
        let thread = thread::spawn(move || {
            let mut seen = Seen::default();
            'all: loop {
                for (name, command) in &mut commands {
                    if stop.load(Ordering::Relaxed) {
                        break 'all;
                    }
                    let finished = Finished::from(command.output().unwrap());
                    seen.answers += 1;
                    if let Some(fault) = fault_of(name, &finished) {
                        seen.faults.push(fault);
                    }
                }
            }
            seen
        });
        Self { is_over, thread }
    }

    pub fn stop(self) -> Seen {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Each reading command once.
pub fn read_once(place: &Place) -> Vec<String> {
    let mut commands = reading(place);
    let faults = commands
        .iter_mut()
        .map(|(name, command)| fault_of(name, &command.output().unwrap().into()));
    faults.flatten().collect()
}

fn reading(place: &Place) -> Vec<(&'static str, Command)> {
    let command = |arguments: &[&str]| {
        let mut command = place.scenario.command(arguments);
        command.env("TMPDIR", text(&place.path("tmp")));
        command
    };
    vec![
        ("search", command(&["search", "a boat", "-k", "100", "--json"])),
        ("list", command(&["list", "-k", "all", "--json"])),
        ("status", command(&["status", "--json"])),
    ]
}

/// Why an answer is no whole one.
fn fault_of(name: &str, finished: &Finished) -> Option<String> {
    if finished.code != Some(0) {
        return Some(format!(
            "{name} ended with {:?}: {}",
            finished.code,
            finished.stderr.trim()
        ));
    }
    let answer = finished.json();
    let is_whole = match name {
        "search" => answer["missing"] == 0 && all(&answer["hits"], is_whole_hit),
        "list" => {
            answer["total"] == answer["images"].as_array().map_or(0, Vec::len)
                && all(&answer["images"], is_whole_image)
        }
        _ => {
            answer["images"] == answer["index"]["vectors"]
                && answer["damaged"] == 0
                && answer["missing_changes"].is_null()
        }
    };
    (!is_whole).then(|| format!("{name} shows a half state: {answer}"))
}

fn all(values: &Value, is_whole: fn(&Value) -> bool) -> bool {
    values
        .as_array()
        .is_some_and(|values| !values.is_empty() && values.iter().all(is_whole))
}

fn is_whole_hit(hit: &Value) -> bool {
    is_whole_image(hit)
        && hit["score"].is_f64()
        && hit["paths"].as_array().is_some_and(|paths| !paths.is_empty())
}

fn is_whole_image(image: &Value) -> bool {
    let is_text = |name: &str, length: usize| image[name].as_str().is_some_and(|text| text.len() >= length);
    is_text("image", 64) && is_text("path", 1) && image["width"].as_u64() > Some(0)
}

/// Files that a job that has ended left beside its own.
pub fn leftovers(place: &Place) -> Vec<String> {
    let files = files_in(&place.path("tmp"));
    files.iter().map(|path| text(path).to_owned()).collect()
}
