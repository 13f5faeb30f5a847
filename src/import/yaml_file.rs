//! An inventory in YAML: `cameras: [{name: …}, …]`.

use super::columns::Column;
use super::cut_off;
use super::record::{Field, Row};
use crate::problem::Problem;
use crate::yaml::{Node, Value, parse};

/// Reads the rows.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Vec<Row>, Problem> {
    let fail = |line, column, message: &str| Problem {
        file: file.to_owned(),
        line,
        column,
        message: message.to_owned(),
    };
    let text = str::from_utf8(bytes).map_err(|_| fail(0, 0, "is not UTF-8"))?;
    if let Some(problem) = cut_off(file, text) {
        return Err(problem);
    }
    let node = parse(file, text)?;
    let Value::Map(entries) = &node.value else {
        return Err(fail(node.line, node.column, "must be `cameras: [ … ]`"));
    };
    let mut rows = Vec::new();
    for (key, value) in entries {
        let Value::List(cameras) = &value.value else {
            return Err(fail(value.line, value.column, "must be a list"));
        };
        if key.name != "cameras" {
            return Err(fail(key.line, key.column, "only `cameras` stands here"));
        }
        for camera in cameras {
            rows.push(row(file, camera)?);
        }
    }
    Ok(rows)
}

fn row(file: &str, camera: &Node) -> Result<Row, Problem> {
    let fail = |line, column, message| Problem {
        file: file.to_owned(),
        line,
        column,
        message,
    };
    let Value::Map(entries) = &camera.value else {
        return Err(fail(
            camera.line,
            camera.column,
            "a camera is a mapping".to_owned(),
        ));
    };
    let mut row = Row {
        file: file.to_owned(),
        line: camera.line,
        fields: Default::default(),
        broken: None,
    };
    for (key, value) in entries {
        let column =
            Column::of(&key.name).map_err(|message| fail(key.line, key.column, message))?;
        match &value.value {
            Value::Scalar { text, is_quoted } => {
                if !is_quoted
                    && text.len() == 20
                    && text.bytes().all(|digit| digit.is_ascii_digit())
                {
                    row.broken = Some(format!("{}: a code must stand in quotes", key.name));
                }
                let field = Field {
                    text: text.trim().to_owned(),
                    line: value.line,
                    column: value.column,
                };
                row.fields.insert(column, field);
            }
            Value::Null => {}
            Value::List(_) | Value::Map(_) => {
                row.broken = Some(format!("{}: must be a single value", key.name));
            }
        }
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_read_with_their_places() {
        let text = "cameras:\n  - {name: 东门, department: education, url: \"rtsp://10.0.0.1/1\"}\n  - name: b\n    gb_code: 43021100111320000001\n";
        let rows = read("x.yaml", text.as_bytes()).unwrap();
        assert_eq!(rows[0].fields[&Column::Name].text, "东门");
        assert!(rows[1].broken.as_ref().unwrap().contains("quotes"));
        let error = read("x.yaml", b"cameras: [{nam: a}]\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.yaml:1:12: unknown column `nam`: did you mean `name`?"
        );
    }
}
