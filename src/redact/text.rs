//! Masks inside a text: telephone numbers, e-mail addresses, credentials, and the query values of URLs.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A number in international form, in North American form, or a bare run of ten to fifteen digits.
///
/// The runs end at word boundaries, so the digits of a Sid are left alone.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?x) \+ \d (?: [\x20().-]{0,2} \d ){6,14}
             | (?-u:\b) \d{10,15} (?-u:\b)
             | \( \d{3} \) [-.\x20]? \d{3} [-.\x20] \d{4} (?-u:\b)
             | (?-u:\b) \d{3} [-.\x20] \d{3} [-.\x20] \d{4} (?-u:\b)",
    )
});

/// The fewest digits of what [`NUMBER`] finds.
const NUMBER_DIGITS_MIN: usize = 7;

static EMAIL: LazyLock<Regex> = LazyLock::new(|| regex(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"));

static URL: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?i)\b[a-z][a-z0-9+.-]*://[^\s"'<>]+"#));

static CREDENTIAL: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?xi) (?-u:\b) (?P<scheme> bearer | basic | digest ) \x20+ [a-z0-9._~+/=-]{6,}
              | (?-u:\b) (?P<account> AC[0-9a-f]{32} ) : [^\s@]+
              | (?P<name> (?:auth)?token | secret | password | passwd | api[_-]?key ) (?P<is> \s* [=:] \s* ) [^\s&;,\[]+",
    )
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// What a credential's neighbourhood looks like; without it [`CREDENTIAL`], which is slower, need not look.
static CREDENTIAL_HINT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?-u)(?i:bearer|basic|digest|token|secret|passw|api|AC[0-9a-f]{32}:)"));

/// Masks a text; borrowed when there is nothing to mask.
#[must_use]
pub fn mask(text: &str) -> Cow<'_, str> {
    // Most texts of a payload hold nothing of the kind, and four searches cost more than one look.
    let (mut digits, mut at, mut question, mut separator) = (0, false, false, false);
    for byte in text.bytes() {
        digits += usize::from(byte.is_ascii_digit());
        at |= byte == b'@';
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
    let known = text.trim_start_matches(|c: char| c != '*' && !c.is_ascii_digit() && c != '+');
    let tail = known.trim_start_matches(['+', '1', '2', '3', '4', '5', '6', '7', '8', '9', '0']);
    tail.strip_prefix("***").is_some_and(|last| last.len() == 2 && last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Keeps scheme, host and path of a URL and the names of its query; drops userinfo, query values and fragment.
#[must_use]
pub fn mask_url(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let separator = if scheme.is_empty() { "" } else { "://" };
    let mut masked = format!("{scheme}{separator}{host}{path}");
    if let Some(query) = query {
        // A piece without `=` is all value.
        let names = query.split('&').filter_map(|piece| piece.split_once('='));
        let names: Vec<_> = names.map(|(name, _)| format!("{name}=")).collect();
        masked = format!("{masked}?{}", names.join("&"));
    }
    masked
}

/// `+15550100001` becomes `+1***01`: enough to tell two numbers apart in a log, too little to call.
fn mask_number(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let last: String = digits[digits.len() - 2..].iter().collect();
    match number.strip_prefix('+') {
        Some(_) => format!("+{}***{last}", digits[0]),
        None => format!("***{last}"),
    }
}

fn mask_credential(found: &Captures<'_>) -> String {
    let part = |name| found.name(name).map_or("", |part| part.as_str());
    match (part("scheme"), part("account")) {
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
