//! Masks inside a text: telephone numbers, e-mail addresses, credentials, and the query values of URLs.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex, Replacer};

use super::REDACTED;
use super::prefilter::Hints;

/// A number in international form, in North American form, or a bare run of ten to fifteen digits; ASCII digits alone.
///
/// The runs end at word boundaries, so the digits of a Sid are left alone.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?x-u) (?: \+ | %2[Bb] ) \d (?: [\x20().-]{0,2} \d ){6,14}
               | (?: \b | _ ) \d{10,15} \b
               | \( \d{3} \) [-.\x20]? \d{3} [-.\x20] \d{4} \b
               | \b \d{3} [-.\x20] \d{3} [-.\x20] \d{4} \b",
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

/// Masks a text; borrowed when there is nothing to mask.
#[must_use]
pub fn mask(text: &str) -> Cow<'_, str> {
    let hints = Hints::of(text);
    let mut masked = Cow::Borrowed(text);
    if text.starts_with('/') && text.contains('?') && scheme_end(text).is_none() {
        masked = Cow::Owned(mask_url(text));
    } else if hints.may_hold_url_or_credential() {
        masked = mask_urls(text);
    }
    if hints.may_hold_url_or_credential() {
        masked = replace(masked, &CREDENTIAL, mask_credential);
    }
    if hints.may_hold_email() {
        masked = replace(masked, &EMAIL, "***@***");
    }
    if hints.may_hold_number() {
        masked = replace(masked, &NUMBER, mask_number);
    }
    masked
}

/// Masks a text that is a URL as a whole, white space and all.
pub(super) fn masked_url(text: &str) -> String {
    if scheme_end(text).is_none() && !text.contains('?') {
        return mask(text).into_owned();
    }
    // Where one URL may end, another may follow.
    mask(&mask_url(text)).into_owned()
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
fn mask_number(found: &Captures<'_>) -> String {
    let number = &found[0];
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
fn replace<'a>(text: Cow<'a, str>, pattern: &Regex, by: impl Replacer) -> Cow<'a, str> {
    // Most texts hold nothing, and asking that first saves 6 % of reading an event.
    if !pattern.is_match(&text) {
        return text;
    }
    let replaced = match pattern.replace_all(&text, by) {
        Cow::Owned(replaced) if replaced != text => replaced,
        _ => return text,
    };
    Cow::Owned(replaced)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CREDENTIAL, EMAIL, Hints, NUMBER, mask};

    proptest! {
        /// A short look that misses a number or a credential would let it into the store.
        #[test]
        fn nothing_is_overlooked(
            text in prop_oneof![
                "[0-9]{0,4}[-. ()+%2Bb_aé٣0-9]{0,14}[0-9]{2,16}[-. a_:é]{0,2}[0-9]{0,4}",
                "[a ]{0,2}(AC|ac|aC)[0-9a-fA-F]{31,33}:[a-z@ ]{0,3}",
                "[a-z ]{0,3}(Bearer|BASIC|digest|token|Secret|password|passwd|api_key|apikey|Set-Cookie|cookie)[ =:]{1,2}[a-z0-9]{4,9}",
                "[a-z. ]{0,3}[a-z_]{1,3}(@|%40)[a-zé-]{1,3}[.][a-z]{2}[ :]{0,1}",
            ]
        ) {
            let hints = Hints::of(&text);
            prop_assert!(!CREDENTIAL.is_match(&text) || hints.may_hold_url_or_credential());
            prop_assert!(!EMAIL.is_match(&text) || hints.may_hold_email());
            prop_assert!(!NUMBER.is_match(&text) || hints.may_hold_number());
        }
    }
    /// They are not looked for; what is found beside them must not end in a panic.
    #[test]
    fn digits_of_another_script_are_no_number() {
        assert_eq!(mask("+15550100001 +٣٣٣٣٣٣٣٣ ٣٣٣٣٣٣٣٣٣٣"), "+1***01 +٣٣٣٣٣٣٣٣ ٣٣٣٣٣٣٣٣٣٣");
    }
}
