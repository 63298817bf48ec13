//! What quarantine keeps of an event that is none, as far as redaction allows.

use serde_json::{Value, json};

use crate::quarantine::CONTENT_BYTES_MAX;
use crate::redact::{Masks, Redaction, redact_json};

/// The event as JSON where it is JSON, else its size.
///
/// JSON inside JSON is taken out of its text first: masks would miss what its escapes hide.
pub(super) fn content_of(text: &str, redaction: Redaction) -> Value {
    let size = || json!(format!("{} bytes", text.len()));
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    let kept = match redaction {
        Redaction::None => read(text),
        Redaction::Strict => None,
        Redaction::Standard => read(text)
            .map(|mut value| {
                open(&mut value, &["data", "payload"]);
                value.to_string()
            })
            .and_then(|opened| redact_json(&opened, &Masks::new(redaction)).ok())
            .and_then(|redacted| read(&redacted)),
    };
    kept.filter(|value| value.to_string().len() <= CONTENT_BYTES_MAX).unwrap_or_else(size)
}

/// Puts the JSON that stands as a text at `path`, and on the way there, in the place of that text; of any other text, its size.
fn open(value: &mut Value, path: &[&str]) {
    let Some((key, rest)) = path.split_first() else { return };
    let Some(inner) = value.get_mut(key) else { return };
    if let Value::String(text) = inner {
        *inner = serde_json::from_str(text).unwrap_or_else(|_| json!(format!("{} bytes", text.len())));
    }
    open(inner, rest);
}
