//! What the curves say.

use anyhow::Context as _;
use serde_json::json;

use super::curve::Curve;
use crate::report::Report;
use crate::spread::slope;

/// Writes what the last of the sessions costs, beside a send of the same bytes that the kernel cuts into packets.
///
/// Both are differences, so that what the one camera costs is in neither: the gateway's from the size before the last,
/// the floor's from the first, since each of its copies costs the same.
pub(super) fn fan_out(sessions: &Curve, report: &mut Report) -> anyhow::Result<()> {
    let [first, .., before, last] = sessions.points.as_slice() else {
        println!("fan-out: not measured, it takes three sizes at least");
        return Ok(());
    };
    let session = slope(
        (before.size as f64, before.gateway.cores),
        (last.size as f64, last.gateway.cores),
    );
    let send = slope(
        (first.size as f64, first.floor.cores),
        (last.size as f64, last.floor.cores),
    );
    println!(
        "fan-out: session {} ÷ offloaded send: {:.2} ({:.4} mcores from {} to {} ÷ {:.4} mcores from {} to {})",
        last.size,
        session / send,
        session * 1e3,
        before.size,
        last.size,
        send * 1e3,
        first.size,
        last.size,
    );
    report.write(&json!({
        "finding": "fan-out",
        "sessions": last.size,
        "cores_a_session": session,
        "cores_a_send": send,
        "ratio": session / send,
    }))
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

/// Between these numbers of cameras memory is looked at.
const FEW: usize = 50;
const MANY: usize = 200;
/// A stream keeps its group of pictures, and a little of the one before it.
const GROUPS_MAX: f64 = 1.25;
/// What a stream has besides: buffers, tasks, sockets.
const STREAM_BYTES_MAX: f64 = 256.0 * KIBIBYTE;
const KIBIBYTE: f64 = 1024.0;
