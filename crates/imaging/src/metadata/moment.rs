//! Dates as files write them, whole or in part.

use eidetic_domain::{Taken, TakenSource, TimePrecision};
use jiff::civil::{Date, DateTime, Time};

/// Digits of a fraction of a second that count.
const FRACTION_DIGITS: usize = 9;

/// A point in local time as far as a text gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub time: DateTime,
    pub precision: TimePrecision,
    pub offset_minutes: Option<i16>,
}

impl Moment {
    /// Reads `2004:06:21 23:37:53`, `2004-06-21T23:37:53.5+02:00`, `20040621 233753+0200`, `2004:06`, `2004` and the
    /// like, as far as they go: a month or a day of 0, or one that does not exist, ends the date. Hour 24, which
    /// some cameras write after midnight, is hour 0. Year 0 is no date.
    pub fn parse(text: &str) -> Option<Self> {
        let mut scanner = Scanner(text.trim_start().as_bytes());
        let year = scanner.number(4).filter(|year| *year > 0)?;
        let mut moment = Self::year(i16::try_from(year).ok()?)?;
        scanner.skip(b":-/. ");
        let Some(month) = scanner.number(2) else {
            return Some(moment);
        };
        let Some(first) = date(moment.time.year(), month, 1) else {
            return Some(moment);
        };
        (moment.time, moment.precision) = (first.to_datetime(Time::midnight()), TimePrecision::Month);
        scanner.skip(b":-/. ");
        let Some(day) = scanner.number(2).and_then(|day| date(first.year(), month, day)) else {
            return Some(moment);
        };
        (moment.time, moment.precision) = (day.to_datetime(Time::midnight()), TimePrecision::Day);
        scanner.skip(b" T:-_");
        moment.read_time(&mut scanner);
        Some(moment)
    }

    fn year(year: i16) -> Option<Self> {
        Some(Self {
            time: date(year, 1, 1)?.to_datetime(Time::midnight()),
            precision: TimePrecision::Year,
            offset_minutes: None,
        })
    }

    /// Adds the time of day that `text` gives, such as `23:37:53`, `233753+0200` or `10:11Z`.
    pub fn with_time(mut self, text: &str) -> Self {
        if self.precision == TimePrecision::Day {
            self.read_time(&mut Scanner(text.trim_start().as_bytes()));
        }
        self
    }

    /// Adds the fraction of a second that `digits` are, as in EXIF's `SubSecTime`.
    pub fn with_fraction(mut self, digits: &str) -> Self {
        if self.precision == TimePrecision::Second {
            self.read_fraction(&mut Scanner(digits.trim().as_bytes()));
        }
        self
    }

    /// Adds an offset from UTC such as `+02:00`, unless there is one.
    pub fn with_offset(mut self, text: &str) -> Self {
        if self.precision >= TimePrecision::Minute && self.offset_minutes.is_none() {
            self.offset_minutes = Scanner(text.trim().as_bytes()).offset();
        }
        self
    }

    /// The moment as the date of a picture.
    pub const fn taken(self, source: TakenSource) -> Taken {
        Taken {
            time: self.time,
            precision: self.precision,
            offset_minutes: self.offset_minutes,
            source,
        }
    }

    fn read_time(&mut self, scanner: &mut Scanner<'_>) {
        let (Some(hour), Some(minute)) = (scanner.number(2), scanner.after(b":.-", 2)) else {
            return;
        };
        let hour = if hour == 24 { 0 } else { hour };
        let Some(time) = time(hour, minute, 0) else {
            return;
        };
        (self.time, self.precision) = (self.time.date().to_datetime(time), TimePrecision::Minute);
        if let Some(seconds) = scanner.after(b":.-", 2)
            // A leap second, which the calendar here does not have.
            && let Some(time) = self::time(hour, minute, if seconds == 60 { 59 } else { seconds })
        {
            (self.time, self.precision) = (self.time.date().to_datetime(time), TimePrecision::Second);
            if scanner.skip_one(b".,") {
                self.read_fraction(scanner);
            }
        }
        scanner.skip(b" ");
        self.offset_minutes = scanner.offset();
    }

    fn read_fraction(&mut self, scanner: &mut Scanner<'_>) {
        let digits = scanner.digits();
        if digits.is_empty() {
            return;
        }
        let nanoseconds = (0..FRACTION_DIGITS).fold(0, |sum, at| {
            sum * 10 + i32::from(digits.get(at).map_or(0, |digit| digit - b'0'))
        });
        let time = self.time.time();
        if let Ok(time) = Time::new(time.hour(), time.minute(), time.second(), nanoseconds) {
            (self.time, self.precision) = (self.time.date().to_datetime(time), TimePrecision::Fraction);
        }
    }
}

/// A date that exists.
pub fn date(year: i16, month: u32, day: u32) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn time(hour: u32, minute: u32, second: u32) -> Option<Time> {
    let small = |number: u32| i8::try_from(number).ok();
    Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()
}

/// What is left of a text.
struct Scanner<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    /// A number of exactly `digits` digits; nothing is read where it is another one.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let number = self.0.get(..digits)?;
        if !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = &self.0[digits..];
        Some(
            number
                .iter()
                .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')),
        )
    }

    /// A number behind at most one of `separators`.
    fn after(&mut self, separators: &[u8], digits: usize) -> Option<u32> {
        let before = self.0;
        self.skip_one(separators);
        let number = self.number(digits);
        if number.is_none() {
            self.0 = before;
        }
        number
    }

    fn digits(&mut self) -> &'a [u8] {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits
    }

    fn skip_one(&mut self, any: &[u8]) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if any.contains(first) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn skip(&mut self, any: &[u8]) {
        while self.skip_one(any) {}
    }

    /// `Z`, `UTC`, `GMT`, `+02:00`, `-0330` or `+2` in minutes.
    fn offset(&mut self) -> Option<i16> {
        if self.0.first().is_some_and(|first| matches!(first, b'Z' | b'z'))
            || self.0.starts_with(b"UTC")
            || self.0.starts_with(b"GMT")
        {
            return Some(0);
        }
        let sign = match self.0.split_first()? {
            (b'+', rest) => {
                self.0 = rest;
                1
            }
            (b'-', rest) => {
                self.0 = rest;
                -1
            }
            _ => return None,
        };
        let hours = self.number(2).or_else(|| self.number(1))?;
        let minutes = self.after(b":", 2).unwrap_or(0);
        let minutes = i16::try_from(hours * 60 + minutes).ok()?;
        (minutes <= 18 * 60).then_some(sign * minutes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimePrecision::{Day, Fraction, Minute, Month, Second, Year};
    use jiff::civil::date as day;
    use proptest::prelude::*;

    fn parsed(text: &str) -> (DateTime, TimePrecision, Option<i16>) {
        let moment = Moment::parse(text).unwrap_or_else(|| panic!("{text:?} is a date"));
        (moment.time, moment.precision, moment.offset_minutes)
    }

    #[test]
    fn whole_dates_are_read() {
        let evening = day(2004, 6, 21).at(23, 37, 53, 0);
        for text in [
            "2004:06:21 23:37:53",
            "2004-06-21T23:37:53",
            "20040621 233753",
            "2004/06/21 23.37.53",
            " 2004:06:21 23:37:53 and more",
        ] {
            assert_eq!(parsed(text), (evening, Second, None), "{text}");
        }
        assert_eq!(parsed("2004-06-21T23:37:53Z"), (evening, Second, Some(0)));
        assert_eq!(parsed("2004-06-21T23:37:53-07:30"), (evening, Second, Some(-450)));
        assert_eq!(parsed("20040621 233753+0200"), (evening, Second, Some(120)));
        let half = day(2004, 6, 21).at(23, 37, 53, 250_000_000);
        assert_eq!(parsed("2004:06:21 23:37:53.25+01:00"), (half, Fraction, Some(60)));
        let minute = day(2004, 6, 21).at(23, 37, 0, 0);
        assert_eq!(parsed("2004-06-21T23:37+02:00"), (minute, Minute, Some(120)));
    }

    #[test]
    fn partial_dates_go_as_far_as_possible() {
        assert_eq!(parsed("2004:06:00 00:00:00").1, Month);
        assert_eq!(parsed("2004:06:00").0, day(2004, 6, 1).at(0, 0, 0, 0));
        assert_eq!(parsed("2004"), (day(2004, 1, 1).at(0, 0, 0, 0), Year, None));
        assert_eq!(parsed("2004:00:00").1, Year);
        assert_eq!(parsed("2004:13:01").1, Year);
        assert_eq!(
            parsed("2021:02:30 10:00:00"),
            (day(2021, 2, 1).at(0, 0, 0, 0), Month, None)
        );
        assert_eq!(parsed("2021-02-28").1, Day);
        assert_eq!(parsed("2021:02:28 99:00:00").1, Day);
        assert_eq!(parsed("2021:02:28   :  :  ").1, Day);
        assert_eq!(parsed("2008:05:04 24:08:19").0, day(2008, 5, 4).at(0, 8, 19, 0));
        assert_eq!(parsed("2008:05:04 23:59:60").0, day(2008, 5, 4).at(23, 59, 59, 0));
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "",
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "24:08:19",
            "June 2004",
            "ÄÄÄÄ",
            "200",
        ] {
            assert_eq!(Moment::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn parts_from_other_fields_are_added() {
        let moment = Moment::parse("2004:06:21 23:37:53").unwrap();
        let whole = moment.with_fraction("5 ").with_offset("+05:30");
        assert_eq!(whole.time, day(2004, 6, 21).at(23, 37, 53, 500_000_000));
        assert_eq!(whole.offset_minutes, Some(330));
        assert_eq!(moment.with_offset("   :  ").offset_minutes, None);
        let iptc = Moment::parse("20040621").unwrap().with_time("233753-0100");
        assert_eq!((iptc.time, iptc.offset_minutes), (moment.time, Some(-60)));
    }

    proptest! {
        #[test]
        fn arbitrary_texts_never_panic(text in "[0-9:T. +Z-]{0,40}|.{0,40}") {
            let _ = Moment::parse(&text);
        }
    }
}
