//! What is wrong with a configuration, all of it.
//!
//! Whoever mends a file wants the whole list: a program that stops at the first fault is started twelve times for twelve
//! faults. So reading never stops. It notes the fault, takes the default and goes on, and the [`Report`] decides at the end.

use std::fmt;

/// One fault: where, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting's path (`webhook.body_bytes_max`), a variable's name, or file and line.
    pub place: String,
    /// What is wrong there and what would be right. Never holds a secret.
    pub sentence: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.sentence)
    }
}

/// A configuration that cannot be used, with every fault in it; shown one to a line.
#[derive(Debug)]
pub struct ConfigError(pub Vec<Fault>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// What reading has noted so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    faults: Vec<Fault>,
    warnings: Vec<String>,
    origins: Vec<(String, String)>,
}

impl Report {
    /// Notes a fault. The same fault twice is one: the `otlp` section is read once for logs and once for traces.
    pub(crate) fn fault(&mut self, place: impl Into<String>, sentence: impl fmt::Display) {
        let place = place.into();
        let sentence = match self.origin(&place) {
            Some(origin) if origin != place => format!("{sentence} (set by {origin})"),
            _ => sentence.to_string(),
        };
        let fault = Fault { place, sentence };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Notes what is allowed and probably not meant.
    pub(crate) fn warn(&mut self, sentence: String) {
        if !self.warnings.contains(&sentence) {
            self.warnings.push(sentence);
        }
    }

    /// Remembers that the value at `path` does not stand in the file: whoever mends it must know where to look.
    pub(crate) fn came_from(&mut self, path: &str, origin: &str) {
        self.origins.retain(|(known, _)| known != path);
        self.origins.push((path.to_owned(), origin.to_owned()));
    }

    /// Forgets the origins that start with `prefix`.
    pub(crate) fn forget_origins(&mut self, prefix: &str) {
        self.origins.retain(|(_, origin)| !origin.starts_with(prefix));
    }

    /// The variable or flag that set `path`, or a part of the tree that `path` lies in.
    pub(crate) fn origin(&self, path: &str) -> Option<&str> {
        let within = |known: &str| {
            path.strip_prefix(known).is_some_and(|rest| matches!(rest.as_bytes().first(), None | Some(b'.' | b'[')))
        };
        self.origins.iter().find(|(known, _)| within(known)).map(|(_, origin)| origin.as_str())
    }

    /// Whether there is a fault so far.
    pub(crate) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Whether `place` has a fault already.
    pub(crate) fn has_fault_at(&self, place: &str) -> bool {
        self.faults.iter().any(|fault| fault.place == place)
    }

    /// Every fault.
    pub(crate) fn into_error(self) -> ConfigError {
        ConfigError(self.faults)
    }

    /// The warnings, or every fault.
    pub(crate) fn finish(self) -> Result<Vec<String>, ConfigError> {
        if self.faults.is_empty() { Ok(self.warnings) } else { Err(self.into_error()) }
    }
}
