//! Masks inside a text: telephone numbers, e-mail addresses, credentials, and the query values of URLs.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::{Captures, Regex};

use super::REDACTED;

/// A number in international form, in North American form, or a bare run of ten to fifteen digits.
///
/// The runs end at word boundaries, so the digits of a Sid are left alone.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?x) (?: \+ | %2[Bb] ) \d (?: [\x20().-]{0,2} \d ){6,14}
             | (?: (?-u:\b) | _ ) \d{10,15} (?-u:\b)
             | \( \d{3} \) [-.\x20]? \d{3} [-.\x20] \d{4} (?-u:\b)
             | (?-u:\b) \d{3} [-.\x20] \d{3} [-.\x20] \d{4} (?-u:\b)",
    )
});

static EMAIL: LazyLock<Regex> = LazyLock::new(|| regex(r"[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"));

static CREDENTIAL: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?xi) (?-u:\b) (?P<scheme> bearer | basic | digest ) \x20+ [a-z0-9._~+/=-]{6,}
              | (?-u:\b) (?P<account> AC[0-9a-f]{32} ) : [^\s@]+
              | (?P<name> (?:auth)?token | secret | password | passwd | api[_-]?key ) (?P<is> [\x22']? \s* [=:] \s* [\x22']? ) [^\s&;,\[\x22']+
              | (?P<cookie> (?:set-)? cookie ) \s* : \s* [^\[\s] [^\r\n]*",
    )
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// Words of which one is in every text that [`CREDENTIAL`] finds something in, but for an account's Sid and token.
static CREDENTIAL_WORDS: LazyLock<AhoCorasick> =
    LazyLock::new(|| words(["bearer", "basic", "digest", "token", "secret", "passw", "api", "cookie"]));

/// A search for `words`, whatever their case, that looks at each byte once.
pub(super) fn words<const COUNT: usize>(words: [&str; COUNT]) -> AhoCorasick {
    let mut builder = AhoCorasick::builder();
    builder
        .ascii_case_insensitive(true)
        .prefilter(false)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words)
        .expect("a few constant words")
}

/// Masks a text; borrowed when there is nothing to mask.
#[must_use]
pub fn mask(text: &str) -> Cow<'_, str> {
    let hints = Hints::of(text);
    let masked = if hints.has(Hints::QUESTION) && text.starts_with('/') && scheme_end(text).is_none() {
        Cow::Owned(mask_url(text))
    } else if hints.has(Hints::SEPARATOR) {
        mask_urls(text)
    } else {
        Cow::Borrowed(text)
    };
    mask_but_urls(masked, &hints)
}

/// Masks a text that is a URL as a whole, white space and all.
#[must_use]
pub fn masked_url(text: &str) -> String {
    if scheme_end(text).is_none() && !text.contains('?') {
        return mask(text).into_owned();
    }
    let url = mask_url(text);
    // Where one URL may end, another may follow.
    let is_one = url.bytes().all(|byte| byte.is_ascii_graphic() && !ends_url(byte.into()));
    if is_one { mask_but_urls(Cow::Owned(url), &Hints::of(text)).into_owned() } else { mask(&url).into_owned() }
}

/// Masks what [`mask`] does besides URLs; `hints` are those of the text before its URLs were masked.
fn mask_but_urls<'a>(mut masked: Cow<'a, str>, hints: &Hints) -> Cow<'a, str> {
    if hints.has(Hints::SEPARATOR) && may_hold_credential(&masked) {
        let replaced = CREDENTIAL.replace_all(&masked, mask_credential).into_owned();
        masked = if replaced == *masked { masked } else { Cow::Owned(replaced) };
    }
    if hints.has(Hints::AT) {
        masked = replace(masked, &EMAIL, |_| "***@***".to_owned());
    }
    if hints.has(Hints::DIGIT) && may_hold_number(&masked, hints) {
        masked = replace(masked, &NUMBER, mask_number);
    }
    masked
}

/// What kinds of characters a text has. Most texts of a payload hold nothing to mask, and a search for each kind of it
/// would cost more than all else that is done with an event.
struct Hints(u8);

impl Hints {
    const DIGIT: u8 = 1;
    const AT: u8 = 2;
    const QUESTION: u8 = 4;
    const SEPARATOR: u8 = 8;
    /// What a telephone number may begin with, if not with a digit; other scripts have digits too.
    const NUMBER_START: u8 = 16;

    const OF_BYTE: [u8; 256] = {
        let mut hints = [0; 256];
        let mut byte: u8 = 0;
        loop {
            hints[byte as usize] = match byte {
                b'0'..=b'9' => Self::DIGIT,
                b'@' => Self::AT,
                b'%' => Self::AT | Self::NUMBER_START,
                b'?' => Self::QUESTION,
                b' ' | b':' | b'=' => Self::SEPARATOR,
                b'+' | b'(' | 0x80..=0xff => Self::NUMBER_START,
                _ => 0,
            };
            if byte == u8::MAX {
                break hints;
            }
            byte += 1;
        }
    };

    fn of(text: &str) -> Self {
        Self(text.bytes().fold(0, |hints, byte| hints | Self::OF_BYTE[usize::from(byte)]))
    }

    fn has(&self, hint: u8) -> bool {
        self.0 & hint != 0
    }
}

/// False only where [`CREDENTIAL`] finds nothing.
fn may_hold_credential(text: &str) -> bool {
    CREDENTIAL_WORDS.is_match(text)
        || text.match_indices(':').any(|(colon, _)| ends_in_account_sid(&text.as_bytes()[..colon]))
}

fn ends_in_account_sid(text: &[u8]) -> bool {
    let Some((_, [a, c, hex @ ..])) = text.split_last_chunk::<34>() else {
        return false;
    };
    a.eq_ignore_ascii_case(&b'a') && c.eq_ignore_ascii_case(&b'c') && hex.iter().all(u8::is_ascii_hexdigit)
}

/// False only where [`NUMBER`] finds nothing: it needs seven digits, and either one of the characters that a number begins
/// with, or a word of ten to fifteen of them, or such words of three, three and four in a row.
fn may_hold_number(text: &str, hints: &Hints) -> bool {
    if hints.has(Hints::NUMBER_START) {
        return text.bytes().filter(u8::is_ascii_digit).count() >= 7;
    }
    // How many words of three digits stand before this one.
    let mut threes = 0;
    for word in text.as_bytes().split(|byte| !byte.is_ascii_alphanumeric()) {
        let digits = if word.iter().all(u8::is_ascii_digit) { word.len() } else { 0 };
        match digits {
            10..=15 => return true,
            4 if threes >= 2 => return true,
            3 => threes += 1,
            _ => threes = 0,
        }
    }
    false
}

/// Whether a text is what [`mask`] makes of a telephone number.
pub(super) fn is_masked_number(text: &str) -> bool {
    // `whatsapp:` and the like may stand before it.
    let number = match text.split_once(':') {
        Some((channel, number)) if channel.bytes().all(|byte| byte.is_ascii_lowercase()) => number,
        _ => text,
    };
    let hidden = number.strip_prefix('+').map_or(number, |known| known.get(1..).unwrap_or_default());
    hidden.strip_prefix("***").is_some_and(|last| last.len() == 2 && last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Masks each URL of a text as [`mask_url`] does, wherever in a word it begins.
fn mask_urls(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = scheme_end(&text[at..]) {
        let start = at + found;
        let rest = &text[start..];
        let rest = &rest[..rest.find(ends_url).unwrap_or(rest.len())];
        at = start + rest.len();
        if rest.bytes().any(|byte| matches!(byte, b'@' | b'?' | b'#')) {
            if copied == 0 {
                masked.reserve(text.len());
            }
            masked.push_str(&text[copied..start]);
            push_masked(&mut masked, rest);
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    if masked == text { Cow::Borrowed(text) } else { Cow::Owned(masked) }
}

/// Where the first `://` of a text ends.
fn scheme_end(text: &str) -> Option<usize> {
    let mut colons = text.match_indices(':').map(|(colon, _)| colon + 1);
    colons.find(|rest| text[*rest..].starts_with("//")).map(|slashes| slashes + "//".len())
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '<' | '>')
}

/// Keeps scheme, host and path of a URL and the names of its query; drops userinfo, query values and fragment.
#[must_use]
pub fn mask_url(url: &str) -> String {
    let (scheme, rest) = url.split_at(scheme_end(url).unwrap_or(0));
    let mut masked = String::with_capacity(url.len());
    masked.push_str(scheme);
    push_masked(&mut masked, rest);
    masked
}

/// Appends what [`mask_url`] keeps of a URL behind its scheme.
fn push_masked(masked: &mut String, rest: &str) {
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let rest = match (authority.rfind('@'), authority.find(['?', '#'])) {
        // A password with a question mark in it, or a query with an address: one cannot tell where the host is.
        (Some(at), Some(special)) if special < at => return masked.push_str(REDACTED),
        (Some(at), _) => &rest[at + 1..],
        (None, _) => rest,
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let Some((address, query)) = rest.split_once('?') else {
        return masked.push_str(rest);
    };
    masked.push_str(address);
    let mut separator = '?';
    // A piece without `=` is all value, and what ends a URL is in no name.
    let names = query.split('&').filter_map(|piece| piece.split_once('=')).map(|(name, _)| name);
    for name in names.filter(|name| !name.contains(ends_url)) {
        masked.push(separator);
        masked.push_str(name);
        masked.push('=');
        separator = '&';
    }
    if separator == '?' {
        masked.push('?');
    }
}

/// `+15550100001` becomes `+1***01`: enough to tell two numbers apart in a log, too little to call.
fn mask_number(number: &str) -> String {
    let international = number
        .strip_prefix('+')
        .or_else(|| number.get(..3).filter(|start| start.eq_ignore_ascii_case("%2B")).map(|_| &number[3..]));
    let digits: Vec<char> = international.unwrap_or(number).chars().filter(char::is_ascii_digit).collect();
    let last: String = digits[digits.len() - 2..].iter().collect();
    match international {
        Some(_) => format!("+{}***{last}", digits[0]),
        None => format!("***{last}"),
    }
}

fn mask_credential(found: &Captures<'_>) -> String {
    let part = |name| found.name(name).map_or("", |part| part.as_str());
    match (part("scheme"), part("account")) {
        ("", "") if found.name("cookie").is_some() => format!("{}: [redacted]", part("cookie")),
        ("", "") => format!("{}{}[redacted]", part("name"), part("is")),
        ("", account) => format!("{account}:[redacted]"),
        (scheme, _) => format!("{scheme} [redacted]"),
    }
}

/// Replaces what `pattern` finds; borrowed as before when nothing changes.
fn replace<'a>(text: Cow<'a, str>, pattern: &Regex, by: impl Fn(&str) -> String) -> Cow<'a, str> {
    let mut replaced = String::new();
    let mut end = 0;
    for found in pattern.find_iter(&text) {
        if end == 0 {
            replaced.reserve(text.len());
        }
        replaced.push_str(&text[end..found.start()]);
        replaced.push_str(&by(found.as_str()));
        end = found.end();
    }
    if end == 0 {
        return text;
    }
    replaced.push_str(&text[end..]);
    if replaced == *text { text } else { Cow::Owned(replaced) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CREDENTIAL, Hints, NUMBER, may_hold_credential, may_hold_number};

    proptest! {
        /// A short look that misses a number or a credential would let it into the store.
        #[test]
        fn nothing_is_overlooked(
            text in prop_oneof![
                "[0-9]{0,4}[-. ()+%2Bb_aé٣0-9]{0,14}[0-9]{2,16}[-. a_:é]{0,2}[0-9]{0,4}",
                "[a ]{0,2}(AC|ac|aC)[0-9a-fA-F]{31,33}:[a-z@ ]{0,3}",
                "[a-z ]{0,3}(Bearer|BASIC|digest|token|Secret|password|passwd|api_key|apikey|Set-Cookie|cookie)[ =:]{1,2}[a-z0-9]{4,9}",
            ]
        ) {
            let hints = Hints::of(&text);
            prop_assert!(!CREDENTIAL.is_match(&text) || (hints.has(Hints::SEPARATOR) && may_hold_credential(&text)));
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let overlooked = NUMBER.is_match(&text) && !(hints.has(Hints::DIGIT) && may_hold_number(&text, &hints));
            // Seven digits at least are ASCII; a number in the digits of another script has never been looked for.
            prop_assert!(!overlooked || digits < 7);
        }
    }
}
