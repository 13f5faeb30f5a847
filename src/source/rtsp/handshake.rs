//! From a connection to media: DESCRIBE, SETUP of each track, PLAY (RFC 2326 §10).

use super::failure::Failure;
use super::line::{Aside, Line};
use super::media::{Media, Track, TrackKind};
use crate::ledger::Cause;
use crate::proto::rtp::Reception;
use crate::proto::rtsp::{Base, SessionHeader, parse_interleaved};
use crate::proto::sdp::{CameraDescription, CameraMedia, CameraTrack, parse_camera};

/// Starts to play; what comes before PLAY is answered is in `aside`.
pub(super) async fn shake_hands(line: &mut Line, aside: &mut Aside) -> Result<Media, Failure> {
    let url = line.url().to_owned();
    let described = line
        .ask("DESCRIBE", &url, "Accept: application/sdp\r\n", aside)
        .await?;
    let base = Base::of(&described.headers, &url);
    let description = parse_camera(&described.body);
    if !description.is_sdp {
        let detail = "what it describes its stream with is no SDP";
        return Err(Failure::new(Cause::RtspError, detail));
    }
    let chosen = choose_tracks(&description)?;
    line.rename(base.control(description.control.as_deref()));
    let mut media = Media::default();
    for (number, (kind, track)) in (0_u8..).zip(chosen) {
        let url = base.control(track.control.as_deref());
        let channel = set_up(line, &url, 2 * number, aside).await?;
        if let Some(depacketizer) = track.media.depacketizer() {
            media.add(Track {
                kind,
                channel,
                reception: Reception::new(track.clock_rate),
                depacketizer,
            });
        }
    }
    let url = line.url().to_owned();
    line.ask("PLAY", &url, "Range: npt=0.000-\r\n", aside)
        .await?;
    Ok(media)
}

/// Sets a track up over the connection itself; returns the channel that its RTP is on.
async fn set_up(line: &mut Line, url: &str, channel: u8, aside: &mut Aside) -> Result<u8, Failure> {
    let transport = format!(
        "Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{}\r\n",
        channel + 1
    );
    let answer = line.ask("SETUP", url, &transport, aside).await?;
    let session = answer.headers.get("Session").and_then(SessionHeader::parse);
    if let Some(session) = session {
        line.begin(session);
    }
    if line.session().is_none() {
        let detail = "its answer to SETUP names no session";
        return Err(Failure::new(Cause::RtspError, detail));
    }
    let named = answer.headers.get("Transport").and_then(parse_interleaved);
    Ok(named.unwrap_or(channel))
}

/// Takes the first video and the first audio track that can be passed on.
fn choose_tracks(
    description: &CameraDescription,
) -> Result<impl Iterator<Item = (TrackKind, &CameraTrack)>, Failure> {
    let first = |is_video: bool| {
        let mut tracks = description.tracks.iter().enumerate();
        tracks.find_map(|(number, track)| {
            let kind = match track.media {
                CameraMedia::Video { codec, .. } => TrackKind::Video(codec),
                CameraMedia::Audio(codec, _) => TrackKind::Audio(codec),
                CameraMedia::Other(_) => return None,
            };
            let is_it = is_video == matches!(kind, TrackKind::Video(_));
            is_it.then_some((number, kind, track))
        })
    };
    let Some(video) = first(true) else {
        return Err(Failure::new(
            Cause::CodecUnsupported,
            what_there_is(description),
        ));
    };
    // In the order of the SDP, as cameras expect to be asked.
    let mut chosen: Vec<_> = [Some(video), first(false)].into_iter().flatten().collect();
    chosen.sort_by_key(|(number, ..)| *number);
    Ok(chosen.into_iter().map(|(_, kind, track)| (kind, track)))
}

fn what_there_is(description: &CameraDescription) -> String {
    let names: Vec<_> = description
        .tracks
        .iter()
        .map(|track| track.media.encoding())
        .collect();
    if names.is_empty() {
        "its SDP names no stream".to_owned()
    } else {
        format!("no H.264 or H.265 among: {}", names.join(", "))
    }
}
