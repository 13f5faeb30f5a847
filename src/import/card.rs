//! What is kept of a camera that was imported: its record as the fields that make it again.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::Column;
use super::details::wrong_notes;
use super::record::{Field, Row, UNSURE, to_record};
use super::url::masked;
use crate::catalog::geo::Datum;
use crate::catalog::{
    Department, Details, Origin, Position, Pull, Record, Secret, Transport, Upkeep,
};
use crate::problem::Problem;

/// A record as fields.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Card {
    fields: BTreeMap<Column, Secret>,
    is_datum_found: bool,
}

/// A field that would be other; secrets are masked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The field.
    pub column: Column,
    /// What it says now.
    pub before: Option<String>,
    /// What it would say.
    pub after: Option<String>,
}

impl Card {
    /// The card of a record; our own id is not on it, since the card is kept under it.
    pub fn of(record: &Record) -> Self {
        let position = record.position;
        let mut card = Self {
            fields: BTreeMap::new(),
            is_datum_found: position
                .is_some_and(|position| position.datum().is_some() && !position.is_declared()),
        };
        card.put_names(record);
        card.put_place(record);
        card.put_equipment(record);
        card.put_links(&record.details);
        card
    }

    fn put_names(&mut self, record: &Record) {
        let details = &record.details;
        self.put(Column::Name, Some(&record.name));
        self.put(Column::Department, Some(&record.department));
        self.put(Column::Url, Some(record.location.whole().expose()));
        self.put(Column::SourceId, record.source_id.as_ref());
        match (&record.credential, &record.login) {
            (Some(name), _) => self.put(Column::Credential, Some(name)),
            (None, Some((user, password))) => {
                self.put(Column::Username, Some(user));
                let password = Some(password.expose()).filter(|text| !text.is_empty());
                self.put(Column::Password, password);
            }
            (None, None) => {}
        }
        self.put(Column::GbCode, record.gb_code);
        self.put(Column::Organisation, record.organisation.as_ref());
        self.put(Column::PointClass, Some(record.point_class));
        self.put(Column::Contact, details.contact.as_ref());
        self.put(Column::LegalBasis, details.legal_basis.as_ref());
    }

    fn put_links(&mut self, details: &Details) {
        for (column, link) in [
            (Column::SubUrl, &details.sub_url),
            (Column::OnvifUrl, &details.onvif_url),
            (Column::SnapshotUrl, &details.snapshot_url),
            (Column::ReplayUrl, &details.replay_url),
        ] {
            self.put(
                column,
                link.as_ref().map(|link| link.whole().expose().to_owned()),
            );
        }
        self.put(Column::Transport, details.transport.map(Transport::name));
    }

    fn put_place(&mut self, record: &Record) {
        let details = &record.details;
        self.put(Column::CivilCode, record.civil_code.as_ref());
        self.put(Column::Town, details.town.as_ref());
        self.put(Column::Community, details.community.as_ref());
        self.put(Column::Grid, details.grid.as_ref());
        self.put(Column::Address, record.address.as_ref());
        if let Some(position) = record.position {
            let given = position.given();
            self.put(Column::Longitude, Some(given.longitude));
            self.put(Column::Latitude, Some(given.latitude));
            self.put(
                Column::Datum,
                Some(position.datum().map_or(UNSURE, Datum::name)),
            );
        }
        self.put(Column::PlaceType, details.place_type.as_ref());
        self.put(Column::Bearing, record.bearing);
        self.put(Column::Fov, details.fov);
        self.put(Column::ViewDistance, details.view_distance);
    }

    fn put_equipment(&mut self, record: &Record) {
        let details = &record.details;
        self.put(Column::Ptz, record.ptz);
        self.put(Column::Room, record.room);
        self.put(Column::Light, record.light);
        self.put(Column::Manufacturer, record.manufacturer.as_ref());
        self.put(Column::Model, record.model.as_ref());
        self.put(Column::Serial, details.serial.as_ref());
        self.put(Column::Mac, details.mac.as_ref());
        self.put(Column::Ip, details.ip);
        self.put(Column::Nvr, record.nvr.as_ref());
        self.put(Column::Channel, details.channel);
        self.put(Column::InstallTime, details.install_time.as_ref());
        self.put(Column::RecordDays, details.record_days);
        let pull = record.pull.map(|pull| match pull {
            Pull::OnDemand => "on_demand",
            Pull::Always => "always",
        });
        self.put(Column::Pull, pull);
        let disabled = (record.upkeep == Upkeep::Disabled).then_some(true);
        self.put(Column::Disabled, disabled);
    }

    fn put(&mut self, column: Column, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.fields.insert(column, Secret::new(value.to_string()));
        }
    }

    /// Makes the record again.
    ///
    /// # Errors
    ///
    /// All that is wrong with it now: the configuration may have become another since it was made.
    pub fn record(
        &self,
        origin: &Origin,
        departments: &[Department],
    ) -> Result<Record, Vec<Problem>> {
        let mut row = self.row(&origin.file, origin.line);
        // An address beside the stream's that networks do not have any more costs no camera.
        for (column, _) in wrong_notes(&row, departments) {
            row.fields.remove(&column);
        }
        let mut record = to_record(&row, departments)?;
        if self.is_datum_found
            && let Some(position) = record.position
            && let Some(datum) = position.datum()
        {
            record.position = Some(Position::found(position.given(), datum));
        }
        record.origin = origin.clone();
        Ok(record)
    }

    /// The card as a row of a file.
    pub fn row(&self, file: &str, line: u64) -> Row {
        let field = |text: &Secret| Field {
            text: text.expose().to_owned(),
            line,
            column: 0,
            wrong: None,
        };
        let fields = self.fields.iter();
        Row {
            file: file.to_owned(),
            line,
            fields: fields
                .map(|(column, text)| (*column, field(text)))
                .collect(),
            broken: None,
        }
    }

    /// Whether both say the same, however the datum was found.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.fields == other.fields
    }

    /// Its columns that say something.
    pub fn columns(&self) -> impl Iterator<Item = Column> {
        self.fields.keys().copied()
    }

    /// What a field says; it may be a secret.
    pub(super) fn text(&self, column: Column) -> Option<&str> {
        self.fields.get(&column).map(Secret::expose)
    }

    /// What a field says, as everybody may read it.
    pub fn shown(&self, column: Column) -> Option<String> {
        let text = self.text(column)?;
        Some(match column {
            Column::Password => MASK.to_owned(),
            column if column.is_url() => masked(text),
            _ => text.to_owned(),
        })
    }

    /// What is other in `after`.
    pub fn changes_to(&self, after: &Self) -> Vec<Change> {
        let all: BTreeSet<_> = self.columns().chain(after.columns()).collect();
        let changed = all.into_iter().filter(|c| self.text(*c) != after.text(*c));
        let change = |column| Change {
            column,
            before: self.shown(column),
            after: after.shown(column),
        };
        changed.map(change).collect()
    }

    /// What an edit may begin from: all that it says but who may log in, which stays with the camera.
    pub fn without_login(&self) -> BTreeMap<Column, String> {
        let is_login = |column: &Column| {
            matches!(
                column,
                Column::Username | Column::Password | Column::Credential
            )
        };
        let fields = self.fields.iter().filter(|(column, _)| !is_login(column));
        let owned = fields.map(|(column, text)| (*column, text.expose().to_owned()));
        owned.collect()
    }

    /// As the store keeps it: a line a field, and the lines of those that are secret.
    pub fn to_text(&self) -> (String, Option<Secret>) {
        let (mut open, mut secret) = (String::new(), String::new());
        for (column, text) in &self.fields {
            let text = text.expose();
            let shown = self.shown(*column).unwrap_or_default();
            if *column == Column::Password || shown != text {
                push_line(&mut secret, column.name(), text);
            }
            push_line(&mut open, column.name(), &shown);
        }
        if self.is_datum_found {
            push_line(&mut open, DATUM_FOUND, "");
        }
        (open, (!secret.is_empty()).then(|| Secret::new(secret)))
    }

    /// Reads what [`Self::to_text`] wrote; `None` where it is something else.
    pub fn of_text(open: &str, secret: Option<&Secret>) -> Option<Self> {
        let mut card = Self {
            fields: BTreeMap::new(),
            is_datum_found: false,
        };
        let secret = secret.map(Secret::expose).unwrap_or_default();
        for line in open.lines().chain(secret.lines()) {
            let (name, text) = line.split_once('\t')?;
            if name == DATUM_FOUND {
                card.is_datum_found = true;
                continue;
            }
            let column = Column::of(name).ok()?;
            card.fields.insert(column, Secret::new(unescaped(text)?));
        }
        Some(card)
    }
}

fn push_line(lines: &mut String, name: &str, text: &str) {
    let text = text
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    lines.push_str(&format!("{name}\t{text}\n"));
}

fn unescaped(text: &str) -> Option<String> {
    let (mut plain, mut signs) = (String::with_capacity(text.len()), text.chars());
    while let Some(sign) = signs.next() {
        plain.push(match sign {
            '\\' => match signs.next()? {
                'n' => '\n',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            sign => sign,
        });
    }
    Some(plain)
}

/// What stands in the place of a secret.
pub(super) const MASK: &str = "****";
/// The line of a card whose datum was found by where the cameras beside it are said to be.
const DATUM_FOUND: &str = "datum_found";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::geo::Point;
    use crate::catalog::{Link, Location};

    #[test]
    fn a_record_is_the_same_from_its_card() {
        let given = Point {
            longitude: 113.134,
            latitude: 27.828,
        };
        let link = |scheme, path: &str| Link::new(scheme, "10.11.0.1", Some(554), path.to_owned());
        let full = Record {
            login: Some(("admin".into(), Secret::new("pa\\hunter2\nä"))),
            location: Location::new("10.11.0.1", 554, "/s?user=a&password=hunter2&ch=1"),
            source_id: Some("A\t17".into()),
            gb_code: "43021100111326000001".parse().ok(),
            organisation: Some("天元小学\r\n东校区\\n".into()),
            civil_code: Some("43021101".into()),
            address: Some("泰山路".into()),
            ptz: Some(1),
            room: Some(2),
            light: Some(9),
            bearing: Some(359),
            manufacturer: Some("海康威视".into()),
            model: Some("DS".into()),
            nvr: Some("n1".into()),
            pull: Some(Pull::Always),
            upkeep: Upkeep::Disabled,
            details: Box::new(Details {
                town: Some("t".into()),
                community: Some("c".into()),
                grid: Some("g".into()),
                place_type: Some("p".into()),
                fov: Some(90),
                view_distance: Some(50),
                serial: Some("s".into()),
                mac: Some("44:19:b6:00:11:22".into()),
                ip: "10.11.0.9".parse().ok(),
                channel: Some(3),
                install_time: Some("2021-03".into()),
                record_days: Some(30),
                contact: Some("x".into()),
                legal_basis: Some("y".into()),
                sub_url: Some(link("rtsp", "/2?token=hunter2")),
                transport: Some(Transport::Udp),
                onvif_url: Some(link("http", "/onvif/device_service")),
                snapshot_url: Some(link("https", "/snap?pwd=hunter2")),
                replay_url: Some(link("rtsp", "/tracks/101?start={start}")),
            }),
            ..Record::sample()
        };
        let v6 = Record {
            location: Location::new("fd00::1", 554, "/1"),
            ..Record::sample()
        };
        let positions = [
            Position::declared(given, Datum::Bd09),
            Position::found(given, Datum::Gcj02),
            Position::unsure(given),
        ];
        let placed = positions.map(|position| Record {
            position: Some(position),
            ..full.clone()
        });
        for record in placed.into_iter().chain([v6, Record::sample()]) {
            let card = Card::of(&record);
            let (open, secret) = card.to_text();
            assert!(!open.contains("hunter2"), "{open}");
            let read = Card::of_text(&open, secret.as_ref()).unwrap();
            assert_eq!(read, card);
            let departments = [Department::sample()];
            assert_eq!(read.record(&record.origin, &departments).unwrap(), record);
        }
    }

    #[test]
    fn a_card_names_its_departments_credential_and_not_the_password() {
        let record = Record {
            login: Some(("viewer".into(), Secret::new("hunter2"))),
            credential: Some("nvr".into()),
            ..Record::sample()
        };
        let (open, secret) = Card::of(&record).to_text();
        assert!(open.contains("credential\tnvr\n"), "{open}");
        assert!(secret.is_none());
    }

    #[test]
    fn an_address_that_is_not_allowed_any_more_costs_no_camera() {
        let far = |host: &str| Some(Link::new("http", host, None, "/snap".to_owned()));
        let mut record = Record::sample();
        record.details.snapshot_url = far("8.8.8.8");
        record.details.onvif_url = far("10.0.0.2");
        let card = Card::of(&record);
        let read = card
            .record(&record.origin, &[Department::sample()])
            .unwrap();
        assert_eq!(read.details.snapshot_url, None);
        assert_eq!(read.details.onvif_url, far("10.0.0.2"));
    }

    #[test]
    fn text_that_is_no_card_is_none() {
        for text in ["name", "nobody\tx", "name\ta\\x"] {
            assert_eq!(Card::of_text(text, None), None, "{text}");
        }
    }
}
