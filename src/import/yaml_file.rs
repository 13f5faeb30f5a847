//! An inventory in YAML: `cameras: [{name: …}, …]`.

use std::collections::BTreeSet;

use super::Read;
use super::columns::{Column, NoColumn};
use super::record::{Field, Row};
use super::text::cut_off;
use crate::problem::Problem;
use crate::yaml::{Key, Node, Value, parse};

/// Reads the rows.
pub(super) fn read(file: &str, bytes: &[u8]) -> Read {
    let node = node(file, bytes)?;
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    for camera in cameras(file, &node, &mut problems) {
        let (row, unknown) = row(file, camera);
        problems.extend(
            row.broken
                .iter()
                .map(|_| Problem::new(file, camera.line, camera.column, "a camera is a mapping")),
        );
        problems.extend(
            unknown
                .iter()
                .map(|(key, wrong)| Problem::new(file, key.line, key.column, wrong.to_string())),
        );
        rows.push(row);
    }
    once(&mut problems);
    if problems.is_empty() {
        Ok(rows)
    } else {
        problems.sort_by_key(Problem::place);
        Err(problems)
    }
}

/// Reads what a department sends: a camera that cannot be read is one that is refused, and the others stand. Keys that are
/// no columns are told.
pub(super) fn read_tolerantly(
    file: &str,
    bytes: &[u8],
) -> Result<(Vec<Row>, Vec<Problem>), Vec<Problem>> {
    let node = node(file, bytes)?;
    let mut problems = Vec::new();
    let cameras = cameras(file, &node, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let (mut rows, mut warnings) = (Vec::new(), Vec::new());
    for camera in cameras {
        let (mut row, unknown) = row(file, camera);
        if unknown.iter().any(|(_, wrong)| *wrong == NoColumn::Bare) {
            // What it is the rest of was cut off.
            row.broken = Some(NoColumn::Bare.to_string());
        }
        for (key, wrong) in unknown {
            if wrong == NoColumn::Bare {
                continue;
            }
            let message = wrong.to_string();
            match wrong.meant().filter(|meant| is_missed(&row, *meant)) {
                Some(column) => {
                    let field = Field {
                        text: String::new(),
                        line: key.line,
                        column: key.column,
                        wrong: Some(message),
                    };
                    row.fields.insert(column, field);
                }
                None => {
                    let message = format!("{message} (it is not taken)");
                    warnings.push(Problem::warning(file, key.line, key.column, &message));
                }
            }
        }
        rows.push(row);
    }
    once(&mut warnings);
    Ok((rows, warnings))
}

/// Whether a camera cannot be without that column and has it not: then a key that is nearly its name was meant for it.
fn is_missed(row: &Row, column: Column) -> bool {
    matches!(column, Column::Name | Column::Department | Column::Url) && !row.has(column)
}

fn node(file: &str, bytes: &[u8]) -> Result<Node, Vec<Problem>> {
    let text = str::from_utf8(bytes)
        .map_err(|_| vec![Problem::whole(file, "is not UTF-8: save it as UTF-8")])?;
    if let Some(problem) = cut_off(file, text) {
        return Err(vec![problem]);
    }
    parse(file, text).map_err(|problem| vec![problem])
}

/// What is wrong with every row is told where it is first.
fn once(problems: &mut Vec<Problem>) {
    let mut told = BTreeSet::new();
    problems.retain(|problem| told.insert(problem.message.clone()));
}

/// The list below `cameras`, beside which nothing stands.
fn cameras<'a>(file: &str, root: &'a Node, problems: &mut Vec<Problem>) -> &'a [Node] {
    let mut fail = |line, column, message: &str| {
        problems.push(Problem::new(file, line, column, message));
    };
    let entries = match &root.value {
        Value::Map(entries) => entries,
        Value::Null => {
            fail(0, 0, "is empty");
            return &[];
        }
        Value::Scalar { .. } | Value::List(_) => {
            fail(root.line, root.column, "must be `cameras: [ … ]`");
            return &[];
        }
    };
    let mut cameras = None;
    for (key, value) in entries {
        match &value.value {
            _ if key.name != "cameras" => fail(key.line, key.column, "only `cameras` stands here"),
            _ if cameras.is_some() => fail(key.line, key.column, "cameras stands twice"),
            Value::List(list) => cameras = Some(list.as_slice()),
            _ => fail(value.line, value.column, "cameras must be a list"),
        }
    }
    cameras.unwrap_or_default()
}

/// A camera, and its keys that are no columns. One that is no mapping is broken.
fn row<'a>(file: &str, camera: &'a Node) -> (Row, Vec<(&'a Key, NoColumn)>) {
    let mut row = Row {
        file: file.to_owned(),
        line: camera.line,
        fields: Default::default(),
        broken: None,
    };
    let mut unknown = Vec::new();
    let Value::Map(entries) = &camera.value else {
        // What stands there may hold a password: it is not repeated.
        row.broken = Some("is no mapping: a camera has keys, such as `name: 东门`".to_owned());
        return (row, unknown);
    };
    for (key, value) in entries {
        let column = match Column::of(&key.name) {
            Ok(column) => column,
            Err(wrong) => {
                let wrong = if key.is_alone { NoColumn::Bare } else { wrong };
                unknown.push((key, wrong));
                continue;
            }
        };
        let Some(mut field) = field(value) else {
            continue;
        };
        if row.fields.contains_key(&column) {
            (field.line, field.column) = (key.line, key.column);
            field.wrong = Some(format!("stands twice, here as `{}`", key.name));
        }
        row.fields.insert(column, field);
    }
    (row, unknown)
}

fn field(value: &Node) -> Option<Field> {
    let (text, wrong) = match &value.value {
        Value::Null => return None,
        Value::List(_) | Value::Map(_) => {
            (String::new(), Some("must be a single value".to_owned()))
        }
        Value::Scalar { text, is_quoted } => {
            let text = text.trim();
            let is_code = text.len() == 20 && text.bytes().all(|digit| digit.is_ascii_digit());
            let wrong =
                (is_code && !is_quoted).then(|| format!("a code must stand in quotes: \"{text}\""));
            (text.to_owned(), wrong)
        }
    };
    Some(Field {
        text,
        line: value.line,
        column: value.column,
        wrong,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_read_with_their_places() {
        let text = "cameras:\n  - {name: 东门, department: education, url: \"rtsp://10.0.0.1/1\"}\n  - name: b\n    gb_code: 43021100111320000001\n";
        let rows = read("x.yaml", text.as_bytes()).unwrap();
        assert_eq!(rows[0].fields[&Column::Name].text, "东门");
        let code = rows[1].fields[&Column::GbCode].wrong.as_ref().unwrap();
        assert!(code.contains("quotes"));
    }

    #[test]
    fn all_that_is_wrong_with_the_file_is_told_in_its_order() {
        let text = "cameras: [{nam: a}, b, {colour: 1}]\ncamera: []\ncameras: []\n";
        let problems = read("x.yaml", text.as_bytes()).unwrap_err();
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "x.yaml:1:12: unknown column `nam`: did you mean `name`?",
                "x.yaml:1:21: a camera is a mapping",
                "x.yaml:1:25: unknown column `colour`",
                "x.yaml:2:1: only `cameras` stands here",
                "x.yaml:3:1: cameras stands twice",
            ]
        );
    }

    #[test]
    fn a_field_that_stands_twice_is_wrong_under_either_name() {
        let rows = read("x.yaml", "cameras: [{name: a, 名称: b}]\n".as_bytes()).unwrap();
        let name = &rows[0].fields[&Column::Name];
        assert_eq!(
            (name.column, name.wrong.as_deref()),
            (21, Some("stands twice, here as `名称`"))
        );
    }

    #[test]
    fn of_what_a_department_sends_a_wrong_camera_is_one_and_the_others_stand() {
        let text = "cameras: [{nmae: a}, b, {name: c, remark: x}, {name: d, remark: y, nmae: e}]\n";
        let (rows, warnings) = read_tolerantly("x.yaml", text.as_bytes()).unwrap();
        let meant = rows[0].fields[&Column::Name].wrong.as_deref();
        assert_eq!(meant, Some("unknown column `nmae`: did you mean `name`?"));
        assert!(rows[1].broken.is_some());
        let names = rows[2..].iter().map(|row| row.text(Column::Name));
        assert_eq!(names.collect::<Vec<_>>(), [Some("c"), Some("d")]);
        let told: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "x.yaml:1:35: warning: unknown column `remark` (it is not taken)",
                "x.yaml:1:68: warning: unknown column `nmae`: did you mean `name`? (it is not taken)",
            ]
        );
        let problems = read_tolerantly("x.yaml", b"camera: []\n").unwrap_err();
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn the_rest_of_a_password_that_has_no_quotes_is_not_repeated() {
        let text = b"cameras: [{name: a, password: b,s3cret}, {name: a, password:s3cret}]\n";
        let (rows, warnings) = read_tolerantly("x.yaml", text).unwrap();
        assert_eq!(warnings, []);
        for row in &rows {
            let told = row.broken.as_deref();
            let expected = "what stands here is no column and has no value: a value with `,` needs quotes, a \
                            `:` a blank behind it";
            assert_eq!(told, Some(expected));
        }
        let plain =
            b"cameras:\n  - name: a\n    remark:\n  - {name: b, remark: null, \"note\": ~}\n";
        let (rows, warnings) = read_tolerantly("x.yaml", plain).unwrap();
        assert!(rows.iter().all(|row| row.broken.is_none()));
        assert_eq!(warnings.len(), 2, "nothing was cut off: {warnings:?}");
        let problems = read("x.yaml", text).unwrap_err();
        assert!(!format!("{problems:?}").contains("s3cret"));
    }
}
