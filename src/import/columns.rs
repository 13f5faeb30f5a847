//! The columns of an inventory, by their English and their Chinese names.

use std::fmt;

use crate::problem::did_you_mean;
use crate::yaml::BARE_KEY;

/// A column that this version reads.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(
    missing_docs,
    reason = "the table below names and the contract describes them"
)]
pub enum Column {
    Name,
    Department,
    Url,
    SourceId,
    Id,
    Username,
    Password,
    Credential,
    GbCode,
    Organisation,
    PointClass,
    CivilCode,
    Address,
    Longitude,
    Latitude,
    PlaceType,
    Bearing,
    Ptz,
    Room,
    Light,
    Manufacturer,
    Model,
    Nvr,
    Pull,
    Disabled,
    Town,
    Community,
    Grid,
    Datum,
    Fov,
    ViewDistance,
    Serial,
    Mac,
    Ip,
    Channel,
    InstallTime,
    RecordDays,
    Contact,
    LegalBasis,
    SubUrl,
    Transport,
    OnvifUrl,
    SnapshotUrl,
    ReplayUrl,
}

impl Column {
    /// The column of a header; blanks around it do not matter.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the header.
    pub fn of(header: &str) -> Result<Self, NoColumn> {
        let header = header.trim();
        let is = |english: &str, chinese: &str| {
            header.eq_ignore_ascii_case(english) || header == chinese
        };
        if let Some((column, ..)) = TABLE.iter().find(|(_, en, zh)| is(en, zh)) {
            return Ok(*column);
        }
        let names = TABLE.iter().flat_map(|(_, en, zh)| [*en, *zh]);
        let meant = did_you_mean(header, names);
        Err(NoColumn::Unknown {
            header: header.to_owned(),
            meant,
        })
    }

    /// The contract's names of all columns.
    pub(super) fn contract() -> impl Iterator<Item = (Self, &'static str)> {
        let names = TABLE.iter();
        names.flat_map(|(column, en, zh)| [(*column, *en), (*column, *zh)])
    }

    /// Whether it has addresses, which may hold user, password and other secrets.
    pub fn is_url(self) -> bool {
        self == Self::Url || LINKS.contains(&self)
    }

    /// All columns, in the order in which they are written.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(column, ..)| *column)
    }

    /// The Chinese name.
    pub fn chinese(self) -> &'static str {
        TABLE
            .iter()
            .find(|(column, ..)| *column == self)
            .map_or("", |(.., chinese)| chinese)
    }

    /// The English name.
    pub fn name(self) -> &'static str {
        TABLE
            .iter()
            .find(|(column, ..)| *column == self)
            .map_or("", |(_, english, _)| english)
    }
}

/// Why a header is no column of this version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NoColumn {
    /// A key of YAML that is no column and has no value: see [`BARE_KEY`].
    Bare,
    /// Nothing that is known; the name that was probably meant.
    Unknown {
        /// What stands there.
        header: String,
        /// What was probably meant.
        meant: Option<&'static str>,
    },
}

impl NoColumn {
    /// The column that was probably meant.
    pub fn meant(&self) -> Option<Column> {
        match self {
            Self::Unknown { meant, .. } => Column::of((*meant)?).ok(),
            Self::Bare => None,
        }
    }
}

impl fmt::Display for NoColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare => write!(f, "what stands here is no column and {BARE_KEY}"),
            // A row that stands in the header's place may hold a password: it is not repeated.
            Self::Unknown { header, .. } if header.contains("://") => {
                f.write_str("a URL stands in the header, which names the columns")
            }
            Self::Unknown { header, meant } => match meant {
                Some(meant) => write!(f, "unknown column `{header}`: did you mean `{meant}`?"),
                None => write!(f, "unknown column `{header}`"),
            },
        }
    }
}

/// Addresses that a camera has beside that of its stream.
pub(super) const LINKS: [Column; 4] = [
    Column::SubUrl,
    Column::OnvifUrl,
    Column::SnapshotUrl,
    Column::ReplayUrl,
];

const TABLE: &[(Column, &str, &str)] = &[
    (Column::Name, "name", "名称"),
    (Column::Department, "department", "所属部门"),
    (Column::Url, "url", "主码流地址"),
    (Column::SourceId, "source_id", "编号"),
    (Column::Id, "id", "id"),
    (Column::Username, "username", "用户名"),
    (Column::Password, "password", "密码"),
    (Column::Credential, "credential", "凭据"),
    (Column::GbCode, "gb_code", "国标编码"),
    (Column::Organisation, "organisation", "单位"),
    (Column::PointClass, "point_class", "点位类型"),
    (Column::CivilCode, "civil_code", "行政区划"),
    (Column::Address, "address", "安装地址"),
    (Column::Longitude, "longitude", "经度"),
    (Column::Latitude, "latitude", "纬度"),
    (Column::PlaceType, "place_type", "位置类型"),
    (Column::Bearing, "bearing", "朝向"),
    (Column::Ptz, "ptz", "云台类型"),
    (Column::Room, "room", "室内外"),
    (Column::Light, "light", "补光"),
    (Column::Manufacturer, "manufacturer", "厂商"),
    (Column::Model, "model", "型号"),
    (Column::Nvr, "nvr", "录像机"),
    (Column::Pull, "pull", "拉流方式"),
    (Column::Disabled, "disabled", "停用"),
    (Column::Town, "town", "街道"),
    (Column::Community, "community", "社区"),
    (Column::Grid, "grid", "网格"),
    (Column::Datum, "datum", "坐标系"),
    (Column::Fov, "fov", "视场角"),
    (Column::ViewDistance, "view_distance", "可视距离"),
    (Column::Serial, "serial", "序列号"),
    (Column::Mac, "mac", "MAC地址"),
    (Column::Ip, "ip", "设备IP"),
    (Column::Channel, "channel", "通道号"),
    (Column::InstallTime, "install_time", "安装时间"),
    (Column::RecordDays, "record_days", "存储天数"),
    (Column::Contact, "contact", "联系方式"),
    (Column::LegalBasis, "legal_basis", "建设依据"),
    (Column::SubUrl, "sub_url", "子码流地址"),
    (Column::Transport, "transport", "传输协议"),
    (Column::OnvifUrl, "onvif_url", "ONVIF地址"),
    (Column::SnapshotUrl, "snapshot_url", "抓图地址"),
    (Column::ReplayUrl, "replay_url", "回放模板"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_known_in_both_languages() {
        assert_eq!(Column::of(" 主码流地址 "), Ok(Column::Url));
        assert_eq!(Column::of("URL"), Ok(Column::Url));
        let told = |header| Column::of(header).unwrap_err().to_string();
        assert!(told("nane").contains("did you mean `name`"));
        assert!(!told("rtsp://a:secret@b/c").contains("secret"));
    }
}
