//! Longitudes and latitudes as people write them.

use super::narrow;

/// Decimal degrees of what is written in another way: with a hemisphere (`E113.0868`, `东经113.0868°`), in degrees,
/// minutes and seconds (`113°05′12.5″E`, `113度5分12.5秒`, `113-05-12.5`), or with a comma for the point.
pub fn degrees(text: &str) -> Option<String> {
    let text = text.trim();
    let is_other = |sign: &char| !(sign.is_ascii_digit() || ".-+".contains(*sign));
    let is_plain = !text.chars().any(|sign| is_other(&sign)) && text.parse::<f64>().is_ok();
    if is_plain {
        return None;
    }
    let upper = text.to_uppercase();
    let is_negative = ["W", "S", "西经", "南纬"]
        .iter()
        .any(|mark| upper.contains(mark));
    let mut bare = upper;
    for mark in ["东经", "西经", "北纬", "南纬", "E", "W", "N", "S"] {
        bare = bare.replace(mark, " ");
    }
    let allowed = |sign: char| sign.is_ascii_digit() || "., -°º˚度分秒'′’\"″”：:".contains(sign);
    if !bare.chars().all(allowed) {
        return None;
    }
    let numbers = numbers(&bare)?;
    let (whole, minutes, seconds) = match numbers[..] {
        [whole] => (whole, 0.0, 0.0),
        [whole, minutes] => (whole, minutes, 0.0),
        [whole, minutes, seconds] => (whole, minutes, seconds),
        _ => return None,
    };
    let is_in_range = minutes < 60.0 && seconds < 60.0 && whole <= 180.0;
    let has_whole = numbers.len() == 1 || whole.fract() == 0.0;
    if !is_in_range || !has_whole || numbers.len() == 3 && minutes.fract() != 0.0 {
        return None;
    }
    let sign = if is_negative { -1.0 } else { 1.0 };
    let value = sign * (whole + minutes / 60.0 + seconds / 3600.0);
    // A hundred-millionth of a degree is a millimetre.
    let decimal = format!("{value:.8}");
    let decimal = decimal.trim_end_matches('0').trim_end_matches('.');
    Some(decimal.to_owned())
}

/// The numbers between signs; one comma between digits alone is a decimal point.
fn numbers(text: &str) -> Option<Vec<f64>> {
    let is_decimal_comma = text.matches(',').count() == 1 && !text.contains('.');
    let text = if is_decimal_comma {
        text.replace(',', ".")
    } else {
        text.to_owned()
    };
    let parts = text.split(|sign: char| !(sign.is_ascii_digit() || sign == '.'));
    let parts = parts.filter(|part| !part.is_empty());
    let numbers: Option<Vec<f64>> = parts.map(|part| part.parse().ok()).collect();
    numbers.filter(|numbers| !numbers.is_empty())
}

/// Whether longitude and latitude stand in each other's place: as they are they are nowhere in China, exchanged they are.
pub fn are_swapped(longitude: f64, latitude: f64) -> bool {
    !is_in_china(longitude, latitude) && is_in_china(latitude, longitude)
}

/// Longitude and latitude that have lost their points, millionths or ten-millionths of a degree: `113118758` and `27819479`.
/// Only where one and the same place of the point puts both into China, in their order or exchanged.
pub fn scaled(longitude: &str, latitude: &str) -> Option<[String; 2]> {
    let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_whole(longitude) || !is_whole(latitude) {
        return None;
    }
    let pointed = |text: &str, decimals: usize| {
        let (whole, rest) = text.split_at_checked(text.len().checked_sub(decimals)?)?;
        (!whole.is_empty()).then(|| format!("{whole}.{rest}"))
    };
    let mut fitting = [6, 7].into_iter().filter_map(|decimals| {
        let both = [pointed(longitude, decimals)?, pointed(latitude, decimals)?];
        are_in_china(&both).then_some(both)
    });
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

/// Longitude and latitude that stand in one cell: `113.109989，27.820484`. One number with a comma for its point is none.
pub fn pair(text: &str) -> Option<[String; 2]> {
    let (one, other) = text.split_once([',', '，', ';', '；', '、'])?;
    let plain = |text: &str| {
        let text = narrow(text);
        degrees(&text).unwrap_or(text)
    };
    let both = [plain(one), plain(other)];
    are_in_china(&both).then_some(both)
}

/// Whether both are degrees and, in their order or exchanged, of a place in China.
fn are_in_china([one, other]: &[String; 2]) -> bool {
    match (one.parse(), other.parse()) {
        (Ok(one), Ok(other)) => is_in_china(one, other) || is_in_china(other, one),
        _ => false,
    }
}

fn is_in_china(longitude: f64, latitude: f64) -> bool {
    (73.0..=136.0).contains(&longitude) && (3.0..=54.0).contains(&latitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_are_read_as_they_are_written() {
        for (text, expected) in [
            ("113°05′12.5″E", "113.08680556"),
            ("113度5分12.5秒", "113.08680556"),
            ("113°5'12.5\"", "113.08680556"),
            ("113 05 12.5", "113.08680556"),
            ("113-05-12.5", "113.08680556"),
            ("东经113.0868", "113.0868"),
            ("E113.0868", "113.0868"),
            ("113.0868E", "113.0868"),
            ("113.0868°", "113.0868"),
            ("113,0868", "113.0868"),
            ("27°49.5′N", "27.825"),
            ("S27.5", "-27.5"),
        ] {
            assert_eq!(degrees(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_plain_or_not_clear_is_left_alone() {
        for text in [
            "113.0868",
            "-27.5",
            "",
            "abc",
            "113°75′",
            "113.5°5′",
            "1,130,868",
            "113°5′12″8",
            "113.08,27.83",
            "200°",
        ] {
            assert_eq!(degrees(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_is_in_china_when_exchanged_is_swapped() {
        assert!(are_swapped(27.8, 113.1));
        assert!(!are_swapped(113.1, 27.8));
        assert!(!are_swapped(-0.1, 51.5));
        assert!(!are_swapped(40.0, 40.0));
    }

    #[test]
    fn a_lost_point_is_found_where_only_one_place_fits_both() {
        for (longitude, latitude, expected) in [
            ("113118758", "27819479", Some(["113.118758", "27.819479"])),
            (
                "1130941400",
                "278138500",
                Some(["113.0941400", "27.8138500"]),
            ),
            ("27831729", "113118668", Some(["27.831729", "113.118668"])),
            ("113118758", "278194790", None),
            ("113.118758", "27819479", None),
            ("1131", "27", None),
            ("113118758", "", None),
            ("-113118758", "27819479", None),
        ] {
            let found = scaled(longitude, latitude);
            let expected = expected.map(|both| both.map(str::to_owned));
            assert_eq!(found, expected, "{longitude} {latitude}");
        }
    }

    #[test]
    fn two_numbers_in_one_cell_are_taken_apart() {
        for (text, expected) in [
            ("113.109989，27.820484", Some(["113.109989", "27.820484"])),
            ("113.1, 27.8", Some(["113.1", "27.8"])),
            ("１１３．１；２７．８", Some(["113.1", "27.8"])),
            ("E113.1,N27.8", Some(["113.1", "27.8"])),
            ("27.8,113.1", Some(["27.8", "113.1"])),
            ("113,0868", None),
            ("113.1", None),
            ("113.1,", None),
            ("1,2", None),
            ("", None),
        ] {
            let expected = expected.map(|both| both.map(str::to_owned));
            assert_eq!(pair(text), expected, "{text}");
        }
    }
}
