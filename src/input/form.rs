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
        let mut decoded = Vec::with_capacity(body.len());
        let mut fields = Vec::with_capacity(8);
        for field in body.split(|byte| *byte == b'&').filter(|field| !field.is_empty()) {
            if fields.len() == FIELDS_MAX {
                return Err(TooManyFields);
            }
            let equals = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
            let name = append_decoded(&mut decoded, &field[..equals]);
            let value = append_decoded(&mut decoded, field.get(equals + 1..).unwrap_or_default());
            fields.push((name, value));
        }
        Ok(Self { decoded, fields })
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

/// Appends the decoded bytes and says where they stand.
fn append_decoded(decoded: &mut Vec<u8>, mut encoded: &[u8]) -> Range<usize> {
    let start = decoded.len();
    while let Some(special) = encoded.iter().position(|byte| matches!(byte, b'%' | b'+')) {
        decoded.extend_from_slice(&encoded[..special]);
        let escape = encoded.get(special + 1..special + 3).filter(|_| encoded[special] == b'%');
        let escaped = escape.and_then(|pair| Some(hex_digit(pair[0])? << 4 | hex_digit(pair[1])?));
        decoded.push(match (encoded[special], escaped) {
            (b'+', _) => b' ',
            (_, Some(byte)) => byte,
            (percent, None) => percent,
        });
        encoded = &encoded[special + if escaped.is_some() { 3 } else { 1 }..];
    }
    decoded.extend_from_slice(encoded);
    start..decoded.len()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

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
