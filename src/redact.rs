//! What of an event is kept, decided before it is stored.
//!
//! A Debugging Event carries what the customer's webhook carried: phone numbers, message texts, cookies, whatever the failing
//! page answered. None of it is needed to see what fails, and all of it would otherwise end up in a log store. So the default
//! keeps the shape of the payload and drops its people and secrets; what was dropped is shown as `[redacted]`.
//!
//! Pure: a JSON text in, a JSON text out. Redacting twice changes nothing.

mod keys;
mod prefilter;
mod text;

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use self::keys::{Action, Place, action_for};
use self::text::masked_url;
pub use self::text::{mask, mask_url};

/// How much of an event is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redaction {
    /// All of it.
    None,
    /// Numbers and addresses masked; credentials, cookies, URL query values, free-text parameters and bodies dropped.
    #[default]
    Standard,
    /// Only what the log record lists as attributes: no message, no payload.
    Strict,
}

/// What stands in place of a dropped value.
const REDACTED: &str = "[redacted]";

/// The masks of an event's texts, each made once: most of them stand in the payload too.
#[derive(Debug)]
pub struct Masks<'a> {
    redaction: Redaction,
    made: Vec<(Action, &'a str, String)>,
}

impl<'a> Masks<'a> {
    /// Makes masks for this much redaction.
    #[must_use]
    pub fn new(redaction: Redaction) -> Self {
        Self { redaction, made: Vec::new() }
    }

    /// A text as it may be stored.
    pub fn of_text(&mut self, text: &'a str) -> &str {
        self.make(Action::Mask, text, mask)
    }

    /// A text that is a URL as a whole, as it may be stored.
    pub fn of_url(&mut self, url: &'a str) -> &str {
        self.make(Action::MaskUrl, url, |url| masked_url(url).into())
    }

    fn make(&mut self, action: Action, text: &'a str, mask: impl Fn(&'a str) -> Cow<'a, str>) -> &str {
        if self.redaction == Redaction::None {
            return text;
        }
        self.made.push((action, text, mask(text).into_owned()));
        self.find(action, text).unwrap_or_default()
    }

    fn find(&self, action: Action, text: &str) -> Option<&str> {
        let found = self.made.iter().find(|(made_for, known, _)| *made_for == action && *known == text);
        found.map(|(_, _, masked)| masked.as_str())
    }
}

/// Redacts a JSON text, as [`Redaction::Standard`] has it, and writes it anew; `masks` has some of its texts already.
///
/// In one pass, without a tree in between: a tree of a payload is a hundred small allocations, and building it cost more than
/// everything else that is done with an event before it is stored.
///
/// # Errors
///
/// Those of the JSON parser.
///
/// # Panics
///
/// Never: what is written from texts is text.
pub fn redact_json(text: &str, masks: &Masks<'_>) -> Result<String, serde_json::Error> {
    let mut out = Vec::with_capacity(text.len());
    let mut parser = serde_json::Deserializer::from_str(text);
    Redact { out: &mut out, masks, action: Action::Mask, place: Place::Anywhere }.deserialize(&mut parser)?;
    parser.end()?;
    Ok(String::from_utf8(out).expect("JSON that is written from texts is text"))
}

/// Reads one value and writes what is left of it.
struct Redact<'a> {
    out: &'a mut Vec<u8>,
    masks: &'a Masks<'a>,
    action: Action,
    place: Place,
}

impl Redact<'_> {
    fn text(self, text: &str) {
        match self.action {
            _ if text.is_empty() => write(self.out, text),
            Action::Drop | Action::Descend => write(self.out, REDACTED),
            Action::Mask | Action::MaskUrl => match (self.masks.find(self.action, text), self.action) {
                (Some(masked), _) => write(self.out, masked),
                (None, Action::MaskUrl) => write(self.out, &masked_url(text)),
                (None, _) => write(self.out, &*mask(text)),
            },
            Action::MaskNumber => {
                let masked = mask(text);
                write(self.out, if text::is_masked_number(&masked) { &*masked } else { REDACTED });
            }
        }
    }

    /// A number, or a truth value.
    fn scalar(self, scalar: impl Serialize + Display) {
        let digits = scalar.to_string();
        match mask(&digits) {
            _ if matches!(self.action, Action::MaskNumber | Action::Descend | Action::Drop) => {
                write(self.out, REDACTED);
            }
            // Ten digits and more may be a telephone number that somebody wrote as a number.
            Cow::Owned(masked) => write(self.out, &masked),
            Cow::Borrowed(_) => write(self.out, &scalar),
        }
    }
}

fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("a Vec takes every write, and these values are JSON");
}

impl<'de> DeserializeSeed<'de> for Redact<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Redact<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        write(self.out, &());
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.scalar(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.scalar(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.scalar(value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.scalar(value);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        if matches!(self.action, Action::MaskNumber | Action::Descend | Action::Drop) {
            while values.next_element::<IgnoredAny>()?.is_some() {}
            write(self.out, REDACTED);
            return Ok(());
        }
        let mut separator = b'[';
        loop {
            let before = self.out.len();
            self.out.push(separator);
            let element = Redact { out: &mut *self.out, ..self };
            if values.next_element_seed(element)?.is_none() {
                self.out.truncate(before);
                break;
            }
            separator = b',';
        }
        self.out.extend_from_slice(if separator == b'[' { b"[]" } else { b"]" });
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if matches!(self.action, Action::MaskNumber | Action::Drop) {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            write(self.out, REDACTED);
            return Ok(());
        }
        let mut separator = b'{';
        while let Some(Borrowed(key)) = entries.next_key()? {
            self.out.push(separator);
            write(self.out, &*mask(&key));
            self.out.push(b':');
            let place = if key.eq_ignore_ascii_case("parameters") { Place::Parameters } else { self.place };
            let action = action_for(&key, self.place);
            entries.next_value_seed(Redact { out: &mut *self.out, action, place, ..self })?;
            separator = b',';
        }
        self.out.extend_from_slice(if separator == b'{' { b"{}" } else { b"}" });
        Ok(())
    }
}

/// A text that is borrowed where the JSON has no escapes in it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Borrowed<'a>(#[serde(borrow)] pub Cow<'a, str>);

#[cfg(test)]
mod tests;
