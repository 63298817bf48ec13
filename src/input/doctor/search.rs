//! Signs again with every mistake, alone and together, until one gives the signature at hand.
//!
//! What is signed has five parts, and each of them has values that the exporter accepts and guesses. All combinations with
//! one guess come before those with two, and the bytes hashed are bounded, so the first answer is the simplest one, and there
//! is always an end.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use strum::VariantArray;

use super::guess::{Guess, Guesses};
use super::keys::NamedKey;
use super::mistake::Mistake;
use super::{Case, fields, keys, origin, target};
use crate::account::{KeyName, Mac};
use crate::input::form::{Form, TooManyFields};
use crate::input::signature::signed_texts;
use crate::public_url::PublicUrl;

/// What an HMAC hashes beside the text: two blocks of key, and padding.
const BLOCKS_BYTES: usize = 256;

/// A part of what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
enum Part {
    Origin,
    Path,
    Query,
    Text,
    Key,
}

/// Every set of at most `parts_max` parts, the smaller ones first.
fn sets_of_parts(parts_max: usize) -> Vec<Vec<Part>> {
    let mut sets = vec![Vec::new()];
    for part in Part::VARIANTS {
        // Each set so far, once without this part and once with it.
        let with_part: Vec<_> = sets.iter().map(|set: &Vec<_>| [set, &[*part][..]].concat()).collect();
        sets.extend(with_part);
    }
    sets.retain(|set| set.len() <= parts_max);
    sets.sort_by_key(Vec::len);
    sets
}

/// A value for each part.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    origin: Guess<&'a str>,
    path: Guess<&'a str>,
    query: Guess<&'a str>,
    text: Guess<&'a [u8]>,
    key: &'a Guess<NamedKey>,
}

impl Candidate<'_> {
    /// What is signed, piece by piece.
    fn signed(&self) -> [&[u8]; 4] {
        [self.origin.value.as_bytes(), self.path.value.as_bytes(), self.query.value.as_bytes(), self.text.value]
    }

    fn hashed_bytes(&self) -> usize {
        self.signed().iter().map(|piece| piece.len()).sum::<usize>() + BLOCKS_BYTES
    }

    fn gives(&self, mac: &Mac) -> bool {
        let (_, key) = &self.key.value;
        key.verify(&self.signed(), mac)
    }
}

/// What was signed, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Match {
    /// In the order of what is signed; none if the exporter accepts it.
    pub(super) mistakes: Vec<Mistake>,
    pub(super) key: KeyName,
    pub(super) signed_url: String,
    /// Path and query are not those of the request.
    pub(super) target_changed: bool,
}

/// Everything that may have been signed.
#[derive(Debug)]
pub(super) struct Search<'a> {
    case: &'a Case<'a>,
    is_json: bool,
    urls: Vec<UrlGuesses>,
    texts: Guesses<Vec<u8>>,
    keys: Guesses<NamedKey>,
}

impl<'a> Search<'a> {
    /// Lays out every guess for `case`.
    pub(super) fn new(case: &'a Case<'a>, other_accounts_max: usize) -> Result<Self, TooManyFields> {
        let query_has_hash = |target: &str| target::hash_in(target::split(target).1).is_some();
        let own_target_has_hash = || case.urls.iter().any(|url| query_has_hash(url.target()));
        let is_json = case.target.map_or_else(own_target_has_hash, query_has_hash) || looks_like_json(case.body);
        let form = Form::decode(case.body);
        let (texts, keys) = if is_json {
            let as_form = form.iter().flat_map(signed_texts).map(|text| Guess::wrong(text, Mistake::JsonAsForm));
            (Guesses::new([Vec::new()], as_form.collect()), keys::guesses(case.accounts, None, other_accounts_max))
        } else {
            let form = form?;
            let texts = Guesses::new(signed_texts(&form), fields::guesses(&form, case.body));
            (texts, keys::guesses(case.accounts, Some(&form), other_accounts_max))
        };
        let hash = is_json.then(|| hash_of(case.body));
        let urls = case.urls.iter().map(|url| UrlGuesses::new(url, case, hash.as_deref())).collect();
        Ok(Self { case, is_json, urls, texts, keys })
    }

    /// The simplest candidate that gives `mac`, hashing at most about `bytes_max` bytes.
    pub(super) fn run(&self, mac: &Guess<Mac>, bytes_max: usize, mistakes_max: usize) -> Option<Match> {
        let sets = sets_of_parts(mistakes_max);
        let candidates = sets.iter().flat_map(|wrong| self.candidates(wrong));
        let mut affordable = candidates.scan(bytes_max, |bytes_left, candidate| {
            *bytes_left = bytes_left.checked_sub(candidate.hashed_bytes())?;
            Some(candidate)
        });
        let found = affordable.find(|candidate| candidate.gives(&mac.value))?;
        Some(self.matched(&found, mac.mistake))
    }

    /// Every candidate with guesses for the parts that are `wrong`, and for no other.
    fn candidates<'s>(&'s self, wrong: &'s [Part]) -> impl Iterator<Item = Candidate<'s>> {
        let texts = self.texts.of(wrong.contains(&Part::Text));
        let keys = self.keys.of(wrong.contains(&Part::Key));
        let urls = self.urls.iter().flat_map(|url| url.signed(wrong));
        let with_text = urls.flat_map(|url| texts.iter().map(move |text| (url, text)));
        with_text.flat_map(|((origin, path, query), text)| {
            keys.iter().map(move |key| Candidate { origin, path, query, text: text.as_deref(), key })
        })
    }

    fn matched(&self, candidate: &Candidate<'_>, signature_mistake: Option<Mistake>) -> Match {
        let Candidate { origin, path, query, text, key } = candidate;
        let hash = self.is_json.then(|| hash_mistake(self.case.body, query.value)).flatten();
        let mistakes =
            [origin.mistake, path.mistake, query.mistake, hash, text.mistake, key.mistake, signature_mistake];
        let target = format!("{}{}", path.value, query.value);
        Match {
            mistakes: mistakes.into_iter().flatten().collect(),
            key: key.value.0.clone(),
            signed_url: format!("{}{target}", origin.value),
            target_changed: self.case.target.is_some_and(|requested| requested != target),
        }
    }
}

/// What is wrong with the hash of a JSON body when all else is right.
fn hash_mistake(body: &[u8], signed_query: &str) -> Option<Mistake> {
    match target::hash_in(signed_query) {
        None => Some(Mistake::BodyHashMissing),
        Some(hash) if hash == hash_of(body) => None,
        Some(hash) if hash == hash_of(body.trim_ascii_end()) => Some(Mistake::BodyNewline),
        Some(_) => Some(Mistake::BodyAltered),
    }
}

/// Origin, path and query.
type SignedUrl<'a> = (Guess<&'a str>, Guess<&'a str>, Guess<&'a str>);

/// What may have been signed of one public URL.
#[derive(Debug)]
struct UrlGuesses {
    /// Pairs of path and query that the exporter accepts: not every right path goes with every right query.
    right_targets: Vec<(String, String)>,
    origins: Guesses<String>,
    paths: Guesses<String>,
    queries: Guesses<String>,
}

impl UrlGuesses {
    fn new(url: &PublicUrl, case: &Case<'_>, body_hash: Option<&str>) -> Self {
        let own = url.request_target();
        let requested = case.target.unwrap_or(&own);
        let (path, query) = target::split(requested);
        let public = url.has_path(path);
        let fragment = case.typed.and_then(|typed| typed.find('#').map(|hash| &typed[hash..]));
        let (typed_path, _) = target::split(url.target());
        let mut right_paths = if public { vec![path.to_owned(), typed_path.to_owned()] } else { Vec::new() };
        right_paths.dedup();
        let right_targets = if public { url.targets(requested).map(owned_halves).collect() } else { Vec::new() };
        Self {
            right_targets,
            origins: Guesses::new(url.origins(), origin::guesses(url, case.typed, case.host)),
            paths: Guesses::new(right_paths, target::path_guesses(url, path)),
            queries: Guesses::new([query.to_owned()], target::query_guesses(url, query, body_hash, fragment)),
        }
    }

    /// Every URL with guesses for the parts that are `wrong`, and for no other.
    fn signed<'s>(&'s self, wrong: &[Part]) -> impl Iterator<Item = SignedUrl<'s>> {
        let targets = self.signed_targets(wrong.contains(&Part::Path), wrong.contains(&Part::Query));
        let origins = self.origins.of(wrong.contains(&Part::Origin)).iter().map(Guess::as_deref);
        origins.flat_map(move |origin| targets.clone().into_iter().map(move |(path, query)| (origin, path, query)))
    }

    fn signed_targets(&self, wrong_path: bool, wrong_query: bool) -> Vec<(Guess<&str>, Guess<&str>)> {
        if !wrong_path && !wrong_query {
            let halves = self.right_targets.iter();
            return halves.map(|(path, query)| (Guess::right(&**path), Guess::right(&**query))).collect();
        }
        let (paths, queries) = (self.paths.of(wrong_path), self.queries.of(wrong_query));
        paths.iter().flat_map(|path| queries.iter().map(|query| (path.as_deref(), query.as_deref()))).collect()
    }
}

fn owned_halves(target: &str) -> (String, String) {
    let (path, query) = target::split(target);
    (path.to_owned(), query.to_owned())
}

/// Whether a body without `bodySHA256` is meant as JSON all the same.
fn looks_like_json(body: &[u8]) -> bool {
    let starts_so = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    starts_so && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// SHA-256 in lower-case hexadecimal, as `bodySHA256` has it.
fn hash_of(body: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(body))
}
