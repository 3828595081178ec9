//! A run from beginning to end: which threads there are and what flows between them.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::thread::{self, Scope};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use eidetic_domain::ImageId;
use eidetic_vectors::VectorIndex;

use crate::claims::Claims;
use crate::commit::{Committed, Committer};
use crate::count::{Ground, count};
use crate::plan::{Findings, Job, Planner};
use crate::prepare::{Outcome, Readers};
use crate::removal::{Removal, Removed};
use crate::sources::{Sources, tidy};
use crate::tally::Tally;
use crate::{CancelToken, Indexer, IndexingError, Options, Report, RunContext, Stage};

/// Files planned ahead of the readers.
const JOBS_AHEAD: usize = 1024;

/// See [`Indexer::run`].
pub fn run<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    sources: &[PathBuf],
    options: &Options,
    context: &RunContext<'_>,
) -> Result<Report, IndexingError> {
    let start = Instant::now();
    let tally = Tally::new(context.observer);
    context.observer.stage(Stage::Indexing);
    let (findings, committed) = index(
        indexer,
        &grounds(sources, options),
        options,
        &tally,
        &context.cancel,
    )?;
    let met_again = committed.met_again;
    let removed = if context.is_cancelled() || findings.vanished.is_empty() {
        Removed::default()
    } else {
        context.observer.stage(Stage::Removing);
        let other_sources: Vec<PathBuf> = options.other_sources.iter().map(|path| tidy(path)).collect();
        let removal = Removal {
            indexer,
            other_sources: &other_sources,
            met_again,
        };
        removal.run(&findings)?
    };
    let (unchanged, skipped, failed) = tally.finish();
    Ok(Report {
        indexed: committed.indexed.saturating_sub(removed.moved),
        encoded: committed.encoded,
        unchanged: unchanged + committed.unchanged,
        moved: removed.moved,
        removed: removed.removed,
        failed,
        skipped,
        seconds: start.elapsed().as_secs_f64(),
        cancelled: context.is_cancelled(),
    })
}

/// Whether an image has a vector.
pub fn vector_stands<V: VectorIndex + ?Sized>(vectors: &RwLock<V>, image: &ImageId) -> bool {
    let vectors = vectors.read().unwrap_or_else(PoisonError::into_inner);
    vectors.vector(image).is_some()
}

/// Each source with what lies in it but is not part of it.
fn grounds(sources: &[PathBuf], options: &Options) -> Vec<Ground> {
    let sources = Sources::new(sources);
    let excluded: Vec<PathBuf> = options.excluded.iter().map(|path| tidy(path)).collect();
    let ground = |source: &PathBuf| {
        let left_out = sources.within(source).into_iter().chain(excluded.iter().cloned());
        (source.clone(), left_out.collect())
    };
    sources.iter().map(ground).collect()
}

fn index<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    grounds: &[Ground],
    options: &Options,
    tally: &Tally<'_>,
    cancel: &CancelToken,
) -> Result<(Findings, Committed), IndexingError> {
    let claims = Claims::default();
    let readers = Readers::new(indexer, options, &claims);
    let (jobs, to_read) = bounded(JOBS_AHEAD);
    let (outcomes, to_commit) = bounded(2 * options.batch.max(1));
    thread::scope(|scope| {
        let planner = Planner {
            catalog: indexer.catalog,
            tally,
            cancel,
            jobs,
            on_long_run: Some(Box::new(move || {
                scope.spawn(move || count(grounds, tally, cancel));
            })),
            files: 0,
            findings: Findings::default(),
        };
        let planning = scope.spawn(move || planner.run(grounds));
        spawn_readers(scope, &readers, options, &to_read, &outcomes, cancel);
        drop((to_read, outcomes));
        let committed = Committer::new(indexer, options, &readers, &claims, tally).run(to_commit, cancel);
        let findings = planning
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((findings?, committed?))
    })
}

fn spawn_readers<'scope, 'env, V: VectorIndex + ?Sized>(
    scope: &'scope Scope<'scope, 'env>,
    readers: &'env Readers<'env, V>,
    options: &Options,
    jobs: &Receiver<Job>,
    outcomes: &Sender<Result<Outcome, IndexingError>>,
    cancel: &'env CancelToken,
) {
    for _ in 0..threads(options) {
        let (jobs, outcomes) = (jobs.clone(), outcomes.clone());
        scope.spawn(move || {
            for job in jobs {
                if cancel.is_cancelled() || outcomes.send(readers.prepare(job)).is_err() {
                    return;
                }
            }
        });
    }
}

pub fn threads(options: &Options) -> usize {
    match options.threads {
        0 => thread::available_parallelism().map_or(1, NonZero::get),
        threads => threads,
    }
}
