//! Days as people and spreadsheets write them.

/// `YYYY-MM-DD`, or `YYYY-MM` where there is no day: of `2021/3/5`, `2021.03.05`, `20210305`, `2021年3月5日`, `2021年3月`, and of
/// the number of days since 1899-12-30 that a spreadsheet shows when a cell has lost its format.
pub fn date(text: &str) -> Option<String> {
    let text = text.trim();
    let parts: Vec<&str> = text
        .split(['-', '/', '.', '年', '月', '日', ' '])
        .filter(|part| !part.is_empty())
        .collect();
    let written = match parts[..] {
        [days] if days.len() == 5 => of_serial(days.parse().ok()?)?,
        [day] if day.len() == 8 => of(day.get(..4)?, day.get(4..6)?, Some(day.get(6..)?))?,
        [month] if month.len() == 6 => of(month.get(..4)?, month.get(4..)?, None)?,
        [year, month] => of(year, month, None)?,
        // A time of the day may follow.
        [year, month, day] | [year, month, day, _] => of(year, month, Some(day))?,
        _ => return None,
    };
    (written != text).then_some(written)
}

/// Whether text is a day, or a month, as [`date`] writes it.
pub fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let written = match parts[..] {
        [year, month] => of(year, month, None),
        [year, month, day] => of(year, month, Some(day)),
        _ => None,
    };
    written.as_deref() == Some(text)
}

fn of(year: &str, month: &str, day: Option<&str>) -> Option<String> {
    let number = |text: &str, most: usize| -> Option<i64> {
        let is_number = text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_number)
    };
    let (year, month) = (number(year, 4)?, number(month, 2)?);
    if !(1970..=2100).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let Some(day) = day else {
        return Some(format!("{year:04}-{month:02}"));
    };
    let day = number(day, 2)?;
    (1..=days_of(year, month))
        .contains(&day)
        .then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn of_serial(days: i64) -> Option<String> {
    // 1970-01-01 is day 25569.
    let mut left = days - 25_569;
    if left < 0 {
        return None;
    }
    for year in 1970..=2100 {
        for month in 1..=12 {
            let days = days_of(year, month);
            if left < days {
                return Some(format!("{year:04}-{month:02}-{:02}", left + 1));
            }
            left -= days;
        }
    }
    None
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written() {
        for (text, expected) in [
            ("2021/3/5", "2021-03-05"),
            ("2021.03.05", "2021-03-05"),
            ("20210305", "2021-03-05"),
            ("2021年3月5日", "2021-03-05"),
            ("2021年3月", "2021-03"),
            ("202103", "2021-03"),
            ("2021-3-5", "2021-03-05"),
            ("2021/3/5 0:00:00", "2021-03-05"),
            ("44260", "2021-03-05"),
        ] {
            assert_eq!(date(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "2021-03-05",
            "2021-03",
            "2021",
            "2021-02-30",
            "21/3/5",
            "昨天",
            "12345",
            "",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
