//! Date (RFC 3261 §20.17): the one form `Sat, 13 Nov 2010 23:29:00 GMT`.

use super::{Header, Malformed, Name};
use crate::scan;
use std::fmt;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment, in whole seconds of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Seconds since 1970-01-01 00:00:00 UTC, leap seconds not counted.
    pub unix_seconds: i64,
}

impl Header<'_> for Date {
    fn name() -> Name {
        Name::Date
    }

    fn parse(value: &str) -> Result<Self, Malformed> {
        read(value).map(|unix_seconds| Date { unix_seconds }).ok_or(Malformed("not a date in GMT"))
    }
}

/// The day's name is not checked against the date.
fn read(value: &str) -> Option<i64> {
    let mut words = value.split(' ');
    let day_name = words.next()?.strip_suffix(',')?;
    DAYS.iter().find(|d| d.eq_ignore_ascii_case(day_name))?;
    let day: i64 = two_digits(words.next()?)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(month))? as i64 + 1;
    let year: i64 = words.next().filter(|y| y.len() == 4).and_then(scan::number)?;
    let mut clock = words.next()?.split(':').map(two_digits);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let fits = clock.next().is_none() && words.next() == Some("GMT") && words.next().is_none();
    let in_range = (1..=month_days(year, month)).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    (fits && in_range).then(|| days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn two_digits(text: &str) -> Option<i64> {
    if text.len() == 2 { scan::number(text) } else { None }
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last: 365 days a year, and a leap day each 4, not 100, but 400.
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, usize, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + i64::from(month <= 2), month as usize, of_year - (153 * shifted + 2) / 5 + 1)
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.unix_seconds.div_euclid(86_400), self.unix_seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let name = DAYS[days.rem_euclid(7) as usize];
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{name}, {day:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT", MONTHS[month - 1])
    }
}
