//! Pairs of cameras that may be one: for a person to look at, never merged.
//!
//! Of cameras that are all one by the same sign a chain of pairs is told that holds them together, not every pair: of
//! a thousand, 999. The work grows with the number of cameras, whatever stands in their fields.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::alike::{BareName, Prefix};
use super::geo::Point;
use super::{Department, Record};

/// By what two cameras may be one, the surest first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Sameness {
    /// One channel of one recorder, as by its main and its sub stream.
    HostChannel,
    /// One serial number.
    Serial,
    /// One hardware address.
    Mac,
    /// One place, and names that are alike.
    Near,
}

impl Sameness {
    /// All of them, the surest first.
    pub const ALL: [Self; 4] = [Self::HostChannel, Self::Serial, Self::Mac, Self::Near];

    /// The name that reports and the API use.
    pub fn name(self) -> &'static str {
        match self {
            Self::HostChannel => "host_channel",
            Self::Serial => "serial",
            Self::Mac => "mac",
            Self::Near => "near",
        }
    }
}

/// Two records that may be of one camera, by their places in the list; the first stands before the other.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Duplicate {
    /// The first.
    pub one: usize,
    /// The other.
    pub other: usize,
    /// By what.
    pub by: Sameness,
}

/// Finds the pairs, ordered by the places of the records; two that are one by several signs come once for each.
///
/// - `host_channel`: host and port, and the channel that the path names, else the field. It is the gateway that
///   connects, so that one address is one recorder in all departments.
/// - `serial`, `mac`: in all departments, but for what stands for none.
/// - `near`: 10 m apart at most, and alike by name (see its `is_like`), in one department: others may watch the
///   same gate with cameras of their own. Positions whose datum nobody knows are compared with one another only.
pub fn duplicates(records: &[&Record], departments: &[Department]) -> Vec<Duplicate> {
    let mut found = Vec::new();
    found.extend(same_by(records, Sameness::HostChannel, channel_key));
    found.extend(same_by(records, Sameness::Serial, |record| {
        record.details.serial.as_deref().and_then(serial_key)
    }));
    found.extend(same_by(records, Sameness::Mac, |record| {
        record.details.mac.as_deref().and_then(told)
    }));
    found.extend(near(records, departments));
    found.sort_unstable();
    found
}

/// Pairs each record with the first that has the same key.
fn same_by<K: Eq + Hash>(
    records: &[&Record],
    by: Sameness,
    key: impl Fn(&Record) -> Option<K>,
) -> Vec<Duplicate> {
    let mut firsts = HashMap::new();
    let keyed = records.iter().enumerate();
    keyed
        .filter_map(|(other, record)| {
            let one = *firsts.entry(key(record)?).or_insert(other);
            (one != other).then_some(Duplicate { one, other, by })
        })
        .collect()
}

fn channel_key(record: &Record) -> Option<(String, u16, u16)> {
    let location = &record.location;
    // What is pulled is said by the path, whatever the field says.
    let channel = location.channel().or(record.details.channel)?;
    Some((location.host.to_ascii_lowercase(), location.port, channel))
}

/// What is compared of a maker's number; `None` where text stands for one: 无, `0`, `unknown`, `00000000`, `123456`, or
/// the number of a row.
pub(super) fn serial_key(text: &str) -> Option<String> {
    let told = told(text)?;
    let is_long = told.chars().count() >= SERIAL_SIGNS_MIN;
    (is_long && !"0123456789".contains(&told)).then_some(told)
}

/// Whether text says something, and does not stand for nothing.
pub(super) fn is_told(text: &str) -> bool {
    told(text).is_some()
}

/// The letters and digits of a text that does not stand for nothing, as a row of one sign does: a hardware address of
/// zeros is no address.
pub(super) fn told(text: &str) -> Option<String> {
    let signs = text.chars().filter(|sign| sign.is_alphanumeric());
    let bare: String = signs.flat_map(char::to_lowercase).collect();
    let first = bare.chars().next()?;
    let is_one_sign = bare.chars().all(|sign| sign == first) && bare.chars().nth(2).is_some();
    let is_nothing = is_one_sign || NOTHING.contains(&bare.as_str());
    (!is_nothing).then_some(bare)
}

/// A camera that has a name and a place.
struct Placed {
    number: usize,
    point: Point,
    name: BareName,
    /// What those that are near and alike have in common, as a hash: department, whether their datum is known, and the
    /// signs of their names that tell places apart.
    kind: u64,
}

/// Pairs cameras that are near one another and alike by name.
///
/// Those of a kind are sorted into cells of the map a little wider than [`NEAR`]; each looks into the nine around it. A
/// cell keeps so many of a kind only: with more it is no place, but what somebody wrote for want of one, and whoever
/// comes later still finds those that it keeps.
fn near(records: &[&Record], departments: &[Department]) -> Vec<Duplicate> {
    let placed = placed(records, departments);
    let mut count: HashMap<u64, usize> = HashMap::new();
    for camera in &placed {
        *count.entry(camera.kind).or_default() += 1;
    }
    let mut cells: HashMap<(i64, i64, u64), Vec<&Placed>> = HashMap::new();
    let mut groups = Groups::new(records.len());
    let mut found = Vec::new();
    for camera in &placed {
        if count.get(&camera.kind) == Some(&1) {
            continue;
        }
        let (x, y) = cell(camera.point);
        let around = (x - 1..=x + 1).flat_map(|x| (y - 1..=y + 1).map(move |y| (x, y)));
        for (x, y) in around {
            let standing = cells.get(&(x, y, camera.kind)).into_iter().flatten();
            found.extend(standing.filter_map(|other| {
                let is_one = other.name.is_like(&camera.name)
                    && other.point.distance(camera.point) <= NEAR
                    && groups.join(other.number, camera.number);
                is_one.then_some(Duplicate {
                    one: other.number,
                    other: camera.number,
                    by: Sameness::Near,
                })
            }));
        }
        let own = cells.entry((x, y, camera.kind)).or_default();
        if own.len() < STANDING_MAX {
            own.push(camera);
        }
    }
    found
}

fn placed(records: &[&Record], departments: &[Department]) -> Vec<Placed> {
    let prefixes: HashMap<&str, Prefix> = departments
        .iter()
        .map(|department| (department.id.as_str(), Prefix::new(&department.name)))
        .collect();
    let none = Prefix::new("");
    let placed = records.iter().enumerate().filter_map(|(number, record)| {
        let position = record.position?;
        let prefix = prefixes.get(record.department.as_str()).unwrap_or(&none);
        let name = BareName::new(&record.name, prefix)?;
        // The same in every run.
        let mut kind = DefaultHasher::new();
        record.department.hash(&mut kind);
        position.wgs84().is_some().hash(&mut kind);
        name.telling().for_each(|sign| sign.hash(&mut kind));
        Some(Placed {
            number,
            point: position.nearest(),
            name,
            kind: kind.finish(),
        })
    });
    placed.collect()
}

/// The cell of a point, by whole numbers east and north. Up to 60 degrees north, where China has ended, a cell is no
/// narrower than [`NEAR`].
fn cell(point: Point) -> (i64, i64) {
    const METRES_A_DEGREE: f64 = 111_000.0;
    let north = point.latitude * METRES_A_DEGREE / NEAR;
    let east = point.longitude * METRES_A_DEGREE / NEAR / 2.0;
    (east.floor() as i64, north.floor() as i64)
}

/// Which records are of one group already.
struct Groups(Vec<usize>);

impl Groups {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    /// Puts two into one group; false where they are in one.
    fn join(&mut self, one: usize, other: usize) -> bool {
        let (one, other) = (self.head(one), self.head(other));
        if let Some(above) = self.0.get_mut(one.max(other)) {
            *above = one.min(other);
        }
        one != other
    }

    /// The first of a group; the way there is halved for the next look.
    fn head(&mut self, mut of: usize) -> usize {
        while let Some(above) = self.0.get(of).copied().filter(|above| *above != of) {
            let higher = self.0.get(above).copied().unwrap_or(above);
            if let Some(way) = self.0.get_mut(of) {
                *way = higher;
            }
            of = higher;
        }
        of
    }
}

/// Metres: two fixes of one place by satellite may be so far apart.
const NEAR: f64 = 10.0;
/// A pole or a hall may have so many cameras of like names.
const STANDING_MAX: usize = 16;
const SERIAL_SIGNS_MIN: usize = 4;
/// What people write where they know nothing.
const NOTHING: [&str; 20] = [
    "0",
    "无",
    "暂无",
    "没有",
    "空",
    "未知",
    "不详",
    "不明",
    "待补",
    "待补充",
    "待定",
    "其他",
    "none",
    "null",
    "nil",
    "na",
    "nan",
    "unknown",
    "tbd",
    "default",
];

#[cfg(test)]
mod tests {
    use super::super::geo::Datum;
    use super::super::{Location, Position};
    use super::*;

    #[test]
    fn one_channel_of_one_recorder_is_one_camera() {
        let at = |host: &str, path: &str, channel| {
            let mut record = named("门");
            record.location = Location::new(host, 554, path);
            record.details.channel = channel;
            record
        };
        let records = [
            at("10.12.6.200", "/Streaming/Channels/101", Some(1)),
            at("10.12.6.200", "/Streaming/Channels/102", None),
            at("10.12.6.200", "/Streaming/Channels/201", None),
            at("10.12.6.200", "/live/b", Some(2)),
            at("10.12.6.200", "/live/c", None),
            at("10.12.6.201", "/Streaming/Channels/101", Some(1)),
            at("NVR.local", "/cam/realmonitor?channel=1&subtype=0", None),
            at("nvr.local", "/cam/realmonitor?channel=1&subtype=1", None),
            // The path is what is pulled.
            at("10.12.6.200", "/Streaming/Channels/301", Some(2)),
        ];
        let expected = [(0, 1), (2, 3), (6, 7)];
        assert_eq!(found(&records), pairs(&expected, Sameness::HostChannel));
        let mut other_port = records[0].clone();
        other_port.location = Location::new("10.12.6.200", 8554, "/Streaming/Channels/101");
        assert_eq!(found(&[records[0].clone(), other_port]), []);
    }

    #[test]
    fn one_serial_or_one_hardware_address_is_one_camera_in_whatever_case() {
        let mut records: Vec<_> = (0..6).map(|_| named("门")).collect();
        records[0].details.mac = Some("44:19:b6:00:11:22".into());
        records[1].details.mac = Some("44:19:b6:00:11:23".into());
        records[2].details.mac = Some("44:19:B6:00:11:22".into());
        records[2].department = "health".into();
        records[3].details.serial = Some("DS-2CD2T47-AAWRF12345678".into());
        records[4].details.serial = Some("ds-2cd2t47-aawrf12345678".into());
        records[5].details.serial = Some("DS-2CD2T47-AAWRF12345679".into());
        let mut expected = pairs(&[(0, 2)], Sameness::Mac);
        expected.extend(pairs(&[(3, 4)], Sameness::Serial));
        assert_eq!(found(&records), expected);
    }

    #[test]
    fn what_stands_for_nothing_makes_nothing_one() {
        for serial in [
            "无", "0", "unknown", "N/A", "00000000", "xxxx", "123456", "12", "－", "",
        ] {
            let mut record = named("门");
            record.details.serial = Some(serial.into());
            assert_eq!(found(&[record.clone(), record]), [], "{serial}");
        }
        for mac in ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "无"] {
            let mut record = named("门");
            record.details.mac = Some(mac.into());
            assert_eq!(found(&[record.clone(), record]), [], "{mac}");
        }
    }

    #[test]
    fn cameras_of_like_names_are_one_where_they_are_near() {
        let records = [
            placed("体检中心东门", 0.0, 0.0),
            placed("体检中心（东门）", 2.0, 0.0),
            placed("医保窗口", 0.0, 3.0),
            placed("体检中心西门", 0.0, 1.0),
            placed("体检中心东门", 100.0, 0.0),
            placed("体检中心东门", 0.0, -9.9),
            placed("体检中心东门", 0.0, 10.1),
        ];
        let expected = pairs(&[(0, 1), (0, 5)], Sameness::Near);
        assert_eq!(found(&records), expected);
        let mut other = records[0].clone();
        other.department = "health".into();
        assert_eq!(found(&[records[0].clone(), other]), []);
        let given = records[0].position.unwrap().given();
        let mut unsure = records[0].clone();
        unsure.position = Some(Position::unsure(given));
        assert_eq!(found(&[records[0].clone(), unsure.clone()]), []);
        let expected = pairs(&[(0, 1)], Sameness::Near);
        assert_eq!(found(&[unsure.clone(), unsure]), expected);
    }

    #[test]
    fn of_many_that_are_one_a_chain_is_told() {
        let records = vec![placed("大门", 0.0, 0.0); 500];
        let found = found(&records);
        assert_eq!(found.len(), 499);
        assert!(found.iter().all(|pair| pair.one == 0), "{found:?}");
    }

    #[test]
    fn a_look_at_every_pair_finds_the_same_groups() {
        let mut seed = 7_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let names = [
            "教学楼一楼走廊",
            "教学楼一楼走廓",
            "教学楼二楼走廊",
            "（教学楼）一楼走廊",
            "食堂",
        ];
        let records: Vec<_> = (0..600)
            .map(|n| {
                let name = names[n % names.len()];
                placed(name, random(400) as f64, random(60) as f64)
            })
            .collect();
        let mut groups = Groups::new(records.len());
        let bare: Vec<_> = records
            .iter()
            .map(|r| BareName::new(&r.name, &Prefix::new("区教育局")).unwrap())
            .collect();
        for one in 0..records.len() {
            for other in one + 1..records.len() {
                let point = |n: usize| records[n].position.unwrap().nearest();
                if point(one).distance(point(other)) <= NEAR && bare[one].is_like(&bare[other]) {
                    groups.join(one, other);
                }
            }
        }
        let mut told = Groups::new(records.len());
        let found = found(&records);
        assert!(found.len() > 50, "{}", found.len());
        for pair in found {
            assert!(told.join(pair.one, pair.other), "{pair:?} is told already");
        }
        for number in 0..records.len() {
            assert_eq!(told.head(number), groups.head(number), "{number}");
        }
    }

    fn found(records: &[Record]) -> Vec<Duplicate> {
        let records: Vec<_> = records.iter().collect();
        duplicates(&records, &[Department::sample()])
    }

    fn pairs(pairs: &[(usize, usize)], by: Sameness) -> Vec<Duplicate> {
        let pairs = pairs.iter();
        pairs
            .map(|(one, other)| Duplicate {
                one: *one,
                other: *other,
                by,
            })
            .collect()
    }

    fn named(name: &str) -> Record {
        let mut record = Record::sample();
        record.name = name.into();
        record
    }

    /// So many metres to the east and to the north of a place.
    fn placed(name: &str, east: f64, north: f64) -> Record {
        let mut record = named(name);
        let latitude = 27.83435 + north / 111_195.0;
        let longitude = 113.06304 + east / 111_195.0 / latitude.to_radians().cos();
        let point = Point {
            longitude,
            latitude,
        };
        record.position = Some(Position::declared(point, Datum::Wgs84));
        record
    }
}
