//! CSV as spreadsheets save it, whatever charset and separator.

use csv::StringRecord;

use super::formula::unguard;
use super::header::{self, HEADER_WITHIN};
use super::line::{End, Line, Lines};
use super::table::{self, Beside};
use super::{Sheet, no_header, no_rows};
use crate::import::text::{Text, decode_any, unclosed_quote};
use crate::problem::Problem;

/// Reads a file.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Sheet, Vec<Problem>> {
    let Text {
        text,
        is_cut,
        is_damaged,
    } = decode_any(bytes);
    if text.trim().is_empty() {
        return Err(vec![Problem::whole(file, "is empty")]);
    }
    let separator = separator(&text);
    if let Some(problem) = unclosed_quote(file, &text, separator) {
        return Err(vec![problem]);
    }
    let mut lines = lines(&text, separator, usize::MAX)
        .map_err(|message| vec![Problem::whole(file, message)])?;
    lines.end = match text.ends_with(['\r', '\n']) {
        _ if is_cut => End::Cut,
        true => End::Whole,
        false => End::Open,
    };
    let sheet = table::sheet(file, lines, Beside::Never)?;
    let mut sheet = sheet.ok_or_else(|| vec![no_header(file)])?;
    if sheet.rows.is_empty() {
        return Err(vec![no_rows(file)]);
    }
    if is_damaged {
        sheet.warnings.push(damaged(file, &text));
        sheet.warnings.sort_by_key(Problem::place);
    }
    Ok(sheet)
}

/// The separator with which the header is found best.
fn separator(text: &str) -> u8 {
    let score = |separator: u8| {
        let first = lines(text, separator, HEADER_WITHIN).unwrap_or_default();
        first.lines.iter().map(header::score).max()
    };
    let mut best = (b',', score(b',').unwrap_or_default());
    for separator in [b';', b'\t'] {
        let found = score(separator).unwrap_or_default();
        if found > best.1 {
            best = (separator, found);
        }
    }
    best.0
}

/// The first lines that have cells.
fn lines(text: &str, separator: u8, most: usize) -> Result<Lines, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let mut found = Lines::default();
    let mut record = StringRecord::new();
    let mut place = Place::default();
    // The first line behind the last one that has cells.
    let mut empty_from = 1;
    while found.lines.len() < most {
        let begin = reader.position().byte();
        let is_read = reader.read_record(&mut record);
        if !is_read.map_err(|error| error.to_string())? {
            break;
        }
        let raw = slice(text, begin, reader.position().byte());
        let number = place.line(
            text,
            begin as usize + raw.len() - raw.trim_start_matches(['\r', '\n']).len(),
        );
        let inner = line_ends(raw.trim_matches(['\r', '\n']));
        let cells = record.iter().map(unguard).collect();
        if let Some(line) = Line::new(number, cells, Vec::new()) {
            found.push(line, empty_from)?;
            empty_from = number + inner + 1;
        }
    }
    Ok(found)
}

fn slice(text: &str, begin: u64, end: u64) -> &str {
    let range = begin as usize..end as usize;
    text.get(range).unwrap_or_default()
}

/// How many lines end within a text: by LF, by CRLF, or by CR alone.
fn line_ends(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let single = bytes.iter().filter(|byte| matches!(byte, b'\r' | b'\n'));
    let double = bytes.windows(2).filter(|pair| pair == b"\r\n");
    (single.count() - double.count()) as u64
}

/// Counts lines up to a place, on from the last one.
#[derive(Default)]
struct Place {
    byte: usize,
    line: u64,
}

impl Place {
    /// The line of a byte.
    fn line(&mut self, text: &str, byte: usize) -> u64 {
        let passed = text.get(self.byte..byte).unwrap_or_default();
        self.line += line_ends(passed);
        self.byte = byte;
        self.line + 1
    }
}

fn damaged(file: &str, text: &str) -> Problem {
    let before = text.split('\u{fffd}').next().unwrap_or_default();
    let line = line_ends(before) + 1;
    let message = "holds bytes that are no characters, here first: save the file as UTF-8";
    Problem::warning(file, line, 0, message)
}

#[cfg(test)]
mod tests {
    use encoding_rs::GB18030;

    use super::*;
    use crate::import::columns::Column;
    use crate::import::sheet::Why;

    fn told(bytes: &[u8]) -> Vec<String> {
        match read("x.csv", bytes) {
            Ok(sheet) => sheet.warnings.iter().map(ToString::to_string).collect(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    /// Line, name and what is wrong of each row.
    fn rows(text: &str) -> Vec<(u64, String, bool)> {
        let sheet = read("x.csv", text.as_bytes()).unwrap();
        let rows = sheet.rows.iter().map(|row| {
            let name = row
                .fields
                .get(&Column::Name)
                .map(|field| field.text.clone());
            (row.line, name.unwrap_or_default(), row.broken.is_some())
        });
        rows.collect()
    }

    #[test]
    fn a_table_is_read_whatever_charset_line_end_and_separator_it_has() {
        for separator in [",", ";", "\t"] {
            for end in ["\n", "\r\n", "\r"] {
                let rows = [
                    ["名称", "主码流地址", "编号"],
                    ["东门", "rtsp://10.0.0.1/1", "1"],
                ];
                let text: String = rows.iter().map(|row| row.join(separator) + end).collect();
                let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                for bytes in [
                    text.clone().into_bytes(),
                    [b"\xef\xbb\xbf", text.as_bytes()].concat(),
                    [b"\xff\xfe".as_slice(), &units].concat(),
                    GB18030.encode(&text).0.into_owned(),
                ] {
                    let sheet = read("x.csv", &bytes).unwrap();
                    assert_eq!(
                        (sheet.header_row, sheet.rows.len(), sheet.rows[0].line),
                        (1, 1, 2)
                    );
                    assert_eq!(sheet.rows[0].fields[&Column::Name].text, "东门");
                    assert_eq!(sheet.rows[0].fields[&Column::SourceId].column, 3);
                }
            }
        }
    }

    #[test]
    fn a_row_is_known_by_the_line_on_which_it_begins() {
        let text = "\n清单\r\n\"点位名称\n(必填)\",url,a\r\n\r\n\"a\nb\",u,\r\nc,u,\n,,\n,\u{3000},\nd,u,\n\n\n";
        let mixed = read("x.csv", b"name,url\ra,u\r\nb,u\n\rc,u\n").unwrap();
        let lines: Vec<_> = mixed.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 3, 5]);
        let sheet = read("x.csv", text.as_bytes()).unwrap();
        assert_eq!(sheet.header_row, 3);
        let lines: Vec<_> = sheet.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [6, 8, 11]);
        let skipped: Vec<_> = sheet.skipped.iter().map(|row| (row.row, row.why)).collect();
        let empty = Why::Empty;
        assert_eq!(
            skipped,
            [
                (1, empty),
                (2, Why::Title),
                (5, empty),
                (9, empty),
                (10, empty)
            ]
        );
        let cells: Vec<_> = sheet.cells.iter().map(|line| line.row()).collect();
        assert_eq!(cells, [2, 3, 6, 8, 11]);
    }

    #[test]
    fn a_row_that_is_cut_off_is_broken_and_all_others_stand() {
        let head = "name,url,manufacturer\na,u,m\n";
        let row = |name: &str, is_broken| (3, name.to_owned(), is_broken);
        for (end, expected) in [
            ("b,u,m", row("b", false)),
            ("b,u", row("b", true)),
            ("b,u\n", row("b", false)),
            ("b", row("b", true)),
        ] {
            assert_eq!(rows(&format!("{head}{end}"))[1..], [expected], "{end:?}");
        }
        let whole = GB18030
            .encode("name,url,manufacturer\n天元小学东门,u,海康威视\n滨江小学西门,u,大华")
            .0;
        let sheet = read("x.csv", &whole[..whole.len() - 1]).unwrap();
        assert_eq!(sheet.rows[0].broken, None);
        assert!(sheet.rows[1].broken.as_ref().unwrap().contains("cut off"));
    }

    #[test]
    fn a_separator_too_many_breaks_its_row_and_a_cell_too_few_does_not() {
        let text = "name,url,address\na,u,b,c\nd,u\ne,u,f,,\n";
        let expected = [(2, "a", true), (3, "d", false), (4, "e", false)];
        assert_eq!(
            rows(text),
            expected.map(|(line, name, broken)| (line, name.to_owned(), broken))
        );
    }

    #[test]
    fn what_is_wrong_with_a_file_as_a_whole_is_told_with_its_place() {
        let table: [(&[u8], &str); 7] = [
            (b"", "x.csv: is empty"),
            (b"\n \n", "x.csv: is empty"),
            (
                b"name,url\n",
                "x.csv: has no rows: a truncated file changes nothing",
            ),
            (
                b"name,url\na,b\n\"c,d\ne,f\n",
                "x.csv:3: a quote opens here and is never closed",
            ),
            (
                b"name,url,Name\na,b,c\n",
                "x.csv:1:3: column `name` stands twice, in columns 1 and 3: leave one",
            ),
            (
                b"\xef\xbb\xbfname,url\na,b\nc\xff,d\n",
                "x.csv:3: warning: holds bytes that are no characters, here first: save the file as UTF-8",
            ),
            (
                b"name,url\na,b,c\n",
                "x.csv:2:3: warning: column 3 has cells and no header: it is not taken",
            ),
        ];
        for (bytes, message) in table {
            assert_eq!(told(bytes), [message]);
        }
        let secret = told("东门,rtsp://viewer:Passw0rd@10.0.0.1/1\n".as_bytes());
        assert!(secret[0].starts_with("x.csv: none of the first 20 rows names the columns"));
        assert!(!secret[0].contains("Passw0rd"));
    }

    #[test]
    fn a_file_with_more_than_the_limits_is_refused() {
        let head = "name,url\n";
        let rows = |count: usize| format!("{head}{}", "a,b\n".repeat(count));
        assert_eq!(
            read("x.csv", rows(100_000).as_bytes()).unwrap().rows.len(),
            100_000
        );
        assert_eq!(
            told(rows(100_001).as_bytes()),
            ["x.csv: has more than 100000 rows: split it"]
        );
        let wide = format!("{head}a,b{}c\n", ",".repeat(255));
        assert_eq!(told(wide.as_bytes()), ["x.csv: has more than 256 columns"]);
        let empty = format!("{head}a,b{}\n{}", ",".repeat(300), ",\n".repeat(200_000));
        assert_eq!(told(empty.as_bytes()), [""; 0]);
        let long = format!("{head}{},b\n", "a".repeat(4097));
        let sheet = read("x.csv", long.as_bytes()).unwrap();
        let wrong = &sheet.rows[0].fields[&Column::Name].wrong;
        assert_eq!(wrong.as_deref(), Some("is longer than 4096 bytes"));
    }

    #[test]
    fn two_columns_of_one_meaning_may_not_contradict_each_other() {
        let text = "name,url,经度(度),longitude,密码,口令\na,u,1,1,p,p\nb,u,,2,,q\nc,u,3,4,Passw0rd,Passw1rd\n";
        let sheet = read("x.csv", text.as_bytes()).unwrap();
        let field = |row: usize, column| {
            let field = &sheet.rows[row].fields[&column];
            (field.text.as_str(), field.column, field.wrong.as_deref())
        };
        assert_eq!(field(0, Column::Longitude), ("1", 3, None));
        assert_eq!(field(1, Column::Longitude), ("2", 4, None));
        let wrong = "columns 3 and 4 differ: `3` and `4`: leave one of them";
        assert_eq!(field(2, Column::Longitude), ("3", 3, Some(wrong)));
        let wrong = "columns 5 and 6 differ: leave one of them";
        assert_eq!(field(2, Column::Password), ("Passw0rd", 5, Some(wrong)));
    }
}
