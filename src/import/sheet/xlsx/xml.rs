//! A part's XML, an element or text at a time. No entity is known but XML's own, and no document type is taken.

use std::io::BufReader;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Wrong;
use super::package::{Counted, broken};

/// A part that is being read.
pub(super) struct Xml<'a> {
    reader: Reader<BufReader<Counted<'a>>>,
    buffer: Vec<u8>,
    depth: usize,
}

/// What comes next; an element that is empty begins and ends.
pub(super) enum Node<'a> {
    Start(Element<'a>),
    /// By the element's name without prefix.
    End(Vec<u8>),
    Text(String),
    Eof,
}

/// An element that begins.
pub(super) struct Element<'a>(BytesStart<'a>);

impl<'a> Xml<'a> {
    pub(super) fn new(part: BufReader<Counted<'a>>) -> Self {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            depth: 0,
        }
    }

    /// The next element or text; comments and instructions are passed over.
    pub(super) fn next(&mut self) -> Result<Node<'_>, Wrong> {
        loop {
            self.buffer.clear();
            self.reader.get_mut().get_mut().event();
            // The borrow of what is passed over would last as long as that of what is given out.
            let event = self
                .reader
                .read_event_into(&mut self.buffer)
                .map_err(wrong)?;
            match event {
                Event::Start(start) => {
                    self.depth += 1;
                    if self.depth > DEPTH_MAX {
                        return Err(broken());
                    }
                    return Ok(Node::Start(Element(start.into_owned())));
                }
                Event::End(end) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Node::End(end.local_name().as_ref().to_vec()));
                }
                Event::Text(text) => {
                    let text = text.xml10_content().map_err(|_| broken())?;
                    return Ok(Node::Text(text.into_owned()));
                }
                Event::CData(text) => {
                    let text = text.xml10_content().map_err(|_| broken())?;
                    return Ok(Node::Text(text.into_owned()));
                }
                Event::GeneralRef(name) => {
                    let sign = name.resolve_char_ref().map_err(|_| broken())?;
                    return match (sign, entity(&name)) {
                        (Some(sign), _) | (None, Some(sign)) => Ok(Node::Text(sign.to_string())),
                        (None, None) => Err("uses an entity, which no workbook does".to_owned()),
                    };
                }
                Event::DocType(_) => {
                    return Err("declares a document type, which no workbook does".to_owned());
                }
                Event::Eof => return Ok(Node::Eof),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }
}

impl Element<'_> {
    /// Whether it is called so, whatever its prefix.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        self.0.local_name().as_ref() == name
    }

    /// An attribute, whatever its prefix.
    pub(super) fn attribute(&self, name: &[u8]) -> Option<String> {
        let mut attributes = self.0.attributes();
        let mut attributes = attributes.with_checks(false).flatten();
        let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
        let text = str::from_utf8(&found.value).ok()?;
        Some(quick_xml::escape::unescape(text).ok()?.into_owned())
    }

    /// An attribute that is a number.
    pub(super) fn number(&self, name: &[u8]) -> Option<u64> {
        self.attribute(name)?.parse().ok()
    }
}

fn entity(name: &[u8]) -> Option<char> {
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => None,
    }
}

/// What stopped the reading says it, if it is ours.
fn wrong(error: quick_xml::Error) -> Wrong {
    match error {
        quick_xml::Error::Io(error)
            if error.get_ref().is_some() && error.kind() == std::io::ErrorKind::Other =>
        {
            error.to_string()
        }
        _ => broken(),
    }
}

/// No part of a workbook nests so deep.
const DEPTH_MAX: usize = 64;
