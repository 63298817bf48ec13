//! How serious Twilio says an event is.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// The `level` label: Twilio's own words, reduced to five.
///
/// Twilio writes `ERROR`, `Error`, `WARNING` and `WARN` for the same things, and older events carry no level at all.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray, IntoStaticStr, Serialize, Deserialize,
)]
#[strum(serialize_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// `ERROR`.
    Error,
    /// `WARNING` or `WARN`.
    Warning,
    /// `INFO`, seen on Event Streams.
    Info,
    /// `DEBUG`, documented in the beta.
    Debug,
    /// Absent, or a word this program does not know.
    Other,
}

impl Level {
    /// Every level, in the order of the metrics page.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Reads a level in any case, surrounded by any white space.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("error") {
            Self::Error
        } else if is("warning") || is("warn") {
            Self::Warning
        } else if is("info") {
            Self::Info
        } else if is("debug") {
            Self::Debug
        } else {
            Self::Other
        }
    }

    /// The value of the `level` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Level;

    #[test]
    fn every_spelling_seen_in_the_wild_is_read() {
        for (text, level) in [
            ("ERROR", Level::Error),
            ("Error", Level::Error),
            (" Warning ", Level::Warning),
            ("WARN", Level::Warning),
            ("info", Level::Info),
            ("DEBUG", Level::Debug),
            ("NOTICE", Level::Other),
            ("", Level::Other),
        ] {
            assert_eq!(Level::parse(text), level, "{text:?}");
        }
    }

    #[test]
    fn a_label_is_read_back_as_the_same_level() {
        for level in Level::ALL {
            assert_eq!(Level::parse(level.as_str()), *level);
        }
    }

    #[test]
    fn the_store_spells_a_level_as_its_label() {
        for level in Level::ALL {
            assert_eq!(json!(level), level.as_str());
        }
    }
}
