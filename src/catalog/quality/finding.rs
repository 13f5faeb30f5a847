//! What can be wrong with what is known of a camera, and what to do about it, in Chinese and English.

use super::super::{Level, Sameness};
use super::fields::Aspect;

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// It hangs where no camera may hang.
    ForbiddenPlace,
    /// It is outside the gateway's district, or outside all areas that are known.
    OutsideDistrict,
    /// It may be another camera of the list.
    Duplicate(Sameness),
    /// The code that its owner gives it is not its code: another has it, or it had another first.
    GbCodeTaken,
    /// Its code is not that of a camera.
    GbCodeKind,
    /// It is not in the region that it names.
    Elsewhere(Place),
    /// Nobody knows the region that it names.
    UnknownRegion(Place),
    /// Its division is not that of its town.
    CivilCodeTown,
    /// The path of its stream names another channel than the field.
    ChannelDiffers,
    /// Nobody knows what its position is measured from.
    DatumUnsure,
    /// Its recordings are kept for less than the law wants.
    RecordDaysShort,
    /// Something is not filled in.
    Missing(Aspect),
}

/// A level of regions that a camera's record names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// 街道.
    Town,
    /// 社区.
    Community,
    /// 网格.
    Grid,
}

impl Place {
    /// All of them, from the widest.
    pub const ALL: [Self; 3] = [Self::Town, Self::Community, Self::Grid];

    /// The level.
    pub fn level(self) -> Level {
        match self {
            Self::Town => Level::Town,
            Self::Community => Level::Community,
            Self::Grid => Level::Grid,
        }
    }

    fn zh(self) -> &'static str {
        match self {
            Self::Town => "街道",
            Self::Community => "社区",
            Self::Grid => "网格",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Somebody is led astray by it, or the law forbids it.
    Error,
    /// Somebody misses it.
    Warning,
    /// It would be good to have.
    Note,
}

impl Severity {
    /// The name that reports and the API use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Kind {
    /// The name that reports and the API use.
    pub fn name(self) -> &'static str {
        match self {
            Self::ForbiddenPlace => "forbidden_place",
            Self::OutsideDistrict => "outside_district",
            Self::Duplicate(_) => "duplicate",
            Self::GbCodeTaken => "gb_code_taken",
            Self::GbCodeKind => "gb_code_kind",
            Self::Elsewhere(_) => "elsewhere",
            Self::UnknownRegion(_) => "unknown_region",
            Self::CivilCodeTown => "civil_code_town",
            Self::ChannelDiffers => "channel_differs",
            Self::DatumUnsure => "datum_unsure",
            Self::RecordDaysShort => "record_days_short",
            Self::Missing(_) => "missing",
        }
    }

    /// The field that it is about; of duplicates by what they are one.
    pub fn field(self) -> &'static str {
        match self {
            Self::ForbiddenPlace => "place_type",
            Self::OutsideDistrict | Self::DatumUnsure => "position",
            Self::Duplicate(by) => by.name(),
            Self::GbCodeTaken | Self::GbCodeKind => "gb_code",
            Self::Elsewhere(place) | Self::UnknownRegion(place) => place.level().name(),
            Self::CivilCodeTown => "civil_code",
            Self::ChannelDiffers => "channel",
            Self::RecordDaysShort => "record_days",
            Self::Missing(aspect) => aspect.name(),
        }
    }

    /// What sort of fault it is: `missing`, `invalid`, `conflicting`, `outside` or `forbidden`.
    pub fn sort(self) -> &'static str {
        match self {
            Self::ForbiddenPlace => "forbidden",
            Self::OutsideDistrict => "outside",
            Self::Duplicate(_)
            | Self::Elsewhere(_)
            | Self::CivilCodeTown
            | Self::ChannelDiffers => "conflicting",
            Self::GbCodeTaken
            | Self::GbCodeKind
            | Self::UnknownRegion(_)
            | Self::DatumUnsure
            | Self::RecordDaysShort => "invalid",
            Self::Missing(_) => "missing",
        }
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::ForbiddenPlace
            | Self::OutsideDistrict
            | Self::Duplicate(Sameness::HostChannel | Sameness::Serial | Sameness::Mac)
            | Self::GbCodeTaken
            | Self::GbCodeKind
            | Self::Missing(Aspect::Position) => Severity::Error,
            Self::Duplicate(Sameness::Near)
            | Self::Elsewhere(_)
            | Self::UnknownRegion(_)
            | Self::CivilCodeTown
            | Self::DatumUnsure
            | Self::RecordDaysShort => Severity::Warning,
            // What GB/T 28181-2016 wants of every device.
            Self::Missing(
                Aspect::Address | Aspect::Division | Aspect::Manufacturer | Aspect::Model,
            ) => Severity::Warning,
            Self::Missing(_) | Self::ChannelDiffers => Severity::Note,
        }
    }

    /// What to do with so many cameras, in Chinese.
    pub fn zh(self, count: usize) -> String {
        let zh = |place: Place| place.zh();
        match self {
            Self::ForbiddenPlace => format!("拆除或改装 {count} 台装在禁止安装场所的摄像机"),
            Self::OutsideDistrict => format!("核对 {count} 台摄像机的经纬度：不在本区范围内"),
            Self::Duplicate(by) => {
                let by = match by {
                    Sameness::HostChannel => "同一录像机同一通道",
                    Sameness::Serial => "序列号相同",
                    Sameness::Mac => "MAC地址相同",
                    Sameness::Near => "位置相近、名称相似",
                };
                format!("核对 {count} 台可能重复的摄像机：{by}；重复的停用")
            }
            Self::GbCodeTaken => format!("更正 {count} 台摄像机的国标编码：与网关所用的编码不一致"),
            Self::GbCodeKind => format!("更正 {count} 台摄像机的国标编码：类型不是 131 或 132"),
            Self::Elsewhere(place) => {
                format!(
                    "核对 {count} 台摄像机的{0}或经纬度：不在所填{0}内",
                    zh(place)
                )
            }
            Self::UnknownRegion(place) => {
                format!("更正 {count} 台摄像机的{}：没有这个名称或代码", zh(place))
            }
            Self::CivilCodeTown => format!("核对 {count} 台摄像机的行政区划：与街道不一致"),
            Self::ChannelDiffers => format!("核对 {count} 台摄像机的通道号：与取流地址不一致"),
            Self::DatumUnsure => format!("注明 {count} 台摄像机经纬度的坐标系"),
            Self::RecordDaysShort => format!("将 {count} 台摄像机的录像保存延长到 30 天"),
            Self::Missing(aspect) => format!("补齐 {count} 台摄像机的{}", aspect.row().2),
        }
    }

    /// What to do with so many cameras, in English.
    pub fn en(self, count: usize) -> String {
        let cameras = if count == 1 {
            "1 camera".to_owned()
        } else {
            format!("{count} cameras")
        };
        match self {
            Self::ForbiddenPlace => format!("take {cameras} away from where none may hang"),
            Self::OutsideDistrict => {
                format!("check the position of {cameras}: outside the district")
            }
            Self::Duplicate(by) => {
                let by = match by {
                    Sameness::HostChannel => "one channel of one recorder",
                    Sameness::Serial => "one serial number",
                    Sameness::Mac => "one MAC address",
                    Sameness::Near => "one place and names that are alike",
                };
                format!("check {cameras} that may be twice in the list ({by}), disable what is")
            }
            Self::GbCodeTaken => {
                format!("correct the code of {cameras}: the gateway uses another one")
            }
            Self::GbCodeKind => {
                format!("correct the code of {cameras}: its kind is not 131 or 132")
            }
            Self::Elsewhere(place) => {
                let place = place.level().name();
                format!("check {place} or position of {cameras}: not in the {place} that is named")
            }
            Self::UnknownRegion(place) => {
                let place = place.level().name();
                format!("correct the {place} of {cameras}: there is none of that name or code")
            }
            Self::CivilCodeTown => {
                format!("check the civil code of {cameras}: it is not that of the town")
            }
            Self::ChannelDiffers => {
                format!("check the channel of {cameras}: the stream's path names another")
            }
            Self::DatumUnsure => format!("say in which datum the position of {cameras} is"),
            Self::RecordDaysShort => format!("keep the recordings of {cameras} for 30 days"),
            Self::Missing(aspect) => format!("fill {} on {cameras}", aspect.row().3),
        }
    }
}
