//! MANSCDP bodies (GB/T 28181-2016 annex A): a small XML reader and the charsets of its prolog.

use anyhow::{Context as _, bail, ensure};

/// How a body is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Charset {
    /// GB18030 bytes under the label GB2312.
    Gb2312,
    /// UTF-8.
    Utf8,
}

impl Charset {
    /// The label in the prolog.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gb2312 => "GB2312",
            Self::Utf8 => "UTF-8",
        }
    }

    /// The bytes of a text.
    pub fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Gb2312 => encoding_rs::GB18030.encode(text).0.into_owned(),
            Self::Utf8 => text.as_bytes().to_vec(),
        }
    }
}

/// One element of a body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<(String, String)>,
    /// Its own text, trimmed.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Self>,
}

impl Element {
    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of that name; empty when there is none.
    pub fn text_of(&self, name: &str) -> &str {
        self.child(name)
            .map(|child| child.text.as_str())
            .unwrap_or_default()
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Decodes a body by the charset that its prolog names.
///
/// # Errors
/// When the prolog names no known charset, or the bytes are not of it.
pub fn decode(body: &[u8]) -> anyhow::Result<String> {
    let first = body
        .iter()
        .take(100)
        .map(|byte| char::from(*byte))
        .collect::<String>();
    let label = first.split_once("encoding=").and_then(|(_, rest)| {
        let quote = rest.chars().next()?;
        rest[1..].split(quote).next()
    });
    match label.map(str::to_ascii_uppercase).as_deref() {
        Some("GB2312" | "GBK" | "GB18030") => {
            let (text, _, wrong) = encoding_rs::GB18030.decode(body);
            ensure!(!wrong, "body is not GB18030, though its prolog says GB2312");
            Ok(text.into_owned())
        }
        Some("UTF-8") | None => String::from_utf8(body.to_vec()).context("body is not UTF-8"),
        Some(other) => bail!("prolog names the charset {other}"),
    }
}

/// Reads a body into its root element.
///
/// # Errors
/// When it is not well formed.
pub fn parse(text: &str) -> anyhow::Result<Element> {
    let mut reader = Reader { rest: text };
    reader.skip_misc()?;
    let root = reader.element(0)?;
    reader.skip_misc()?;
    ensure!(reader.rest.is_empty(), "text behind the root element");
    Ok(root)
}

/// Escapes a text for an element.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out
}

/// Writes a body: `blanks` puts blanks around texts and indents, as some platforms do.
pub fn write(root: &str, fields: &[(&str, &str)], blanks: bool, charset: Charset) -> Vec<u8> {
    let (indent, pad) = if blanks { ("    ", " ") } else { ("", "") };
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"{}\"?>\r\n<{root}>\r\n",
        charset.label()
    );
    for (name, value) in fields {
        text.push_str(&format!(
            "{indent}<{name}>{pad}{}{pad}</{name}>\r\n",
            escape(value)
        ));
    }
    text.push_str(&format!("</{root}>\r\n"));
    charset.encode(&text)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_misc(&mut self) -> anyhow::Result<()> {
        loop {
            self.rest = self
                .rest
                .trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
            if self.rest.starts_with("<?") {
                self.until("?>")?;
            } else if self.rest.starts_with("<!--") {
                self.until("-->")?;
            } else {
                return Ok(());
            }
        }
    }

    fn until(&mut self, end: &str) -> anyhow::Result<&'a str> {
        let (before, after) = self
            .rest
            .split_once(end)
            .with_context(|| format!("no {end:?}"))?;
        self.rest = after;
        Ok(before)
    }

    fn element(&mut self, depth: usize) -> anyhow::Result<Element> {
        ensure!(depth < DEPTH_MAX, "elements nested deeper than {DEPTH_MAX}");
        self.rest = self
            .rest
            .strip_prefix('<')
            .context("no element where one must be")?;
        let tag = self.until(">")?;
        let (tag, empty) = tag
            .strip_suffix('/')
            .map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        ensure!(
            name.chars()
                .all(|c| c.is_alphanumeric() || "_-.".contains(c)),
            "element name {name:?}"
        );
        let mut element = Element {
            name: name.to_owned(),
            attributes: parse_attributes(attributes)?,
            ..Element::default()
        };
        if empty {
            return Ok(element);
        }
        loop {
            element
                .text
                .push_str(&unescape(self.rest.split('<').next().unwrap_or_default())?);
            self.rest = self
                .rest
                .find('<')
                .map(|at| &self.rest[at..])
                .with_context(|| format!("<{name}> is not closed"))?;
            if let Some(rest) = self.rest.strip_prefix("</") {
                self.rest = rest;
                let closed = self.until(">")?;
                ensure!(closed.trim_end() == name, "<{name}> closed by </{closed}>");
                break;
            } else if let Some(rest) = self.rest.strip_prefix("<![CDATA[") {
                self.rest = rest;
                element.text.push_str(self.until("]]>")?);
            } else if self.rest.starts_with("<!--") {
                self.until("-->")?;
            } else {
                element.children.push(self.element(depth + 1)?);
            }
        }
        element.text = element.text.trim().to_owned();
        Ok(element)
    }
}

fn parse_attributes(mut text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut attributes = Vec::new();
    while !text.trim().is_empty() {
        let (name, rest) = text.split_once('=').context("attribute without value")?;
        let rest = rest.trim_start();
        let quote = rest
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
            .context("attribute without quotes")?;
        let (value, rest) = rest[1..]
            .split_once(quote)
            .context("attribute is not closed")?;
        attributes.push((name.trim().to_owned(), unescape(value)?));
        text = rest;
    }
    Ok(attributes)
}

fn unescape(text: &str) -> anyhow::Result<String> {
    let mut pieces = text.split('&');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (entity, rest) = piece
            .split_once(';')
            .with_context(|| format!("bare & in {text:?}"))?;
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number
                    .strip_prefix('#')
                    .with_context(|| format!("entity &{entity};"))?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16)?,
                    None => number.parse()?,
                };
                char::from_u32(code).with_context(|| format!("entity &{entity};"))?
            }
        });
        out.push_str(rest);
    }
    Ok(out)
}

/// MANSCDP needs five.
const DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_with_attributes_entities_and_empty_elements() {
        let root = parse(
            "<?xml version=\"1.0\"?>\r\n<Response>\n <SN> 7 </SN><!-- x --><DeviceList Num='2'><Item/>\
             <Item><Name>A &amp; B &#x3c;</Name></Item></DeviceList></Response>",
        )
        .unwrap();
        assert_eq!(root.text_of("SN"), "7");
        let list = root.child("DeviceList").unwrap();
        assert_eq!((list.attribute("Num"), list.children.len()), (Some("2"), 2));
        assert_eq!(list.children[1].text_of("Name"), "A & B <");
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for wrong in [
            "", "<a>", "<a></b>", "<a>&</a>", "<a b=1/>", "<a/><b/>", "text",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn gb18030_under_a_gb2312_prolog_comes_back() {
        let body = write(
            "Query",
            &[("Name", "天元小学𠮷门<1>")],
            true,
            Charset::Gb2312,
        );
        assert!(String::from_utf8(body.clone()).is_err());
        let root = parse(&decode(&body).unwrap()).unwrap();
        assert_eq!(root.text_of("Name"), "天元小学𠮷门<1>");
    }

    #[test]
    fn utf8_under_a_gb2312_prolog_is_found_out() {
        let body = "<?xml version=\"1.0\" encoding=\"GB2312\"?><a>天元区教育局</a>".as_bytes();
        let decoded = decode(body);
        assert!(decoded.is_err() || !decoded.unwrap().contains("天元区教育局"));
    }
}
