//! Signs again with every mistake, alone and together, until one gives the signature at hand.
//!
//! What is signed has five parts: origin, path, query, text and key. Of each there are the values that the exporter accepts
//! and the guesses. All combinations with one guess come before those with two, and the bytes hashed are bounded, so the
//! first answer is the simplest one, and there is always an end.

use sha2::{Digest, Sha256};

use super::mistake::Mistake;
use super::signature::Written;
use super::{Case, fields, keys, origin, target};
use crate::account::KeyName;
use crate::input::form::{Form, TooManyFields};
use crate::input::signature::{SigningKey, signed_texts};
use crate::public_url::PublicUrl;

/// What an HMAC hashes beside the text: two blocks of key, and padding.
const BLOCKS_BYTES: usize = 256;

/// A value of one part, and the mistake that led to it; none for a value that the exporter accepts.
#[derive(Debug, Clone)]
pub(super) struct Guess<T> {
    value: T,
    mistake: Option<Mistake>,
}

impl<T> Guess<T> {
    pub(super) fn wrong(value: T, mistake: Mistake) -> Self {
        Self { value, mistake: Some(mistake) }
    }

    fn right(value: T) -> Self {
        Self { value, mistake: None }
    }
}

/// What was signed, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) key: KeyName,
    pub(super) signed_url: String,
    pub(super) path_changed: bool,
}

/// The values of one part: the accepted ones, then the guesses.
#[derive(Debug)]
struct Part<T> {
    values: Vec<Guess<T>>,
    right: usize,
}

impl<T> Part<T> {
    fn new(right: impl IntoIterator<Item = T>, wrong: Vec<Guess<T>>) -> Self {
        let mut values: Vec<_> = right.into_iter().map(Guess::right).collect();
        let right = values.len();
        values.extend(wrong);
        Self { values, right }
    }

    fn of(&self, wrong: bool) -> &[Guess<T>] {
        if wrong { &self.values[self.right..] } else { &self.values[..self.right] }
    }
}

/// The parts of one public URL.
#[derive(Debug)]
struct UrlParts {
    /// Whole targets that the exporter accepts.
    targets: Vec<String>,
    origins: Part<String>,
    paths: Part<String>,
    queries: Part<String>,
    /// Path and query of the request, when they are known.
    requested: Option<String>,
}

/// A path and a query.
#[derive(Debug)]
struct Target {
    text: String,
    mistakes: [Option<Mistake>; 2],
    /// It is not what arrived.
    changed: bool,
}

/// Everything that may have been signed.
#[derive(Debug)]
pub(super) struct Search<'a> {
    body: &'a [u8],
    is_json: bool,
    urls: Vec<UrlParts>,
    texts: Part<Vec<u8>>,
    keys: Part<(KeyName, SigningKey)>,
}

impl<'a> Search<'a> {
    /// Lays out every guess for `case`.
    pub(super) fn new(case: &Case<'a>, other_accounts_max: usize) -> Result<Self, TooManyFields> {
        let query_has_hash = |target: &str| target::hash_in(target::split(target).1).is_some();
        let own_target_has_hash = || case.urls.iter().any(|url| query_has_hash(url.target()));
        let is_json = case.target.map_or_else(own_target_has_hash, query_has_hash) || looks_like_json(case.body);
        let form = Form::decode(case.body);
        let (texts, keys) = if is_json {
            let as_form = form.iter().flat_map(signed_texts).map(|text| Guess::wrong(text, Mistake::JsonAsForm));
            (Part::new([Vec::new()], as_form.collect()), keys::keys_for(case.accounts, None, other_accounts_max))
        } else {
            let form = form?;
            let texts = Part::new(signed_texts(&form), fields::guesses(&form, case.body));
            (texts, keys::keys_for(case.accounts, Some(&form), other_accounts_max))
        };
        let hash = is_json.then(|| hash_of(case.body));
        let urls = case.urls.iter().map(|url| UrlParts::new(url, case, hash.as_deref())).collect();
        Ok(Self { body: case.body, is_json, urls, texts, keys: Part::new(keys.0, keys.1) })
    }

    /// The simplest combination that gives one of `signatures`, hashing at most about `bytes_max` bytes.
    pub(super) fn run(&self, signatures: &[Written], bytes_max: usize, mistakes_max: u32) -> Option<Match> {
        let mut masks: Vec<u32> = (0..32_u32).filter(|mask| mask.count_ones() <= mistakes_max).collect();
        masks.sort_by_key(|mask| mask.count_ones());
        let mut bytes_left = bytes_max;
        for mask in masks {
            let wrong = |part: u32| mask & (1 << part) != 0;
            for (url, origin) in self.urls.iter().flat_map(|url| url.origins.of(wrong(0)).iter().map(move |o| (url, o)))
            {
                for target in url.targets_of(wrong(1), wrong(2)) {
                    let signed_url = format!("{}{}", origin.value, target.text);
                    for text in self.texts.of(wrong(3)) {
                        for key in self.keys.of(wrong(4)) {
                            bytes_left = bytes_left.checked_sub(signed_url.len() + text.value.len() + BLOCKS_BYTES)?;
                            let (name, signing) = &key.value;
                            let signed = [signed_url.as_bytes(), text.value.as_slice()];
                            let Some((_, written)) = signatures.iter().find(|(mac, _)| signing.verify(&signed, mac))
                            else {
                                continue;
                            };
                            let [path, query] = target.mistakes;
                            let hash = self.hash_mistake(&signed_url);
                            let mistakes = [origin.mistake, path, query, hash, text.mistake, key.mistake, *written];
                            return Some(Match {
                                mistakes: mistakes.into_iter().flatten().collect(),
                                key: name.clone(),
                                path_changed: target.changed,
                                signed_url,
                            });
                        }
                    }
                }
            }
        }
        None
    }

    /// What is wrong with the hash of a JSON body when all else is right.
    fn hash_mistake(&self, signed_url: &str) -> Option<Mistake> {
        let (_, query) = target::split(signed_url);
        let signed_hash = if self.is_json { target::hash_in(query) } else { return None };
        match signed_hash {
            None => Some(Mistake::BodyHashMissing),
            Some(hash) if hash == hash_of(self.body) => None,
            Some(hash) if hash == hash_of(self.body.trim_ascii_end()) => Some(Mistake::BodyNewline),
            Some(_) => Some(Mistake::BodyAltered),
        }
    }
}

impl UrlParts {
    fn new(url: &PublicUrl, case: &Case<'_>, body_hash: Option<&str>) -> Self {
        let own = if url.target().starts_with('/') { url.target().to_owned() } else { format!("/{}", url.target()) };
        let requested = case.target.unwrap_or(&own);
        let (path, query) = target::split(requested);
        let public = url.has_path(path);
        let fragment = case.typed.and_then(|typed| typed.find('#').map(|hash| &typed[hash..]));
        let (typed_path, _) = target::split(url.target());
        let same_path =
            public.then_some([path, typed_path]).into_iter().flatten().take(1 + usize::from(path != typed_path));
        Self {
            targets: if public { url.targets(requested).map(str::to_owned).collect() } else { Vec::new() },
            origins: Part::new(url.origins(), origin::guesses(url, case.typed, case.host)),
            paths: Part::new(same_path.map(str::to_owned), target::path_guesses(url, path)),
            queries: Part::new([query.to_owned()], target::query_guesses(url, query, body_hash, fragment)),
            requested: case.target.map(str::to_owned),
        }
    }

    fn targets_of(&self, wrong_path: bool, wrong_query: bool) -> Vec<Target> {
        if !wrong_path && !wrong_query {
            let right = |text: &String| Target { text: text.clone(), mistakes: [None, None], changed: false };
            return self.targets.iter().map(right).collect();
        }
        let mut targets = Vec::new();
        for path in self.paths.of(wrong_path) {
            for query in self.queries.of(wrong_query) {
                let text = format!("{}{}", path.value, query.value);
                let changed = self.requested.as_ref().is_some_and(|requested| *requested != text);
                targets.push(Target { text, mistakes: [path.mistake, query.mistake], changed });
            }
        }
        targets
    }
}

/// Whether a body without `bodySHA256` is meant as JSON all the same.
fn looks_like_json(body: &[u8]) -> bool {
    let starts_so = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    starts_so && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// SHA-256 in lower-case hexadecimal, as `bodySHA256` has it.
fn hash_of(body: &[u8]) -> String {
    Sha256::digest(body).iter().fold(String::with_capacity(64), |mut text, byte| {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
