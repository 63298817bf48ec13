//! Checks that a delivery was sent by Twilio.
//!
//! Twilio signs every webhook with an auth token of the account and sends the result in `X-Twilio-Signature`.
//! [`Verifier::verify_form`] and [`Verifier::verify_body`] turn a [`Delivery`], which anyone can send, into a [`Verified`], which only the
//! holder of a token can; nothing else makes one. There is no switch that skips it.
//!
//! The fields are bytes here: whether they are a Debugging Event is for [`super::debugger_form`] to say.
//!
//! The signed text joins names and values without separators, so one captured request can be cut into other fields under
//! the same signature. Two things answer that: the strict grammar of `debugger_form`, and the decoded MAC, which the store
//! remembers beside the Sid.
//!
//! Source: <https://www.twilio.com/docs/usage/webhooks/webhooks-security>

mod batch;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac as _};
use secrecy::ExposeSecret;
use sha1::Sha1;

use super::delivery::Delivery;
use super::form::{Form, TooManyFields};
use crate::account::{Account, KeyName, Mac};
use crate::public_url::PublicUrl;
use crate::sid::AccountSid;

/// The most accounts whose keys are tried for one form. An event names one; a stranger must not choose how much is computed.
const ACCOUNTS_TRIED_MAX: usize = 2;

/// A body that the holder of a configured token has signed: a [`Form`], whose fields are what is signed, or bytes, a hash of which is.
#[derive(Debug)]
pub struct Verified<Body> {
    body: Body,
    mac: Mac,
    key: KeyName,
}

impl<Body> Verified<Body> {
    /// What was signed.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The signature that came with them, decoded: the same for every replay and every re-split of one request.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// The key that matched.
    #[must_use]
    pub fn key(&self) -> &KeyName {
        &self.key
    }
}

/// A reason not to believe a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No `X-Twilio-Signature`, or an empty one.
    #[error("no signature")]
    Unsigned,
    /// Neither `AccountSid` nor `ParentAccountSid` is configured.
    #[error("account is not configured")]
    UnknownAccount,
    /// No key and no form of the URL gives this signature.
    #[error("signature does not match")]
    BadSignature,
    /// The body has too many fields to be Twilio's.
    #[error(transparent)]
    TooManyFields(#[from] TooManyFields),
}

/// The URLs and keys that signatures are checked against.
#[derive(Debug)]
pub struct Verifier {
    urls: Vec<(PublicUrl, [String; 2])>,
    keys: HashMap<AccountSid, Vec<Key>>,
    /// The accounts, as they stand in the configuration.
    order: Vec<AccountSid>,
}

/// A token, ready to sign. The key schedule is computed once; `Hmac`'s `Debug` shows nothing of it.
#[derive(Debug, Clone)]
pub(super) struct SigningKey(Hmac<Sha1>);

impl SigningKey {
    /// Prepares a token.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes a key of any length.
    pub(super) fn new(token: &[u8]) -> Self {
        Self(Hmac::new_from_slice(token).expect("HMAC takes a key of any length"))
    }

    /// Whether this key gives `mac` over `parts`, joined; compared in constant time.
    pub(super) fn verify(&self, parts: &[&[u8]], mac: &Mac) -> bool {
        self.over(parts).verify_slice(mac).is_ok()
    }

    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha1> {
        parts.iter().fold(self.0.clone(), hmac::Mac::chain_update)
    }
}

/// A key and whose it is.
#[derive(Debug, Clone)]
struct Key {
    name: KeyName,
    signing: SigningKey,
}

impl Verifier {
    /// Prepares every key of `accounts` and every form of `public_urls`.
    #[must_use]
    pub fn new(public_urls: &[PublicUrl], accounts: &[Account]) -> Self {
        let keys_of = |account: &Account| {
            let key = |(position, token): (usize, &secrecy::SecretString)| Key {
                name: KeyName { account_sid: account.sid.clone(), position },
                signing: SigningKey::new(token.expose_secret().as_bytes()),
            };
            (account.sid.clone(), account.auth_tokens.iter().enumerate().map(key).collect())
        };
        Self {
            urls: public_urls.iter().map(|url| (url.clone(), url.origins())).collect(),
            keys: accounts.iter().map(keys_of).collect(),
            order: accounts.iter().map(|account| account.sid.clone()).collect(),
        }
    }

    /// Whether a request to `path` is meant for one of the public URLs.
    #[must_use]
    pub fn has_path(&self, path: &str) -> bool {
        self.urls.iter().any(|(url, _)| url.has_path(path))
    }

    /// Believes a delivery, or says why not.
    ///
    /// Every key of the event's account is tried with every form of every URL, without an early end, so that the time taken says
    /// nothing about which one came close. The keys of the parent are tried where the account has none of its own: a key opens
    /// its own account, and those that nobody else answers for.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; the sender is told none of it.
    pub fn verify_form(&self, delivery: &Delivery) -> Result<Verified<Form>, Refusal> {
        let mac = signature_of(delivery)?;
        let form = Form::decode(&delivery.body)?;
        let keys_of =
            |name| account_sids(&form, name).filter_map(|sid| self.keys.get(&sid)).take(ACCOUNTS_TRIED_MAX).flatten();
        let mut keys: Vec<&Key> = keys_of("AccountSid").collect();
        if keys.is_empty() {
            keys = keys_of("ParentAccountSid").collect();
        }
        if keys.is_empty() {
            return Err(Refusal::UnknownAccount);
        }
        let texts = signed_texts(&form);
        let key = self.key_that_signed(
            delivery.path(),
            |url| url.targets(&delivery.target).map(Cow::Borrowed).collect(),
            &texts,
            &mac,
            &keys,
        );
        let key = key.ok_or(Refusal::BadSignature)?.clone();
        Ok(Verified { body: form, mac, key })
    }

    /// The first of `keys` that gives `mac` over any form of any URL with this path, any target of it, and any of `texts` behind it.
    fn key_that_signed<'k, 'u: 't, 't>(
        &'u self,
        path: &str,
        targets_of: impl Fn(&'u PublicUrl) -> Vec<Cow<'t, str>>,
        texts: &[Vec<u8>],
        mac: &Mac,
        keys: &[&'k Key],
    ) -> Option<&'k KeyName> {
        let mut matched = None;
        for (url, origins) in self.urls.iter().filter(|(url, _)| url.has_path(path)) {
            for target in targets_of(url) {
                for (origin, text, key) in product(origins, texts, keys) {
                    if key.signing.verify(&[origin.as_bytes(), target.as_bytes(), text], mac) {
                        matched.get_or_insert(&key.name);
                    }
                }
            }
        }
        matched
    }
}

/// The accounts that the fields called `name` name, each once.
pub(super) fn account_sids(form: &Form, name: &'static str) -> impl Iterator<Item = AccountSid> + use<> {
    let sid = |value: &[u8]| AccountSid::parse(std::str::from_utf8(value).ok()?).ok();
    let sids: BTreeSet<_> = form.values(name).filter_map(sid).collect();
    sids.into_iter()
}

/// Reads the one signature header: 28 characters of canonical base64, 20 bytes.
fn signature_of(delivery: &Delivery) -> Result<Mac, Refusal> {
    match delivery.signatures.as_slice() {
        [] => Err(Refusal::Unsigned),
        [one] if one.is_empty() => Err(Refusal::Unsigned),
        [one] => decode_mac(one.as_bytes()).ok_or(Refusal::BadSignature),
        // Twilio sends one. Two would leave open which of them a proxy in front has looked at.
        _ => Err(Refusal::BadSignature),
    }
}

/// Decodes a signature from standard base64 with canonical padding; none for any other text.
pub(super) fn decode_mac(text: &[u8]) -> Option<Mac> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// Writes a signature as Twilio sends it.
#[must_use]
pub fn encode_mac(mac: &Mac) -> String {
    STANDARD.encode(mac)
}

/// Signs as Twilio does: HMAC-SHA1 under `token` over the URL and the joined fields.
#[must_use]
pub fn sign(token: &str, url: &str, text: &[u8]) -> Mac {
    SigningKey::new(token.as_bytes()).over(&[url.as_bytes(), text]).finalize().into_bytes().into()
}

/// The texts that may have been signed for these fields; one, except for forms that Twilio's libraries disagree about.
///
/// Fields are sorted by name, then name and value are joined. Of a repeated field the libraries keep each distinct value
/// once; a signer that keeps every occurrence is accepted too. They sort by code point or by UTF-16 unit, which differ only
/// beyond the basic multilingual plane.
#[must_use]
pub fn signed_texts(form: &Form) -> Vec<Vec<u8>> {
    let mut fields: Vec<_> = form.fields().collect();
    fields.sort_unstable();
    let mut texts = vec![joined_once(&fields)];
    let repeated = fields.windows(2).any(|pair| pair[0] == pair[1]);
    if repeated {
        texts.push(fields.iter().flat_map(|(name, value)| [*name, *value]).flatten().copied().collect());
    }
    let beyond_the_plane = |bytes: &[u8]| bytes.iter().any(|byte| *byte >= 0xf0);
    if !form.is_ascii() && fields.iter().any(|(name, value)| beyond_the_plane(name) || beyond_the_plane(value)) {
        fields.sort_by(|a, b| utf16_order(a.0, b.0).then_with(|| utf16_order(a.1, b.1)));
        let text = joined_once(&fields);
        if text != texts[0] {
            texts.push(text);
        }
    }
    texts
}

/// Joins sorted fields, equal ones once.
fn joined_once(sorted: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut text = Vec::with_capacity(sorted.iter().map(|(name, value)| name.len() + value.len()).sum());
    for (index, (name, value)) in sorted.iter().enumerate() {
        if index == 0 || sorted[index - 1] != (*name, *value) {
            text.extend_from_slice(name);
            text.extend_from_slice(value);
        }
    }
    text
}

/// Compares UTF-8 texts by their UTF-16 units: surrogates (lead byte F0 and up) come before U+E000 to U+FFFF (EE and EF).
fn utf16_order(a: &[u8], b: &[u8]) -> Ordering {
    match a.iter().zip(b).find(|(a, b)| a != b) {
        None => a.len().cmp(&b.len()),
        Some((a, b)) if *a >= 0xee && *b >= 0xee && (*a >= 0xf0) != (*b >= 0xf0) => b.cmp(a),
        Some((a, b)) => a.cmp(b),
    }
}

fn product<'a, A, B, C>(a: &'a [A], b: &'a [B], c: &'a [C]) -> impl Iterator<Item = (&'a A, &'a B, &'a C)> {
    a.iter().flat_map(move |a| b.iter().flat_map(move |b| c.iter().map(move |c| (a, b, c))))
}

#[cfg(test)]
mod vectors;
