//! The table that a person reads.

use std::fmt;

use super::{Cell, Proof, TRANSPORTS};

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![vec!["department".to_owned(), "code".to_owned()]];
        rows[0].extend(TRANSPORTS.map(|media| media.name().to_owned()));
        rows[0].push("camera".into());
        let mut reasons = Vec::new();
        for row in &self.rows {
            let name = &row.camera.name;
            let mut cells = vec![row.camera.department.clone()];
            cells.push(row.code.clone().unwrap_or_else(|_| "none".into()));
            reasons.extend(
                row.code
                    .as_ref()
                    .err()
                    .map(|what| format!("{name}: {what}")),
            );
            cells.extend(row.cells.iter().map(short));
            cells.resize(2 + TRANSPORTS.len(), "-".into());
            cells.push(name.clone());
            for (media, cell) in TRANSPORTS.iter().zip(&row.cells) {
                reasons.extend(
                    cell.outcome
                        .as_ref()
                        .err()
                        .map(|what| format!("{name}, {}: {what}", media.name())),
                );
            }
            rows.push(cells);
        }
        let columns = rows.first().map_or(0, Vec::len);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                rows.iter()
                    .map(|row| width(&row[column]))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in &rows {
            let padded = row
                .iter()
                .zip(&widths)
                .map(|(cell, most)| format!("{cell}{}", " ".repeat(most - width(cell))));
            writeln!(f, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        for reason in reasons.iter().chain(&self.faults) {
            writeln!(f, "! {reason}")?;
        }
        let (held, all) = self.score();
        writeln!(f, "{held} of {all}")
    }
}

/// What fits into a cell.
fn short(cell: &Cell) -> String {
    match (&cell.outcome, cell.first_frame) {
        (Ok(_), Some(after)) => format!("ok {} ms", after.as_millis()),
        (Ok(_), None) => "ok".into(),
        (Err(what), _) => {
            let mut short: String = what.chars().take(REASON_CHARS_MAX).collect();
            if short.len() < what.len() {
                short.push('…');
            }
            short
        }
    }
}

/// Columns on a terminal, where characters from U+2E80 on take two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| if c >= '\u{2E80}' { 2 } else { 1 })
        .sum()
}

/// The whole reason stands below the table.
const REASON_CHARS_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use super::super::*;

    #[test]
    fn a_failed_cell_is_counted_and_explained() {
        let camera: Camera = serde_json::from_value(serde_json::json!({
            "name": "天元小学东门", "department": "education", "department_name": "区教育局",
            "video": {"codec": "h264", "file": "a.h264", "parameter_sets": "sdp_only"}, "audio": null,
        }))
        .unwrap();
        let first_frame = Some(Duration::from_millis(120));
        let wrong = "refused with 480 (camera gives nothing)".to_owned();
        let cells = vec![
            Cell {
                outcome: Ok(Recording::default()),
                first_frame,
            },
            Cell {
                outcome: Err(wrong),
                first_frame: None,
            },
            Cell {
                outcome: Ok(Recording::default()),
                first_frame,
            },
        ];
        let row = Row {
            camera,
            code: Ok("43021100111326000001".into()),
            cells,
        };
        let proof = Proof {
            rows: vec![row],
            faults: Vec::new(),
        };
        let text = proof.to_string();
        assert!(!proof.holds());
        assert!(text.ends_with("2 of 3\n"), "{text}");
        assert!(
            text.contains("! 天元小学东门, TCP passive: refused with 480 (camera gives nothing)"),
            "{text}"
        );
    }
}
