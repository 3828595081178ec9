//! An indexing run: its threads and the channels between them.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::thread::{self, Scope};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use eidetic_vectors::VectorIndex;

use crate::background::lower_priority;
use crate::commit::{Committed, Committer};
use crate::count::count;
use crate::decode::{Decoders, FileOutcome};
use crate::findings::WalkFindings;
use crate::in_flight::InFlightImages;
use crate::mounts::MountTable;
use crate::plan::{PlannedFile, Planner};
use crate::progress::Progress;
use crate::removal::{Removal, RemovalOutcome};
use crate::report::mounts_now;
use crate::sources::{SourceRoot, normalize, source_roots};
use crate::{CancelToken, Indexer, IndexerOptions, IndexingError, IndexingReport, RunContext, RunStage};

/// Files planned ahead of the decoders.
const TASKS_AHEAD: usize = 1024;

/// See [`Indexer::run`].
pub fn run<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    sources: &[PathBuf],
    options: &IndexerOptions,
    context: &RunContext<'_>,
) -> Result<IndexingReport, IndexingError> {
    let start = Instant::now();
    let progress = Progress::new(context.observer);
    context.observer.stage(RunStage::Indexing);
    let roots = source_roots(sources, options);
    let (findings, committed) = index(indexer, &roots, options, &progress, &context.cancel)?;
    let mounts = MountTable::read();
    let removal = if context.is_cancelled() {
        RemovalOutcome::default()
    } else {
        remove(indexer, options, context, &mounts, (&findings, &committed))?
    };
    let totals = progress.finish();
    Ok(IndexingReport {
        indexed: committed.indexed.saturating_sub(removal.moved),
        encoded: committed.encoded,
        unchanged: totals.unchanged + committed.unchanged,
        described: committed.described,
        replaced: committed.replaced,
        moved: removal.moved,
        removed: removal.removed,
        failed: totals.failed,
        skipped: totals.skipped,
        unsupported: totals.unsupported,
        damaged: committed.damaged,
        videos_passed_over: findings.videos_passed_over,
        junk_folders: findings.sources.iter().map(|found| found.walk.junk_folders).sum(),
        mounts: mounts_now(
            &findings.sources,
            &removal.unreachable,
            &options.known_mounts,
            &mounts,
        ),
        unreachable: removal.unreachable,
        unsettled: findings.unsettled,
        seconds: start.elapsed().as_secs_f64(),
        cancelled: context.is_cancelled(),
    })
}

fn remove<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    options: &IndexerOptions,
    context: &RunContext<'_>,
    mounts: &MountTable,
    (findings, committed): (&WalkFindings, &Committed),
) -> Result<RemovalOutcome, IndexingError> {
    if findings.sources.iter().any(|source| !source.deleted.is_empty()) {
        context.observer.stage(RunStage::Removing);
    }
    let other_sources: Vec<PathBuf> = options.other_sources.iter().map(|path| normalize(path)).collect();
    let removal = Removal {
        indexer,
        options,
        other_sources: &other_sources,
        inside: &committed.inside,
        duplicates: committed.duplicates.clone(),
        mounts,
    };
    removal.run(findings)
}

fn index<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    roots: &[SourceRoot],
    options: &IndexerOptions,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<(WalkFindings, Committed), IndexingError> {
    let in_flight = InFlightImages::default();
    let decoders = Decoders::new(indexer, options, &in_flight);
    let (tasks, to_decode) = bounded(TASKS_AHEAD);
    let (outcomes, to_commit) = bounded(2 * options.batch.max(1));
    thread::scope(|scope| {
        let on_backpressure = move || {
            scope.spawn(move || count(roots, options.links, progress, cancel));
        };
        let planner = Planner::new(
            (indexer.catalog, options),
            (progress, cancel),
            tasks,
            Box::new(on_backpressure),
        );
        let planning = scope.spawn(move || planner.run(roots));
        spawn_decoders(scope, &decoders, options, &to_decode, &outcomes, cancel);
        drop((to_decode, outcomes));
        let committer = Committer::new(indexer, options, &decoders, &in_flight, progress);
        let committed = committer.run(to_commit, cancel);
        let findings = planning
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((findings?, committed?))
    })
}

fn spawn_decoders<'scope, 'env, V: VectorIndex + ?Sized>(
    scope: &'scope Scope<'scope, 'env>,
    decoders: &'env Decoders<'env, V>,
    options: &'env IndexerOptions,
    tasks: &Receiver<PlannedFile>,
    outcomes: &Sender<Result<FileOutcome, IndexingError>>,
    cancel: &'env CancelToken,
) {
    let background = options.background.as_deref();
    for _ in 0..thread_count(options) {
        let (tasks, outcomes) = (tasks.clone(), outcomes.clone());
        scope.spawn(move || {
            if background.is_some() {
                lower_priority();
            }
            for task in tasks {
                if let Some(background) = background {
                    background.pause(cancel);
                }
                if decode_task(decoders, task, &outcomes, cancel).is_break() {
                    return;
                }
            }
        });
    }
}

/// Sends the outcomes of one task; breaks where the run ends.
fn decode_task<V: VectorIndex + ?Sized>(
    decoders: &Decoders<'_, V>,
    task: PlannedFile,
    outcomes: &Sender<Result<FileOutcome, IndexingError>>,
    cancel: &CancelToken,
) -> ControlFlow<()> {
    let send = |outcome| {
        if cancel.is_cancelled() || outcomes.send(outcome).is_err() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    if cancel.is_cancelled() {
        return ControlFlow::Break(());
    }
    match task {
        PlannedFile::Read(task) => match decoders.container_kind(&task.path) {
            Some(kind) => {
                let read = decoders.decode_container(task, kind, &mut |outcome| send(Ok(outcome)));
                read.map_or_else(|error| send(Err(error)), |()| ControlFlow::Continue(()))
            }
            None => send(decoders.decode_file(task)),
        },
        PlannedFile::Restamp(file) => send(Ok(FileOutcome::Restamped(file))),
        PlannedFile::Describe(task) => send(decoders.describe(&task)),
    }
}

pub fn thread_count(options: &IndexerOptions) -> usize {
    match options.threads {
        0 => thread::available_parallelism().map_or(1, NonZero::get),
        threads => threads,
    }
}
