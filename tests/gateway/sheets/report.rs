//! What is said of a sheet's rows, beside what is expected.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What a look at a file said.
pub(super) struct Report {
    pub(super) import: Value,
    pub(super) rows: Vec<Value>,
}

impl Report {
    /// All in which it is other than expected.
    pub(super) fn differences(&self, expected: &Value) -> Vec<String> {
        [
            self.errors(expected),
            self.warnings(expected),
            self.guesses(expected),
            self.skipped(expected),
            self.duplicates(expected),
            self.counts(expected),
            self.datums(expected),
        ]
        .concat()
    }

    /// The row of a line.
    pub(super) fn row(&self, line: u64) -> Option<&Value> {
        self.rows.iter().find(|row| row["row"] == line)
    }

    /// Rows that are right and would do something.
    pub(super) fn other_than_kept(&self) -> Vec<String> {
        let does_something =
            |row: &&Value| !["keep", "refuse", "skip"].contains(&text(row, "action"));
        let others = self.rows.iter().filter(does_something);
        others.map(|row| format!("again: {row}")).collect()
    }

    /// Rows of an export that are refused or were taken for something else.
    pub(super) fn refused(&self, file: &str) -> Vec<String> {
        let is_other = |row: &&Value| text(row, "action") != "keep" || row["guesses"].is_array();
        let others = self.rows.iter().filter(is_other);
        others.map(|row| format!("{file}: {row}")).collect()
    }

    /// The row and no other is refused, at the column and with the words that are expected.
    fn errors(&self, expected: &Value) -> Vec<String> {
        let mut wanted: BTreeMap<u64, &Value> = BTreeMap::new();
        for row in list(&expected["rows"]) {
            if row["errors"].is_array() {
                wanted.insert(number(row), &row["errors"]);
            }
        }
        let mut differences = Vec::new();
        for row in &self.rows {
            let told = strings(&row["errors"]);
            match wanted.remove(&number(row)) {
                None if told.is_empty() => {}
                None => differences.push(format!("row {}: {told:?} is not expected", number(row))),
                Some(errors) => {
                    for error in list(errors).filter(|error| !is_told(error, &told)) {
                        let row = number(row);
                        differences.push(format!("row {row}: {error} is not among {told:?}"));
                    }
                }
            }
        }
        differences.extend(wanted.keys().map(|row| format!("row {row} is not told of")));
        differences
    }

    fn warnings(&self, expected: &Value) -> Vec<String> {
        let mut differences = Vec::new();
        let of_file = strings(&self.import["summary"]["warnings"]);
        for warning in list(&expected["file_warnings"]) {
            if !of_file.iter().any(|told| says(warning, told)) {
                differences.push(format!("the file: {warning} is not among {of_file:?}"));
            }
        }
        for warning in list(&expected["warnings"]) {
            let row = number(warning);
            let told = self.row(row).map(|row| strings(&row["warnings"]));
            let told = told.unwrap_or_default();
            if !is_told(warning, &told) {
                differences.push(format!("row {row}: {warning} is not among {told:?}"));
            }
        }
        differences
    }

    /// Of the rules that are compared exactly what is expected, in rows without errors.
    fn guesses(&self, expected: &Value) -> Vec<String> {
        let told = self.guessed();
        if let Some(counts) = expected["guess_counts"].as_array() {
            return counts_of_guesses(counts, &told);
        }
        let guess = |guess: &Value| {
            let part = |key| text(guess, key).to_owned();
            (number(guess), part("column"), part("rule"))
        };
        let wanted: BTreeSet<_> = list(&expected["guesses"]).map(guess).collect();
        let missing = wanted.difference(&told);
        let missing = missing.map(|guess| format!("not guessed: {guess:?}"));
        let more = told.difference(&wanted);
        let more = more.map(|guess| format!("guessed, and not expected: {guess:?}"));
        missing.chain(more).collect()
    }

    fn guessed(&self) -> BTreeSet<(u64, String, String)> {
        let right = self
            .rows
            .iter()
            .filter(|row| text(row, "action") != "refuse");
        let told = right.flat_map(|row| {
            let guesses = list(&row["guesses"]);
            guesses.map(|guess| {
                let part = |key| text(guess, key).to_owned();
                (number(row), part("column"), part("rule"))
            })
        });
        told.filter(|(.., rule)| RULES.contains(&rule.as_str()))
            .collect()
    }

    fn skipped(&self, expected: &Value) -> Vec<String> {
        let skipped = self.rows.iter().filter(|row| text(row, "action") == "skip");
        let skipped = skipped.map(|row| (number(row), text(row, "name")));
        let told: BTreeSet<_> = skipped.collect();
        if expected["counts"].is_object() {
            // All of one kind, and counted.
            return Vec::new();
        }
        let wanted = list(&expected["skipped"]).map(|row| (number(row), text(row, "why")));
        let wanted: BTreeSet<_> = wanted.collect();
        let differs = told != wanted;
        let difference = differs.then(|| format!("skipped are {told:?}, not {wanted:?}"));
        difference.into_iter().collect()
    }

    /// Both rows of a pair that may be one camera say so, and no other does.
    fn duplicates(&self, expected: &Value) -> Vec<String> {
        let pair = |pair: &Value| {
            let rows: Vec<u64> = list(&pair["rows"]).filter_map(Value::as_u64).collect();
            (rows[0], rows[1], text(pair, "by").to_owned())
        };
        let wanted = list(&expected["duplicates"]).map(pair);
        let both = wanted.flat_map(|(one, other, by)| [(one, other, by.clone()), (other, one, by)]);
        let wanted: BTreeSet<_> = both.collect();
        let mut told = BTreeSet::new();
        for row in &self.rows {
            for warning in strings(&row["warnings"]) {
                told.extend(other_row(&warning).map(|(other, by)| (number(row), other, by)));
            }
        }
        let differs = told != wanted;
        let difference = differs.then(|| format!("duplicates are {told:?}, not {wanted:?}"));
        difference.into_iter().collect()
    }

    /// The file says of which departments nobody knows the datum; that of others is told row by row.
    fn datums(&self, expected: &Value) -> Vec<String> {
        let of_file = strings(&self.import["summary"]["warnings"]);
        let datums = expected["datum"].as_object();
        let differ = datums.into_iter().flatten().filter(|(department, datum)| {
            let unsure = format!("department {department}: the datum of ");
            let is_unsure = of_file.iter().any(|told| told.contains(&unsure));
            let read_as = format!("is read as {} (datum)", datum.as_str().unwrap());
            let mut guesses = self.rows.iter().flat_map(|row| list(&row["guesses"]));
            let is_found = guesses.any(|guess| text(guess, "message").ends_with(&read_as));
            (is_unsure, is_found) != (**datum == "unsure", **datum != "unsure")
        });
        let differ = differ.map(|(department, datum)| format!("{department} is not of {datum}"));
        differ.collect()
    }

    fn counts(&self, expected: &Value) -> Vec<String> {
        let counts = &expected["counts"];
        let named = [("cameras", "add"), ("errors", "refuse"), ("empty", "skip")];
        let compared = named.into_iter().filter(|(name, _)| counts[name].is_u64());
        let differ = compared.filter(|(name, told)| counts[name] != self.import["summary"][told]);
        let told = &self.import["summary"];
        differ
            .map(|(name, _)| format!("{name}: {told}, not {counts}"))
            .collect()
    }
}

fn counts_of_guesses(wanted: &[Value], told: &BTreeSet<(u64, String, String)>) -> Vec<String> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (_, column, rule) in told {
        *counts.entry((column, rule)).or_default() += 1;
    }
    let wanted = wanted.iter().map(|count| {
        let rows = count["rows"].as_u64().unwrap();
        ((text(count, "column"), text(count, "rule")), rows)
    });
    let wanted: BTreeMap<_, _> = wanted.collect();
    let differs = counts != wanted;
    let difference = differs.then(|| format!("guesses are {counts:?}, not {wanted:?}"));
    difference.into_iter().collect()
}

/// Whether one of the texts is of the expected column and says what is expected.
fn is_told(expected: &Value, told: &[String]) -> bool {
    let column = expected["column"].as_str();
    let is_of_column = |told: &str| {
        let names = |column| {
            let (wrong, missing) = (format!(": {column}: "), format!(": {column} is missing"));
            told.contains(&wrong) || told.contains(&missing)
        };
        column.is_none_or(names)
    };
    let mut told = told.iter();
    told.any(|told| is_of_column(told) && says(expected, told))
}

/// Whether a text says what is expected, or one of several things.
fn says(expected: &Value, told: &str) -> bool {
    match &expected["says"] {
        Value::Array(any) => any.iter().any(|says| told.contains(says.as_str().unwrap())),
        says => told.contains(says.as_str().unwrap()),
    }
}

/// The row that a warning says may be the same camera, and by what.
fn other_row(warning: &str) -> Option<(u64, String)> {
    let (_, after) = warning.split_once("may be the camera of row ")?;
    let (row, by) = after.split_once(" by ")?;
    let by = by.split([':', ',', ' ']).next()?;
    Some((row.parse().ok()?, by.to_owned()))
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn number(value: &Value) -> u64 {
    value["row"].as_u64().unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    list(value)
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What is guessed by other rules is not compared.
const RULES: [&str; 17] = [
    "width",
    "name_prefix",
    "name_duplicate",
    "department",
    "dms",
    "swapped",
    "scaled",
    "datum",
    "direction",
    "place_type",
    "vendor",
    "point_class",
    "date",
    "url_unescaped",
    "url_template",
    "region",
    "code",
];
