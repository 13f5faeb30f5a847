//! What a cell shows: numbers, dates and texts as Excel keeps them.

use std::borrow::Cow;

use chrono::{Days, NaiveDate};

use super::styles::Format;

/// A number as Excel shows it, and what is wrong with it.
pub(super) fn number(text: &str, format: Format, is_1904: bool) -> (String, Option<String>) {
    let plain = text.trim();
    let Ok(number) = plain.parse::<f64>() else {
        return (text.to_owned(), None);
    };
    if format == Format::Date
        && let Some(date) = date(number, is_1904)
    {
        return (date, None);
    }
    // A serial number or code that has more digits than Excel keeps.
    if number.abs() >= EXACT_BELOW {
        let digits = plain.bytes().all(|sign| sign.is_ascii_digit());
        let shown = if digits {
            plain.to_owned()
        } else {
            number.to_string()
        };
        let wrong = "is a number of more than 15 digits, which Excel rounded: format the column as text and write it again";
        return (shown, Some(wrong.to_owned()));
    }
    (decimal(number), None)
}

/// 15 digits, as Excel keeps them: `113.09414000000001` is 113.09414.
fn decimal(number: f64) -> String {
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    // Zero has no sign.
    if rounded == 0.0 {
        "0".to_owned()
    } else {
        rounded.to_string()
    }
}

/// The day and time of a number of days; none if there is no such day.
fn date(days: f64, is_1904: bool) -> Option<String> {
    let days = if is_1904 { days + DAYS_TO_1904 } else { days };
    if !(0.0..LAST_DAY).contains(&days) {
        return None;
    }
    let seconds = (days * DAY_SECONDS as f64).round() as u64;
    let (day, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
    let time = format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    if day == 0 {
        return Some(time);
    }
    // Excel believes in 29 February 1900: before it days are counted from one day later.
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30 + u32::from(day < 60))?;
    let date = epoch.checked_add_days(Days::new(day))?;
    let is_leap_ghost = day == 60 && !is_1904;
    let date = date.format("%Y-%m-%d");
    match second {
        _ if is_leap_ghost => None,
        0 => Some(date.to_string()),
        _ => Some(format!("{date} {time}")),
    }
}

/// A date that stands as text in the file: its time goes if it is midnight.
pub(super) fn iso_date(text: &str) -> String {
    let day = text.strip_suffix('Z').unwrap_or(text);
    let day = day.strip_suffix(".000").unwrap_or(day);
    day.strip_suffix("T00:00:00").unwrap_or(text).to_owned()
}

/// Excel writes signs that XML cannot hold as `_x0007_`, and such text itself as `_x005F_x0007_`.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains("_x") {
        return Cow::Borrowed(text);
    }
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("_x") {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let sign = escaped(rest);
        let length = if sign.is_some() { ESCAPE_BYTES } else { 1 };
        plain.push(sign.unwrap_or('_'));
        rest = &rest[length..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The sign that an escape at the beginning stands for.
fn escaped(text: &str) -> Option<char> {
    let digits = text.get(2..ESCAPE_BYTES - 1)?;
    let is_escape = text.as_bytes().get(ESCAPE_BYTES - 1) == Some(&b'_')
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_escape)?;
    char::from_u32(code)
}

/// The length of `_x0007_`.
const ESCAPE_BYTES: usize = 7;
/// Below it 15 digits hold any whole number.
const EXACT_BELOW: f64 = 1e15;
const DAYS_TO_1904: f64 = 1462.0;
/// The day after 31 December 9999.
const LAST_DAY: f64 = 2_958_466.0;
const DAY_SECONDS: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_as_excel_shows_them() {
        for (text, expected) in [
            ("113.09414000000001", "113.09414"),
            ("113.09414", "113.09414"),
            ("27", "27"),
            ("27.0", "27"),
            ("0.1", "0.1"),
            ("0.30000000000000004", "0.3"),
            ("-1", "-1"),
            ("-0", "0"),
            ("1E-5", "0.00001"),
            ("999999999999999", "999999999999999"),
            ("abc", "abc"),
        ] {
            assert_eq!(
                number(text, Format::Plain, false),
                (expected.to_owned(), None)
            );
        }
    }

    #[test]
    fn a_number_that_excel_rounded_is_told() {
        for (text, expected) in [
            ("43021101441326000000", "43021101441326000000"),
            ("4.3021101441326E+19", "43021101441326000000"),
            ("1000000000000000", "1000000000000000"),
        ] {
            let (shown, wrong) = number(text, Format::Plain, false);
            assert_eq!(shown, expected);
            assert!(wrong.unwrap().contains("format the column as text"));
        }
    }

    #[test]
    fn days_are_counted_as_excel_does() {
        for (text, is_1904, expected) in [
            ("44260", false, "2021-03-05"),
            ("42798", true, "2021-03-05"),
            ("44260.5", false, "2021-03-05 12:00:00"),
            ("44260.999999999", false, "2021-03-06"),
            ("0.5", false, "12:00:00"),
            ("1", false, "1900-01-01"),
            ("59", false, "1900-02-28"),
            ("61", false, "1900-03-01"),
            ("2958465", false, "9999-12-31"),
            ("-1", false, "-1"),
            ("60", false, "60"),
            ("2958466", false, "2958466"),
        ] {
            assert_eq!(number(text, Format::Date, is_1904).0, expected, "{text}");
        }
        assert_eq!(iso_date("2021-03-05T00:00:00"), "2021-03-05");
        assert_eq!(iso_date("2021-03-05T08:00:00"), "2021-03-05T08:00:00");
    }

    #[test]
    fn signs_that_xml_cannot_hold_come_back() {
        for (text, expected) in [
            ("a_x0007_b", "a\u{7}b"),
            ("_x005F_x0007_", "_x0007_"),
            ("_x00e9_", "é"),
            ("_xD83D_", "_xD83D_"),
            ("_x12", "_x12"),
            ("_x东门门门_", "_x东门门门_"),
            ("__x0041_", "_A"),
        ] {
            assert_eq!(unescape(text), expected);
        }
    }
}
