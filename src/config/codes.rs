//! The codes that one platform has for cameras, from a CSV file with the columns `camera` (id or own code) and `code`.

use std::collections::HashSet;
use std::path::Path;

use super::values::check_size;
use crate::catalog::{CameraKey, GbCode, OverrideCodes};

/// Reads the codes.
pub(super) fn read(path: &Path) -> Result<OverrideCodes, String> {
    let shown = path.display();
    check_size(path, BYTES_MAX)?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| format!("{shown}: {error}"))?;
    let header = reader
        .headers()
        .map_err(|error| format!("{shown}: {error}"))?;
    let header: Vec<_> = header
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}'))
        .collect();
    if header != ["camera", "code"] {
        return Err(format!("{shown}:1: the columns must be camera,code"));
    }
    let (mut codes, mut problems) = (Vec::new(), Vec::new());
    let (mut cameras, mut given) = (HashSet::new(), HashSet::new());
    for record in reader.records() {
        let record = record.map_err(|error| format!("{shown}: {error}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        match pair(&record) {
            Ok((camera, code)) if cameras.insert(camera) && given.insert(code) => {
                codes.push((camera, code));
            }
            Ok(_) => problems.push(format!(
                "{shown}:{line}: the camera or the code stands twice"
            )),
            Err(wrong) => problems.push(format!("{shown}:{line}: {wrong}")),
        }
    }
    if problems.is_empty() {
        return Ok(OverrideCodes::new(codes));
    }
    let more = problems.len().saturating_sub(PROBLEMS_MAX);
    problems.truncate(PROBLEMS_MAX);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    Err(problems.join("; "))
}

fn pair(record: &csv::StringRecord) -> Result<(CameraKey, GbCode), String> {
    let field = |place| record.get(place).unwrap_or_default();
    let (camera, code) = (field(0), field(1));
    let key = camera
        .parse()
        .map_err(|wrong| format!("camera: `{camera}` {wrong}"))?;
    let parsed: GbCode = code
        .parse()
        .map_err(|wrong| format!("code: `{code}`: {wrong}"))?;
    // 111 to 130 are recorders and the like, 131 to 199 what is behind them (2016 annex D).
    match parsed.kind() {
        131 | 132 => Ok((key, parsed)),
        _ => Err(format!(
            "code: `{code}` is no camera's: its digits 11 to 13 must be 131 or 132"
        )),
    }
}

const BYTES_MAX: u64 = 16 << 20;
const PROBLEMS_MAX: usize = 20;
