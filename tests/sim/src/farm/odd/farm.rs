//! A farm of odd cameras: one of each row.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::Context as _;

use super::super::inventory::{DEPARTMENTS, Entry};
use super::super::settings::CameraSettings;
use super::OddSdp;
use crate::clips::{ClipKind, Codec, prepare};

/// A clip of each codec that a row may be made for.
const CLIPS: [ClipKind; 5] = [
    ClipKind::H264Small,
    ClipKind::H265720p,
    ClipKind::Aac16k,
    ClipKind::G711A,
    ClipKind::G711U,
];

/// Returns a camera of each odd description, on 127.22.*x*.*y*, with clips kept in `cache`; each is named as its row.
///
/// # Errors
/// When a clip cannot be made.
pub fn odd(cache: &Path, port: u16) -> anyhow::Result<Vec<Entry>> {
    let clips = prepare(cache, &CLIPS)?;
    let clip = |codec: Codec| {
        let clip = clips.iter().find(|clip| clip.codec() == codec);
        clip.with_context(|| format!("there is no clip of {}", codec.name()))
    };
    let entry = |(n, row): (usize, &'static OddSdp)| {
        let host = Ipv4Addr::new(127, 22, (n / 250) as u8, (1 + n % 250) as u8);
        let settings = CameraSettings::new(clip(row.video)?).odd_sdp(row);
        let settings = match row.audio {
            Some(codec) => settings.audio(clip(codec)?),
            None => settings,
        };
        Ok(Entry {
            name: row.name.to_owned(),
            department: &DEPARTMENTS[n % DEPARTMENTS.len()],
            source_id: format!("odd-{n:03}"),
            address: (IpAddr::V4(host), port).into(),
            place: "株洲市天元区".to_owned(),
            position: (113.05, 27.80),
            settings,
        })
    };
    OddSdp::all().into_iter().enumerate().map(entry).collect()
}
