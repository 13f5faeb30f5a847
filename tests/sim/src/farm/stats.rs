//! What a camera counts, for tests to wait on.

use std::collections::BTreeMap;

/// Counters of a camera since it was started; a revival does not reset them.
#[derive(Debug, Clone, Default, Eq, PartialEq)]
pub struct CameraStats {
    /// RTSP connections open now.
    pub connections: u64,
    /// RTSP connections accepted.
    pub connections_total: u64,
    /// Connections open now on which no PLAY was answered with 200 yet.
    pub handshakes: u64,
    /// The most that `handshakes` has been.
    pub handshakes_max: u64,
    /// Requests received, by method.
    pub requests: BTreeMap<&'static str, RequestStats>,
    /// Sessions set up and not ended yet.
    pub sessions: u64,
    /// Sessions set up.
    pub sessions_total: u64,
    /// Sessions playing now.
    pub playing: u64,
    /// PLAY requests answered with 200.
    pub plays: u64,
    /// TEARDOWN requests answered with 200.
    pub teardowns: u64,
    /// DESCRIBE requests answered with 200.
    pub describes: u64,
    /// Requests that kept a session alive: OPTIONS, GET_PARAMETER and SET_PARAMETER inside it.
    pub keepalives: u64,
    /// Requests answered with 401 though they brought credentials.
    pub wrong_credentials: u64,
    /// Those of them whose credentials were of another password, not only of an old nonce.
    pub wrong_passwords: u64,
    /// Requests answered with 401 for lack of credentials.
    pub challenges: u64,
    /// SETUP requests refused because of `session_max`.
    pub sessions_refused: u64,
    /// Sessions ended because no request came within their timeout.
    pub sessions_timed_out: u64,
    /// Sessions whose client left without TEARDOWN.
    pub sessions_abandoned: u64,
    /// Bytes sent of answers that do not end.
    pub bytes_flooded: u64,
    /// RTCP packets received.
    pub rtcp_received: u64,
    /// Frames left out because the receiver did not read in time.
    pub frames_skipped: u64,
    /// RTP packets left out by a fault.
    pub packets_dropped: u64,
    /// RTP packets sent twice by a fault.
    pub packets_duplicated: u64,
    /// RTP packets overtaken by the next one by a fault.
    pub packets_reordered: u64,
    /// RTP packets damaged by a fault.
    pub packets_damaged: u64,
    /// Pieces put between frames by a fault.
    pub insertions: u64,
    /// Key frames left out by a fault.
    pub key_frames_left_out: u64,
    /// Bits flipped by `flip_bit_in_access_unit`.
    pub bits_flipped: u64,
    /// What went out of video, over all sessions.
    pub video: TrackStats,
    /// What went out of audio, over all sessions.
    pub audio: TrackStats,
}

impl CameraStats {
    /// Returns how many requests of a method came; methods that RTSP does not know are `"other"`.
    pub fn requests_of(&self, method: &str) -> RequestStats {
        self.requests.get(method).copied().unwrap_or_default()
    }

    /// Takes note of a request.
    pub(super) fn count_request(&mut self, method: &str, has_credentials: bool) {
        let known = METHODS.iter().find(|known| **known == method);
        let count = self
            .requests
            .entry(known.copied().unwrap_or("other"))
            .or_default();
        count.total += 1;
        count.authorized += u64::from(has_credentials);
    }

    /// Takes note of a connection.
    pub(super) fn open_connection(&mut self) {
        self.connections += 1;
        self.connections_total += 1;
        self.handshakes += 1;
        self.handshakes_max = self.handshakes_max.max(self.handshakes);
    }
}

/// The methods that are counted by their names.
const METHODS: [&str; 8] = [
    "OPTIONS",
    "DESCRIBE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
];

/// Requests of a method.
#[derive(Debug, Clone, Copy, Default, Eq, PartialEq)]
pub struct RequestStats {
    /// All of them.
    pub total: u64,
    /// Those that carried an Authorization, right or wrong.
    pub authorized: u64,
}

/// Counters of a track.
#[derive(Debug, Clone, Copy, Default, Eq, PartialEq)]
pub struct TrackStats {
    /// Access units or audio packets sent.
    pub frames: u64,
    /// RTP packets sent.
    pub packets: u64,
    /// Bytes of RTP payload sent.
    pub bytes: u64,
}

impl TrackStats {
    /// Adds another count to this one.
    pub(super) fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}
