//! Masks inside a text: telephone numbers, e-mail addresses, credentials, and the query values of URLs.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

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

/// The fewest digits of what [`NUMBER`] finds.
const NUMBER_DIGITS_MIN: usize = 7;

static EMAIL: LazyLock<Regex> = LazyLock::new(|| regex(r"[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"));

static URL: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?i)\b[a-z][a-z0-9+.-]*://[^\s"<>]+"#));

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

/// What a credential's neighbourhood looks like; without it [`CREDENTIAL`], which is slower, need not look.
static CREDENTIAL_HINT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?-u)(?i:bearer|basic|digest|token|secret|passw|api|cookie|AC[0-9a-f]{32}:)"));

/// Masks a text; borrowed when there is nothing to mask.
#[must_use]
pub fn mask(text: &str) -> Cow<'_, str> {
    // Most texts of a payload hold nothing of the kind, and four searches cost more than one look.
    let (mut digits, mut at, mut question, mut separator) = (0, false, false, false);
    for byte in text.bytes() {
        digits += usize::from(byte.is_ascii_digit());
        at |= matches!(byte, b'@' | b'%');
        question |= byte == b'?';
        separator |= matches!(byte, b' ' | b':' | b'=');
    }
    let mut masked = Cow::Borrowed(text);
    if separator && text.contains("://") {
        masked = replace(masked, &URL, |found| mask_url(&found[0]));
    } else if question && text.starts_with('/') {
        masked = Cow::Owned(mask_url(text));
    }
    if separator && CREDENTIAL_HINT.is_match(&masked) {
        masked = replace(masked, &CREDENTIAL, mask_credential);
    }
    if at {
        masked = replace(masked, &EMAIL, |_| "***@***".to_owned());
    }
    if digits >= NUMBER_DIGITS_MIN {
        masked = replace(masked, &NUMBER, |found| mask_number(&found[0]));
    }
    masked
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

/// Keeps scheme, host and path of a URL and the names of its query; drops userinfo, query values and fragment.
#[must_use]
pub fn mask_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (&url[..scheme.len() + 3], rest));
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let rest = match (authority.rfind('@'), authority.find(['?', '#'])) {
        // A password with a question mark in it, or a query with an address: one cannot tell where the host is.
        (Some(at), Some(special)) if special < at => return format!("{scheme}[redacted]"),
        (Some(at), _) => &rest[at + 1..],
        (None, _) => rest,
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let Some((address, query)) = rest.split_once('?') else {
        return format!("{scheme}{rest}");
    };
    // A piece without `=` is all value.
    let names = query.split('&').filter_map(|piece| piece.split_once('='));
    let names: Vec<_> = names.map(|(name, _)| format!("{name}=")).collect();
    format!("{scheme}{address}?{}", names.join("&"))
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

fn replace<'a>(text: Cow<'a, str>, pattern: &Regex, by: impl Fn(&Captures<'_>) -> String) -> Cow<'a, str> {
    let replaced = match pattern.replace_all(&text, |found: &Captures<'_>| by(found)) {
        Cow::Owned(replaced) if replaced != *text => replaced,
        _ => return text,
    };
    Cow::Owned(replaced)
}
