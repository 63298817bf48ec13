//! `Payload` as programs write it that have parsed it: other spaces, other order, other escapes.
//!
//! The text is rewritten around its strings and numbers, which stay as they are, so that only what a serialiser changes
//! is changed.

use std::fmt::Write as _;

use serde_json::Value;

/// What stands between the elements of a JSON text.
#[derive(Debug, Clone, Copy)]
struct Spacing {
    comma: &'static str,
    colon: &'static str,
    /// Spaces to indent by; none for one line.
    indent: Option<usize>,
}

/// The ways of `JSON.stringify`, of Python, and of pretty printers.
const SPACINGS: [Spacing; 4] = [
    Spacing { comma: ",", colon: ":", indent: None },
    Spacing { comma: ", ", colon: ": ", indent: None },
    Spacing { comma: ",", colon: ": ", indent: Some(2) },
    Spacing { comma: ",", colon: ": ", indent: Some(4) },
];

/// Every other way of writing `payload`; none if it is no JSON.
pub(super) fn forms(payload: &str) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<Value>(payload) else {
        return Vec::new();
    };
    // Parsing sorts the keys: serde_json's map is ordered by name.
    let sorted = value.to_string();
    let mut forms = Vec::new();
    for source in [payload, &sorted] {
        for spacing in SPACINGS {
            let spaced = respaced(source, spacing);
            let escaped = [spaced.replace("\\/", "/"), spaced.replace("\\/", "/").replace('/', "\\/"), ascii(&spaced)];
            forms.push(spaced);
            forms.extend(escaped);
        }
    }
    forms.retain(|form| form != payload);
    forms
}

/// Rewrites valid JSON with other white space between its elements.
fn respaced(json: &str, spacing: Spacing) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut characters = json.chars().filter(|c| !c.is_control() || *c == '\u{7f}').peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                text.push(c);
                copy_string(&mut characters, &mut text);
            }
            ' ' => {}
            '{' | '[' => {
                text.push(c);
                while characters.next_if(|next| *next == ' ').is_some() {}
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(close);
                } else {
                    depth += 1;
                    break_line(&mut text, spacing, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut text, spacing, depth);
                text.push(c);
            }
            ',' => {
                text.push_str(spacing.comma);
                break_line(&mut text, spacing, depth);
            }
            ':' => text.push_str(spacing.colon),
            other => text.push(other),
        }
    }
    text
}

/// Copies up to and with the closing quote.
fn copy_string(characters: &mut impl Iterator<Item = char>, text: &mut String) {
    while let Some(c) = characters.next() {
        text.push(c);
        match c {
            '"' => return,
            '\\' => text.extend(characters.next()),
            _ => {}
        }
    }
}

fn break_line(text: &mut String, spacing: Spacing, depth: usize) {
    if let Some(indent) = spacing.indent {
        text.push('\n');
        text.extend(std::iter::repeat_n(' ', indent * depth));
    }
}

/// Escapes whatever is not ASCII, as Python and PHP do.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}
