//! The least that relaying can cost: bytes read from cameras over TCP, and as many sent on in large sends.
//!
//! One thread waits on one epoll for all cameras. It looks into nothing that it reads: there is no depacketizing, no
//! program stream, no RTP of its own, no pacing and no report. A gateway's cost is told in multiples of this.
//!
//! ```text
//! camera ──RTSP, TCP──▶ Source ─▶ Relay (one buffer for all) ─▶ Outlet ──UDP with segmentation offload, or TCP──▶
//! ```

pub mod cli;
mod outlet;
mod relay;
mod source;
#[cfg(test)]
mod tests;
