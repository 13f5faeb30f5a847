//! What a camera's record needs, by its point class.
//!
//! From standards is what a camera is described by:
//! - GB/T 28181-2016 annex A, an item of the catalogue: Manufacturer, Model, Owner, CivilCode and Address of every
//!   device; Longitude and Latitude; in Info PTZType, RoomType, SupplyLightType, PositionType, and DirectionType of
//!   cameras that do not turn.
//! - GB/T 28181-2022, Info: HorizontalFieldAngle, MaxViewDistance, MAC, InstallTime, ManagementUnit, ContactInfo,
//!   RecordSaveDays, GrassrootsCode.
//! - GA/T 1400, the object of a capturing device (APE): Model, Longitude, Latitude, PlaceCode, Place, OrgCode,
//!   MonitorDirection.
//! - State Council Order 799: what a camera hangs there for (article 7), what it must not look at (8), that its
//!   recordings are kept for 30 days (17).
//!
//! Ours are the weights, and what a class may do without: a camera of class 1 (on streets, by the government) has all;
//! of class 2 (in public places, by their operators) all but lens and serial; of class 3 and others (inside premises)
//! what is needed to find it, to know whose it is, and to say by what right it hangs. The weights of a class are
//! together 100, so that a camera loses points for what is wrong with it and the losses of all are the way to 100.

use super::super::duplicates::{is_told, serial_key};
use super::super::{Camera, Details, Record};

/// A part of what is known of a camera that can be complete and right.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Aspect {
    /// Longitude and latitude.
    Position,
    /// Where it hangs, in words.
    Address,
    /// Division or town.
    Division,
    /// Community or grid.
    Grid,
    /// Where it looks, of one that does not turn.
    Bearing,
    /// How wide it looks, of one that does not turn.
    Fov,
    /// How far it looks.
    ViewDistance,
    /// Whether it turns.
    Ptz,
    /// Inside or outside.
    Room,
    /// What light it brings.
    Light,
    /// What kind of place it looks at.
    PlaceType,
    /// Who made it.
    Manufacturer,
    /// Which one it is.
    Model,
    /// Its maker's number.
    Serial,
    /// Its hardware address.
    Mac,
    /// Since when it hangs there.
    InstallTime,
    /// How long its recordings are kept.
    RecordDays,
    /// Whom to call.
    Contact,
    /// By what right it hangs there.
    LegalBasis,
    /// Whose it is.
    Organisation,
    /// Its code.
    Code,
    /// That it stands in the list once.
    Unique,
}

/// An aspect: its name in files, in Chinese and in English, and its weights in class 1, 2, and others.
pub(super) struct Row(
    pub(super) Aspect,
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) &'static str,
    [u32; 3],
);

#[rustfmt::skip]
const TABLE: [Row; 22] = [
    Row(Aspect::Position,     "position",      "经纬度",     "position",           [15, 18, 20]),
    Row(Aspect::Address,      "address",       "安装地址",   "address",            [7, 9, 12]),
    Row(Aspect::Division,     "town",          "街道",       "town or division",   [7, 8, 9]),
    Row(Aspect::Grid,         "grid",          "社区或网格", "community or grid",  [4, 4, 0]),
    Row(Aspect::Bearing,      "bearing",       "朝向",       "bearing",            [6, 6, 0]),
    Row(Aspect::Fov,          "fov",           "视场角",     "angle of view",      [3, 0, 0]),
    Row(Aspect::ViewDistance, "view_distance", "可视距离",   "view distance",      [3, 0, 0]),
    Row(Aspect::Ptz,          "ptz",           "云台类型",   "PTZ type",           [5, 5, 5]),
    Row(Aspect::Room,         "room",          "室内外",     "room type",          [3, 3, 4]),
    Row(Aspect::Light,        "light",         "补光",       "light",              [3, 3, 0]),
    Row(Aspect::PlaceType,    "place_type",    "位置类型",   "place type",         [4, 4, 6]),
    Row(Aspect::Manufacturer, "manufacturer",  "厂商",       "manufacturer",       [4, 4, 5]),
    Row(Aspect::Model,        "model",         "型号",       "model",              [4, 4, 5]),
    Row(Aspect::Serial,       "serial",        "序列号",     "serial number",      [3, 0, 0]),
    Row(Aspect::Mac,          "mac",           "MAC地址",    "MAC address",        [3, 3, 0]),
    Row(Aspect::InstallTime,  "install_time",  "安装时间",   "install time",       [3, 3, 0]),
    Row(Aspect::RecordDays,   "record_days",   "存储天数",   "days of recordings", [4, 5, 8]),
    Row(Aspect::Contact,      "contact",       "联系方式",   "contact",            [4, 5, 8]),
    Row(Aspect::LegalBasis,   "legal_basis",   "建设依据",   "legal basis",        [4, 5, 6]),
    Row(Aspect::Organisation, "organisation",  "单位",       "unit",               [3, 3, 4]),
    Row(Aspect::Code,         "gb_code",       "国标编码",   "code",               [3, 3, 3]),
    Row(Aspect::Unique,       "duplicate",     "唯一性",     "uniqueness",         [5, 5, 5]),
];

impl Aspect {
    /// All of them, in the order of reports.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    pub(super) fn row(self) -> &'static Row {
        // The table is in the order of the aspects; a test holds that.
        &TABLE[self as usize]
    }

    /// The name that files and the API use.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// What it is worth in a camera of that point class.
    pub fn weight(self, point_class: u8) -> u32 {
        let [first, second, others] = self.row().4;
        match point_class {
            1 => first,
            2 => second,
            _ => others,
        }
    }

    /// Whether it is a field that somebody fills.
    pub fn is_field(self) -> bool {
        !matches!(self, Self::Code | Self::Unique)
    }

    /// Whether a camera has it, or can do without.
    pub(super) fn is_filled(self, camera: &Camera) -> bool {
        let (record, details) = (&camera.record, &camera.record.details);
        let sees_around = matches!(record.ptz, Some(1 | 4)) || details.fov == Some(360);
        match self {
            Self::Position => record.position.is_some(),
            Self::Bearing => record.bearing.is_some() || sees_around,
            Self::Fov => details.fov.is_some() || sees_around,
            Self::ViewDistance => details.view_distance.is_some(),
            Self::Ptz => record.ptz.is_some(),
            Self::Room => record.room.is_some(),
            Self::Light => record.light.is_some(),
            Self::RecordDays => details.record_days.is_some(),
            Self::Code | Self::Unique => true,
            Self::Serial => details.serial.as_deref().and_then(serial_key).is_some(),
            Self::Mac => details.mac.as_deref().is_some_and(is_told),
            _ => self
                .texts(record, details)
                .into_iter()
                .flatten()
                .any(|text| is_told(text)),
        }
    }

    /// The texts that say it, either of which will do.
    fn texts<'a>(self, record: &'a Record, details: &'a Details) -> [Option<&'a String>; 2] {
        let (one, other) = match self {
            Self::Address => (&record.address, &None),
            Self::Division => (&details.town, &record.civil_code),
            Self::Grid => (&details.grid, &details.community),
            Self::PlaceType => (&details.place_type, &None),
            Self::Manufacturer => (&record.manufacturer, &None),
            Self::Model => (&record.model, &None),
            Self::InstallTime => (&details.install_time, &None),
            Self::Contact => (&details.contact, &None),
            Self::LegalBasis => (&details.legal_basis, &None),
            Self::Organisation => (&record.organisation, &None),
            _ => (&None, &None),
        };
        [one.as_ref(), other.as_ref()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_of_each_class_are_a_hundred() {
        for class in [1, 2, 3, 9] {
            let sum: u32 = Aspect::all().map(|aspect| aspect.weight(class)).sum();
            assert_eq!(sum, 100, "class {class}");
        }
    }

    #[test]
    fn the_table_is_in_the_order_of_the_aspects() {
        for (number, aspect) in Aspect::all().enumerate() {
            assert_eq!(aspect as usize, number);
            assert_eq!(aspect.row().0, aspect);
        }
    }
}
