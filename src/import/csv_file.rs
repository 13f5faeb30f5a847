//! CSV as spreadsheets write it: UTF-8 with or without BOM, else GB18030.

use super::Read;
use super::columns::{Column, NoColumn};
use super::record::{Field, Row};
use super::text::{cut_off, decode, unclosed_quote};
use crate::problem::Problem;

/// Reads the rows; line and column of a field count from 1, the column in fields.
pub(super) fn read(file: &str, bytes: &[u8]) -> Read {
    let text = decode(bytes).text;
    if let Some(problem) = cut_off(file, &text).or_else(|| unclosed_quote(file, &text, b',')) {
        return Err(vec![problem]);
    }
    let fail = |line, message| vec![Problem::new(file, line, 0, message)];
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(error)) => return Err(fail(1, error.to_string())),
        None => return Err(fail(0, "is empty".to_owned())),
    };
    let columns = columns(file, &header)?;
    let mut rows = Vec::new();
    for record in records {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            fail(line, error.to_string())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let broken = (record.len() != columns.len()).then(|| {
            format!(
                "has {} fields, the header has {}",
                record.len(),
                columns.len()
            )
        });
        let fields = columns
            .iter()
            .zip(&record)
            .zip(1..)
            .filter(|((_, text), _)| !text.trim().is_empty());
        let fields = fields.map(|((column, text), number)| {
            (
                *column,
                Field {
                    text: text.trim().to_owned(),
                    line,
                    column: number,
                    wrong: None,
                },
            )
        });
        rows.push(Row {
            file: file.to_owned(),
            line,
            fields: fields.collect(),
            broken,
        });
    }
    Ok(rows)
}

/// The columns of the header, or all that is wrong with it.
fn columns(file: &str, header: &csv::StringRecord) -> Result<Vec<Column>, Vec<Problem>> {
    let fail = |column, message: String| Problem::new(file, 1, column, message);
    let read: Vec<_> = header.iter().map(Column::of).collect();
    let is_no_header = |read: &Result<Column, NoColumn>| {
        matches!(read, Err(NoColumn::Unknown { meant: None, .. }))
    };
    if read.iter().all(is_no_header) {
        return Err(vec![fail(0, no_header(header))]);
    }
    let (mut columns, mut meant, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (number, read) in (1..).zip(read) {
        match read {
            Ok(column) if columns.contains(&column) => {
                problems.push(fail(
                    number,
                    format!("column `{}` stands twice", column.name()),
                ));
            }
            Ok(column) => columns.push(column),
            Err(wrong) => {
                meant.extend(wrong.meant());
                problems.push(fail(number, wrong.to_string()));
            }
        }
    }
    for needed in [Column::Name, Column::Department, Column::Url] {
        if !columns.contains(&needed) && !meant.contains(&needed) {
            problems.push(fail(0, format!("column `{}` is missing", needed.name())));
        }
    }
    problems.sort_by_key(Problem::place);
    if problems.is_empty() {
        Ok(columns)
    } else {
        Err(problems)
    }
}

/// What a first line is that names no column at all. It may hold a password: it is not repeated.
fn no_header(header: &csv::StringRecord) -> String {
    let separator = header.iter().next().and_then(|only| {
        let separators = [(';', "`;`"), ('\t', "a tab")];
        let found = separators.iter().find(|(sign, _)| only.contains(*sign));
        found.filter(|_| header.len() == 1).map(|(_, name)| *name)
    });
    match separator {
        Some(name) => format!("{name} stands between the columns: save the file with `,`"),
        None => {
            "no column is known: the first line names them, such as name,department,url".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::GB18030;

    use super::*;

    #[test]
    fn charsets_of_spreadsheets_are_read() {
        let text = "名称,所属部门,主码流地址\n天元小学东门,education,rtsp://10.0.0.1/1\n";
        let bom = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        for bytes in [text.as_bytes(), &bom, &GB18030.encode(text).0] {
            let rows = read("x.csv", bytes).unwrap();
            assert_eq!(rows[0].fields[&Column::Name].text, "天元小学东门");
            assert_eq!(rows[0].line, 2);
        }
    }

    #[test]
    fn a_wrong_header_is_an_error_with_its_place() {
        let table = [
            (
                "name,department,ulr\n",
                "x.csv:1:3: unknown column `ulr`: did you mean `url`?",
            ),
            ("name,department\n", "x.csv:1: column `url` is missing"),
            (
                "name,name,url\n",
                "x.csv:1: column `department` is missing, x.csv:1:2: column `name` stands twice",
            ),
            (
                "nane,colour,url\n",
                "x.csv:1: column `department` is missing, x.csv:1:1: unknown column `nane`: did you \
                 mean `name`?, x.csv:1:2: unknown column `colour`",
            ),
            (
                "name\tdepartment\turl\n",
                "x.csv:1: a tab stands between the columns: save the file with `,`",
            ),
            ("", "x.csv: is empty"),
        ];
        for (text, message) in table {
            let problems = read("x.csv", text.as_bytes()).unwrap_err();
            let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(told.join(", "), message);
        }
    }

    #[test]
    fn a_row_in_place_of_the_header_is_not_repeated() {
        for header in [
            "东门,x,rtsp://viewer:Passw0rd@10.0.0.1/1\n",
            "name,x,rtsp://viewer:Passw0rd@10.0.0.1/1\n",
        ] {
            let problems = read("x.csv", header.as_bytes()).unwrap_err();
            assert!(
                !format!("{problems:?}").contains("Passw0rd"),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn a_file_that_is_cut_off_or_has_an_open_quote_is_refused_whole() {
        let table: [(&[u8], &str); 3] = [
            (
                b"name,department,url\na,b,c",
                "x.csv:2: the last line has no end",
            ),
            (
                b"name,department,url\n\"a,b,c\nd,e,f\n",
                "x.csv:2: a quote opens here",
            ),
            (
                b"name,department,url\n\"a\"\"b,b,c\nd,e,f\n",
                "x.csv:2: a quote opens here",
            ),
        ];
        for (bytes, message) in table {
            let problem = read("x.csv", bytes).unwrap_err()[0].to_string();
            assert!(problem.starts_with(message), "{problem}");
        }
        let right = "name,department,url\n\"a \"\"b\"\", c\",5\" tube,d\n\"e\nf\",g,h\n";
        assert_eq!(read("x.csv", right.as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn a_row_with_too_few_fields_is_broken_and_the_rest_is_read() {
        let rows = read("x.csv", b"name,department,url\na,b\nc,d,e\n").unwrap();
        assert!(rows[0].broken.is_some() && rows[1].broken.is_none());
    }
}
