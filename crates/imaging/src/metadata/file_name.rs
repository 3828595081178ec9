//! Dates in the names that cameras, phones and messengers give to files.

use std::path::Path;

use eidetic_domain::{Taken, TakenSource, TimePrecision};

use super::moment::{Moment, date};

/// Milliseconds since 1970 in names by Facebook and others: 2001 to 2100.
const PLAUSIBLE_MS: std::ops::Range<i64> = 1_000_000_000_000..4_102_444_800_000;

/// The date in the name of the file at `path`, such as `IMG_20240704_101112.jpg`, `IMG-20240704-WA0001.jpg`,
/// `Screenshot_2024-07-04-10-11-12.png`, `2024-07-04 10.11.12.jpg` or `FB_IMG_1720087872000.jpg`.
pub fn taken_by_name(path: &Path) -> Option<Taken> {
    /// Longer names are no camera's.
    const MAX_NAME: usize = 200;
    let stem = path.file_stem()?.to_str()?;
    if stem.len() > MAX_NAME {
        return None;
    }
    let bytes = stem.as_bytes();
    let mut starts = (0..bytes.len()).filter(|&at| at == 0 || !bytes[at - 1].is_ascii_digit());
    let moment = starts.find_map(|at| moment_at(bytes, at));
    moment
        .or_else(|| milliseconds(stem))
        .map(|moment| moment.taken(TakenSource::FileName))
}

/// The date that begins at `at`, where a digit begins a number.
fn moment_at(name: &[u8], at: usize) -> Option<Moment> {
    let rest = &name[at..];
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (day_text, after) = match digits(rest) {
        // A date alone, with its time, or with milliseconds too.
        8 | 14 | 17 => (rest[..8].to_vec(), &rest[8..]),
        4 => separated_date(rest)?,
        _ => return None,
    };
    // In the middle of a word, as in a hash, eight digits are no date.
    let word = name[..at]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric());
    if !word.clone().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let day = date_of(&day_text, digits(rest) != 4)?;
    let is_in_word = word.count() > 0;
    let moment = day_with_time(day, after);
    let has_time = moment.precision > TimePrecision::Day;
    let ends_in_word = after.first().is_some_and(u8::is_ascii_alphabetic) && !after.starts_with(b"T");
    (has_time || !(is_in_word || ends_in_word)).then_some(moment)
}

/// `2024-07-04` with any one separator; the digits, and what follows.
fn separated_date(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let separator = *rest.get(4)?;
    let is_digits = |range: std::ops::Range<usize>| {
        rest.get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let is_date = matches!(separator, b'-' | b'_' | b'.') && rest.get(7) == Some(&separator);
    if !is_date || !is_digits(5..7) || !is_digits(8..10) || rest.get(10).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some(([&rest[..4], &rest[5..7], &rest[8..10]].concat(), &rest[10..]))
}

/// A plausible date; without separators, only of the time of digital cameras.
fn date_of(digits: &[u8], is_compact: bool) -> Option<Moment> {
    let number = |range| std::str::from_utf8(&digits[range]).ok()?.parse::<u16>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let plausible = if is_compact { 1990..2100 } else { 1800..2100 };
    if !plausible.contains(&year) {
        return None;
    }
    date(year as i16, month.into(), day.into())?;
    Moment::parse(std::str::from_utf8(digits).ok()?)
}

/// Adds the time that follows a date, if one does.
fn day_with_time(day: Moment, after: &[u8]) -> Moment {
    let after = String::from_utf8_lossy(after).to_ascii_lowercase();
    let is_separator = |character: char| matches!(character, '_' | '-' | ' ' | '.' | 't' | ',');
    let time = after.trim_start_matches(is_separator);
    let time = time.strip_prefix("at ").unwrap_or(time);
    let length = time.bytes().take_while(u8::is_ascii_digit).count();
    let is_time = match length {
        6 | 9 => true,
        1 | 2 => time
            .as_bytes()
            .get(length)
            .is_some_and(|next| b".-_:h".contains(next)),
        _ => false,
    };
    if !is_time {
        return day;
    }
    let mut text = time.replace(['_', 'h'], ".");
    if length == 1 {
        text.insert(0, '0');
    }
    let (text, milliseconds) = match length {
        9 => (&text[..6], &text[6..9]),
        _ => (text.as_str(), ""),
    };
    let moment = day.with_time(text).with_fraction(milliseconds);
    let moment = Moment {
        // What looks like an offset is the next part of the name.
        offset_minutes: None,
        ..moment
    };
    afternoon(moment, time)
}

/// Adds the twelve hours of `10.11.12 PM`.
fn afternoon(moment: Moment, time: &str) -> Moment {
    let letters = time.trim_start_matches(|character: char| !character.is_ascii_alphabetic());
    let hour = moment.time.hour();
    let hour = match letters {
        _ if letters.starts_with("pm") && hour < 12 => hour + 12,
        _ if letters.starts_with("am") && hour == 12 => 0,
        _ => return moment,
    };
    let time = moment.time.with().hour(hour).build().unwrap_or(moment.time);
    Moment { time, ..moment }
}

/// A number of milliseconds since 1970, in UTC.
fn milliseconds(stem: &str) -> Option<Moment> {
    let mut numbers = stem.split(|character: char| !character.is_ascii_digit());
    let number: i64 = numbers.rfind(|number| number.len() == 13)?.parse().ok()?;
    if !PLAUSIBLE_MS.contains(&number) {
        return None;
    }
    let time = jiff::Timestamp::from_millisecond(number).ok()?;
    Some(Moment {
        time: jiff::tz::Offset::UTC.to_datetime(time),
        precision: TimePrecision::Second,
        offset_minutes: Some(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{DateTime, date as day};
    use proptest::prelude::*;

    fn time(name: &str) -> Option<DateTime> {
        taken_by_name(Path::new(name)).map(|taken| taken.time)
    }

    #[test]
    fn names_of_cameras_and_phones_are_read() {
        let morning = day(2024, 7, 4).at(10, 11, 12, 0);
        for name in [
            "IMG_20240704_101112.jpg",
            "VID_20240704_101112.mp4",
            "20240704_101112.jpg",
            "20240704101112.jpg",
            "IMG20240704101112.jpg",
            "Screenshot_2024-07-04-10-11-12.png",
            "Screenshot_2024-07-04-10-11-12-345_com.app.png",
            "Screenshot_20240704-101112_Chrome.jpg",
            "Screenshot 2024-07-04 at 10.11.12.png",
            "Screenshot 2024-07-04 at 10.11.12 AM.png",
            "2024-07-04 10.11.12.jpg",
            "2024-07-04_10-11-12.jpg",
            "signal-2024-07-04-10-11-12-345.jpg",
            "signal-2024-07-04-101112.jpg",
            "WhatsApp Image 2024-07-04 at 10.11.12 (1).jpeg",
            "photo_2024-07-04 10.11.12.jpeg",
            "IMG_20240704_101112_HDR.jpg",
            "2024-07-04T10:11:12+02:00.jpg",
            "Photo 2024.07.04 10h11.12.jpg",
        ] {
            assert_eq!(time(name), Some(morning), "{name}");
        }
        let pixel = day(2024, 7, 4).at(10, 11, 12, 345_000_000);
        assert_eq!(time("PXL_20240704_101112345.jpg"), Some(pixel));
        let evening = day(2024, 7, 4).at(22, 11, 12, 0);
        assert_eq!(time("Screenshot 2024-07-04 at 10.11.12 PM.png"), Some(evening));
        assert_eq!(time("FB_IMG_1720087872000.jpg"), Some(morning));
        for name in [
            "IMG-20240704-WA0001.jpg",
            "2024-07-04.jpg",
            "scan 2024_07_04 page 2.png",
            "20240704.jpg",
            "20240704_1.jpg",
        ] {
            let taken = taken_by_name(Path::new(name)).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                (taken.time, taken.precision),
                (day(2024, 7, 4).at(0, 0, 0, 0), TimePrecision::Day),
                "{name}"
            );
        }
        assert_eq!(
            time("1905-03-02 wedding.jpg"),
            Some(day(1905, 3, 2).at(0, 0, 0, 0))
        );
    }

    #[test]
    fn other_numbers_are_no_dates() {
        for name in [
            "IMG_1234.jpg",
            "DSC_00012345.jpg",
            "20241304.jpg",
            "12345678.jpg",
            "9a20240704bc.jpg",
            "a20240704.jpg",
            "120240704.jpg",
            "photo-1234567890123456.jpg",
            "2024.jpg",
            "1024x768.png",
            "7777777777777.jpg",
            "",
        ] {
            assert_eq!(time(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_names_never_panic(name in "[0-9 _.TWAat-]{0,30}|.{0,30}") {
            let _ = taken_by_name(Path::new(&name));
        }
    }
}
