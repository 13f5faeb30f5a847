//! What the YAML library finds wrong, in words for whoever wrote the file: what stands there, what to do.

use serde_yaml::Error;
use serde_yaml::granit_parser::ErrorKind;
use serde_yaml::localizer::ExternalMessageSource;

/// What is wrong. The text at the place may be a secret: at most one character of it is repeated.
pub(super) fn told(error: &Error) -> String {
    match error.without_snippet() {
        Error::ExternalMessage { source, .. } => match source.as_ref() {
            ExternalMessageSource::Parser(error) => syntax(error.kind()),
            _ => NO_YAML.to_owned(),
        },
        Error::AliasError { error, .. } => told(error),
        Error::MultipleDocuments { .. } => {
            "a second document begins here: a file is one, without `---` inside".to_owned()
        }
        Error::Eof { .. } => "is empty".to_owned(),
        Error::UnknownAnchor { .. } => {
            "`*` names an anchor that is nowhere: put a text that begins with `*` into quotes"
                .to_owned()
        }
        Error::NonFiniteFloat { .. } => {
            "this reads as a number without end: put the text into quotes".to_owned()
        }
        Error::UnsupportedTag { .. } => {
            "`!` begins a tag: put a text that begins with `!` into quotes".to_owned()
        }
        Error::NullIntoString { .. } | Error::UnexpectedContainerEndWhileReadingKeyNode { .. } => {
            "a key is missing before `:`".to_owned()
        }
        Error::Budget { .. } => "holds too many values, or too many inside one another".to_owned(),
        _ => NO_YAML.to_owned(),
    }
}

fn syntax(kind: &ErrorKind) -> String {
    use ErrorKind as Kind;
    match kind {
        Kind::MismatchedFlowCollectionEnd { open, close } => {
            format!("`{close}` closes a `{open}`: write `{}`", closing(*open))
        }
        Kind::UnclosedFlowCollection { open } => {
            format!("`{open}` is never closed: write `{}`", closing(*open))
        }
        Kind::UnexpectedCharacter { character } => format!(
            "'{}' cannot begin a value: put the text into quotes",
            character.escape_debug()
        ),
        other => without_letters(other).to_owned(),
    }
}

fn closing(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}

fn without_letters(kind: &ErrorKind) -> &'static str {
    use ErrorKind as Kind;
    match kind {
        Kind::UnexpectedEofFlowSequence => "`[` is never closed: write `]`",
        Kind::UnexpectedEofFlowMapping | Kind::UnexpectedEofImplicitFlowMapping => {
            "`{` is never closed: write `}`"
        }
        Kind::MisplacedFlowCollectionEnd => "a bracket is closed here that was never opened",
        Kind::ExpectedFlowMappingSeparator => "`,` or `}` is missing before this",
        Kind::ExpectedFlowSequenceSeparator => "`,` or `]` is missing before this",
        Kind::BlockEntryInFlowCollection => "`-` stands between brackets: write `,`",
        Kind::TabNotAllowed
        | Kind::TabInBlockIndentation
        | Kind::TabInIndentation
        | Kind::TabAtBlockScalarStart
        | Kind::TabInPlainScalar => "a tab stands here: write spaces",
        Kind::InvalidIndentation
        | Kind::InvalidQuotedScalarIndent
        | Kind::InvalidFlowScalarIndent
        | Kind::InvalidBlockScalarIndent
        | Kind::ExpectedBlockMappingKey
        | Kind::ExpectedBlockSequenceEntry
        | Kind::BlockSequenceEntryNotAllowed => {
            "the line is indented otherwise than those above: what belongs together begins in one column"
        }
        Kind::SimpleKeyExpected | Kind::InvalidSimpleKey | Kind::MappingKeyNotAllowed => {
            "a key is expected here: write `key: value`, with a blank after `:`"
        }
        Kind::MappingValueNotAllowed | Kind::InvalidColonPlacement => {
            "`:` cannot stand here: put a text with `: ` into quotes; or a bracket above is open, a `:` \
             above lacks its blank, the line is indented too far"
        }
        Kind::InvalidMappingValueWhitespace | Kind::FlowMappingValueAdjacentCollection => {
            "a blank is missing after `:`"
        }
        Kind::InvalidBlockEntryWhitespace | Kind::PlainScalarStartsWithDashFlowIndicator => {
            "a blank is missing after `-`"
        }
        Kind::UnclosedQuotedScalar | Kind::DocumentIndicatorInQuotedScalar => {
            "a quote opens here and is never closed"
        }
        Kind::InvalidTrailingSingleQuotedScalar | Kind::InvalidTrailingDoubleQuotedScalar => {
            "text stands behind the closing quote: put all of it between the quotes"
        }
        Kind::UnknownQuotedScalarEscape
        | Kind::InvalidQuotedScalarHexEscape
        | Kind::InvalidUnicodeEscape => {
            "no such escape: write `\\\\` for a backslash, or use single quotes"
        }
        Kind::CommentNotSeparated | Kind::CommentInterceptedScalar => {
            "`#` begins a comment: write a blank before it, or put the text into quotes"
        }
        Kind::UnknownAnchor | Kind::MissingAnchorOrAliasName => {
            "`*` and `&` are signs of YAML: put a text that begins with one into quotes"
        }
        Kind::ExpectedDocumentStart | Kind::InvalidDocumentEnd => {
            "text stands behind the end: leave it out"
        }
        Kind::BomInsideDocument => "a byte-order mark stands here: delete it",
        Kind::RecursionLimitExceeded => "holds too many values inside one another",
        _ => NO_YAML,
    }
}

const NO_YAML: &str = "is no YAML from here on: put a text with special characters into quotes";

#[cfg(test)]
mod tests {
    use crate::yaml::parse;

    #[test]
    fn what_is_no_yaml_is_told_with_what_to_do() {
        const NO_COLON: &str = "`:` cannot stand here: put a text with `: ` into quotes; or a bracket \
                                above is open, a `:` above lacks its blank, the line is indented too far";
        const INDENTED: &str = "the line is indented otherwise than those above: what belongs together \
                                begins in one column";
        const SIGN: &str =
            "`*` and `&` are signs of YAML: put a text that begins with one into quotes";
        let table = [
            ("a: {b: 1]\n", "1:4: `]` closes a `{`: write `}`"),
            ("a: [1, 2\n", "1:4: `[` is never closed: write `]`"),
            ("a: {b: 1\n", "1:4: `{` is never closed: write `}`"),
            (
                "a: ]\n",
                "1:4: a bracket is closed here that was never opened",
            ),
            ("a: [1\nb: 2\n", &format!("2:2: {NO_COLON}")),
            ("a: b: c\n", &format!("1:5: {NO_COLON}")),
            ("a:\n\tb: 1\n", "2:2: a tab stands here: write spaces"),
            ("a: 1\n\tb: 1\n", "1:4: a tab stands here: write spaces"),
            ("a:\n  b: 1\n c: 1\n", &format!("3:2: {INDENTED}")),
            ("- a\nb: 1\n", &format!("2:1: {INDENTED}")),
            (
                "a:\n-b\n",
                "2:1: a key is expected here: write `key: value`, with a blank after `:`",
            ),
            (
                "a: @b\n",
                "1:4: '@' cannot begin a value: put the text into quotes",
            ),
            ("a: &\n", &format!("1:4: {SIGN}")),
            ("a: \"b\n", "1:4: a quote opens here and is never closed"),
            (
                "a: \"b\" c\n",
                "1:8: text stands behind the closing quote: put all of it between the quotes",
            ),
            (
                "a: \"\\d\"\n",
                "1:4: no such escape: write `\\\\` for a backslash, or use single quotes",
            ),
            (": b\n", "1:1: a key is missing before `:`"),
            (
                "{a: 1} b\n",
                "1:8: text stands behind the end: leave it out",
            ),
            (
                "a: 1\n---\nb: 2\n",
                "2:1: a second document begins here: a file is one, without `---` inside",
            ),
        ];
        for (text, told) in table {
            let problem = parse("x", text).unwrap_err().to_string();
            assert_eq!(problem, format!("x:{told}"), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_yaml_repeats_nothing_of_the_text() {
        for text in [
            "password: \"Passw0rd\n",
            "password: {Passw0rd]\n",
            "password: *Passw0rd\n",
            "password: x: Passw0rd\n",
            "Passw0rd: 1\n\tx",
            "password: \"x\" Passw0rd\n",
            "password: !!binary Passw0rd\n",
            "password: !!int Passw0rd\n",
        ] {
            let told = parse("x", text).map_err(|problem| problem.to_string());
            assert!(!told.is_err_and(|told| told.contains("Passw0rd")), "{text}");
        }
    }
}
