//! Arguments of a command: options with their values, and names.

use anyhow::Context as _;

/// Whether help is asked for.
pub(crate) fn ask_for_help(arguments: &[String]) -> bool {
    arguments
        .iter()
        .any(|argument| matches!(argument.as_str(), "--help" | "-h"))
}

/// Hands over one argument after the other, with what gives the value behind it.
///
/// # Errors
/// When one is wrong, or its value is missing; the message names it.
pub(crate) fn read<'a>(
    arguments: &'a [String],
    mut take: impl FnMut(&str, &mut dyn FnMut() -> anyhow::Result<&'a String>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut arguments = arguments.iter();
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().context("its value is missing");
        take(option, &mut value).with_context(|| format!("option {option}"))?;
    }
    Ok(())
}
