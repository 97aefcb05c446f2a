//! Options of a command: `--name VALUE` and `--switch`, nothing cleverer. Pure functions.

use crate::Outcome;

/// What a command was given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Words that are no options.
    pub(crate) words: Vec<String>,
    values: Vec<(String, String)>,
    switches: Vec<String>,
}

impl Options {
    /// Reads `arguments`; `valued` and `switches` name the options that exist, with their dashes.
    pub(crate) fn parse(arguments: &[String], valued: &[&str], switches: &[&str]) -> Outcome<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if valued.contains(&argument.as_str()) {
                let value = arguments.next().ok_or_else(|| format!("{argument} needs a value. See --help."))?;
                options.values.push((argument.clone(), value.clone()));
            } else if switches.contains(&argument.as_str()) {
                options.switches.push(argument.clone());
            } else if argument.starts_with('-') {
                return Err(format!("There is no option {argument} here. See --help."));
            } else {
                options.words.push(argument.clone());
            }
        }
        Ok(options)
    }

    /// The last value given for `name`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The port given for `name`, or `otherwise`.
    pub(crate) fn port(&self, name: &str, otherwise: u16) -> Outcome<u16> {
        let Some(text) = self.value(name) else { return Ok(otherwise) };
        let port = text.parse().ok().filter(|port| *port != 0);
        port.ok_or_else(|| format!("{name} {text} is no port: give a number from 1 to 65535."))
    }

    /// Whether `switch` was given.
    pub(crate) fn has(&self, switch: &str) -> bool {
        self.switches.iter().any(|given| given == switch)
    }
}

/// Whether help was asked for.
pub(crate) fn asks_help(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| matches!(argument.as_str(), "-h" | "--help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Outcome<Options> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments, &["--port"], &["--stats"])
    }

    #[test]
    fn options_are_read_or_refused_with_a_sentence() {
        let options = parse("join --port 1 --stats --port 2").unwrap();
        assert_eq!((options.words.as_slice(), options.port("--port", 9)), (["join".to_owned()].as_slice(), Ok(2)));
        assert!(options.has("--stats"));
        assert_eq!(parse("").unwrap().port("--port", 9), Ok(9));
        for bad in ["--port", "--colour", "-x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for bad in ["--port 0", "--port 65536", "--port a"] {
            assert!(parse(bad).unwrap().port("--port", 9).is_err(), "{bad}");
        }
    }
}
