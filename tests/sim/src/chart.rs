//! Charts of what was measured, as SVG for the documentation.

use std::path::Path;

use anyhow::Context as _;
use plotters::prelude::*;

/// A chart: one line or more over the same axes.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// What is to the right.
    pub x: String,
    /// What is upward, from 0.
    pub y: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A line of a chart.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it is of.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// Writes charts below one another into one SVG file.
///
/// # Errors
/// When a chart has no points, or the file cannot be written.
pub fn write(path: &Path, charts: &[Chart]) -> anyhow::Result<()> {
    let height = CHART_HEIGHT * u32::try_from(charts.len())?;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    for (chart, area) in charts.iter().zip(area.split_evenly((charts.len(), 1))) {
        draw(chart, &area).with_context(|| chart.title.clone())?;
    }
    area.present()
        .with_context(|| format!("cannot write {}", path.display()))
}

fn draw(
    chart: &Chart,
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
) -> anyhow::Result<()> {
    let points = || chart.lines.iter().flat_map(|line| &line.points);
    anyhow::ensure!(points().count() > 0, "no points");
    let left = points().map(|point| point.0).fold(f64::MAX, f64::min);
    let right = points().map(|point| point.0).fold(f64::MIN, f64::max);
    let top = points().map(|point| point.1).fold(0.0, f64::max);
    // A line along the upper edge could not be told from the edge.
    let top = if top > 0.0 { top * 1.15 } else { 1.0 };
    let mut plot = ChartBuilder::on(area)
        .caption(&chart.title, (FONT, 18))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(68)
        .build_cartesian_2d(left..right, 0.0..top)?;
    plot.configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_desc(&chart.x)
        .y_desc(&chart.y)
        .y_labels(6)
        .label_style((FONT, 13))
        .draw()?;
    for (number, line) in chart.lines.iter().enumerate() {
        let color = COLORS[number % COLORS.len()];
        plot.draw_series(LineSeries::new(
            line.points.iter().copied(),
            color.stroke_width(2),
        ))?
        .label(&line.name)
        .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    if chart.lines.len() > 1 {
        plot.configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            // Lines shine through.
            .background_style(WHITE.mix(0.6))
            .border_style(RGBColor(225, 225, 225))
            .label_font((FONT, 13))
            .draw()?;
    }
    Ok(())
}

const WIDTH: u32 = 860;
const CHART_HEIGHT: u32 = 260;
const FONT: &str = "sans-serif";
/// Told apart by those who see colours otherwise, too (Okabe and Ito).
const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        let line = Line {
            name: "resident".to_owned(),
            points,
        };
        Chart {
            title: "内存 memory".to_owned(),
            x: "min".to_owned(),
            y: "MiB".to_owned(),
            lines: vec![line],
        }
    }

    #[test]
    fn a_chart_has_its_title_and_a_line_through_its_points() {
        let path = std::env::temp_dir().join(format!("chart-{}.svg", std::process::id()));
        write(&path, &[chart(vec![(0.0, 10.0), (1.0, 12.0)])]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(
            svg.contains("内存 memory") && svg.contains("<polyline"),
            "{svg}"
        );
    }

    #[test]
    fn a_chart_of_nothing_is_an_error() {
        let path = std::env::temp_dir().join(format!("nothing-{}.svg", std::process::id()));
        let error = write(&path, &[chart(Vec::new())]).unwrap_err();
        assert!(format!("{error:#}").contains("no points"), "{error:#}");
    }
}
