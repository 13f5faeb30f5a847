//! `growth`: how the cost grows with cameras, and with sessions of one camera.

mod charts;
mod curve;
mod findings;

use huiju_sim::clips::ClipKind;

use crate::cases::{Case, ONE_SESSION};
use crate::growth::curve::Curve;
use crate::parameters::Parameters;
use crate::report::Report;

/// Cases that differ in one number.
#[derive(Clone, Copy, Debug)]
struct Series {
    name: &'static str,
    /// What grows.
    unit: Unit,
    video: ClipKind,
    sizes: &'static [usize],
}

/// What there is more and more of.
#[derive(Clone, Copy, Debug)]
enum Unit {
    /// Cameras, each looked at once.
    Cameras,
    /// Sessions of one camera.
    Sessions,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Cameras => "cameras",
            Self::Sessions => "sessions",
        }
    }
}

impl Series {
    fn case(&self, size: usize) -> Case {
        let (cameras, copies) = match self.unit {
            Unit::Cameras => (size, 1),
            Unit::Sessions => (1, size),
        };
        Case {
            name: self.name,
            cameras,
            video: self.video,
            copies,
            peers: 0,
            ..ONE_SESSION
        }
    }
}

/// Measures all sizes, each with the floor beside it; returns whether every run counts, and
/// memory and the cost of a session grow as they may.
pub(crate) async fn measure(parameters: &Parameters, report: &mut Report) -> anyhow::Result<bool> {
    let small = Box::pin(Curve::measure(&SMALL, parameters, report)).await?;
    let large = Box::pin(Curve::measure(&LARGE, parameters, report)).await?;
    let sessions = Box::pin(Curve::measure(&SESSIONS, parameters, report)).await?;
    let curves = [&small, &large, &sessions];
    for curve in curves {
        curve.print();
    }
    let fan_out_holds = findings::fan_out(&sessions, report)?;
    let memory_holds = findings::memory(&large, report)?;
    if let Some(folder) = &parameters.charts {
        charts::write(folder, curves)?;
    }
    let all_count = curves.iter().all(|curve| curve.all_count);
    Ok(all_count && fan_out_holds && memory_holds)
}

/// Measures the sessions of one camera alone; returns whether every run counts, and a session costs what it may.
pub(crate) async fn measure_sessions(
    parameters: &Parameters,
    report: &mut Report,
) -> anyhow::Result<bool> {
    let sessions = Box::pin(Curve::measure(&SESSIONS, parameters, report)).await?;
    sessions.print();
    let holds = findings::fan_out(&sessions, report)?;
    Ok(sessions.all_count && holds)
}

/// As many as the machine carries with the cameras and the receivers.
const SMALL: Series = Series {
    name: "growth-128k",
    unit: Unit::Cameras,
    video: ClipKind::H264Small,
    sizes: &[10, 50, 100, 200, 400, 1000],
};
const LARGE: Series = Series {
    name: "growth-4m",
    unit: Unit::Cameras,
    video: ClipKind::H264Load4m,
    sizes: &[50, 100, 150, 200],
};
const SESSIONS: Series = Series {
    name: "growth-sessions",
    unit: Unit::Sessions,
    video: ClipKind::H264Load4m,
    sizes: &[1, 10, 50, 100, 200],
};
