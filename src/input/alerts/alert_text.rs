//! What stands in `alert_text`: usually the fields of a query string, at times a sentence, often nothing.
//!
//! Which of these it is is nowhere said, so it is read as it is found. A query string has no white space in it, because that is
//! escaped, and at least one field of a name and a value; others may be a name alone (`Msg&sourceComponent=12000`).

use crate::input::form::Form;

/// `alert_text`, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AlertText {
    /// Names and values, decoded, in their order.
    Fields(Vec<(String, String)>),
    /// Words, or nothing.
    Words(String),
}

impl AlertText {
    pub(super) fn parse(text: &str) -> Self {
        let looks_like_fields = text.contains('=') && !text.contains(char::is_whitespace);
        // What has more fields than a form may have is no worse as it stands.
        let form = looks_like_fields.then(|| Form::decode(text.as_bytes()).ok()).flatten();
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields =
            form.map(|form| form.fields().map(|(name, value)| (lossy(name), lossy(value))).collect::<Vec<_>>());
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        match fields {
            // A URL with a query of its own, for one, is no query string.
            Some(fields) if fields.iter().all(|(name, _)| is_name(name)) => Self::Fields(fields),
            _ => Self::Words(text.to_owned()),
        }
    }

    /// The first of the fields so called that says something.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let Self::Fields(fields) = self else { return None };
        fields.iter().find(|(found, value)| found == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// What went wrong, in words.
    pub(super) fn message(&self) -> Option<&str> {
        match self {
            // In this order they are asked for in a payload too.
            Self::Fields(_) => ["parserMessage", "Msg", "msg"].iter().find_map(|name| self.field(name)),
            Self::Words(words) => Some(words.trim()).filter(|words| !words.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AlertText;

    /// Real ones, as facts about the API have them.
    #[test]
    fn every_shape_seen_in_the_wild_is_read() {
        let text =
            "sourceComponent=14100&ErrorCode=14101&LogLevel=ERROR&Msg=The+destination+%22x%22&EmailNotification=false";
        let alert = AlertText::parse(text);
        assert_eq!(alert.message(), Some("The destination \"x\""));
        assert_eq!((alert.field("LogLevel"), alert.field("ErrorCode")), (Some("ERROR"), Some("14101")));

        let text = "Msg&sourceComponent=12000&ErrorCode=11200&httpResponse=405&url=https%3A%2F%2Fapp.example.com%2Fx.mp3&LogLevel=WARN";
        let alert = AlertText::parse(text);
        assert_eq!((alert.message(), alert.field("httpResponse")), (None, Some("405")));
        assert_eq!(alert.field("url"), Some("https://app.example.com/x.mp3"));

        assert_eq!(AlertText::parse("Invalid TwiML: a=b & more").message(), Some("Invalid TwiML: a=b & more"));
        assert_eq!(AlertText::parse("https://example.com/?a=b").message(), Some("https://example.com/?a=b"));
        assert_eq!(AlertText::parse("Timeout").message(), Some("Timeout"));
        assert_eq!(AlertText::parse(" ").message(), None);
        assert_eq!(AlertText::parse("").message(), None);
    }

    #[test]
    fn what_is_no_text_and_what_has_too_many_fields_is_kept_all_the_same() {
        assert_eq!(AlertText::parse("Msg=%ff").message(), Some("\u{fffd}"));
        let many = "a=b&".repeat(65);
        assert_eq!(AlertText::parse(&many), AlertText::Words(many.clone()));
        let fits = "a=b&".repeat(63) + "last=b";
        assert_eq!(AlertText::parse(&fits).field("last"), Some("b"));
    }
}
