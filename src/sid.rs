//! Twilio's identifiers: two capital letters that name the kind, then letters or digits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of one Debugging Event, `NO` and 1 to 62 letters or digits.
///
/// In life 32 hexadecimal digits follow the prefix; the samples in Twilio's documentation are shorter, and a newcomer posts
/// one of those first. Hexadecimal ids are kept in lower case, so that one event has one id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventSid(String);

/// The id of a Twilio account, `AC` and 1 to 32 letters or digits.
///
/// 32 in life, and never more: a longer one has swallowed the field behind it, which the signature does not prevent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountSid(String);

/// A text that is no Sid of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {prefix} followed by 1 to {tail_max} letters or digits")]
pub struct InvalidSid {
    prefix: &'static str,
    tail_max: usize,
}

/// The most letters or digits after the prefix of an event's Sid.
const EVENT_TAIL_MAX: usize = 62;

/// The most letters or digits after the prefix of an account's Sid.
const ACCOUNT_TAIL_MAX: usize = 32;

impl EventSid {
    /// Reads an event Sid.
    pub fn parse(text: &str) -> Result<Self, InvalidSid> {
        let tail = tail_of(text, "NO", EVENT_TAIL_MAX)?;
        let hex = tail.len() == 32 && tail.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut sid = text.to_owned();
        if hex {
            sid["NO".len()..].make_ascii_lowercase();
        }
        Ok(Self(sid))
    }

    /// The Sid as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AccountSid {
    /// The characters of every Sid in life.
    pub const LENGTH: usize = "AC".len() + ACCOUNT_TAIL_MAX;

    /// Reads an account Sid.
    pub fn parse(text: &str) -> Result<Self, InvalidSid> {
        tail_of(text, "AC", ACCOUNT_TAIL_MAX).map(|_| Self(text.to_owned()))
    }

    /// The Sid as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn tail_of<'a>(text: &'a str, prefix: &'static str, tail_max: usize) -> Result<&'a str, InvalidSid> {
    text.strip_prefix(prefix)
        .filter(|tail| (1..=tail_max).contains(&tail.len()))
        .filter(|tail| tail.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .ok_or(InvalidSid { prefix, tail_max })
}

/// What kind of thing a `resource_sid` names, by its prefix; none for a prefix this program does not know.
///
/// Source: <https://www.twilio.com/docs/glossary/what-is-a-sid>
#[must_use]
pub fn resource_type(sid: &str) -> Option<&'static str> {
    let prefix = sid.get(..2)?;
    RESOURCE_TYPES.iter().find(|(known, _)| *known == prefix).map(|(_, kind)| *kind)
}

/// Every kind there is, each once.
pub fn resource_types() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    let kinds = RESOURCE_TYPES.iter().map(|(_, kind)| *kind);
    kinds.filter(move |kind| std::mem::replace(&mut last, kind) != *kind)
}

/// Whether a text has the shape of a Sid, whatever of: two capital letters, then letters or digits.
#[must_use]
pub fn is_sid(text: &str) -> bool {
    let (prefix, tail) = text.split_at_checked(2).unwrap_or_default();
    let is_alphanumeric = |byte: u8| byte.is_ascii_alphanumeric();
    prefix.len() == 2
        && prefix.bytes().all(|byte| byte.is_ascii_uppercase())
        && !tail.is_empty()
        && tail.bytes().all(is_alphanumeric)
}

/// Prefixes, and what they stand for; kinds of two prefixes stand together.
const RESOURCE_TYPES: &[(&str, &str)] = &[
    ("AC", "account"),
    ("CA", "call"),
    ("CF", "conference"),
    ("CH", "conversation"),
    ("DG", "event_sink"),
    ("FN", "studio"),
    ("FW", "studio"),
    ("FX", "fax"),
    ("IS", "service"),
    ("MG", "messaging_service"),
    ("MM", "message"),
    ("SM", "message"),
    ("MZ", "media_stream"),
    ("PN", "phone_number"),
    ("RE", "recording"),
    ("RM", "video_room"),
    ("VA", "verification"),
    ("VE", "verification"),
    ("WK", "worker"),
    ("WT", "task"),
    ("WW", "workflow"),
    ("ZH", "function"),
    ("ZS", "function"),
];

macro_rules! text_conversions {
    ($($sid:ty),+) => {$(
        impl fmt::Display for $sid {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl TryFrom<String> for $sid {
            type Error = InvalidSid;

            fn try_from(text: String) -> Result<Self, InvalidSid> {
                Self::parse(&text)
            }
        }

        impl From<$sid> for String {
            fn from(sid: $sid) -> Self {
                sid.0
            }
        }
    )+};
}
text_conversions!(EventSid, AccountSid);

#[cfg(test)]
mod tests {
    use super::{AccountSid, EventSid, is_sid, resource_type, resource_types};

    #[test]
    fn a_hexadecimal_sid_has_one_spelling() {
        let upper = EventSid::parse("NO00000000000000000000000000000ABC").expect("32 hex digits");
        assert_eq!(upper.as_str(), "NO00000000000000000000000000000abc");
    }

    #[test]
    fn the_shortened_sids_of_the_documentation_are_sids() {
        assert_eq!(EventSid::parse("NOxxxxx").expect("documented").as_str(), "NOxxxxx");
        AccountSid::parse("ACxxxxxxxxxxxxxxxxxxxxxxxx").expect("documented");
    }

    #[test]
    fn nothing_longer_shorter_or_stranger_is_a_sid() {
        let longest = format!("NO{}", "a".repeat(62));
        EventSid::parse(&longest).expect("62 characters are the limit");
        for text in ["", "NO", "no1", "CA1", "NO 1", "NO1\n", "NO1-2", "NOé", &format!("{longest}a")] {
            EventSid::parse(text).expect_err(text);
        }
    }

    #[test]
    fn an_account_that_has_swallowed_its_neighbour_is_none() {
        let account = format!("AC{}", "0".repeat(32));
        AccountSid::parse(&account).expect("32 characters are the limit");
        AccountSid::parse(&format!("{account}LevelERROR")).expect_err("a re-split");
    }

    #[test]
    fn a_prefix_names_the_resource() {
        assert_eq!(resource_type("CA123"), Some("call"));
        assert_eq!(resource_type("MM123"), Some("message"));
        assert_eq!(resource_type("ZH123"), Some("function"));
        assert_eq!(resource_type("XX123"), None);
        assert_eq!(resource_type("é"), None);
    }

    #[test]
    fn each_kind_is_listed_once() {
        let mut kinds: Vec<_> = resource_types().collect();
        assert!(kinds.contains(&"message") && kinds.contains(&"function"));
        let listed = kinds.len();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), listed);
    }

    #[test]
    fn a_sid_of_any_kind_has_one_shape() {
        for (text, is) in [("CA1", true), ("ZZ9a", true), ("CA", false), ("ca1", false), ("é1", false), ("CA 1", false)]
        {
            assert_eq!(is_sid(text), is, "{text}");
        }
    }
}
