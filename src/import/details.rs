//! The fields of a row that are for people.

use super::columns::Column;
use super::record::Check;
use crate::catalog::Details;

impl Check<'_> {
    pub(super) fn details(&mut self) -> Details {
        Details {
            town: self.text(Column::Town),
            community: self.text(Column::Community),
            grid: self.text(Column::Grid),
            place_type: self.text(Column::PlaceType),
            fov: self.count(Column::Fov, 1..=360, "degrees"),
            view_distance: self.count(Column::ViewDistance, 1..=10_000, "metres"),
            serial: self.text(Column::Serial),
            mac: self.parsed(
                Column::Mac,
                |text| is_mac(text).then(|| text.to_ascii_lowercase()),
                "must be six bytes like 44:19:b6:00:11:22",
            ),
            ip: self.parsed(Column::Ip, |text| text.parse().ok(), "is no address"),
            channel: self.count(Column::Channel, 1..=9_999, "the channel's number"),
            install_time: self.parsed(
                Column::InstallTime,
                |text| is_date(text).then(|| text.to_owned()),
                "must be a date like 2021-03-05 or 2021-03",
            ),
            record_days: self.count(Column::RecordDays, 1..=3_650, "days"),
            contact: self.text(Column::Contact),
            legal_basis: self.text(Column::LegalBasis),
        }
    }

    fn count(
        &mut self,
        column: Column,
        range: std::ops::RangeInclusive<u16>,
        unit: &str,
    ) -> Option<u16> {
        let wrong = format!("must be {unit}, {} to {}", range.start(), range.end());
        self.parsed(
            column,
            |text| text.parse().ok().filter(|number| range.contains(number)),
            &wrong,
        )
    }
}

fn is_mac(text: &str) -> bool {
    let bytes: Vec<_> = text.split(':').collect();
    let is_byte = |byte: &&str| byte.len() == 2 && byte.bytes().all(|b| b.is_ascii_hexdigit());
    bytes.len() == 6 && bytes.iter().all(is_byte)
}

/// `YYYY-MM-DD` or `YYYY-MM`; each month is taken to have 31 days.
fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let is = |part: Option<&&str>, length, range: std::ops::RangeInclusive<u16>| {
        part.is_some_and(|part| {
            let number = part.parse().ok();
            part.len() == length && number.is_some_and(|number| range.contains(&number))
        })
    };
    let has_day = parts.len() == 2 || parts.len() == 3 && is(parts.get(2), 2, 1..=31);
    has_day && is(parts.first(), 4, 1970..=2100) && is(parts.get(1), 2, 1..=12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_hardware_addresses_have_one_form() {
        for (text, is_right) in [
            ("2021-03-05", true),
            ("2021-03", true),
            ("2021", false),
            ("2021-3-5", false),
            ("2021-13-05", false),
            ("2021-03-05-01", false),
            ("21-03-05", false),
        ] {
            assert_eq!(is_date(text), is_right, "{text}");
        }
        for (text, is_right) in [
            ("44:19:b6:00:11:22", true),
            ("44:19:B6:00:11:22", true),
            ("44-19-b6-00-11-22", false),
            ("44:19:b6:00:11", false),
            ("44:19:b6:00:11:gg", false),
        ] {
            assert_eq!(is_mac(text), is_right, "{text}");
        }
    }
}
