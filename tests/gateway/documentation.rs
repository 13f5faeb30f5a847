//! The pages for operators say what the program does: their tables are compared with it, both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, CommandFactory as _};
use huiju::cli::Cli;
use huiju::ledger::StateCause;
use huiju::metrics::{CONNECT_RESULTS, INVITE_RESULTS, REFUSED_REASONS};
use huiju_sim::clips::ClipKind;
use huiju_sim::farm::CameraSettings;

use crate::world::{World, clip};

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_metrics_are_what_a_gateway_shows() {
    let world = World::new("documented")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    // The first look is counted before the second.
    world.metrics().await;
    let shown = families(&world.metrics().await);
    let (departments, platforms) = (6, 1);
    for page in pages() {
        let mut documented = BTreeMap::new();
        for row in table(&page, "metrics") {
            let [name, kind, labels, buckets, _, series] = &row[..] else {
                panic!("{row:?}");
            };
            let family = Family {
                kind: kind.clone(),
                labels: words(labels).into_iter().collect(),
                buckets: numbers(buckets),
                ..Family::default()
            };
            let name = words(name).remove(0);
            let most = Series::parse(series);
            let count = shown.get(&name).map_or(0, |family| family.series);
            let expected = most.count(departments, platforms);
            let fits = count == expected || most.is_at_most && count < expected;
            assert!(
                fits,
                "{name}: {count} series, {series} in {}",
                page.display()
            );
            documented.insert(name, family);
        }
        let shown: BTreeMap<_, _> = shown
            .iter()
            .map(|(name, family)| {
                let family = family.clone();
                (
                    name.clone(),
                    Family {
                        series: 0,
                        ..family
                    },
                )
            })
            .collect();
        assert_eq!(documented, shown, "{}", page.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_labels_hold_every_value_that_a_gateway_shows() {
    let world = World::new("documented-labels")
        .row("education", "东门", "rtsp://127.50.0.1:8554/a")
        .platform("district")
        .start()
        .await;
    let shown = label_values(&world.metrics().await);
    let closed = [
        (
            ("huiju_source_connects_total", "result"),
            &CONNECT_RESULTS[..],
        ),
        (("huiju_invites_total", "result"), &INVITE_RESULTS[..]),
        (("huiju_refused_total", "reason"), &REFUSED_REASONS[..]),
    ];
    for page in pages() {
        let documented: BTreeMap<_, BTreeSet<String>> = table(&page, "labels")
            .iter()
            .map(|row| {
                let key = (words(&row[0]).remove(0), words(&row[1]).remove(0));
                (key, words(&row[2]).into_iter().collect())
            })
            .collect();
        for ((name, label), values) in &closed {
            let values: BTreeSet<_> = values.iter().map(|value| (*value).to_owned()).collect();
            let key = ((*name).to_owned(), (*label).to_owned());
            assert_eq!(documented.get(&key), Some(&values), "{name} {label}");
        }
        let open = [
            "department",
            "platform",
            "state",
            "cause",
            "version",
            "route",
        ];
        for (key, values) in &shown {
            let is_of_http = key.0 == "huiju_api_requests_total";
            if open.contains(&key.1.as_str()) || is_of_http || key.1 == "le" {
                continue;
            }
            let known = documented.get(key);
            let known = known.unwrap_or_else(|| panic!("{key:?} is not in {}", page.display()));
            let missing: Vec<_> = values.difference(known).collect();
            assert!(missing.is_empty(), "{key:?} {missing:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_camera_metrics_are_what_a_gateway_shows() {
    let video = clip(ClipKind::H264Small).await;
    let world = World::new("documented-cameras")
        .camera("东门", CameraSettings::new(&video))
        .platform("district")
        .start()
        .await;
    world.order("probe", "东门").await;
    let path = "/metrics/cameras?department=education";
    let text = world.get(&world.metrics_address(), path).await;
    let shown: BTreeMap<_, _> = families(&text)
        .into_iter()
        .map(|(name, family)| (name, (family.kind, family.labels)))
        .collect();
    for page in pages() {
        let documented: BTreeMap<_, _> = table(&page, "camera metrics")
            .iter()
            .map(|row| {
                let labels = words(&row[2]).into_iter().collect();
                (words(&row[0]).remove(0), (row[1].clone(), labels))
            })
            .collect();
        assert_eq!(documented, shown, "{}", page.display());
    }
}

#[test]
fn the_whole_number_of_series_is_the_sum_of_the_table() {
    for page in pages() {
        let mut sum = [0; 3];
        for row in table(&page, "metrics") {
            let series = Series::parse(row.last().unwrap());
            sum[series.per as usize] += series.number;
        }
        let [fixed, departments, platforms] = sum;
        let text = std::fs::read_to_string(&page).unwrap();
        let formula = format!("{departments} × D + {platforms} × P + {fixed}");
        assert!(text.contains(&formula), "{formula} in {}", page.display());
        let at_ten = departments * 10 + platforms * 4 + fixed;
        let written = format!("{},{:03}", at_ten / 1000, at_ten % 1000);
        assert!(text.contains(&written), "{written} in {}", page.display());
        assert!(at_ten <= 3000, "too many series for a district: {at_ten}");
    }
}

#[test]
fn the_tables_of_states_are_what_why_says() {
    let [zh, en] = pages();
    let expected = |text: &dyn Fn(StateCause) -> [&'static str; 2]| -> Vec<Vec<String>> {
        let row = |pair: StateCause| {
            let [reason, action] = text(pair);
            let action = if action.is_empty() { "–" } else { action };
            let row = [pair.state().name(), pair.cause().name(), reason, action];
            row.map(str::to_owned).to_vec()
        };
        StateCause::legal().map(row).collect()
    };
    let in_zh = |pair: StateCause| [pair.explain().zh, pair.explain().zh_action];
    let in_en = |pair: StateCause| [pair.explain().en, pair.explain().en_action];
    assert_eq!(table(&zh, "states"), expected(&in_zh));
    assert_eq!(table(&en, "states"), expected(&in_en));
}

#[test]
fn the_tables_of_commands_are_what_the_program_has() {
    let mut usages = Vec::new();
    collect_usages(&Cli::command(), "", &mut usages);
    for page in pages() {
        let rows = table(&page, "commands");
        let documented: Vec<_> = rows
            .iter()
            .map(|row| row[0].trim_matches('`').to_owned())
            .collect();
        assert_eq!(documented, usages, "{}", page.display());
    }
}

#[test]
fn both_pages_have_the_same_shape() {
    let shape = |page: &PathBuf| -> Vec<String> {
        let text = std::fs::read_to_string(page).unwrap();
        text.lines().filter_map(mark).map(str::to_owned).collect()
    };
    let [zh, en] = pages();
    assert_eq!(shape(&zh), shape(&en));
}

/// What must be the same in both languages: headings, tables by their width, lists, code.
fn mark(line: &str) -> Option<&str> {
    let is_rule = line.starts_with("|---");
    let is_install = line.starts_with("install ") || line.starts_with("useradd ");
    if is_rule || is_install || line.starts_with("<!--") {
        return Some(line);
    }
    ["## ", "**", "- ", "1. ", "2. ", "| ", "```"]
        .into_iter()
        .find(|mark| line.starts_with(mark))
}

/// Every subcommand that does something, as it is written.
fn collect_usages(command: &Command, above: &str, usages: &mut Vec<String>) {
    let name = format!("{above} {}", command.get_name());
    let name = name.trim();
    if command.has_subcommands() {
        for below in command.get_subcommands() {
            collect_usages(below, name, usages);
        }
        return;
    }
    let own = |arg: &&Arg| !arg.is_global_set() && arg.get_id() != "help";
    let words = command.get_arguments().filter(own).map(usage);
    let usage: Vec<_> = std::iter::once(name.to_owned()).chain(words).collect();
    usages.push(usage.join(" "));
}

fn usage(arg: &Arg) -> String {
    let value = arg
        .get_value_names()
        .map_or(String::new(), |names| names[0].to_string());
    match arg.get_long() {
        None => value,
        Some(long) if matches!(arg.get_action(), ArgAction::SetTrue) => format!("[--{long}]"),
        Some(long) => format!("[--{long} {value}]"),
    }
}

/// A family of metrics, as shown or as documented.
#[derive(Clone, Debug, Default, PartialEq)]
struct Family {
    kind: String,
    labels: BTreeSet<String>,
    buckets: Vec<f64>,
    series: usize,
}

/// The families of an exposition, by name.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for (name, kind) in kinds.filter_map(|line| line.split_once(' ')) {
        families.entry(name.to_owned()).or_default().kind = kind.to_owned();
    }
    for (name, labels) in text.lines().filter_map(sample) {
        let name = ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|part| name.strip_suffix(part))
            .find(|name| families.contains_key(*name))
            .unwrap_or(name);
        let family = families.get_mut(name).expect("a TYPE line before it");
        family.series += 1;
        for (label, value) in labels {
            if label != "le" {
                family.labels.insert(label);
            } else if let Ok(bound) = value.parse::<f64>()
                && bound.is_finite()
                && !family.buckets.contains(&bound)
            {
                family.buckets.push(bound);
            }
        }
    }
    families
}

/// The values of each label of each family.
fn label_values(text: &str) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut all: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (name, labels) in text.lines().filter_map(sample) {
        for (label, value) in labels {
            let key = (name.to_owned(), label);
            all.entry(key).or_default().insert(value);
        }
    }
    all
}

/// Name and labels of a line that is a sample.
fn sample(line: &str) -> Option<(&str, Vec<(String, String)>)> {
    if line.starts_with('#') {
        return None;
    }
    let (series, _) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split("\",");
    let labels = labels.filter_map(|label| {
        let (name, value) = label.split_once("=\"")?;
        Some((name.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some((name, labels.collect()))
}

/// How many series a family has: `13`, `26 × D`, `≤ 116 × P`.
struct Series {
    is_at_most: bool,
    number: usize,
    per: Per,
}

#[derive(Clone, Copy)]
enum Per {
    Gateway,
    Department,
    Platform,
}

impl Series {
    fn parse(text: &str) -> Self {
        let rest = text.trim_start_matches("≤ ");
        let (number, per) = match rest.split_once(" × ") {
            None => (rest, Per::Gateway),
            Some((number, "D")) => (number, Per::Department),
            Some((number, "P")) => (number, Per::Platform),
            Some((_, per)) => panic!("{per} in {text}"),
        };
        Self {
            is_at_most: rest != text,
            number: number.parse().unwrap(),
            per,
        }
    }

    fn count(&self, departments: usize, platforms: usize) -> usize {
        match self.per {
            Per::Gateway => self.number,
            Per::Department => self.number * departments,
            Per::Platform => self.number * platforms,
        }
    }
}

/// The rows of the table under the mark `<!-- name -->`, by cell.
fn table(page: &Path, name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(page).unwrap();
    let mark = format!("<!-- {name} -->\n");
    let (_, rest) = text.split_once(&mark).expect("the mark of the table");
    let rows = rest.lines().take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = rows
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect();
    assert!(!rows.is_empty(), "{name} in {}", page.display());
    rows
}

/// What stands between backquotes.
fn words(cell: &str) -> Vec<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

fn numbers(cell: &str) -> Vec<f64> {
    let numbers = cell.split(' ').filter(|word| *word != "–");
    numbers.map(|word| word.parse().unwrap()).collect()
}

fn pages() -> [PathBuf; 2] {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    [docs.join("operations.zh.md"), docs.join("operations.en.md")]
}
