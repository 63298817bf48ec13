//! Reads JSON whose shape is not to be relied on: what is of another type than expected is as good as absent.
//!
//! Visitors that pass over whatever else there is, and not a `RawValue` with a look at its first byte: that reads each object
//! twice, and reading an event would take 21 % longer; for its single values alone, 3 %.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::redact::{Borrowed, Masks};

/// The most bytes of a text that is kept.
const TEXT_BYTES_MAX: usize = 4096;

/// What takes its pick of a document, key by key, from whichever of its objects hold something of interest.
pub(super) trait Pick<'de> {
    /// Which object of the document.
    type Object: Copy;

    /// Takes the value of `key` in `object`, or passes over it.
    fn take<A: MapAccess<'de>>(&mut self, object: Self::Object, key: &str, entries: &mut A) -> Result<(), A::Error>;
}

/// Picks from a text that is an object.
pub(super) fn pick_from_object<'de, P: Pick<'de>>(
    pick: &mut P,
    object: P::Object,
    text: &'de str,
) -> Result<(), serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_str(text);
    parser.deserialize_map(Picking { pick, object })?;
    parser.end()
}

/// Picks from the next value, if it is an object.
pub(super) fn pick_from<'de, P: Pick<'de>, A: MapAccess<'de>>(
    pick: &mut P,
    object: P::Object,
    entries: &mut A,
) -> Result<(), A::Error> {
    entries.next_value_seed(Picking { pick, object })
}

pub(super) fn pass_over<'de, A: MapAccess<'de>>(entries: &mut A) -> Result<(), A::Error> {
    entries.next_value::<IgnoredAny>().map(drop)
}

struct Picking<'p, P, O> {
    pick: &'p mut P,
    object: O,
}

impl<'de, P: Pick<'de>> DeserializeSeed<'de> for Picking<'_, P, P::Object> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, P: Pick<'de>> Visitor<'de> for Picking<'_, P, P::Object> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Borrowed(key)) = entries.next_key()? {
            self.pick.take(self.object, &key, &mut entries)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// A value of any type, of which texts and numbers are of interest.
#[derive(Debug, Default)]
pub(super) enum Loose<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    #[default]
    Other,
}

impl<'a> Loose<'a> {
    /// A text that stood elsewhere than in JSON.
    pub(super) fn of(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Other => None,
        }
    }
    /// A non-empty text as it may be stored, cut to [`TEXT_BYTES_MAX`].
    pub(super) fn kept<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        let text = self.text().filter(|text| !text.is_empty())?;
        Some(cut(masks.of_text(text)))
    }

    /// As [`Self::kept`], for a text that is a URL as a whole.
    pub(super) fn kept_url<'p>(&'p self, masks: &mut Masks<'p>) -> Option<String> {
        let text = self.text().filter(|text| !text.is_empty())?;
        Some(cut(masks.of_url(text)))
    }

    /// An HTTP status from a number, or from the digits at the start of a text.
    pub(super) fn status(&self) -> Option<u16> {
        let number = match self {
            Self::Number(number) => u16::try_from(*number).ok(),
            Self::Text(text) => text.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()),
            Self::Other => None,
        };
        number.filter(|status| (100..=599).contains(status))
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Loose<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Loose::Number(number))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}
