//! The fields of a form: how else the text of the signature may have been made from them.

use std::borrow::Cow;

use super::guess::Guess;
use super::mistake::Mistake;
use super::reserialised;
use crate::input::form::Form;

type Field<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Every other text for `form`, which was decoded from `body`.
pub(super) fn guesses(form: &Form, body: &[u8]) -> Vec<Guess<Vec<u8>>> {
    let fields: Vec<Field<'_>> =
        form.fields().map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value))).collect();
    let mut texts = Texts { right: text_of(fields.clone()), guesses: Vec::new() };
    let trimmed_body = body.trim_ascii_end();
    if trimmed_body.len() < body.len() {
        texts.decoded(trimmed_body, Mistake::BodyNewline);
    }
    empty_fields(&fields, &mut texts);
    trimmed(&fields, &mut texts);
    encodings(&fields, body, &mut texts);
    repeated(&fields, &mut texts);
    orders(&fields, &mut texts);
    rewritten_payloads(&fields, &mut texts);
    line_breaks(&fields, &mut texts);
    texts.push(Vec::new(), Mistake::FieldsUnsigned);
    texts.guesses
}

struct Texts {
    right: Vec<u8>,
    guesses: Vec<Guess<Vec<u8>>>,
}

impl Texts {
    fn push(&mut self, text: Vec<u8>, mistake: Mistake) {
        if text != self.right {
            self.guesses.push(Guess::wrong(text, mistake));
        }
    }

    fn fields(&mut self, fields: Vec<Field<'_>>, mistake: Mistake) {
        self.push(text_of(fields), mistake);
    }

    fn decoded(&mut self, body: &[u8], mistake: Mistake) {
        if let Ok(form) = Form::decode(body) {
            let fields = form.fields().map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value))).collect();
            self.fields(fields, mistake);
        }
    }

    /// Every value changed by `change`.
    fn values(&mut self, fields: &[Field<'_>], mistake: Mistake, change: impl Fn(&[u8]) -> Vec<u8>) {
        let changed = fields.iter().map(|(name, value)| (name.clone(), change(value).into())).collect();
        self.fields(changed, mistake);
    }
}

/// Sorted, equal fields once, joined: what Twilio signs.
fn text_of(mut fields: Vec<Field<'_>>) -> Vec<u8> {
    fields.sort_unstable();
    fields.dedup();
    joined(&fields)
}

fn joined(fields: &[Field<'_>]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| name.iter().chain(value.iter())).copied().collect()
}

fn empty_fields(fields: &[Field<'_>], texts: &mut Texts) {
    let kept = fields.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
    texts.fields(kept, Mistake::EmptyField);
    let absent = ["ParentAccountSid", "Level", "PayloadType", "Payload"].into_iter();
    let absent = absent.filter(|name| !fields.iter().any(|(known, _)| **known == *name.as_bytes()));
    for name in absent {
        let mut more = fields.to_vec();
        more.push((name.as_bytes().into(), Cow::Borrowed(b"")));
        texts.fields(more, Mistake::EmptyField);
    }
}

fn trimmed(fields: &[Field<'_>], texts: &mut Texts) {
    texts.values(fields, Mistake::FieldsTrimmed, |value| value.trim_ascii().to_vec());
    texts.values(fields, Mistake::FieldsTrimmed, |value| value.trim_ascii_end().to_vec());
    for index in 0..fields.len() {
        for (before, after) in [("", "\n"), ("", " "), ("", "\r\n"), (" ", ""), ("\n", "")] {
            let mut one = fields.to_vec();
            one[index].1 = [before.as_bytes(), &*one[index].1, after.as_bytes()].concat().into();
            texts.fields(one, Mistake::FieldsTrimmed);
        }
    }
}

fn encodings(fields: &[Field<'_>], body: &[u8], texts: &mut Texts) {
    texts.decoded(&replaced(body, b"+", b"%2B"), Mistake::PlusDecoding);
    texts.values(fields, Mistake::PlusDecoding, |value| replaced(value, b"+", b" "));
    texts.values(fields, Mistake::PlusDecoding, |value| replaced(value, b" ", b"+"));
    let decode_again = |value: &[u8]| percent_encoding::percent_decode(value).collect::<Vec<u8>>();
    texts.values(fields, Mistake::PercentDecoding, decode_again);
    texts.values(fields, Mistake::PercentDecoding, |value| decode_again(&replaced(value, b"+", b" ")));
    let mut raw: Vec<&[u8]> = body.split(|byte| *byte == b'&').collect();
    raw.sort_unstable();
    let raw: Vec<u8> =
        raw.into_iter().flat_map(|field| field.splitn(2, |byte| *byte == b'=')).flatten().copied().collect();
    texts.push(raw, Mistake::PercentDecoding);
}

fn repeated(fields: &[Field<'_>], texts: &mut Texts) {
    let mut by_name = fields.to_vec();
    by_name.sort_by(|a, b| a.0.cmp(&b.0));
    if by_name.windows(2).all(|pair| pair[0].0 != pair[1].0) {
        return;
    }
    for separator in ["", ","] {
        for sorted in [false, true] {
            let groups = by_name.chunk_by(|a, b| a.0 == b.0).map(|group| {
                let mut values: Vec<&[u8]> = group.iter().map(|(_, value)| &**value).collect();
                if sorted {
                    values.sort_unstable();
                }
                (group[0].0.clone(), values.join(separator.as_bytes()).into())
            });
            texts.fields(groups.collect(), Mistake::RepeatedFields);
        }
    }
    texts.push(joined(&by_name), Mistake::RepeatedFields);
    let first = by_name.chunk_by(|a, b| a.0 == b.0).map(|group| group[0].clone()).collect();
    texts.fields(first, Mistake::RepeatedFields);
    let last = by_name.chunk_by(|a, b| a.0 == b.0).filter_map(|group| group.last().cloned()).collect();
    texts.fields(last, Mistake::RepeatedFields);
}

fn orders(fields: &[Field<'_>], texts: &mut Texts) {
    texts.push(joined(fields), Mistake::FieldOrder);
    let mut ordered = fields.to_vec();
    ordered.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    texts.push(joined(&ordered), Mistake::FieldOrder);
    ordered.sort_by_key(|(name, value)| [&**name, &**value].concat());
    texts.push(joined(&ordered), Mistake::FieldOrder);
    ordered.sort_by_key(|(name, value)| [&**name, b"=", &**value].concat());
    texts.push(joined(&ordered), Mistake::FieldOrder);
    ordered.sort_by(|a, b| b.0.cmp(&a.0));
    texts.push(joined(&ordered), Mistake::FieldOrder);
}

fn rewritten_payloads(fields: &[Field<'_>], texts: &mut Texts) {
    let Some(index) = fields.iter().position(|(name, _)| **name == *b"Payload") else {
        return;
    };
    let Ok(payload) = std::str::from_utf8(&fields[index].1) else {
        return;
    };
    for form in reserialised::forms(payload) {
        let mut other = fields.to_vec();
        other[index].1 = form.into_bytes().into();
        texts.fields(other, Mistake::PayloadReserialised);
    }
}

fn line_breaks(fields: &[Field<'_>], texts: &mut Texts) {
    texts.values(fields, Mistake::LineBreaks, |value| replaced(value, b"\r\n", b"\n"));
    texts.values(fields, Mistake::LineBreaks, |value| replaced(&replaced(value, b"\r\n", b"\n"), b"\n", b"\r\n"));
    texts.values(fields, Mistake::LineBreaks, |value| replaced(&replaced(value, b"\r", b""), b"\n", b""));
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    result.extend_from_slice(rest);
    result
}
