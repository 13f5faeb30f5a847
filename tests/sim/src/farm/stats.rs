//! What a camera counts, for tests to wait on.

/// Counters of a camera since it was started; a revival does not reset them.
#[derive(Debug, Clone, Default, Eq, PartialEq)]
pub struct CameraStats {
    /// RTSP connections open now.
    pub connections: u64,
    /// RTSP connections accepted.
    pub connections_total: u64,
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
    /// Requests answered with 401 for lack of credentials.
    pub challenges: u64,
    /// SETUP requests refused because of `session_max`.
    pub sessions_refused: u64,
    /// Sessions ended because no request came within their timeout.
    pub sessions_timed_out: u64,
    /// Sessions whose client left without TEARDOWN.
    pub sessions_abandoned: u64,
    /// RTCP packets received.
    pub rtcp_received: u64,
    /// Frames left out because the receiver did not read in time.
    pub frames_skipped: u64,
    /// RTP packets left out by `drop_rtp_every`.
    pub packets_dropped: u64,
    /// Bits flipped by `flip_bit_in_access_unit`.
    pub bits_flipped: u64,
    /// What went out of video, over all sessions.
    pub video: TrackStats,
    /// What went out of audio, over all sessions.
    pub audio: TrackStats,
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
