//! Queue, resting files and watcher with a clock, a disk and a system of the tests'.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use eidetic_catalog::FileStamp;

use super::*;

const REST: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(1);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

mod queue {
    use super::*;

    struct Timed {
        queue: ChangeQueue,
        start: Instant,
    }

    impl Timed {
        fn new() -> Self {
            Self {
                queue: ChangeQueue::new(REST, PATIENCE),
                start: Instant::now(),
            }
        }

        fn present(&mut self, path: &str, at: u64) {
            self.queue
                .note(path.into(), Presence::Present, self.start + ms(at));
        }

        fn gone(&mut self, path: &str, at: u64) {
            self.queue.note(path.into(), Presence::Gone, self.start + ms(at));
        }

        fn take(&mut self, at: u64) -> Vec<PathBuf> {
            self.queue.take(self.start + ms(at))
        }
    }

    #[test]
    fn path_waits_for_rest() {
        let mut timed = Timed::new();
        timed.present("/a", 0);
        assert_eq!(timed.queue.ready_at(), Some(timed.start + REST));
        assert!(timed.take(1999).is_empty());
        assert_eq!(timed.take(2000), paths(&["/a"]));
        assert!(timed.take(9000).is_empty() && timed.queue.ready_at().is_none());
    }

    #[test]
    fn slow_writer_waits_others_do_not() {
        let mut timed = Timed::new();
        timed.present("/done", 0);
        for at in (0..10_000).step_by(500) {
            timed.present("/slow", at);
        }
        assert!(timed.take(2900).is_empty(), "it waits for others a second");
        let mut timed_out = Timed::new();
        timed_out.present("/done", 0);
        timed_out.present("/slow", 2900);
        assert_eq!(timed_out.take(3000), paths(&["/done"]));
        assert_eq!(timed_out.take(4900), paths(&["/slow"]));
    }

    #[test]
    fn burst_comes_together() {
        let mut timed = Timed::new();
        for number in 0..300 {
            timed.present(&format!("/{number:03}"), number * 3);
        }
        assert!(timed.take(2890).is_empty());
        assert_eq!(timed.take(2897).len(), 300);
    }

    #[test]
    fn both_ends_of_move_come_together() {
        let mut timed = Timed::new();
        timed.gone("/old/1", 0);
        timed.present("/new/1", 1);
        timed.gone("/old/2", 400);
        timed.present("/new/2", 401);
        assert!(timed.take(2400).is_empty());
        assert_eq!(timed.take(2401), paths(&["/new/1", "/new/2", "/old/1", "/old/2"]));
    }

    #[test]
    fn losses_wait_for_last_one() {
        let mut timed = Timed::new();
        for at in (0..=6000).step_by(1000) {
            timed.gone(&format!("/{at}"), at);
        }
        assert!(timed.take(7900).is_empty());
        assert_eq!(timed.take(8000).len(), 7);
    }

    #[test]
    fn endless_loss_ends_after_ten_seconds() {
        let mut timed = Timed::new();
        for at in (0..=11_000).step_by(500) {
            timed.gone(&format!("/{at}"), at);
        }
        assert!(!timed.take(11_000).is_empty());
    }

    #[test]
    fn dropped_folder_takes_its_paths() {
        let mut timed = Timed::new();
        timed.present("/a/b", 0);
        timed.present("/ab", 0);
        timed.queue.drop_below(Path::new("/a"));
        assert_eq!(timed.take(5000), paths(&["/ab"]));
    }
}

mod resting {
    use super::*;

    struct Times {
        steady: Instant,
        system: SystemTime,
    }

    impl Times {
        fn new() -> Self {
            Self {
                steady: Instant::now(),
                system: UNIX_EPOCH + Duration::from_secs(1_000_000_000),
            }
        }

        fn at(&self, after: u64) -> Clock {
            Clock {
                steady: self.steady + ms(after),
                system: self.system + ms(after),
            }
        }

        /// A stamp whose times are `after` milliseconds from the start.
        fn stamp(&self, size: u64, after: i64) -> FileStamp {
            let start = self.system.duration_since(UNIX_EPOCH).unwrap().as_nanos();
            let time = i64::try_from(start).unwrap() + after * 1_000_000;
            FileStamp {
                size,
                modified_ns: time - 5,
                changed_ns: Some(time),
                ..FileStamp::default()
            }
        }
    }

    #[test]
    fn old_files_rest_at_once() {
        let (times, resting) = (Times::new(), RestingFiles::new(REST));
        let path = Path::new("/a");
        assert!(resting.is_at_rest(path, &times.stamp(1, -2000), times.at(0)));
        assert!(!resting.is_at_rest(path, &times.stamp(1, -1999), times.at(0)));
        assert!(resting.is_at_rest(path, &times.stamp(1, -1999), times.at(1)));
    }

    #[test]
    fn growing_file_never_rests() {
        let (times, resting) = (Times::new(), RestingFiles::new(REST));
        for second in 0..10 {
            let stamp = times.stamp(second, second as i64 * 1000);
            assert!(!resting.is_at_rest(Path::new("/a"), &stamp, times.at(second * 1000)));
        }
        let last = times.stamp(9, 9000);
        assert!(!resting.is_at_rest(Path::new("/a"), &last, times.at(10_900)));
        assert!(resting.is_at_rest(Path::new("/a"), &last, times.at(11_000)));
    }

    #[test]
    fn clock_of_server_may_be_ahead() {
        let (times, resting) = (Times::new(), RestingFiles::new(REST));
        let ahead = times.stamp(7, 3_600_000);
        assert!(!resting.is_at_rest(Path::new("/a"), &ahead, times.at(0)));
        assert!(!resting.is_at_rest(Path::new("/a"), &ahead, times.at(1900)));
        assert!(resting.is_at_rest(Path::new("/a"), &ahead, times.at(2000)));
        assert!(
            !resting.is_at_rest(Path::new("/a"), &ahead, times.at(2100)),
            "what was seen is forgotten with the answer"
        );
    }
}

/// A system that tells of changes up to a number of sources, and disks that come and go.
#[derive(Default)]
struct World {
    identities: RefCell<BTreeMap<PathBuf, String>>,
    remote: Vec<PathBuf>,
    failure: Option<WatchError>,
    watched: RefCell<Vec<PathBuf>>,
    forgotten: RefCell<Vec<PathBuf>>,
}

impl Notifications for World {
    fn add_source(&self, source: &Path) -> Result<(), WatchError> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        self.watched.borrow_mut().push(source.to_owned());
        Ok(())
    }

    fn forget(&self, folder: &Path) {
        self.forgotten.borrow_mut().push(folder.to_owned());
    }
}

impl Disk for &World {
    fn identity(&self, source: &Path) -> Option<String> {
        self.identities.borrow().get(source).cloned()
    }

    fn unnotified(&self, source: &Path) -> Option<String> {
        self.remote
            .iter()
            .any(|remote| remote == source)
            .then(|| "a network disk".to_owned())
    }
}

impl World {
    fn mount(&self, source: &str, identity: &str) {
        let identity = identity.to_owned();
        self.identities.borrow_mut().insert(source.into(), identity);
    }

    fn unmount(&self, source: &str) {
        self.identities.borrow_mut().remove(Path::new(source));
    }
}

struct Watch<'a> {
    watcher: Watcher<'a, World, &'a World>,
    start: Instant,
}

impl<'a> Watch<'a> {
    /// Watches sources, after their first walk.
    fn new(world: &'a World, options: WatchOptions, sources: &[&str]) -> Self {
        for source in sources {
            world.mount(source, "disk");
        }
        let start = Instant::now();
        let mut watcher = Watcher::new(options, world, world);
        watcher.set_sources(&paths(sources), paths(&["/s/library"]), start);
        let mut watch = Self { watcher, start };
        let first = watch.round(0).unwrap();
        assert_eq!(first.whole, paths(sources));
        watch.finish(first, 0);
        watch
    }

    fn event(&mut self, event: WatchEvent, at: u64) {
        self.watcher.handle(event, self.start + ms(at));
    }

    fn changed(&mut self, path: &str, at: u64) {
        self.event(WatchEvent::Changed(path.into()), at);
    }

    fn vanished(&mut self, path: &str, at: u64) {
        self.event(WatchEvent::Vanished(path.into()), at);
    }

    fn round(&mut self, at: u64) -> Option<WatchRound> {
        self.watcher.next_round(self.start + ms(at))
    }

    fn finish(&mut self, round: WatchRound, at: u64) {
        let end = RoundEnd::Done {
            unsettled: Vec::new(),
        };
        self.watcher.finished(round, end, self.start + ms(at));
    }

    fn paths(&mut self, at: u64) -> Vec<PathBuf> {
        let Some(round) = self.round(at) else {
            return Vec::new();
        };
        assert!(round.whole.is_empty(), "{round:?}");
        let paths = round.paths.clone();
        self.finish(round, at);
        paths
    }

    fn whole(&mut self, at: u64) -> Vec<PathBuf> {
        let Some(round) = self.round(at) else {
            return Vec::new();
        };
        let whole = round.whole.clone();
        self.finish(round, at);
        whole
    }
}

#[test]
fn changes_become_round_of_paths() {
    let world = World::default();
    let mut watch = Watch::new(&world, WatchOptions::default(), &["/s"]);
    watch.changed("/s/a.jpg", 100);
    watch.changed("/elsewhere/b.jpg", 100);
    watch.changed("/s/library/catalog/db", 100);
    assert!(watch.round(2000).is_none());
    assert_eq!(watch.paths(2100), paths(&["/s/a.jpg"]));
    assert!(watch.round(60_000).is_none());
}

#[test]
fn rules_concern_their_folder() {
    let world = World::default();
    let mut watch = Watch::new(&world, WatchOptions::default(), &["/s"]);
    watch.changed("/s/trip/.eideticignore", 0);
    assert_eq!(watch.paths(2000), paths(&["/s/trip"]));
    watch.vanished("/s/.eideticignore", 3000);
    assert!(watch.round(4900).is_none());
    assert_eq!(watch.whole(5000), paths(&["/s"]));
}

#[test]
fn sources_are_rescanned_now_and_then() {
    let world = World::default();
    let options = WatchOptions {
        rescan_every: Duration::from_secs(100),
        ..WatchOptions::default()
    };
    let mut watch = Watch::new(&world, options, &["/s", "/t"]);
    assert!(watch.round(99_999).is_none());
    assert_eq!(watch.whole(100_000), paths(&["/s", "/t"]));
    assert!(watch.round(199_999).is_none());
    watch.event(WatchEvent::Missed, 150_000);
    assert_eq!(watch.whole(199_999), paths(&["/s", "/t"]));
}

#[test]
fn lost_disk_is_looked_at_and_return_too() {
    let world = World::default();
    let mut watch = Watch::new(&world, WatchOptions::default(), &["/s", "/t"]);
    world.unmount("/s");
    assert_eq!(watch.whole(1500), paths(&["/s"]));
    assert!(watch.round(3000).is_none(), "once");
    assert_eq!(*world.forgotten.borrow(), paths(&["/s"]));
    world.mount("/s", "disk");
    assert_eq!(watch.whole(4500), paths(&["/s"]));
    world.mount("/s", "another disk");
    assert_eq!(watch.whole(6000), paths(&["/s"]));
    assert_eq!(world.watched.borrow().len(), 2 + 3);
}

#[test]
fn removed_source_is_noticed_at_once() {
    let world = World::default();
    let mut watch = Watch::new(&world, WatchOptions::default(), &["/s"]);
    assert!(watch.round(1000).is_none());
    world.unmount("/s");
    watch.vanished("/s", 1100);
    assert_eq!(watch.whole(1100), paths(&["/s"]));
}

#[test]
fn sources_come_and_go() {
    let world = World::default();
    let mut watch = Watch::new(&world, WatchOptions::default(), &["/s"]);
    world.mount("/t", "disk");
    let now = watch.start + ms(500);
    watch
        .watcher
        .set_sources(&paths(&["/s", "/s/inner", "/t"]), Vec::new(), now);
    assert_eq!(watch.whole(500), paths(&["/s/inner", "/t"]));
    watch.changed("/s/inner/a.jpg", 600);
    watch.changed("/t/b.jpg", 600);
    watch
        .watcher
        .set_sources(&paths(&["/s/inner"]), Vec::new(), now + ms(200));
    assert_eq!(*world.forgotten.borrow(), paths(&["/s", "/t"]));
    // The watches of the outer source were those of the inner one, which is walked again.
    assert_eq!(watch.whole(800), paths(&["/s/inner"]));
    assert!(watch.paths(2600).is_empty(), "they went with the outer source");
}

#[test]
fn network_disks_are_polled_and_named_once() {
    let world = World {
        remote: paths(&["/nas"]),
        ..World::default()
    };
    let mut watch = Watch::new(&world, WatchOptions::default(), &["/nas", "/s"]);
    let notices = watch.watcher.take_notices();
    assert!(
        matches!(&notices[..], [WatchNotice::Polled { source, .. }] if source == Path::new("/nas")),
        "{notices:?}"
    );
    assert_eq!(watch.whole(60_000), paths(&["/nas"]));
    assert!(watch.round(119_999).is_none());
    assert!(watch.watcher.take_notices().is_empty());
    let modes: Vec<WatchMode> = watch.watcher.sources().iter().map(|source| source.mode).collect();
    assert_eq!(modes, [WatchMode::Polling, WatchMode::Notifications]);
}

#[test]
fn limit_of_watches_leads_to_polling() {
    let world = World::default();
    let mut watch = Watch::new(&world, WatchOptions::default(), &["/s", "/t"]);
    watch.event(WatchEvent::LimitReached("/s/deep".into()), 0);
    watch.event(WatchEvent::LimitReached("/t/deep".into()), 0);
    let notices = watch.watcher.take_notices();
    let said = notices.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(
        said.len() == 1 && said[0].contains("fs.inotify.max_user_watches"),
        "{said:?}"
    );
    assert_eq!(watch.whole(60_000), paths(&["/s", "/t"]));
    // What is still told of is not lost.
    watch.changed("/s/a.jpg", 61_000);
    assert_eq!(watch.paths(63_000), paths(&["/s/a.jpg"]));
}

#[test]
fn forced_polling_asks_for_no_notifications() {
    let world = World::default();
    let options = WatchOptions {
        polling: Polling::Always,
        poll_every: Duration::from_secs(5),
        ..WatchOptions::default()
    };
    let mut watch = Watch::new(&world, options, &["/s"]);
    assert!(world.watched.borrow().is_empty());
    assert!(watch.watcher.take_notices().is_empty(), "it was asked for");
    assert_eq!(watch.whole(5000), paths(&["/s"]));
}

#[test]
fn unavailable_notifications_lead_to_polling() {
    let world = World {
        failure: Some(WatchError::Unavailable("too many open files".into())),
        ..World::default()
    };
    let mut watch = Watch::new(&world, WatchOptions::default(), &["/s"]);
    let notices = watch.watcher.take_notices();
    assert!(
        notices[0].to_string().contains("too many open files"),
        "{notices:?}"
    );
    assert_eq!(watch.whole(60_000), paths(&["/s"]));
}

#[test]
fn unsettled_and_interrupted_paths_come_again() {
    let world = World::default();
    let mut watch = Watch::new(&world, WatchOptions::default(), &["/s"]);
    watch.changed("/s/a.jpg", 0);
    let round = watch.round(2000).unwrap();
    let end = RoundEnd::Done {
        unsettled: paths(&["/s/slow.jpg"]),
    };
    watch.watcher.finished(round, end, watch.start + ms(2000));
    let again = watch.round(4000).unwrap();
    assert_eq!(again.paths, paths(&["/s/slow.jpg"]));
    watch
        .watcher
        .finished(again, RoundEnd::Again(ms(500)), watch.start + ms(4100));
    assert_eq!(watch.paths(6600), paths(&["/s/slow.jpg"]));
}

#[test]
fn whole_source_covers_its_paths() {
    let world = World::default();
    let options = WatchOptions {
        rescan_every: Duration::from_secs(10),
        ..WatchOptions::default()
    };
    let mut watch = Watch::new(&world, options, &["/s"]);
    watch.changed("/s/a.jpg", 8000);
    watch.changed("/s/b.jpg", 9500);
    let round = watch.round(10_000).unwrap();
    assert_eq!((round.whole.len(), round.paths.len()), (1, 0));
    watch.changed("/s/c.jpg", 10_100);
    watch.finish(round, 10_500);
    assert_eq!(watch.paths(12_100), paths(&["/s/c.jpg"]), "b was looked at");
}
