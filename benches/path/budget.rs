//! What the path may cost, as it was recorded: a figure that is above it is a regression, and one that is below it wants
//! a lower budget.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

/// The figures of a case by name.
pub(crate) type Figures = BTreeMap<String, f64>;

/// Prints the figures of all cases, and compares them with the budget or, with `record`, makes them the budget.
/// Returns whether they are within `tolerance`, a part of one.
pub(crate) fn settle(
    file: &str,
    figures: &BTreeMap<String, Figures>,
    tolerance: f64,
) -> anyhow::Result<bool> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("benches/path")
        .join(file);
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "record") {
        let text = serde_json::to_string_pretty(figures)? + "\n";
        std::fs::write(&path, text)?;
    } else if let Some(word) = words.iter().find(|word| *word != "--bench") {
        bail!("unknown: {word}; there is `record`");
    }
    let text = std::fs::read_to_string(&path).with_context(|| file.to_owned())?;
    let budget: BTreeMap<String, Figures> = serde_json::from_str(&text).context(file.to_owned())?;
    let mut all_hold = true;
    for (case, figures) in figures {
        for (name, figure) in figures {
            let allowed = budget.get(case).and_then(|figures| figures.get(name));
            let allowed = *allowed.with_context(|| format!("no budget for {case}, {name}"))?;
            let ratio = figure / allowed;
            let verdict = if ratio > 1.0 + tolerance {
                "ABOVE the budget"
            } else if ratio < 1.0 - tolerance {
                "BELOW the budget: record a lower one"
            } else {
                "holds"
            };
            all_hold &= verdict == "holds";
            println!(
                "{case:<18} {name:<28} {figure:>12.2}  budget {allowed:>12.2}  {ratio:.3}  {verdict}"
            );
        }
    }
    Ok(all_hold)
}
