//! Reads a list of thresholds: what Twilio Alarms offers, as `{code, level, window, threshold, severity}`.
//!
//! Every faulty entry is named in one run, by its position and its content. The list is YAML, read as a tree, because a typed
//! reader would end at the first fault.

use serde_json::{Map, Value};

use super::source::{Codes, Threshold};

const KEYS: [&str; 5] = ["code", "level", "window", "threshold", "severity"];
const LEVELS: [&str; 3] = ["error", "warning", "any"];
const WINDOWS: [&str; 5] = ["5m", "15m", "1h", "12h", "24h"];
const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];

/// The values of `error_code` that are no numbers.
const NAMED_CODES: [&str; 3] = ["none", "invalid", "overflow"];

/// As many digits as fit into the uid of a Grafana rule beside the rest, and more events than any window has.
const THRESHOLD_MAX: u64 = 999_999_999;

/// The entries, or a sentence for each fault.
pub(super) fn parse(text: &str) -> Result<Vec<Threshold>, Vec<String>> {
    let list: Option<Value> = serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location().map(|at| format!("line {} ", at.line())).unwrap_or_default();
        let message = error.without_snippet().to_string();
        let sentence = message.lines().next().unwrap_or("cannot be read");
        let sentence = sentence.split_once(" at line ").map_or(sentence, |(sentence, _)| sentence);
        vec![format!("{place}is no valid YAML: {sentence}")]
    })?;
    let Some(Value::Array(list)) = list else {
        return Err(vec![
            "must be a list of {code, level, window, threshold, severity}; `[]` is a list without entries".to_owned(),
        ]);
    };
    let mut faults = Vec::new();
    let mut entries: Vec<Option<Threshold>> = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let found =
            entry(value).and_then(|entry| match entries.iter().position(|other| same(other.as_ref(), &entry)) {
                Some(first) => Err(vec![format!("is entry {} once more", first + 1)]),
                None => Ok(entry),
            });
        match found {
            Ok(entry) => entries.push(Some(entry)),
            Err(of_entry) => {
                entries.push(None);
                faults.push(format!("entry {}, {value}: {}", index + 1, of_entry.join("; ")));
            }
        }
    }
    if faults.is_empty() { Ok(entries.into_iter().flatten().collect()) } else { Err(faults) }
}

/// Whether two entries make the same alert; the severity alone does not tell two apart.
fn same(one: Option<&Threshold>, other: &Threshold) -> bool {
    let key = |entry: &Threshold| (entry.code().to_owned(), entry.level, entry.window, entry.count);
    one.is_some_and(|one| key(one) == key(other))
}

fn entry(value: &Value) -> Result<Threshold, Vec<String>> {
    let Value::Object(entry) = value else {
        return Err(vec![format!("must hold {}", KEYS.join(", "))]);
    };
    let mut faults: Vec<_> = entry
        .keys()
        .filter(|key| !KEYS.contains(&key.as_str()))
        .map(|key| format!("`{key}` is not known; the keys are {}", KEYS.join(", ")))
        .collect();
    let found = (
        codes(entry, &mut faults),
        one_of(entry, "level", &LEVELS, &mut faults),
        one_of(entry, "window", &WINDOWS, &mut faults),
        count(entry, &mut faults),
        one_of(entry, "severity", &SEVERITIES, &mut faults),
    );
    match found {
        (Some(codes), Some(level), Some(window), Some(count), Some(severity)) if faults.is_empty() => {
            Ok(Threshold { codes, level, window, count, severity })
        }
        _ => Err(faults),
    }
}

fn codes(entry: &Map<String, Value>, faults: &mut Vec<String>) -> Option<Codes> {
    let code = match entry.get("code") {
        None => return Some(Codes::All),
        Some(Value::String(code)) => code.clone(),
        // Codes are words of digits, and everybody forgets the quotation marks.
        Some(Value::Number(code)) => code.to_string(),
        Some(other) => other.to_string(),
    };
    let is_number = (1..=6).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
    // The exporter writes codes without leading zeros, so one with them would match nothing.
    if is_number && !(code.len() > 1 && code.starts_with('0')) || NAMED_CODES.contains(&code.as_str()) {
        return Some(Codes::One(code));
    }
    if code == "each" {
        return Some(Codes::Each);
    }
    faults.push(format!(
        "code `{code}` is none; it must be 1 to 6 digits without leading zeros, each, {}, or left out for all codes together",
        NAMED_CODES.join(", ")
    ));
    None
}

fn one_of(
    entry: &Map<String, Value>,
    key: &str,
    known: &[&'static str],
    faults: &mut Vec<String>,
) -> Option<&'static str> {
    let found = entry.get(key).and_then(Value::as_str).and_then(|text| known.iter().find(|known| **known == text));
    if found.is_none() {
        let known = known.join(", ");
        faults.push(match entry.get(key) {
            None => format!("{key} is missing; it must be one of {known}"),
            Some(Value::String(text)) => format!("{key} `{text}` is not known; it must be one of {known}"),
            Some(other) => format!("{key} `{other}` is not known; it must be one of {known}"),
        });
    }
    found.copied()
}

fn count(entry: &Map<String, Value>, faults: &mut Vec<String>) -> Option<u64> {
    let found = entry.get("threshold").and_then(Value::as_u64).filter(|found| (1..=THRESHOLD_MAX).contains(found));
    if found.is_none() {
        faults.push(match entry.get("threshold") {
            None => format!("threshold is missing; it must be a whole number from 1 to {THRESHOLD_MAX}"),
            Some(other) => format!("threshold `{other}` is not a whole number from 1 to {THRESHOLD_MAX}"),
        });
    }
    found
}

#[cfg(test)]
mod tests;
