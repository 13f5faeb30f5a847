//! Odd session descriptions, as cameras were seen to send them.
//!
//! A table: each row changes the sound description of a camera, and says what becomes of it with a client that tolerates
//! what can be tolerated. The camera serves media for all that can be played, whatever the oddity.

mod control;
mod farm;
mod form;
mod media;
mod sprop;

pub use farm::odd;

use super::description::{Description, Media};
use crate::clips::Codec;

/// An odd description.
#[derive(Debug)]
pub struct OddSdp {
    /// Its name.
    pub name: &'static str,
    /// Who does so, and where it was reported: a project's issue by its number. `no report:` where it was not seen but is
    /// likely.
    pub report: &'static str,
    /// What becomes of it.
    pub expected: Expected,
    /// The codec of the video that it is made for.
    pub video: Codec,
    /// The codec of the audio that it is made for, if it needs audio.
    pub audio: Option<Codec>,
    pub(super) apply: fn(&mut Description),
}

/// What becomes of a description with a tolerant client.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub enum Expected {
    /// The video plays.
    Plays,
    /// It has no video that could play, for this reason.
    Fails(Failure),
}

/// Why a description cannot be played.
#[derive(Debug, Clone, Copy, Eq, PartialEq)]
pub enum Failure {
    /// The only video is neither H.264 nor H.265, or does not say what it is.
    CodecUnsupported,
    /// There is no video.
    NoVideo,
    /// It is no description.
    Unreadable,
}

impl OddSdp {
    /// Returns all rows.
    pub fn all() -> Vec<&'static Self> {
        let tables = [control::ROWS, form::ROWS, media::ROWS, sprop::ROWS];
        tables.into_iter().flatten().collect()
    }

    /// Returns the row of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().into_iter().find(|row| row.name == name)
    }
}

/// A row that plays, of a camera with H.264 alone.
const fn plays(name: &'static str, report: &'static str, apply: fn(&mut Description)) -> OddSdp {
    OddSdp {
        name,
        report,
        expected: Expected::Plays,
        video: Codec::H264,
        audio: None,
        apply,
    }
}

/// A row that does not play, of a camera with H.264 alone.
const fn fails(
    name: &'static str,
    report: &'static str,
    failure: Failure,
    apply: fn(&mut Description),
) -> OddSdp {
    OddSdp {
        expected: Expected::Fails(failure),
        ..plays(name, report, apply)
    }
}

/// The same row of a camera with H.265.
const fn h265(row: OddSdp) -> OddSdp {
    OddSdp {
        video: Codec::H265,
        ..row
    }
}

/// The same row of a camera with audio too.
const fn with_audio(row: OddSdp, audio: Codec) -> OddSdp {
    OddSdp {
        audio: Some(audio),
        ..row
    }
}

/// Replaces the lines that begin so, or takes them out.
fn replace(lines: &mut Vec<String>, start: &str, line: Option<&str>) {
    match line {
        None => lines.retain(|known| !known.starts_with(start)),
        Some(line) => lines
            .iter_mut()
            .filter(|known| known.starts_with(start))
            .for_each(|known| line.clone_into(known)),
    }
}

impl Description {
    /// Replaces a line of the session.
    fn set(&mut self, start: &str, line: &str) {
        replace(&mut self.session, start, Some(line));
    }

    /// Takes lines out of the session.
    fn remove(&mut self, start: &str) {
        replace(&mut self.session, start, None);
    }

    /// Adds a line to the end of the session.
    fn add(&mut self, line: &str) {
        self.session.push(line.to_owned());
    }

    /// The video, which is the first media line of a sound description.
    fn video(&mut self) -> &mut Media {
        &mut self.media[0]
    }

    /// The audio, which is the second one.
    fn audio(&mut self) -> &mut Media {
        &mut self.media[1]
    }

    /// Puts a media line of which nothing is sent at a place.
    fn insert(&mut self, at: usize, lines: &[&str]) {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        let media = Media {
            lines,
            ..Media::default()
        };
        self.media.insert(at, media);
    }
}

impl Media {
    fn set(&mut self, start: &str, line: &str) {
        replace(&mut self.lines, start, Some(line));
    }

    fn remove(&mut self, start: &str) {
        replace(&mut self.lines, start, None);
    }

    fn add(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }

    /// Replaces a piece of text in all lines.
    fn edit(&mut self, from: &str, to: &str) {
        for line in &mut self.lines {
            *line = line.replace(from, to);
        }
    }

    /// Changes the payload type, of the packets too.
    fn number(&mut self, payload_type: u8) {
        let (old, new) = (self.payload_type, payload_type);
        self.payload_type = payload_type;
        self.edit(&format!("RTP/AVP {old}"), &format!("RTP/AVP {new}"));
        self.edit(&format!("rtpmap:{old}"), &format!("rtpmap:{new}"));
        self.edit(&format!("fmtp:{old}"), &format!("fmtp:{new}"));
    }
}
