//! Twilio's error and warning codes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A Twilio error or warning code, for example 11200, or why there is none.
///
/// The number is open and not an enum of known codes: Twilio adds codes without notice, and one this program has never
/// heard of must be counted, not refused. The two other variants keep the label's values few whatever is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorCode {
    /// One to six digits.
    Code(u32),
    /// The event carries no code: label `none`.
    Absent,
    /// The event carries something that is no code: label `invalid`.
    Invalid,
}

impl ErrorCode {
    /// Reads a code of one to six digits; leading zeros do not count as another code.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let digits = (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse().map_or(Self::Invalid, Self::Code) } else { Self::Invalid }
    }

    /// Reads `Payload.error_code`: Twilio sends a string, its Event Streams a number.
    #[must_use]
    pub fn from_json(value: Option<&Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Absent,
            Some(Value::String(text)) => Self::parse(text),
            Some(Value::Number(number)) => number
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| *number <= 999_999)
                .map_or(Self::Invalid, Self::Code),
            Some(_) => Self::Invalid,
        }
    }

    /// Reads the value of the `error_code` label back.
    #[must_use]
    pub fn from_label(label: &str) -> Self {
        match label {
            "none" => Self::Absent,
            other => Self::parse(other),
        }
    }
}

impl fmt::Display for ErrorCode {
    /// The value of the `error_code` label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(number) => number.fmt(f),
            Self::Absent => f.write_str("none"),
            Self::Invalid => f.write_str("invalid"),
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_label(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ErrorCode;

    #[test]
    fn strings_and_numbers_of_one_to_six_digits_are_codes() {
        for (value, label) in [
            (json!("11200"), "11200"),
            (json!(12100), "12100"),
            (json!("000404"), "404"),
            (json!(456_002), "456002"),
            (json!("0"), "0"),
        ] {
            assert_eq!(ErrorCode::from_json(Some(&value)).to_string(), label, "{value}");
        }
    }

    #[test]
    fn what_is_no_code_never_becomes_a_label() {
        for value in [
            json!("E00007"),
            json!(""),
            json!("1234567"),
            json!(1_234_567),
            json!(-1),
            json!(11200.5),
            json!(" 11200"),
            json!(["11200"]),
            json!("32009,Your TwiML tried to Dial"),
            json!("١١٢٠٠"),
        ] {
            assert_eq!(ErrorCode::from_json(Some(&value)), ErrorCode::Invalid, "{value}");
        }
        assert_eq!(ErrorCode::from_json(None), ErrorCode::Absent);
        assert_eq!(ErrorCode::from_json(Some(&json!(null))), ErrorCode::Absent);
    }
}
