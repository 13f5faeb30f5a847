//! The fields of a row that are for people.

use super::card::MASK;
use super::columns::{Column, LINKS};
use super::record::{Check, MASKED, Row};
use super::url::{form_of, split_link};
use crate::catalog::normalise::is_date;
use crate::catalog::{Department, Details, Link, Transport};
use crate::problem::Problem;

impl Check<'_> {
    pub(super) fn details(&mut self, department: Option<&Department>) -> Details {
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
            sub_url: self.link(Column::SubUrl, department),
            transport: self.transport(),
            onvif_url: self.link(Column::OnvifUrl, department),
            snapshot_url: self.link(Column::SnapshotUrl, department),
            replay_url: self.link(Column::ReplayUrl, department),
        }
    }

    fn transport(&mut self) -> Option<Transport> {
        let named = |text: &str| Transport::ALL.into_iter().find(|one| one.name() == text);
        self.parsed(Column::Transport, named, "must be tcp or udp")
    }

    /// An address beside that of the stream, at a host that is the department's, too. User and password are the camera's.
    fn link(&mut self, column: Column, department: Option<&Department>) -> Option<Link> {
        let text = self.text(column)?;
        if text.contains(MASK) {
            self.fail(Some(column), MASKED.to_owned());
            return None;
        }
        // The text may hold a password: it is not repeated.
        let Some((link, (host, port), login)) = split_link(column, &text) else {
            self.fail(Some(column), format!("is not {}", form_of(column)));
            return None;
        };
        if login.is_some() {
            let message = "user and password are the camera's, and stand in username and password";
            self.fail(Some(column), message.to_owned());
        }
        if let Some(department) = department {
            let port = (column == Column::SubUrl).then_some(port);
            self.place_of(column, (&host, port), department);
        }
        Some(link)
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

/// What is wrong with what a row says of its camera beside its stream: the other addresses, and how it is sent.
pub(super) fn wrong_notes(row: &Row, departments: &[Department]) -> Vec<(Column, Problem)> {
    let named = row.text(Column::Department);
    let department = named.and_then(|name| departments.iter().find(|known| known.is_called(name)));
    let mut wrong = Vec::new();
    for column in LINKS.into_iter().chain([Column::Transport]) {
        let mut check = Check::of(row);
        let field = row.fields.get(&column);
        if field.is_some_and(|field| field.wrong.is_none() && field.text.is_empty()) {
            continue; // it says that there is none
        }
        if let Some(message) = field.and_then(|field| field.wrong.clone()) {
            check.fail(Some(column), message);
        } else if column == Column::Transport {
            check.transport();
        } else {
            check.link(column, department);
        }
        wrong.extend(
            check
                .problems()
                .into_iter()
                .map(|problem| (column, problem)),
        );
    }
    wrong
}

fn is_mac(text: &str) -> bool {
    let bytes: Vec<_> = text.split(':').collect();
    let is_byte = |byte: &&str| byte.len() == 2 && byte.bytes().all(|b| b.is_ascii_hexdigit());
    bytes.len() == 6 && bytes.iter().all(is_byte)
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
            ("2021-02-30", false),
            ("2020-02-29", true),
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
