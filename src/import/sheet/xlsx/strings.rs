//! The texts that cells refer to by number.

use super::Wrong;
use super::package::broken;
use super::value::unescape;
use super::xml::{Node, Xml};

/// All texts, one behind the other.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    /// A text by its number.
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let begin = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before).copied());
        self.text.get(begin.unwrap_or_default()..end)
    }
}

/// Reads the part of them; how many it announces is of no account.
pub(super) fn read(xml: Option<Xml<'_>>) -> Result<Strings, Wrong> {
    let mut strings = Strings::default();
    let Some(mut xml) = xml else {
        return Ok(strings);
    };
    let mut shown = Shown::default();
    let mut raw = String::new();
    loop {
        match xml.next()? {
            Node::Start(element) if element.is(b"si") => raw.clear(),
            Node::Start(element) if element.is(b"t") => shown.begin(),
            Node::Start(element) if element.is(b"rPh") => shown.is_spelling = true,
            Node::Text(text) => shown.add(&text, &mut raw),
            Node::End(end) => match end.name() {
                b"t" => shown.end(),
                b"rPh" => shown.is_spelling = false,
                b"si" => {
                    strings.text.push_str(&unescape(&raw));
                    strings.ends.push(strings.text.len());
                }
                b"sst" => return Ok(strings),
                _ => {}
            },
            Node::Start(_) | Node::Other => {}
            Node::Eof => return Err(broken()),
        }
        if strings.text.len() > BYTES_MAX || strings.ends.len() > STRINGS_MAX {
            return Err(format!("holds more than {} MiB of text", BYTES_MAX >> 20));
        }
    }
}

/// Which text within an element is shown: not how it is spoken.
#[derive(Default)]
pub(super) struct Shown {
    is_text: bool,
    pub(super) is_spelling: bool,
}

impl Shown {
    pub(super) fn begin(&mut self) {
        self.is_text = !self.is_spelling;
    }

    pub(super) fn end(&mut self) {
        self.is_text = false;
    }

    /// Adds text that is shown. What is longer than Excel's cells is cut; it is far beyond what a cell may hold here.
    pub(super) fn add(&self, text: &str, to: &mut String) {
        if self.is_text && to.len() <= RAW_BYTES_MAX {
            to.push_str(text);
        }
    }
}

const BYTES_MAX: usize = 96 << 20;
const STRINGS_MAX: usize = 8_000_000;
/// Excel keeps 32,767 characters in a cell.
const RAW_BYTES_MAX: usize = 128 << 10;
