//! RTP (RFC 3550): what cameras send is taken apart here, what platforms get is put together here.
//!
//! [`Depacketizer`] turns a camera's packets into frames bit for bit; [`Packetizer`] cuts packs into
//! packets; [`SenderReport`] is the RTCP that goes with them.

mod aac;
mod g711;
mod gather;
mod h264;
mod h265;
mod packetize;
mod reception;
mod sender_report;
mod video;

pub use aac::AacConfig;
pub use gather::{GATHERED_MAX, HEADER_LEN, Heads, Laid, PAYLOAD_MAX, Slices};
pub use packetize::{Framing, Packetizer, Packets};
pub use reception::{Arrival, Header, Reception};
pub use sender_report::SenderReport;

use bytes::Bytes;

use crate::media::{MediaTime, VideoCodec};

/// A synchronisation source (RFC 3550 §3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ssrc(pub u32);

/// One RTP packet of a track, as its session hands it over.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The camera's time of the packet, unwrapped and in 90 kHz ticks.
    pub time: MediaTime,
    /// The marker bit.
    pub is_marked: bool,
    /// How many packets are missing before this one.
    pub lost: u16,
    /// What follows the RTP header.
    pub payload: &'a [u8],
}

/// A frame as it left the camera: its time is still the camera's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RawFrame {
    /// The camera's presentation time.
    pub time: MediaTime,
    /// Whether decoding can start here; `false` for audio.
    pub is_key: bool,
    /// How many frames may overtake another, where a sequence parameter set of this frame tells.
    pub reorder_depth: Option<u8>,
    /// Width and height in pixels, where a sequence parameter set of this frame tells.
    pub size: Option<(u32, u32)>,
    /// Annex B for video, an ADTS frame for AAC, samples for G.711.
    pub data: Bytes,
}

/// Why a packet was not used. The stream goes on with the next one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DepacketizeError {
    /// What should be a packet has no header of RTP.
    #[error("packet has no header")]
    NoHeader,
    /// The packet ends before its own structure does.
    #[error("packet is shorter than its headers say")]
    Truncated,
    /// A packet type that no camera known to us uses (RFC 6184 §5.2: STAP-B, MTAP, FU-B; RFC 7798: PACI).
    #[error("packet type {0} is not supported")]
    UnsupportedType(u8),
    /// A fragment without the one before it.
    #[error("fragment without a start")]
    StrayFragment,
    /// An access unit grew past the limit.
    #[error("access unit is larger than {} bytes", FRAME_BYTES_MAX)]
    TooLarge,
}

/// The largest frame that is taken from a camera, in bytes.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Puts the packets of one track together to frames.
#[derive(Debug)]
pub enum Depacketizer {
    /// RFC 6184.
    H264(h264::H264),
    /// RFC 7798.
    H265(h265::H265),
    /// RFC 3640, mode AAC-hbr.
    Aac(aac::Aac),
    /// RFC 3551 §4.5.14.
    G711,
}

impl Depacketizer {
    /// Starts on a video track; `parameter_sets` are those of the camera's SDP, without start codes.
    pub fn video(codec: VideoCodec, parameter_sets: Vec<Bytes>) -> Self {
        match codec {
            VideoCodec::H264 => Self::H264(h264::H264::new(parameter_sets)),
            VideoCodec::H265 => Self::H265(h265::H265::new(parameter_sets)),
        }
    }

    /// Starts on an AAC track.
    pub fn aac(config: AacConfig) -> Self {
        Self::Aac(aac::Aac::new(config))
    }

    /// Takes the next packet and hands every frame that it completes to `sink`.
    ///
    /// # Errors
    ///
    /// The packet was not used; a broken access unit is dropped whole, and video goes on at the next
    /// key frame.
    pub fn push(
        &mut self,
        packet: &Packet<'_>,
        sink: &mut dyn FnMut(RawFrame),
    ) -> Result<(), DepacketizeError> {
        match self {
            Self::H264(track) => track.push(packet, sink),
            Self::H265(track) => track.push(packet, sink),
            Self::Aac(track) => track.push(packet, sink),
            Self::G711 => {
                g711::push(packet, sink);
                Ok(())
            }
        }
    }
}
