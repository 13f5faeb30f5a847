//! The twelve cameras of the quickstart: two of each department, each with its own way to code and to behave.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use super::inventory::{DEPARTMENTS, Entry};
use super::settings::{CameraSettings, ParameterSets};
use crate::clips::{Clip, ClipKind, prepare};

/// A line of the table of cameras.
struct Row {
    name: &'static str,
    place: &'static str,
    video: ClipKind,
    audio: Option<ClipKind>,
    settle: fn(CameraSettings) -> CameraSettings,
}

/// Names hold what real ones do: characters that GB2312 lacks (喆, 𠮷), and characters that XML escapes.
const ROWS: [Row; 12] = [
    Row {
        audio: Some(ClipKind::Aac48k),
        ..row("天元小学东门", "泰山西路12号", ClipKind::H264Main1080p)
    },
    Row {
        audio: Some(ClipKind::G711A),
        settle: |settings| settings.aggregate(false),
        ..row("隆兴中学操场", "黄山路8号", ClipKind::H264Baseline720p)
    },
    Row {
        audio: Some(ClipKind::Aac48k),
        ..row("区人民医院门诊大厅", "长江南路66号", ClipKind::H264BFrames)
    },
    row(
        "泰山路社区卫生服务中心",
        "泰山路116号",
        ClipKind::H264TwoPpsSeiAud,
    ),
    row("神农大道与珠江路路口", "神农大道", ClipKind::H2651080p),
    Row {
        audio: Some(ClipKind::G711U),
        ..row("王家坪夜市", "王家坪街", ClipKind::H265720p)
    },
    row("一期&二期工地<东区>塔吊", "天台路", ClipKind::H2644k),
    Row {
        audio: Some(ClipKind::G711A),
        settle: |settings| settings.digest("admin", "Tianyuan#2026"),
        ..row("安置房三期大门", "栗雨路", ClipKind::H264Main1080p)
    },
    Row {
        settle: |settings| settings.parameter_sets(ParameterSets::SdpOnly),
        ..row("新马园区北门", "新马东路", ClipKind::H264BFrames)
    },
    Row {
        audio: Some(ClipKind::Aac16k),
        settle: |settings| settings.parameter_sets(ParameterSets::SdpOnly),
        ..row("园区危化品仓库", "仙月环路", ClipKind::H265BFrames)
    },
    Row {
        audio: Some(ClipKind::Aac16k),
        settle: |settings| settings.parameter_sets(ParameterSets::InBandOnly),
        ..row("喆𠮷便利店门口", "庐山路3号", ClipKind::H264Baseline720p)
    },
    Row {
        audio: Some(ClipKind::G711U),
        ..row(
            "滨江小区地下车库入口",
            "滨江南路",
            ClipKind::H264TwoPpsSeiAud,
        )
    },
];

const fn row(name: &'static str, place: &'static str, video: ClipKind) -> Row {
    Row {
        name,
        place,
        video,
        audio: None,
        settle: |settings| settings,
    }
}

/// Returns the twelve cameras, on 127.20.*department*.*number*, with clips kept in `cache`.
///
/// # Errors
/// When a clip cannot be made.
pub fn quickstart(cache: &Path, port: u16) -> anyhow::Result<Vec<Entry>> {
    let mut wanted: Vec<ClipKind> = Vec::new();
    for kind in ROWS
        .iter()
        .flat_map(|row| std::iter::once(row.video).chain(row.audio))
    {
        if !wanted.contains(&kind) {
            wanted.push(kind);
        }
    }
    let clips = prepare(cache, &wanted)?;
    let clip = |kind: ClipKind| -> anyhow::Result<&Arc<Clip>> {
        clips
            .iter()
            .find(|clip| clip.kind() == kind)
            .context("a clip of the table was not made")
    };
    let entry = |(n, row): (usize, &Row)| {
        let settings = CameraSettings::new(clip(row.video)?);
        let settings = match row.audio {
            Some(audio) => settings.audio(clip(audio)?),
            None => settings,
        };
        let department = &DEPARTMENTS[n / 2];
        let host = Ipv4Addr::new(127, 20, 1 + (n / 2) as u8, 1 + (n % 2) as u8);
        Ok(Entry {
            name: row.name.to_owned(),
            department,
            source_id: format!("{}-{:02}", department.id, n % 2 + 1),
            address: (IpAddr::V4(host), port).into(),
            place: format!("株洲市天元区{}", row.place),
            position: (
                113.082_000 + n as f64 * 0.003_1,
                27.826_000 + n as f64 * 0.001_7,
            ),
            settings: (row.settle)(settings),
        })
    };
    ROWS.iter().enumerate().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (n, row) in ROWS.iter().enumerate() {
            assert!(
                ROWS[..n].iter().all(|other| other.name != row.name),
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn some_names_cannot_be_written_in_gb2312_and_all_can_in_gb18030() {
        let (_, _, has_unmappable) =
            encoding_rs::GB18030.encode(&ROWS.map(|row| row.name).concat());
        assert!(!has_unmappable);
        // 𠮷 takes four bytes, which GBK and GB2312 do not have.
        assert_eq!(encoding_rs::GB18030.encode("𠮷").0.len(), 4);
    }
}
