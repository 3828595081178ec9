//! Where one event ends and the next begins.
//!
//! Gaps are compared with those around them, as in J. Platt, M. Czerwinski, B. Field: `PhotoTOC`: Automatic clustering for browsing personal
//! photographs, 2003. Places then correct this: a journey goes on overnight, and a far place is another event.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use eidetic_domain::GeoPosition;

/// A gap is large if its logarithm is by that of this number above the mean of the gaps around it (`PhotoTOC`: K = ln 17).
const FACTOR: f64 = 17.0;
/// Gaps on either side that it is compared with (`PhotoTOC`: d = 10).
const AROUND: usize = 10;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// A shorter gap ends nothing, unless the place is far away.
const MIN_GAP: i64 = HOUR;
/// A longer gap ends an event, unless it is a journey: a night.
const MAX_GAP: i64 = 8 * HOUR;
/// A gap of a journey is not longer: a night and the day after it.
const MAX_JOURNEY_GAP: i64 = 36 * HOUR;
/// Of photos this far apart, the later begins an event ...
const FAR_KILOMETERS: f64 = 50.0;
/// ... if at least this time is between them.
const FAR_GAP: i64 = 30 * MINUTE;
/// Photos of a place that are this long away tell where others were taken.
const LOCATED_WITHIN: i64 = 12 * HOUR;
/// Degrees of latitude and longitude that count as one place for the question of whether it is a usual one, with those around it.
const CELL_DEGREES: f64 = 0.5;
/// A place is usual, and no journey, if photos were taken there in more than this many months ...
const USUAL_MONTHS: usize = 3;
/// ... or on at least this many days.
const USUAL_DAYS: usize = 22;
const DAYS_OF_MONTH: i64 = 30;

/// When and where an image was taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// In local time.
    pub(super) seconds: i64,
    /// Where, if that is known.
    pub(super) whereabouts: Option<Whereabouts>,
}

/// A position, or else the number of a place that has a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Whereabouts {
    At(GeoPosition),
    Named(u32),
}

/// The first of each event's moments, which are in order of time.
pub(super) fn event_starts(moments: &[Moment]) -> Vec<usize> {
    if moments.is_empty() {
        return Vec::new();
    }
    let gaps: Vec<i64> = moments
        .windows(2)
        .map(|pair| pair[1].seconds - pair[0].seconds)
        .collect();
    let limits = limits(&gaps);
    let known = Known::of(moments);
    let usual = UsualPlaces::of(moments);
    let ends = |at: &usize| {
        let gap = gaps[*at];
        let (before, after) = (known.before[*at], known.after[*at + 1]);
        match before
            .zip(after)
            .and_then(|(before, after)| is_near(before, after))
        {
            Some(false) if gap >= FAR_GAP => true,
            Some(true) if gap <= MAX_JOURNEY_GAP && before.is_some_and(|place| !usual.contains(place)) => {
                false
            }
            _ => gap >= MAX_GAP || gap >= MIN_GAP && gap as f64 >= limits[*at],
        }
    };
    let starts = (0..gaps.len()).filter(ends).map(|at| at + 1);
    [0].into_iter().chain(starts).collect()
}

/// The position that is nearest to all others on the whole, of a sample of them.
pub(super) fn middle(positions: impl Iterator<Item = GeoPosition>) -> Option<GeoPosition> {
    const SAMPLE: usize = 64;
    let all: Vec<GeoPosition> = positions.collect();
    let sample: Vec<GeoPosition> = all
        .iter()
        .step_by(all.len().div_ceil(SAMPLE).max(1))
        .copied()
        .collect();
    let cost = |at: &GeoPosition| sample.iter().map(|other| kilometers(*at, *other)).sum::<f64>();
    sample.iter().min_by(|a, b| cost(a).total_cmp(&cost(b))).copied()
}

/// The length from which each gap is large, compared with those around it.
fn limits(gaps: &[i64]) -> Vec<f64> {
    let logarithms: Vec<f64> = gaps.iter().map(|gap| (*gap.max(&1) as f64).ln()).collect();
    let limit = |at: usize| {
        let around = &logarithms[at.saturating_sub(AROUND)..gaps.len().min(at + AROUND + 1)];
        FACTOR * (around.iter().sum::<f64>() / around.len() as f64).exp()
    };
    (0..gaps.len()).map(limit).collect()
}

/// Where each image was taken, as far as the images before it, or after it, tell.
struct Known {
    before: Vec<Option<Whereabouts>>,
    after: Vec<Option<Whereabouts>>,
}

impl Known {
    fn of(moments: &[Moment]) -> Self {
        let latest = |last: &mut Option<(i64, Whereabouts)>, moment: &Moment| {
            if let Some(place) = moment.whereabouts {
                *last = Some((moment.seconds, place));
            }
            let is_recent = |(seconds, _): &(i64, _)| (moment.seconds - seconds).abs() <= LOCATED_WITHIN;
            Some(last.filter(is_recent).map(|(_, place)| place))
        };
        let before = moments.iter().scan(None, latest).collect();
        let mut after: Vec<_> = moments.iter().rev().scan(None, latest).collect();
        after.reverse();
        Self { before, after }
    }
}

/// Whether two places are near each other; none where that is unknown.
fn is_near(a: Whereabouts, b: Whereabouts) -> Option<bool> {
    match (a, b) {
        (Whereabouts::At(a), Whereabouts::At(b)) => Some(kilometers(a, b) < FAR_KILOMETERS),
        // Other names may be of the same city: only equal ones say something.
        (Whereabouts::Named(a), Whereabouts::Named(b)) => (a == b).then_some(true),
        _ => None,
    }
}

/// The distance of two positions along the surface (haversine formula).
fn kilometers(a: GeoPosition, b: GeoPosition) -> f64 {
    const RADIUS: f64 = 6371.0;
    let half_sine = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let parallels = a.latitude.to_radians().cos() * b.latitude.to_radians().cos();
    let chord = half_sine(b.latitude - a.latitude) + parallels * half_sine(b.longitude - a.longitude);
    2.0 * RADIUS * chord.sqrt().min(1.0).asin()
}

/// Where photos are taken all the time, such as at home.
struct UsualPlaces {
    cells: BTreeMap<Cell, BTreeSet<i64>>,
    named: HashMap<u32, BTreeSet<i64>>,
}

/// A part of the Earth: south to north, west to east.
type Cell = (i32, i32);

impl UsualPlaces {
    fn of(moments: &[Moment]) -> Self {
        let mut usual = Self {
            cells: BTreeMap::new(),
            named: HashMap::new(),
        };
        for moment in moments {
            let day = moment.seconds.div_euclid(DAY);
            match moment.whereabouts {
                Some(Whereabouts::At(position)) => {
                    usual.cells.entry(cell(position)).or_default().insert(day);
                }
                Some(Whereabouts::Named(place)) => {
                    usual.named.entry(place).or_default().insert(day);
                }
                None => {}
            }
        }
        usual
    }

    fn contains(&self, place: Whereabouts) -> bool {
        let days: BTreeSet<i64> = match place {
            Whereabouts::Named(place) => self.named.get(&place).cloned().unwrap_or_default(),
            Whereabouts::At(position) => {
                let (north, east) = cell(position);
                let around = (north - 1..=north + 1)
                    .flat_map(|north| (east - 1..=east + 1).map(move |east| (north, east)));
                around
                    .filter_map(|(north, east)| self.cells.get(&(north, wrapped(east))))
                    .flatten()
                    .copied()
                    .collect()
            }
        };
        let months: BTreeSet<i64> = days.iter().map(|day| day.div_euclid(DAYS_OF_MONTH)).collect();
        // A journey over the end of a month is in two of them, and a long one in three.
        days.len() >= USUAL_DAYS || months.len() > USUAL_MONTHS
    }
}

fn cell(position: GeoPosition) -> Cell {
    let part = |degrees: f64| (degrees / CELL_DEGREES).floor() as i32;
    (part(position.latitude), wrapped(part(position.longitude)))
}

/// East of the last meridian is the first one.
fn wrapped(east: i32) -> i32 {
    const AROUND_EARTH: i32 = (360.0 / CELL_DEGREES) as i32;
    (east + AROUND_EARTH / 2).rem_euclid(AROUND_EARTH) - AROUND_EARTH / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: GeoPosition = GeoPosition {
        latitude: 52.5,
        longitude: 13.4,
    };
    const ROME: GeoPosition = GeoPosition {
        latitude: 41.9,
        longitude: 12.5,
    };

    /// Photos every so many minutes.
    fn series(start: i64, count: i64, minutes: i64, at: Option<GeoPosition>) -> Vec<Moment> {
        let moment = |number: i64| Moment {
            seconds: start + number * minutes * MINUTE,
            whereabouts: at.map(Whereabouts::At),
        };
        (0..count).map(moment).collect()
    }

    fn sizes(moments: &[Moment]) -> Vec<usize> {
        let mut starts = event_starts(moments);
        starts.push(moments.len());
        starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn gap_counts_relative_to_those_around() {
        // Photos each minute, then a pause of two hours.
        let party = [series(0, 30, 1, None), series(150 * MINUTE, 20, 1, None)].concat();
        assert_eq!(sizes(&party), [30, 20]);
        // Photos every half hour: a pause of two hours is nothing.
        let walk = [series(0, 12, 30, None), series(450 * MINUTE, 12, 30, None)].concat();
        assert_eq!(sizes(&walk), [24]);
    }

    #[test]
    fn night_ends_event_without_place() {
        let days: Vec<Moment> = (0..4).flat_map(|day| series(day * DAY, 10, 60, None)).collect();
        assert_eq!(sizes(&days), [10; 4]);
    }

    #[test]
    fn journey_goes_on_overnight_home_does_not() {
        let days = |at| {
            (0..3)
                .flat_map(move |day| series(day * DAY, 10, 20, Some(at)))
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(&days(ROME)), [30]);
        // One photo a week makes a place usual.
        let year: Vec<Moment> = (10..60)
            .flat_map(|week| series(week * 7 * DAY, 1, 1, Some(HOME)))
            .collect();
        let home = [days(HOME), year].concat();
        assert_eq!(sizes(&home)[..4], [10, 10, 10, 1]);
    }

    #[test]
    fn far_place_begins_event_soon() {
        let flight = [series(0, 10, 5, Some(HOME)), series(3 * HOUR, 10, 5, Some(ROME))].concat();
        assert_eq!(sizes(&flight), [10, 10]);
        // A train ride with photos all along is one event.
        let ride: Vec<Moment> = (0..60)
            .map(|number| Moment {
                seconds: number * 5 * MINUTE,
                whereabouts: Some(Whereabouts::At(GeoPosition {
                    latitude: 52.5 - 0.17 * number as f64,
                    longitude: 13.4,
                })),
            })
            .collect();
        assert_eq!(sizes(&ride), [60]);
    }

    #[test]
    fn images_without_position_belong_to_journey() {
        let mut days: Vec<Moment> = (0..3)
            .flat_map(|day| series(day * DAY, 10, 20, Some(ROME)))
            .collect();
        for moment in days
            .iter_mut()
            .filter(|moment| moment.seconds % (40 * MINUTE) != 0)
        {
            moment.whereabouts = None;
        }
        assert_eq!(sizes(&days), [30]);
        let named: Vec<Moment> = days
            .iter()
            .map(|moment| Moment {
                whereabouts: Some(Whereabouts::Named(4)),
                ..*moment
            })
            .collect();
        assert_eq!(sizes(&named), [30]);
    }

    #[test]
    fn few_images_are_events_too() {
        assert_eq!(event_starts(&[]), [0; 0]);
        assert_eq!(sizes(&series(0, 1, 1, None)), [1]);
        assert_eq!(sizes(&series(0, 3, 60 * 24 * 3, None)), [1, 1, 1]);
        assert_eq!(sizes(&series(0, 5, 0, None)), [5]);
    }

    #[test]
    fn distances_are_those_on_earth() {
        assert!((kilometers(HOME, ROME) - 1181.0).abs() < 5.0);
        let east = |longitude: f64| GeoPosition {
            latitude: 0.0,
            longitude,
        };
        assert!((kilometers(east(179.9), east(-179.9)) - 22.2).abs() < 0.2);
        assert_eq!(cell(east(179.9)).1 + 1, 360);
        assert_eq!(wrapped(cell(east(179.9)).1 + 1), cell(east(-179.9)).1);
        assert_eq!(middle([HOME, ROME, HOME].into_iter()), Some(HOME));
        assert_eq!(middle([].into_iter()), None);
    }
}
