//! What the curves say.

use anyhow::Context as _;
use serde_json::json;

use super::curve::{Curve, Point};
use crate::report::Report;
use crate::spread::slope;

/// Writes what a session more costs, beside a send of the same bytes that the kernel cuts into packets; returns whether
/// that is no more than it may be.
///
/// Both are differences between the same two sizes, so that what the one camera costs is in neither.
pub(super) fn fan_out(sessions: &Curve, report: &mut Report) -> anyhow::Result<bool> {
    let (Some(few), Some(many)) = (sessions.at(SESSIONS_FEW), sessions.at(SESSIONS_MANY)) else {
        println!(
            "fan-out: not measured, it takes {SESSIONS_FEW} and {SESSIONS_MANY} sessions that count"
        );
        return Ok(true);
    };
    let rise = |cores: fn(&Point) -> f64| {
        slope(
            (few.size as f64, cores(few)),
            (many.size as f64, cores(many)),
        )
    };
    let (session, send) = (
        rise(|point| point.gateway.cores),
        rise(|point| point.floor.cores),
    );
    let ratio = session / send;
    let holds = ratio <= SESSION_MAX;
    println!(
        "fan-out: {ratio:.2}, a session ÷ an offloaded send from {SESSIONS_FEW} to {SESSIONS_MANY} sessions ({:.4} ÷ {:.4} mcores); {SESSION_MAX} {}",
        session * 1e3,
        send * 1e3,
        if holds { "holds" } else { "does not hold" },
    );
    report.write(&json!({
        "finding": "fan-out",
        "sessions": many.size,
        "cores_a_session": session,
        "cores_a_send": send,
        "ratio": ratio,
        "holds": holds,
    }))?;
    Ok(holds)
}

/// Writes what a stream more takes of memory; returns whether that is no more than it may be.
pub(super) fn memory(cameras: &Curve, report: &mut Report) -> anyhow::Result<bool> {
    let (Some(few), Some(many)) = (cameras.at(FEW), cameras.at(MANY)) else {
        println!("memory: not measured, it takes {FEW} and {MANY} cameras that count");
        return Ok(true);
    };
    let expected = cameras.expected.as_ref();
    let group = expected.context("nothing was measured")?.group_bytes();
    let rise = slope(
        (few.size as f64, few.gateway.rss),
        (many.size as f64, many.gateway.rss),
    );
    let limit = GROUPS_MAX * group + STREAM_BYTES_MAX;
    let holds = rise <= limit;
    println!(
        "memory: {:.0} KiB a stream from {FEW} to {MANY}; {:.0} KiB, {GROUPS_MAX} groups of {:.0} KiB and {:.0} KiB, {}",
        rise / KIBIBYTE,
        limit / KIBIBYTE,
        group / KIBIBYTE,
        STREAM_BYTES_MAX / KIBIBYTE,
        if holds { "holds" } else { "does not hold" },
    );
    report.write(&json!({
        "finding": "memory",
        "bytes_a_stream": rise,
        "bytes_a_stream_at_most": limit,
        "group_bytes": group,
        "holds": holds,
    }))?;
    Ok(holds)
}

/// Between these numbers of sessions of a camera their cost is looked at.
const SESSIONS_FEW: usize = 100;
const SESSIONS_MANY: usize = 200;
/// How much more than the offloaded send alone a session may cost.
const SESSION_MAX: f64 = 1.3;
/// Between these numbers of cameras memory is looked at.
const FEW: usize = 50;
const MANY: usize = 200;
/// A stream keeps its group of pictures, and a little of the one before it.
const GROUPS_MAX: f64 = 1.25;
/// What a stream has besides: buffers, tasks, sockets.
const STREAM_BYTES_MAX: f64 = 256.0 * KIBIBYTE;
const KIBIBYTE: f64 = 1024.0;
