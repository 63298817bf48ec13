//! One mapping of a configuration file while it is read.
//!
//! Serde would stop at the first value it cannot take. A [`Section`] hands out one value at a time, notes each fault in the
//! [`Report`], and at the end knows which keys nobody asked for. It knows nothing of any setting, and reads our own
//! file and the web-config file alike.

use serde_json::{Map, Value};

use super::fault::Report;

/// A mapping, and the keys that may stand in it.
#[derive(Clone)]
pub(crate) struct Section {
    path: String,
    entries: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Section {
    /// The mapping at `path`; the whole file when that is empty.
    pub(crate) fn new(path: impl Into<String>, entries: Map<String, Value>) -> Self {
        Self { path: path.into(), entries, known: Vec::new() }
    }

    /// The full path of `key`.
    pub(crate) fn place(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of `key`, which is known from here on. A null is no value.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.entries.remove(key).filter(|value| !value.is_null())
    }

    /// The value of `key` as `parse` understands it; none when absent or faulty.
    pub(crate) fn optional<T>(
        &mut self,
        report: &mut Report,
        key: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(key)?;
        parse(&value).map_err(|sentence| report.fault(self.place(key), sentence)).ok()
    }

    /// The value of `key`, or `default`.
    pub(crate) fn or<T>(
        &mut self,
        report: &mut Report,
        key: &'static str,
        default: T,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> T {
        self.optional(report, key, parse).unwrap_or(default)
    }

    /// The mapping under `key`; none when absent or not a mapping.
    pub(crate) fn optional_section(&mut self, report: &mut Report, key: &'static str) -> Option<Self> {
        if let Value::Object(entries) = self.take(key)? {
            return Some(Self::new(self.place(key), entries));
        }
        report.fault(self.place(key), "must be a section of its own, with keys and values");
        None
    }

    /// The mapping under `key`, empty when absent.
    pub(crate) fn section(&mut self, report: &mut Report, key: &'static str) -> Self {
        let place = self.place(key);
        self.optional_section(report, key).unwrap_or_else(|| Self::new(place, Map::new()))
    }

    /// The names and texts under `key`, in the order of the names.
    pub(crate) fn texts(&mut self, report: &mut Report, key: &'static str) -> Vec<(String, String)> {
        let Some(section) = self.optional_section(report, key) else { return Vec::new() };
        let mut texts = Vec::new();
        for (name, value) in &section.entries {
            match value {
                Value::String(text) => texts.push((name.clone(), text.clone())),
                Value::Number(_) | Value::Bool(_) => texts.push((name.clone(), value.to_string())),
                _ => report.fault(section.place(name), "must be a text"),
            }
        }
        texts
    }

    /// Refuses `key`, with the reason, if it is there.
    pub(crate) fn refuse(&mut self, report: &mut Report, key: &'static str, reason: &str) {
        if self.entries.remove(key).is_some() {
            report.fault(self.place(key), reason);
        }
    }

    /// Faults for every key that nobody asked for, each with the nearest known one.
    pub(crate) fn finish(self, report: &mut Report) {
        for key in self.entries.keys() {
            let hint = match nearest(key, &self.known) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            report.fault(self.place(key), format!("is not a known setting; {hint}"));
        }
    }
}

/// The name most like `typed`, if one is like it at all.
pub(crate) fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    // 0.7 is where clap draws the line for flags, so that files and flags guess alike.
    let likeness = |name: &str| strsim::jaro(&typed.to_lowercase(), &name.to_lowercase());
    known
        .iter()
        .map(|name| (likeness(name), *name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}
