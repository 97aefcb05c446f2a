//! What all commands' arguments have in common. Pure functions.

/// Whether help was asked for.
pub(crate) fn asks_help(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| matches!(argument.as_str(), "-h" | "--help"))
}
