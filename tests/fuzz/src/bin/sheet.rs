//! Spreadsheets of strangers: `import::read_sheet`. What was read is written as XLSX and reads back the same.
//!
//! ```text
//! `c` CSV, `y` YAML, `z` a zip | the file
//! `x` XLSX | shared strings | NUL | styles | NUL | a sheet
//! ```

#![no_main]

use std::io::{Cursor, Write};

use huiju::import::{Column, Line, Sheet, read_sheet, write_csv, write_xlsx};
use libfuzzer_sys::fuzz_target;
use zip::CompressionMethod::Stored;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fuzz_target!(|data: &[u8]| {
    let Some((kind, file)) = data.split_first() else {
        return;
    };
    let read = match kind {
        b'x' => read_sheet("x.xlsx", &workbook(file)),
        b'z' => read_sheet("x.xlsx", &[b"PK", file].concat()),
        b'y' => read_sheet("x.yaml", file),
        _ => read_sheet("x.csv", file),
    };
    match read {
        Ok(sheet) => check(&sheet),
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| !problem.message.is_empty()));
        }
    }
});

fn check(sheet: &Sheet) {
    assert!(!sheet.rows.is_empty());
    let numbers: Vec<_> = sheet.rows.iter().map(|row| row.line).collect();
    assert!(numbers.is_sorted() && numbers[0] > sheet.header_row);
    for row in &sheet.rows {
        for (column, field) in &row.fields {
            assert!(
                field.text.trim() == field.text && field.text.len() <= 4096
                    || sheet.header_row == 0
            );
            if sheet.header_row > 0 {
                let place = usize::try_from(field.column).expect("a small number") - 1;
                assert!(place < sheet.columns.len());
                let header = &sheet.columns[place];
                assert!(header.column.is_none_or(|other| other == *column));
            }
        }
    }
    never_says_a_secret(sheet);
    if sheet.header_row > 0 && sheet.cells.len() <= 20 {
        reads_back(sheet);
    }
}

/// No message repeats what stands under the header of passwords.
fn never_says_a_secret(sheet: &Sheet) {
    let is_password = |column: Option<Column>| column == Some(Column::Password);
    let is_secret = |index: usize| {
        sheet
            .columns
            .get(index)
            .is_some_and(|known| is_password(known.column))
    };
    let is_elsewhere = |line: &Line| {
        let mut others = line
            .cells()
            .enumerate()
            .filter(|(index, _)| !is_secret(*index));
        others.any(|(_, cell)| cell.contains(SECRET))
    };
    if sheet.cells.iter().any(is_elsewhere) {
        return;
    }
    // In YAML a key with a value names a column, and that is told.
    let is_name = |message: &str| sheet.header_row == 0 && message.contains("unknown column");
    let warnings = sheet.warnings.iter();
    let warnings = warnings.filter(|warning| !is_name(&warning.message));
    let warnings = warnings.map(ToString::to_string);
    let broken = sheet.rows.iter().filter_map(|row| row.broken.clone());
    let fields = sheet.rows.iter().flat_map(|row| row.fields.values());
    let wrong = fields.filter_map(|field| field.wrong.clone());
    for told in warnings.chain(broken).chain(wrong) {
        assert!(!told.contains(SECRET), "{told}");
    }
}

fn reads_back(sheet: &Sheet) {
    let rows = || {
        sheet
            .cells
            .iter()
            .map(|line| line.cells().map(str::to_owned).collect::<Vec<_>>())
    };
    assert!(write_csv(rows()).starts_with(b"\xef\xbb\xbf"));
    let Ok(written) = write_xlsx(rows()) else {
        return;
    };
    // A row that was cut off may be one now that is none.
    if let Ok(again) = read_sheet("again.xlsx", &written) {
        let cells = again
            .cells
            .iter()
            .map(|line| line.cells().map(str::to_owned).collect::<Vec<_>>());
        assert!(cells.eq(rows()));
    }
}

/// A workbook whose parts are given.
fn workbook(parts: &[u8]) -> Vec<u8> {
    let mut parts = parts.splitn(3, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let parts: [(&str, &[u8]); 6] = [
        ("xl/sharedStrings.xml", part()),
        ("xl/styles.xml", part()),
        ("xl/a.xml", part()),
        ("_rels/.rels", br#"<a><Relationship Id="a" Type="/officeDocument" Target="xl/b.xml"/></a>"#),
        ("xl/b.xml", br#"<a><sheet name="a" id="a"/><sheet name="b" id="a"/></a>"#),
        (
            "xl/_rels/b.xml.rels",
            br#"<a><Relationship Id="a" Type="/worksheet" Target="a.xml"/><Relationship Id="b" Type="/styles"
                Target="styles.xml"/><Relationship Id="c" Type="/sharedStrings" Target="sharedStrings.xml"/></a>"#,
        ),
    ];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(Stored);
    for (name, text) in parts {
        zip.start_file(name, options).expect("a name");
        zip.write_all(text).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

const SECRET: &str = "s3cret";
