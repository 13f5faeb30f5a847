//! What is wrong with a file: where, what, and what to do.

use std::fmt;

/// One thing that is wrong. Lines and columns count from 1; 0 where the whole file is meant.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    /// Something wrong at a place.
    pub fn new(file: &str, line: u64, column: u64, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            column,
            message: message.into(),
        }
    }

    /// Something wrong with a file as a whole.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self::new(file, 0, 0, message)
    }

    /// Something that is taken as it is, and is better otherwise.
    pub fn warning(file: &str, line: u64, column: u64, message: &str) -> Self {
        Self::new(file, line, column, format!("warning: {message}"))
    }

    /// Line and column: the order within a file.
    pub fn place(&self) -> (u64, u64) {
        (self.line, self.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
        } = self;
        match (line, column) {
            (0, _) => write!(f, "{file}: {message}"),
            (_, 0) => write!(f, "{file}:{line}: {message}"),
            _ => write!(f, "{file}:{line}:{column}: {message}"),
        }
    }
}

/// Says that `given` is none of the names that are `known`, or that there is no such `thing` at all.
pub fn none_of<'a>(given: &str, thing: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        format!("`{given}` is no {thing}: there are none")
    } else {
        format!("`{given}` is none of {}", known.join(", "))
    }
}

/// The name among `known` that `given` was probably meant to be.
pub fn did_you_mean<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison takes time and memory of both lengths together.
    if given.len() > NAME_BYTES_MAX {
        return None;
    }
    let scored = known.map(|name| (strsim::damerau_levenshtein(given, name), name));
    let limit = (given.chars().count() / 3).max(1);
    scored
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// No key and no column has so long a name.
const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["address", "password", "domain"];
        assert_eq!(did_you_mean("adress", known.into_iter()), Some("address"));
        assert_eq!(did_you_mean("port", known.into_iter()), None);
        let long = "address".repeat(1 << 20);
        assert_eq!(
            did_you_mean(&long, known.into_iter()),
            None,
            "and it takes no time"
        );
    }
}
