//! `application/x-www-form-urlencoded`, decoded to bytes.
//!
//! Twilio signs the decoded bytes of every field, so nothing may be lost between the wire and the signature: empty fields,
//! repeated fields, unknown fields and bytes that are not UTF-8 all stay. That is why this is not `form_urlencoded`, which
//! replaces invalid UTF-8 and is the most expensive step of a request.

use std::ops::Range;

/// The most fields in one form. Twilio sends seven; the rest is room for fields it may add.
pub const FIELDS_MAX: usize = 64;

/// A decoded form: names and values as bytes, in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    decoded: Vec<u8>,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

/// A form of more than [`FIELDS_MAX`] fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("form has more than {FIELDS_MAX} fields")]
pub struct TooManyFields;

impl Form {
    /// Decodes a body: `+` is a space, `%` and two hexadecimal digits are a byte, any other `%` stands for itself.
    ///
    /// # Errors
    ///
    /// [`TooManyFields`]; every other text of bytes is a form.
    pub fn decode(body: &[u8]) -> Result<Self, TooManyFields> {
        let mut form = Self { decoded: Vec::with_capacity(body.len()), fields: Vec::with_capacity(8) };
        // One look at each byte: nearly a third of a payload's bytes are escaped, so there are no stretches to copy at once.
        let (mut start, mut equals, mut at) = (0, None, 0);
        while let Some(&byte) = body.get(at) {
            at += 1;
            match byte {
                b'&' => {
                    form.end_field(start, equals.take())?;
                    start = form.decoded.len();
                }
                b'=' if equals.is_none() => equals = Some(form.decoded.len()),
                b'+' => form.decoded.push(b' '),
                b'%' => match escaped(&body[at..]) {
                    Some(byte) => {
                        form.decoded.push(byte);
                        at += 2;
                    }
                    None => form.decoded.push(b'%'),
                },
                byte => form.decoded.push(byte),
            }
        }
        form.end_field(start, equals)?;
        Ok(form)
    }

    /// Ends the field whose decoded text begins at `start`; its value begins at `equals`. Nothing between two `&` is no field.
    fn end_field(&mut self, start: usize, equals: Option<usize>) -> Result<(), TooManyFields> {
        let end = self.decoded.len();
        if start == end && equals.is_none() {
            return Ok(());
        }
        if self.fields.len() == FIELDS_MAX {
            return Err(TooManyFields);
        }
        let equals = equals.unwrap_or(end);
        self.fields.push((start..equals, equals..end));
        Ok(())
    }

    /// Whether every byte is ASCII.
    pub(super) fn is_ascii(&self) -> bool {
        self.decoded.is_ascii()
    }

    /// Every field, in the order of arrival.
    #[must_use]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| (&self.decoded[name.clone()], &self.decoded[value.clone()]))
    }

    /// Every value of the fields called `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter(move |(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
    }
}

/// The byte that two hexadecimal digits at the start of `text` stand for.
fn escaped(text: &[u8]) -> Option<u8> {
    let (high, low) = (HEX_DIGITS[usize::from(*text.first()?)], HEX_DIGITS[usize::from(*text.get(1)?)]);
    (high != NO_DIGIT && low != NO_DIGIT).then_some(high << 4 | low)
}

const NO_DIGIT: u8 = 0xff;

/// The value of each byte that is a hexadecimal digit.
const HEX_DIGITS: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode;
    use proptest::prelude::*;

    use super::{FIELDS_MAX, Form, TooManyFields};

    fn fields(body: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let form = Form::decode(body).expect("few fields");
        form.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
    }

    fn pair(name: &[u8], value: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (name.to_vec(), value.to_vec())
    }

    #[test]
    fn an_empty_field_is_a_field() {
        assert_eq!(
            fields(b"ParentAccountSid=&a&=b&&=c=d"),
            [pair(b"ParentAccountSid", b""), pair(b"a", b""), pair(b"", b"b"), pair(b"", b"c=d"),]
        );
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        assert_eq!(
            fields(b"a=%ff%00+%2B&%zz=%4&b=%"),
            [pair(b"a", b"\xff\0 +"), pair(b"%zz", b"%4"), pair(b"b", b"%")]
        );
    }

    #[test]
    fn the_limit_is_sixty_four_fields() {
        let body = vec!["a=b"; FIELDS_MAX].join("&");
        assert_eq!(fields(body.as_bytes()).len(), FIELDS_MAX);
        assert_eq!(Form::decode(format!("{body}&a=b").as_bytes()), Err(TooManyFields));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_like_the_reference(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let reference: Vec<_> = body.split(|b| *b == b'&').filter(|f| !f.is_empty()).map(|field| {
                let mut halves = field.splitn(2, |b| *b == b'=');
                let mut half = || {
                    let spaced: Vec<u8> = halves.next().unwrap_or_default().iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
                    percent_decode(&spaced).collect::<Vec<u8>>()
                };
                (half(), half())
            }).collect();
            prop_assume!(reference.len() <= FIELDS_MAX);
            prop_assert_eq!(fields(&body), reference);
        }
    }
}
