//! The report as rows of a table, and as text.

use super::{Example, Kind, Part, Points};

/// Parts as a table: a header, then one row a thing that is said. The same in a CSV file and on a sheet.
pub fn rows<'a>(parts: impl Iterator<Item = &'a Part>) -> Vec<Vec<String>> {
    let mut rows = vec![HEADER.map(str::to_owned).to_vec()];
    for part in parts {
        let (id, name) = part.department.clone().unwrap_or_default();
        let mut add = |cells: [String; 9]| {
            let mut row = vec![id.clone(), name.clone()];
            row.extend(cells);
            rows.push(row);
        };
        add(plain("score", "", part.cameras, part.score));
        if part.disabled > 0 {
            add(plain("disabled", "", part.disabled, None));
        }
        for class in &part.classes {
            let number = class.point_class.to_string();
            add(plain("class", &number, class.cameras, class.complete));
            for field in &class.fields {
                let filled = Points::part(field.filled, field.needed);
                let mut cells = plain("field", &number, field.filled, Some(filled));
                cells[2] = field.field.name().to_owned();
                add(cells);
            }
        }
        for finding in &part.findings {
            let examples = finding.examples.iter().map(told);
            let mut cells = of_kind("finding", finding.kind, finding.count);
            cells[8] = examples.collect::<Vec<_>>().join("; ");
            add(cells);
        }
        for raise in &part.raises {
            let mut cells = of_kind("raise", raise.kind, raise.count);
            cells[5] = raise.by.to_string();
            add(cells);
        }
        for pair in &part.duplicates {
            let mut cells = of_kind("duplicate", Kind::Duplicate(pair.by), 2);
            cells[6].clear();
            cells[7].clear();
            cells[8] = format!("{}; {}", told(&pair.one), told(&pair.other));
            add(cells);
        }
    }
    rows
}

/// The columns of [`rows`]: whose; what the row is of; point class, field, severity; cameras; points or per cent; what
/// to do in Chinese and in English; cameras that stand for others.
const HEADER: [&str; 11] = [
    "department",
    "department_name",
    "row",
    "point_class",
    "field",
    "severity",
    "cameras",
    "points",
    "zh",
    "en",
    "examples",
];

fn plain(row: &str, class: &str, cameras: usize, points: Option<Points>) -> [String; 9] {
    let points = points.map(|points| points.to_string()).unwrap_or_default();
    let mut cells: [String; 9] = Default::default();
    cells[0] = row.to_owned();
    cells[1] = class.to_owned();
    cells[4] = cameras.to_string();
    cells[5] = points;
    cells
}

fn of_kind(row: &str, kind: Kind, count: usize) -> [String; 9] {
    let mut cells = plain(row, "", count, None);
    cells[2] = kind.field().to_owned();
    cells[3] = kind.severity().name().to_owned();
    cells[6] = kind.zh(count);
    cells[7] = kind.en(count);
    cells
}

fn told(example: &Example) -> String {
    format!("{} {}", example.id, example.name)
}

/// Parts as text for a screen, each line in Chinese and in English.
pub fn text<'a>(parts: impl Iterator<Item = &'a Part>) -> String {
    let texts: Vec<_> = parts.map(|part| lines(part).join("\n")).collect();
    texts.join("\n\n") + "\n"
}

fn lines(part: &Part) -> Vec<String> {
    let whose = match &part.department {
        Some((id, name)) => format!("{name} ({id})"),
        None => "全部 all departments".to_owned(),
    };
    let score = part
        .score
        .map_or_else(|| "-".to_owned(), |score| score.to_string());
    let mut lines = vec![format!(
        "{whose}: 得分 score {score}, 摄像机 cameras {}",
        part.cameras
    )];
    if part.disabled > 0 {
        lines.push(format!("  停用 disabled {}", part.disabled));
    }
    for class in &part.classes {
        let complete = class
            .complete
            .map_or_else(|| "-".to_owned(), |part| part.to_string());
        lines.push(format!(
            "  点位类型 class {}: 摄像机 cameras {}, 完整率 complete {complete} %",
            class.point_class, class.cameras
        ));
    }
    if !part.raises.is_empty() {
        lines.push("提分 what raises it most".to_owned());
    }
    lines.extend(part.raises.iter().map(|raise| {
        let (kind, count) = (raise.kind, raise.count);
        format!(
            "  {:>7} {} / {}",
            format!("+{}", raise.by),
            kind.zh(count),
            kind.en(count)
        )
    }));
    if !part.findings.is_empty() {
        lines.push("问题 findings".to_owned());
    }
    for finding in &part.findings {
        let (kind, count) = (finding.kind, finding.count);
        lines.push(format!(
            "  {} {}: {} / {}",
            kind.severity().name(),
            kind.name(),
            kind.zh(count),
            kind.en(count)
        ));
        lines.extend(
            finding
                .examples
                .iter()
                .map(|example| format!("    {}", told(example))),
        );
    }
    if !part.duplicates.is_empty() {
        lines.push("可能重复 may be one".to_owned());
    }
    lines.extend(part.duplicates.iter().map(|pair| {
        format!(
            "  {}: {} = {}",
            pair.by.name(),
            told(&pair.one),
            told(&pair.other)
        )
    }));
    lines
}
