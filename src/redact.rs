//! What of an event is kept, decided before it is stored.
//!
//! A Debugging Event carries what the customer's webhook carried: phone numbers, message texts, cookies, whatever the failing
//! page answered. None of it is needed to see what fails, and all of it would otherwise end up in a log store. So the default
//! keeps the shape of the payload and drops its people and secrets; what was dropped is shown as `[redacted]`.
//!
//! Pure: a JSON text in, a JSON text out. Redacting twice changes nothing.

mod text;

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

pub use text::{mask, mask_url, masked_url};

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
pub const REDACTED: &str = "[redacted]";

/// Request parameters whose values name no person and say nothing free: kept. Those that end in `Sid` are kept too.
const HARMLESS_PARAMETERS: [&str; 25] = [
    "ApiVersion",
    "AnsweredBy",
    "CallDuration",
    "CallStatus",
    "CallbackSource",
    "CallerCountry",
    "CalledCountry",
    "ConferenceStatus",
    "Direction",
    "Duration",
    "ErrorCode",
    "EventType",
    "FromCountry",
    "MessageStatus",
    "NumMedia",
    "NumSegments",
    "QueueTime",
    "RecordingStatus",
    "SequenceNumber",
    "SipResponseCode",
    "SmsStatus",
    "StatusCallbackEvent",
    "ToCountry",
    "error",
    "provider",
];

/// No key that is known by its whole name is longer.
const KNOWN_KEY_BYTES_MAX: usize = 32;

/// Parts of a key that give a credential away.
const CREDENTIAL_PARTS: [&str; 10] =
    ["token", "secret", "passw", "pwd", "jwt", "session", "cookie", "apikey", "api-key", "api_key"];

/// The letters of each of them.
const CREDENTIAL_LETTERS: [u32; CREDENTIAL_PARTS.len()] = {
    let mut letters = [0; CREDENTIAL_PARTS.len()];
    let mut part = 0;
    while part < letters.len() {
        letters[part] = letters_of(CREDENTIAL_PARTS[part]);
        part += 1;
    }
    letters
};

static CREDENTIAL_SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| text::words(CREDENTIAL_PARTS));

fn has_credential_part(key: &str) -> bool {
    // Few keys have all the letters of one of them.
    let letters = letters_of(key);
    CREDENTIAL_LETTERS.iter().any(|part| part & !letters == 0) && CREDENTIAL_SEARCH.is_match(key)
}

/// A bit for each letter that occurs, whatever its case; what is no letter shares one with some letter.
const fn letters_of(text: &str) -> u32 {
    let (text, mut letters, mut at) = (text.as_bytes(), 0, 0);
    while at < text.len() {
        letters |= 1 << (text[at] & 31);
        at += 1;
    }
    letters
}

/// The masks of an event's texts, each made once: most of them stand in the payload too.
#[derive(Debug)]
pub struct Masks<'a> {
    redaction: Redaction,
    made: Vec<(Fate, &'a str, String)>,
}

impl<'a> Masks<'a> {
    /// Makes masks for this much redaction.
    #[must_use]
    pub fn new(redaction: Redaction) -> Self {
        Self { redaction, made: Vec::new() }
    }

    /// A text as it may be stored.
    pub fn of_text(&mut self, text: &'a str) -> &str {
        self.make(Fate::Keep, text, mask)
    }

    /// A text that is a URL as a whole, as it may be stored.
    pub fn of_url(&mut self, url: &'a str) -> &str {
        self.make(Fate::Url, url, |url| masked_url(url).into())
    }

    fn make(&mut self, fate: Fate, text: &'a str, mask: impl Fn(&'a str) -> Cow<'a, str>) -> &str {
        if self.redaction == Redaction::None {
            return text;
        }
        self.made.push((fate, text, mask(text).into_owned()));
        self.find(fate, text).unwrap_or_default()
    }

    fn find(&self, fate: Fate, text: &str) -> Option<&str> {
        let found = self.made.iter().find(|(made_for, known, _)| *made_for == fate && *known == text);
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
    Redact { out: &mut out, masks, fate: Fate::Keep, place: Place::Anywhere }.deserialize(&mut parser)?;
    parser.end()?;
    Ok(String::from_utf8(out).expect("JSON that is written from texts is text"))
}

/// Where in the payload a value stands, as far as it decides what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    Parameters,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Kept, masked.
    Keep,
    /// Kept only as far as it is a telephone number, masked.
    Address,
    /// A URL: kept without what its query and its userinfo say.
    Url,
    /// Kept if it is an object, whose keys say what its values are; replaced otherwise.
    Object,
    /// Replaced, whatever it says; null and an empty text say nothing.
    Drop,
}

fn fate_of(key: &str, place: Place) -> Fate {
    let mut buffer = [0; KNOWN_KEY_BYTES_MAX];
    let lower_case = buffer.get_mut(..key.len()).unwrap_or_default();
    lower_case.copy_from_slice(&key.as_bytes()[..lower_case.len()]);
    lower_case.make_ascii_lowercase();
    let ends_in_sid = key.len() >= 3 && key.as_bytes()[key.len() - 3..].eq_ignore_ascii_case(b"sid");
    match &*lower_case {
        // What opens something, and what nobody needs.
        b"authorization" | b"proxy-authorization" | b"x-twilio-signature" | b"x-forwarded-for" | b"body" => Fate::Drop,
        _ if !ends_in_sid && has_credential_part(key) => Fate::Drop,
        b"parameters" | b"headers" => Fate::Object,
        b"url" => Fate::Url,
        // A person's address.
        b"author"
        | b"called"
        | b"caller"
        | b"channeltoaddress"
        | b"channelfromaddress"
        | b"forwardedfrom"
        | b"from"
        | b"identity"
        | b"phonenumber"
        | b"recipient"
        | b"to"
        | b"waid"
        | b"username" => Fate::Address,
        _ if place == Place::Parameters && !ends_in_sid && !HARMLESS_PARAMETERS.contains(&key) => Fate::Drop,
        _ => Fate::Keep,
    }
}

/// Reads one value and writes what is left of it.
struct Redact<'a> {
    out: &'a mut Vec<u8>,
    masks: &'a Masks<'a>,
    fate: Fate,
    place: Place,
}

impl Redact<'_> {
    fn text(self, text: &str) {
        match self.fate {
            _ if text.is_empty() => write(self.out, text),
            Fate::Drop | Fate::Object => write(self.out, REDACTED),
            Fate::Keep | Fate::Url => match (self.masks.find(self.fate, text), self.fate) {
                (Some(masked), _) => write(self.out, masked),
                (None, Fate::Url) => write(self.out, &masked_url(text)),
                (None, _) => write(self.out, &*mask(text)),
            },
            Fate::Address => {
                let masked = mask(text);
                write(self.out, if text::is_masked_number(&masked) { &*masked } else { REDACTED });
            }
        }
    }

    /// A number, or a truth value.
    fn scalar(self, scalar: impl Serialize + Display) {
        let digits = scalar.to_string();
        match mask(&digits) {
            _ if matches!(self.fate, Fate::Address | Fate::Object | Fate::Drop) => write(self.out, REDACTED),
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
        if matches!(self.fate, Fate::Address | Fate::Object | Fate::Drop) {
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
        if matches!(self.fate, Fate::Address | Fate::Drop) {
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
            let fate = fate_of(&key, self.place);
            entries.next_value_seed(Redact { out: &mut *self.out, fate, place, ..self })?;
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
