//! Path and query: how else Twilio may have signed them.

use percent_encoding::percent_decode_str;

use super::guess::Guess;
use super::mistake::Mistake;
use crate::public_url::PublicUrl;

/// The query parameter that carries the hash of a JSON body.
pub(super) const BODY_HASH: &str = "bodySHA256";

/// Pairs of one character, raw and percent-encoded, that Twilio, proxies and libraries are known to swap.
///
/// Sources: twilio-node #1059 and #1183 (`'`), #621 (`@`, `:`).
const SWAPPED: [(&str, &str); 12] = [
    ("'", "%27"),
    ("@", "%40"),
    (":", "%3A"),
    ("+", "%20"),
    ("+", "%2B"),
    ("~", "%7E"),
    ("*", "%2A"),
    ("!", "%21"),
    ("(", "%28"),
    (")", "%29"),
    (",", "%2C"),
    ("/", "%2F"),
];

/// Splits before the `?`, which stays with the query.
pub(super) fn split(target: &str) -> (&str, &str) {
    target.split_at(target.find('?').unwrap_or(target.len()))
}

/// Every other path for a request to `path`.
pub(super) fn path_guesses(url: &PublicUrl, path: &str) -> Vec<Guess<String>> {
    let (typed, _) = split(url.target());
    let public = url.has_path(path);
    let mut guesses = Vec::new();
    let mut guess = |other: String, mistake| {
        if !public || (other != path && other != typed) {
            guesses.push(Guess::wrong(other, mistake));
        }
    };
    if !public {
        let differs_by = |longer: &str, shorter: &str| longer.strip_suffix('/') == Some(shorter);
        let mistake = if differs_by(typed, path) || differs_by(path, typed) {
            Mistake::TrailingSlash
        } else if typed.strip_suffix("/index.php") == Some(path.trim_end_matches('/'))
            || path.strip_suffix("/index.php") == Some(typed.trim_end_matches('/'))
        {
            Mistake::PathIndex
        } else if typed.ends_with(path) || (!typed.is_empty() && path.ends_with(typed)) {
            Mistake::PathPrefix
        } else {
            Mistake::PathRewritten
        };
        guess(typed.to_owned(), mistake);
        guess(path.to_owned(), Mistake::PathNotPublic);
    }
    guess(path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned), Mistake::TrailingSlash);
    let bare = path.trim_end_matches('/');
    guess(format!("{bare}/index.php"), Mistake::PathIndex);
    if let Some(bare) = path.strip_suffix("index.php") {
        guess(bare.to_owned(), Mistake::PathIndex);
        guess(bare.trim_end_matches('/').to_owned(), Mistake::PathIndex);
    }
    guess(path.replace("//", "/"), Mistake::PathRewritten);
    for (slash, _) in path.match_indices('/').skip(1) {
        guess(path[slash..].to_owned(), Mistake::PathPrefix);
    }
    for (slash, _) in typed.match_indices('/').skip(1) {
        guess(format!("{}{path}", &typed[..slash]), Mistake::PathPrefix);
    }
    guess(format!("{bare}{path}"), Mistake::PathPrefix);
    guess(format!("/{path}"), Mistake::PathRewritten);
    for other in recoded(path) {
        guess(other, Mistake::PathEncoding);
    }
    guesses
}

/// Every other query for a request with `query`, which starts with `?` or is empty. `body_hash` is the body's, in case the
/// query should carry it, and `fragment` what was typed behind a `#`.
pub(super) fn query_guesses(
    url: &PublicUrl,
    query: &str,
    body_hash: Option<&str>,
    fragment: Option<&str>,
) -> Vec<Guess<String>> {
    let (_, typed) = split(url.target());
    let mut guesses = Vec::new();
    let mut guess = |other: String, mistake| {
        if other != query {
            guesses.push(Guess::wrong(other, mistake));
        }
    };
    let same_meaning = percent_decode_str(typed).eq(percent_decode_str(query));
    let typed_mistake = match (typed, query) {
        _ if same_meaning => Mistake::QueryEncoding,
        ("", _) => Mistake::QueryAdded,
        _ => Mistake::QueryDropped,
    };
    guess(typed.to_owned(), typed_mistake);
    guess(String::new(), Mistake::QueryAdded);
    for other in recoded(query) {
        guess(other, Mistake::QueryEncoding);
    }
    let parameters: Vec<&str> = query.strip_prefix('?').unwrap_or_default().split('&').collect();
    if parameters.len() > 1 {
        let mut sorted = parameters.clone();
        sorted.sort_unstable();
        guess(format!("?{}", sorted.join("&")), Mistake::QueryOrder);
        for left_out in 0..parameters.len() {
            let rest: Vec<_> = parameters.iter().enumerate().filter(|(index, _)| *index != left_out).collect();
            let rest: Vec<_> = rest.into_iter().map(|(_, parameter)| *parameter).collect();
            guess(format!("?{}", rest.join("&")), Mistake::QueryAdded);
        }
    }
    if query.is_empty() {
        guess("?".to_owned(), Mistake::QueryDropped);
    }
    if let Some(hash) = body_hash {
        match hash_in(query) {
            Some(found) => guess(query.replace(found, hash), Mistake::BodyHashReplaced),
            None if query.is_empty() => guess(format!("?{BODY_HASH}={hash}"), Mistake::QueryDropped),
            None => guess(format!("{query}&{BODY_HASH}={hash}"), Mistake::QueryDropped),
        }
    }
    if let Some(fragment) = fragment {
        guess(format!("{query}{fragment}"), Mistake::Fragment);
    }
    guesses
}

/// The value of `bodySHA256` in a query.
pub(super) fn hash_in(query: &str) -> Option<&str> {
    let parameters = query.strip_prefix('?')?.split('&');
    parameters
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| *name == BODY_HASH)
        .map(|(_, hash)| hash)
}

/// The same text with some of its characters percent-encoded, decoded, or encoded in the other case.
fn recoded(text: &str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for (raw, encoded) in SWAPPED {
        if text.contains(raw) && raw != "/" {
            texts.push(text.replace(raw, encoded));
        }
        for encoded in [encoded.to_owned(), encoded.to_ascii_lowercase()] {
            if text.contains(&encoded) {
                texts.push(text.replace(&encoded, raw));
            }
        }
    }
    if text.contains('%') {
        texts.extend(percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned));
        texts.push(with_escapes_in(text, char::to_ascii_uppercase));
        texts.push(with_escapes_in(text, char::to_ascii_lowercase));
    }
    if !text.is_ascii() {
        texts.push(percent_encoding::utf8_percent_encode(text, percent_encoding::CONTROLS).to_string());
    }
    texts.retain(|other| other != text);
    texts
}

/// Rewrites the two digits behind every `%`.
fn with_escapes_in(text: &str, case: fn(&char) -> char) -> String {
    let mut digits = 0;
    let rewrite = |c: char| {
        if c == '%' {
            digits = 2;
            return c;
        }
        let escaped = digits > 0;
        digits -= i32::from(escaped);
        if escaped { case(&c) } else { c }
    };
    text.chars().map(rewrite).collect()
}
