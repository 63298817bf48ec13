//! Reads the list of codes that Twilio publishes.
//!
//! One object a code, with twelve keys, in no order: `code`, `message`, `log_level`, `secondary_message`, `log_type`, `docs`, `causes`,
//! `solutions`, `description`, `product`, `date_created`, `last_updated`. Three of them are read; the others need not be there, so that
//! a list may be cut to what fits into a `ConfigMap`.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Listed, NAME_CHARS_MAX};

/// The largest code, six digits.
const CODE_MAX: u32 = 999_999;

/// What keeps a text from being Twilio's list of codes.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// No JSON, or no array.
    #[error("is not Twilio's list of error codes, a JSON array: {0}")]
    Json(#[source] serde_json::Error),
    /// An array of nothing.
    #[error("lists no code")]
    Empty,
    /// One entry is no code with a text.
    #[error("entry {entry}{}: {fault}", code.map(|code| format!(" (code {code})")).unwrap_or_default())]
    Entry {
        /// Its place, counted from 1.
        entry: usize,
        /// Its code, as far as that can be read.
        code: Option<u32>,
        /// What is wrong with it.
        fault: String,
    },
}

/// An entry, as far as it is read.
#[derive(Deserialize)]
struct Entry {
    code: u32,
    message: String,
    #[serde(default)]
    product: Option<String>,
}

/// The code alone, of an entry with a fault.
#[derive(Deserialize)]
struct Code {
    code: u32,
}

pub(super) fn parse(json: &str) -> Result<HashMap<u32, Listed>, ListError> {
    // A list may be saved by an editor that marks its texts.
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let entries: Vec<&RawValue> = serde_json::from_str(json).map_err(ListError::Json)?;
    if entries.is_empty() {
        return Err(ListError::Empty);
    }
    entries.into_iter().enumerate().map(|(place, entry)| entry_of(place + 1, entry.get())).collect()
}

fn entry_of(place: usize, json: &str) -> Result<(u32, Listed), ListError> {
    let fault = |fault: String| {
        let code = serde_json::from_str(json).ok().map(|Code { code }| code);
        ListError::Entry { entry: place, code, fault }
    };
    // Where in the entry, in a text of one line or many, helps nobody: the entry is named.
    let without_place = |error: serde_json::Error| {
        let text = error.to_string();
        text.split_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
    };
    let Entry { code, message, product } = serde_json::from_str(json).map_err(without_place).map_err(fault)?;
    if code > CODE_MAX {
        return Err(fault(format!("code must have at most six digits, not {code}")));
    }
    Ok((code, Listed { title: name(&message), product: product.as_deref().and_then(name) }))
}

/// A text as a label can have it: one line, not long, not empty.
fn name(text: &str) -> Option<Box<str>> {
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let name = words.join(" ");
    let cut: String = name.chars().take(NAME_CHARS_MAX).collect();
    (!cut.is_empty()).then(|| cut.into_boxed_str())
}
