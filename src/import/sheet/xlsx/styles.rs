//! Which cells are dates: their number's format says so.

use std::collections::HashMap;

use super::Wrong;
use super::package::broken;
use super::xml::{Node, Xml};

/// What a number is by its format.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Format {
    /// A number.
    #[default]
    Plain,
    /// A day, a time of day, or both.
    Date,
}

/// The formats by the number of a cell's style.
#[derive(Default)]
pub(super) struct Styles(Vec<Format>);

impl Styles {
    /// What a cell of that style is.
    pub(super) fn format(&self, style: Option<u64>) -> Format {
        let index = style.and_then(|style| usize::try_from(style).ok());
        index
            .and_then(|index| self.0.get(index).copied())
            .unwrap_or_default()
    }
}

/// Reads the part of them.
pub(super) fn read(xml: Option<Xml<'_>>) -> Result<Styles, Wrong> {
    let mut styles = Styles::default();
    let Some(mut xml) = xml else {
        return Ok(styles);
    };
    let mut own = HashMap::new();
    let mut is_of_cells = false;
    loop {
        match xml.next()? {
            Node::Start(element) if element.is(b"numFmt") => {
                let code = element.attribute(b"formatCode").unwrap_or_default();
                if let Some(id) = element.number(b"numFmtId") {
                    own.insert(id, of_code(&code));
                }
            }
            Node::Start(element) if element.is(b"cellXfs") => is_of_cells = true,
            Node::Start(element) if is_of_cells && element.is(b"xf") => {
                let id = element.number(b"numFmtId").unwrap_or_default();
                let format = own.get(&id).copied();
                styles.0.push(format.unwrap_or_else(|| of_builtin(id)));
            }
            Node::End(end) if end.name() == b"cellXfs" => is_of_cells = false,
            Node::Eof => return Ok(styles),
            _ => {}
        }
        if styles.0.len().max(own.len()) > STYLES_MAX {
            return Err(broken());
        }
    }
}

/// Excel's own formats, those of Chinese Excel too.
fn of_builtin(id: u64) -> Format {
    match id {
        14..=22 | 27..=36 | 45..=47 | 50..=58 => Format::Date,
        _ => Format::Plain,
    }
}

/// A format is of dates if it has a letter of dates outside of quotes and brackets.
fn of_code(code: &str) -> Format {
    let mut signs = code.chars();
    let (mut is_quoted, mut is_bracketed, mut bracketed) = (false, false, String::new());
    while let Some(sign) = signs.next() {
        match sign {
            '"' if !is_bracketed => is_quoted = !is_quoted,
            _ if is_quoted => {}
            // The sign behind it is shown, or as wide as the gap.
            '\\' | '_' | '*' => drop(signs.next()),
            '[' => (is_bracketed, bracketed) = (true, String::new()),
            ']' => {
                is_bracketed = false;
                // Hours beyond a day, as in `[h]:mm`.
                if !bracketed.is_empty() && bracketed.chars().all(|sign| "hms".contains(sign)) {
                    return Format::Date;
                }
            }
            _ if is_bracketed => bracketed.extend(sign.to_lowercase()),
            // Numbers below zero and texts have formats of their own behind it.
            ';' => return Format::Plain,
            'd' | 'm' | 'h' | 'y' | 's' | 'D' | 'M' | 'H' | 'Y' | 'S' => return Format::Date,
            // `General`, also in other languages.
            'G' | 'g' => return Format::Plain,
            _ => {}
        }
    }
    Format::Plain
}

/// As many as Excel has.
const STYLES_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_says_whether_a_number_is_a_date() {
        for (code, expected) in [
            ("yyyy-mm-dd", Format::Date),
            ("yyyy\"年\"m\"月\"d\"日\";@", Format::Date),
            ("[$-804]yyyy/m/d", Format::Date),
            ("[h]:mm:ss", Format::Date),
            ("General", Format::Plain),
            ("0.000000", Format::Plain),
            ("0.00\"m\"", Format::Plain),
            ("#,##0_);[Red]\\(#,##0\\)", Format::Plain),
            ("0.0_d", Format::Plain),
            ("0;\"m\"d", Format::Plain),
            ("@", Format::Plain),
        ] {
            assert_eq!(of_code(code), expected, "{code}");
        }
    }
}
