//! XLSX: a zip of XML parts, from a stranger.
//!
//! The parts are read one after the other as they are unpacked; whatever is kept of them has a limit.

mod cells;
mod package;
mod strings;
mod styles;
mod value;
mod workbook;
mod xml;

use self::cells::Context;
use self::package::Package;
use self::workbook::Workbook;
use super::header::{self, HEADER_WITHIN};
use super::line::Lines;
use super::table::{self, Beside};
use super::{Sheet, no_header, no_rows};
use crate::import::clean::shown;
use crate::problem::Problem;

/// What is wrong with a file as a whole.
type Wrong = String;

/// Reads the first sheet that has a header and rows.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Sheet, Vec<Problem>> {
    let fail = |wrong: Wrong| vec![Problem::whole(file, wrong)];
    let mut package = Package::open(bytes).map_err(fail)?;
    let workbook = Workbook::read(&mut package).map_err(fail)?;
    let mut found: Option<Sheet> = None;
    let mut failed = None;
    let mut others = Vec::new();
    for (name, part) in &workbook.sheets {
        // Of what is not taken one only has to know that there is something.
        let most = if found.is_some() { 1 } else { HEADER_WITHIN };
        let first = lines(&mut package, &workbook, part, most).map_err(fail)?;
        if first.lines.is_empty() {
            continue;
        }
        if found.is_none() && header::find(first.lines.iter()).is_some() {
            let all = lines(&mut package, &workbook, part, usize::MAX).map_err(fail)?;
            found =
                table::sheet(file, all, Beside::Sometimes)?.filter(|sheet| !sheet.rows.is_empty());
            if found.is_some() {
                continue;
            }
            failed = Some(no_rows(file));
        }
        others.push(name);
    }
    let mut sheet = found.ok_or_else(|| vec![failed.unwrap_or_else(|| no_header(file))])?;
    for name in others {
        let message = format!(
            "the sheet `{}` is not read, another one is: leave one sheet",
            shown(name)
        );
        sheet.warnings.push(Problem::warning(file, 0, 0, &message));
    }
    sheet.warnings.sort_by_key(Problem::place);
    Ok(sheet)
}

/// The first lines of a sheet that have cells.
fn lines(
    package: &mut Package<'_>,
    workbook: &Workbook,
    part: &str,
    most: usize,
) -> Result<Lines, Wrong> {
    let Some(xml) = package.part(part)? else {
        return Ok(Lines::default());
    };
    let context = Context {
        strings: &workbook.strings,
        styles: &workbook.styles,
        is_1904: workbook.is_1904,
    };
    cells::read(xml, &context, most)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::import::columns::Column;
    use crate::import::sheet::{Why, read_sheet};

    const ROOT: &str = r#"<Relationships><Relationship Id="r1" Target="xl/workbook.xml"
        Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>"#;
    const STYLES: &str = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/></numFmts>
        <cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#;
    const HEAD: &str = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c><c r="B1" t="inlineStr"><is><t>url</t></is></c>
        <c r="C1" t="inlineStr"><is><t>安装时间</t></is></c></row>"#;

    /// Parts that make a zip.
    fn zip(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in parts {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// A workbook of sheets, each a name and its rows, and of shared strings.
    fn workbook(strings: &str, sheets: &[(&str, &str)]) -> Vec<u8> {
        let kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let (mut related, mut named, mut parts) = (String::new(), String::new(), Vec::new());
        for (index, (name, rows)) in sheets.iter().enumerate() {
            let target = format!("worksheets/sheet{index}.xml");
            related += &format!(
                r#"<Relationship Id="s{index}" Type="{kind}/worksheet" Target="{target}"/>"#
            );
            named += &format!(r#"<sheet name="{name}" sheetId="1" r:id="s{index}"/>"#);
            let sheet = format!(
                r#"<x:worksheet><x:dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData></x:worksheet>"#
            );
            parts.push((format!("xl/{target}"), sheet));
        }
        for (name, target) in [
            ("sharedStrings", "/xl/sharedStrings.xml"),
            ("styles", "styles.xml"),
        ] {
            related +=
                &format!(r#"<Relationship Id="{name}" Type="{kind}/{name}" Target="{target}"/>"#);
        }
        let related = format!("<Relationships>{related}</Relationships>");
        let named = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><workbook><sheets>{named}</sheets></workbook>"#
        );
        let mut all = vec![
            ("_rels/.rels", ROOT),
            ("xl/workbook.xml", &named),
            ("xl/_rels/workbook.xml.rels", &related),
            ("XL\\SharedStrings.xml", strings),
            ("xl/styles.xml", STYLES),
        ];
        all.extend(
            parts
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        );
        zip(&all)
    }

    fn told(bytes: &[u8]) -> String {
        let told = match read("x.xlsx", bytes) {
            Ok(sheet) => sheet.warnings,
            Err(problems) => problems,
        };
        told.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What is told of a workbook of one sheet.
    fn told_of(strings: &str, rows: &str) -> String {
        told(&workbook(strings, &[("Sheet1", rows)]))
    }

    fn text(place: &str, text: &str) -> String {
        format!(r#"<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>"#)
    }

    #[test]
    fn cells_of_every_kind_are_read_as_excel_shows_them() {
        let strings = r#"<sst uniqueCount="18446744073709551615"><si><t>东</t><phoneticPr/><rPh><t>dong</t></rPh></si>
            <si><r><t>西</t></r><r><rPr/><t xml:space="preserve"> 门&amp;&#x4e00;_x0007_</t></r></si></sst>"#;
        let cells = [
            (r#"<c r="A2" t="s"><v>0</v></c>"#, "东", None),
            (r#"<c r="A2" t="s"><v>1</v></c>"#, "西 门&一\u{7}", None),
            (
                r#"<c r="A2" t="s"><v>2</v></c>"#,
                "2",
                Some("refers to a text that the file has not"),
            ),
            (
                r#"<c r="A2" t="inlineStr"><is><t>门</t></is></c>"#,
                "门",
                None,
            ),
            (r#"<c t="str"><f>"a"&amp;"b"</f><v>ab</v></c>"#, "ab", None),
            (r#"<c r="A2"><f>1+1</f><v>2</v></c>"#, "2", None),
            (
                r#"<c r="A2"><f>1+1</f><v/></c>"#,
                "=",
                Some(
                    "holds a formula that was never computed: open the file, save it and send it again",
                ),
            ),
            (r#"<c r="A2" s="1"><v>44260</v></c>"#, "2021-03-05", None),
            (
                r#"<c r="A2" t="d"><v>2021-03-05T00:00:00</v></c>"#,
                "2021-03-05",
                None,
            ),
            (r#"<c r="A2" s="1"><v>-1</v></c>"#, "-1", None),
            (
                r#"<c r="A2" s="99"><v>113.09414000000001</v></c>"#,
                "113.09414",
                None,
            ),
            (r#"<c r="A2" t="b"><v>1</v></c>"#, "TRUE", None),
            (
                r##"<c r="A2" t="e"><v>#N/A</v></c>"##,
                "#N/A",
                Some("holds Excel's error `#N/A`: write the value"),
            ),
        ];
        for (cell, expected, wrong) in cells {
            let rows = format!(r#"{HEAD}<row r="2">{cell}{}</row>"#, text("B2", "u"));
            let sheet = read("x.xlsx", &workbook(strings, &[("a", &rows)])).unwrap();
            let field = &sheet.rows[0].fields[&Column::Name];
            assert_eq!(
                (field.text.as_str(), field.wrong.as_deref()),
                (expected, wrong),
                "{cell}"
            );
        }
    }

    #[test]
    fn a_row_is_known_by_excels_number_of_it_and_a_field_by_its_column() {
        let rows = format!(
            r#"<row r="2">{}</row><row r="4">{}{}</row><row r="5"><c r="A5" s="1"/></row><row r="7" hidden="1">{}{}</row>
               <row r="1000000">{}{}{}</row>"#,
            text("A2", "一览表"),
            text("B4", "名称"),
            text("D4", "主码流地址"),
            text("B7", "东门"),
            text("D7", "rtsp://10.0.0.1/1"),
            text("B1000000", "西门"),
            text("D1000000", "rtsp://10.0.0.2/1"),
            text("F1000000", "x"),
        );
        let sheet = read("x.xlsx", &workbook("<sst/>", &[("a", &rows)])).unwrap();
        assert_eq!(sheet.header_row, 4);
        let lines: Vec<_> = sheet
            .rows
            .iter()
            .map(|row| (row.line, row.broken.is_some()))
            .collect();
        assert_eq!(lines, [(7, false), (1_000_000, true)]);
        assert_eq!(sheet.rows[0].fields[&Column::Url].column, 4);
        let titles = sheet
            .skipped
            .iter()
            .filter(|skipped| skipped.why == Why::Title);
        assert_eq!(titles.map(|skipped| skipped.row).collect::<Vec<_>>(), [2]);
        let empty = sheet
            .skipped
            .iter()
            .filter(|skipped| skipped.why == Why::Empty);
        let empty: Vec<_> = empty.map(|skipped| skipped.row).collect();
        assert_eq!(
            (&empty[..5], empty.len()),
            ([1, 3, 5, 6, 8].as_slice(), 104)
        );
        let told: Vec<_> = sheet.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            told[0],
            "x.xlsx: warning: hidden rows are read like all others: 1 of them"
        );
    }

    #[test]
    fn the_first_sheet_with_header_and_rows_is_read_and_the_others_are_named() {
        let full = format!(
            r#"{HEAD}<row>{}{}</row>"#,
            text("A2", "东门"),
            text("B2", "u")
        );
        let note = format!("<row>{}</row>", text("A1", "填表说明"));
        let sheets = [
            ("空", ""),
            ("说明", &note),
            ("模板", HEAD),
            ("点位", &full),
            ("旧", &full),
            ("尾", ""),
        ];
        let bytes = workbook("<sst/>", &sheets);
        let sheet = read("x.xlsx", &bytes).unwrap();
        assert_eq!(sheet.rows[0].fields[&Column::Name].text, "东门");
        let told = told(&bytes);
        for (name, expected) in [
            ("说明", 1),
            ("模板", 1),
            ("旧", 1),
            ("点位", 0),
            ("空", 0),
            ("尾", 0),
        ] {
            assert_eq!(
                told.matches(&format!("`{name}` is not read")).count(),
                expected,
                "{told}"
            );
        }
    }

    #[test]
    fn a_workbook_that_is_none_says_what_to_do() {
        let sound = workbook("<sst/>", &[("a", HEAD)]);
        let part = |name: &str| zip(&[(name, "<a/>")]);
        let ole = |rest: &[u8]| [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), rest].concat();
        let encrypted: Vec<u8> = "EncryptedPackage"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for (name, bytes, message) in [
            (
                "x.xlsx",
                sound.clone(),
                "has no rows: a truncated file changes nothing",
            ),
            (
                "x.csv",
                sound.clone(),
                "has no rows: a truncated file changes nothing",
            ),
            (
                "x.xlsx",
                sound[..sound.len() / 2].to_vec(),
                "is no whole workbook: open it, save it as .xlsx",
            ),
            (
                "x.xlsx",
                part("word/document.xml"),
                "is no workbook of Excel: open it and save it as .xlsx",
            ),
            (
                "x.xlsx",
                b"name,url\n".to_vec(),
                "is no workbook whatever its name says",
            ),
            (
                "x.pdf",
                b"%PDF".to_vec(),
                "is neither .csv, .xlsx nor .yaml",
            ),
            (
                "x.xls",
                ole(b"Workbook"),
                "is an .xls of old Excel: save it as .xlsx",
            ),
            (
                "x.xlsx",
                ole(&encrypted),
                "is protected by a password: save it without one",
            ),
            ("x.csv", vec![b'a'; (32 << 20) + 1], "is larger than 32 MiB"),
        ] {
            let problems = read_sheet(name, &bytes).unwrap_err();
            assert!(problems[0].message.starts_with(message), "{}", problems[0]);
        }
    }

    /// Has the zip's directory announce another size for all its parts.
    fn announcing(mut bytes: Vec<u8>, size: u32) -> Vec<u8> {
        for at in 0..bytes.len() - 28 {
            if bytes[at..].starts_with(b"PK\x01\x02") {
                bytes[at + 24..at + 28].copy_from_slice(&size.to_le_bytes());
            }
        }
        bytes
    }

    #[test]
    fn what_a_zip_announces_is_checked_before_anything_is_unpacked() {
        let sound = workbook("<sst/>", &[("a", HEAD)]);
        // It has six parts.
        let large = announcing(sound, 43 << 20);
        assert_eq!(told(&large), "x.xlsx: unpacks to more than 256 MiB");
        let names: Vec<_> = (0..1001).map(|index| index.to_string()).collect();
        let parts: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(told(&zip(&parts)), "x.xlsx: has more than 1000 parts");
    }

    #[test]
    fn a_zip_that_lies_of_its_sizes_is_stopped_where_it_lies() {
        let rows = format!("{HEAD}<row>{}{}</row>", text("A2", "东门"), text("B2", "u"));
        let sound = workbook("<sst/>", &[("a", &rows)]);
        assert!(read("x.xlsx", &sound).is_ok());
        let lie = "x.xlsx: is no whole workbook: open it, save it as .xlsx and send it again";
        for size in [1, 100] {
            assert_eq!(told(&announcing(sound.clone(), size)), lie);
        }
    }

    #[test]
    fn a_part_that_many_sheets_refer_to_counts_for_each() {
        let empty = format!("<!--{}-->", "a".repeat(64 << 10)).repeat(96);
        let bytes = workbook("<sst/>", &[("a", &empty)]);
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes.as_slice())).unwrap();
        let mut parts = Vec::new();
        for index in 0..archive.len() {
            let mut part = archive.by_index(index).unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut part, &mut text).unwrap();
            let name = part.name().unwrap().into_owned();
            if name == "xl/workbook.xml" {
                let (before, rest) = text.split_once("<sheet ").unwrap();
                let (sheet, after) = rest.split_once("/>").unwrap();
                text = format!("{before}{}{after}", format!("<sheet {sheet}/>").repeat(50));
            }
            parts.push((name, text));
        }
        let parts: Vec<_> = parts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        assert_eq!(told(&zip(&parts)), "x.xlsx: unpacks to more than 256 MiB");
    }

    #[test]
    fn xml_that_would_grow_is_refused() {
        let entities = r#"<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>"#;
        let doctype = "x.xlsx: declares a document type, which no workbook does";
        let external = r#"<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>"#;
        for declared in [entities, external] {
            assert_eq!(
                told_of(&format!("{declared}<sst><si><t>&b;</t></si></sst>"), HEAD),
                doctype
            );
        }
        let row =
            |text: &str| format!("{HEAD}<row><c t=\"inlineStr\"><is><t>{text}</t></is></c></row>");
        assert_eq!(
            told_of("<sst/>", &row("&b;")),
            "x.xlsx: uses an entity, which no workbook does"
        );
        let deep = "<a>".repeat(1 << 20);
        assert!(told_of("<sst/>", &row(&deep)).contains("is no whole workbook"));
        let long = "a".repeat(2 << 20);
        assert_eq!(
            told_of("<sst/>", &row(&long)),
            "x.xlsx: holds an element or a text of more than a MiB"
        );
        let attribute = format!("{HEAD}<row spans=\"{long}\"/>");
        assert_eq!(
            told_of("<sst/>", &attribute),
            "x.xlsx: holds an element or a text of more than a MiB"
        );
    }

    #[test]
    fn a_text_that_many_cells_refer_to_counts_for_each() {
        let strings = format!("<sst><si><t>{}</t></si></sst>", "a".repeat(30_000));
        let rows = format!(
            "{HEAD}{}",
            r#"<row><c t="s"><v>0</v></c></row>"#.repeat(10_000)
        );
        assert_eq!(
            told_of(&strings, &rows),
            "x.xlsx: holds more than 128 MiB of text"
        );
    }

    #[test]
    fn places_that_cannot_be_are_refused() {
        let broken = "x.xlsx: is no whole workbook: open it, save it as .xlsx and send it again";
        let cell = |place: &str| text(place, "a");
        for (rows, message) in [
            (r#"<row r="1"/><row r="1"/>"#.to_owned(), broken),
            (r#"<row r="99999999999"/>"#.to_owned(), broken),
            (format!("<row>{}{}</row>", cell("A1"), cell("A1")), broken),
            (format!("<row>{}</row>", cell("7")), broken),
            (
                format!("<row>{}</row>", cell("XFD1")),
                "x.xlsx: has more than 256 columns",
            ),
        ] {
            assert_eq!(told_of("<sst/>", &rows), message, "{rows}");
        }
    }
}
