//! Cameras of one department that have one name.

use std::collections::{BTreeMap, BTreeSet};

use super::clean::Guess;
use crate::catalog::Record;

/// Gives each of several cameras that have one name in a department what tells it from the others: the department's own id,
/// or its address and channel. `东门` becomes `东门（JY-0014）`. All of them get it, so that no name hangs on the order of the
/// rows. Says of which record, by its place, what was taken for what.
pub fn distinguish_names<'a>(
    records: impl IntoIterator<Item = &'a mut Record>,
) -> Vec<(usize, Guess)> {
    let mut records: Vec<_> = records.into_iter().collect();
    // Rows of one camera are no reason to call it otherwise.
    let mut called: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for record in records.iter() {
        called
            .entry(names(record))
            .or_default()
            .insert(tail(record));
    }
    let is_shared = |record: &Record| called.get(&names(record)).is_some_and(|all| all.len() > 1);
    let shared: Vec<_> = (0..)
        .zip(records.iter())
        .filter(|(_, record)| is_shared(record))
        .map(|(place, record)| (place, longer(record)))
        .collect();
    let mut guesses = Vec::new();
    for (place, name) in shared {
        let Some(record) = records.get_mut(place).filter(|record| record.name != name) else {
            continue;
        };
        guesses.push((
            place,
            Guess::of_name(&record.name, &name, record.origin.line),
        ));
        record.name = name;
    }
    guesses
}

fn names(record: &Record) -> (&str, &str) {
    (&record.department, &record.name)
}

/// The name with what tells the camera from others behind it, once.
fn longer(record: &Record) -> String {
    let end = format!("（{}）", tail(record));
    if record.name.ends_with(&end) {
        return record.name.clone();
    }
    format!("{}{end}", record.name)
}

fn tail(record: &Record) -> String {
    let details = &record.details;
    if let Some(source_id) = &record.source_id {
        return source_id.clone();
    }
    let ip = details.ip.map(|ip| ip.to_string());
    let host = ip.unwrap_or_else(|| record.location.host.clone());
    match details.channel {
        Some(channel) => format!("{channel}/{host}"),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Details;

    #[test]
    fn cameras_of_one_name_are_told_apart_by_what_they_have() {
        let mut records = [
            record("education", "东门", Some("JY-0014"), None, None),
            record("education", "东门", Some("JY-0015"), None, None),
            record("health", "东门", Some("JY-0014"), None, None),
            record("education", "西门", None, Some("10.11.0.7"), Some(3)),
            record("education", "西门", None, Some("10.11.0.8"), None),
            record("education", "西门", None, None, Some(4)),
            record("education", "北门", Some("JY-0016"), None, None),
            record("education", "北门", Some("JY-0016"), None, None),
        ];
        let host = records[5].location.host.clone();
        let guesses = distinguish_names(&mut records);
        let last = format!("西门（4/{host}）");
        let expected = [
            "东门（JY-0014）",
            "东门（JY-0015）",
            "东门",
            "西门（3/10.11.0.7）",
            "西门（10.11.0.8）",
            &last,
            "北门",
            "北门",
        ];
        assert_eq!(
            records.each_ref().map(|record| record.name.as_str()),
            expected
        );
        let places: Vec<_> = guesses.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [0, 1, 3, 4, 5]);
        let told = guesses[0].1.to_string();
        assert_eq!(
            told,
            "name: `东门` is read as 东门（JY-0014） (name_duplicate)"
        );
    }

    #[test]
    fn names_do_not_hang_on_the_order_and_are_given_once() {
        let of = |ids: &[&str]| -> Vec<_> {
            let mut records: Vec<_> = ids
                .iter()
                .map(|id| record("education", "东门", Some(id), None, None))
                .collect();
            distinguish_names(&mut records);
            assert_eq!(distinguish_names(&mut records), [], "once");
            let mut names: Vec<_> = records.into_iter().map(|record| record.name).collect();
            names.sort();
            names
        };
        assert_eq!(of(&["1", "2", "3"]), of(&["3", "1", "2"]));
        let mut again = [
            record("education", "东门（1）", Some("1"), None, None),
            record("education", "东门（1）", Some("2"), None, None),
        ];
        distinguish_names(&mut again);
        assert_eq!(
            again.map(|record| record.name),
            ["东门（1）", "东门（1）（2）"]
        );
    }

    fn record(
        department: &str,
        name: &str,
        source_id: Option<&str>,
        ip: Option<&str>,
        channel: Option<u16>,
    ) -> Record {
        Record {
            department: department.to_owned(),
            name: name.to_owned(),
            source_id: source_id.map(str::to_owned),
            details: Box::new(Details {
                ip: ip.map(|ip| ip.parse().unwrap()),
                channel,
                ..Details::default()
            }),
            ..Record::sample()
        }
    }
}
