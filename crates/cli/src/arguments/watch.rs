//! Arguments of the commands that watch: `watch`, `serve`.

use std::time::Duration;

use clap::Args;
use eidetic_indexer::watch::{Polling, WatchOptions};

use super::{IndexingOptions, ModelOptions};

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) watching: WatchingOptions,
    #[command(flatten)]
    pub(crate) indexing: IndexingOptions,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

/// How folders are watched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
pub(crate) struct WatchingOptions {
    /// Look through all files of the folders again after this time, such as 30m, besides looking at changes
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub(crate) rescan_every: Duration,
    /// Look through the folders again and again instead of being told of changes
    #[arg(long)]
    pub(crate) poll: bool,
    /// Time between two looks through folders of which the system does not tell changes, such as network disks
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    pub(crate) poll_every: Duration,
}

impl From<&WatchingOptions> for WatchOptions {
    fn from(options: &WatchingOptions) -> Self {
        Self {
            rescan_every: options.rescan_every,
            poll_every: options.poll_every,
            polling: if options.poll {
                Polling::Always
            } else {
                Polling::WhereNeeded
            },
            ..Self::default()
        }
    }
}

/// Parses a number with a unit, such as `90s`; at least a second, at most a year.
fn duration(text: &str) -> Result<Duration, String> {
    const YEAR: u64 = 365 * 86_400;
    let seconds_of = |unit: &str| match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        _ => None,
    };
    let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let seconds = number
        .parse::<u64>()
        .ok()
        .zip(seconds_of(unit))
        .and_then(|(number, unit)| number.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..=YEAR) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err("must be between 1s and 365d".into()),
        None => Err("expected a number with a unit: 90s, 30m, 2h or 1d".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_units() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_hours(2)));
        for wrong in [
            "",
            "5",
            "0s",
            "1.5h",
            "-1m",
            "1w",
            "h",
            "400d",
            "99999999999999999999d",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
