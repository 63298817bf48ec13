//! Explains a signature that does not match: which known mistake would have made it, and the setting that mends it.
//!
//! A wrong signature says nothing by itself, and the causes are always the same few: a proxy that changed the scheme, a
//! slash too many, a framework that dropped an empty field, another account's token. The doctor signs again with each of
//! them until one gives the signature at hand. What it names is therefore proven, not guessed; and it can only be named to
//! somebody whose request was signed with a configured token, so a stranger learns nothing.
//!
//! It never makes a delivery acceptable: that is for [`super::signature`] alone. The `Host` header, which anyone can set,
//! is good enough for a hint and for nothing else.
//!
//! Pure: values in, a [`Finding`] out. The mistakes and their remedies stand in [`mistake`], the ways of making them beside
//! it. Source of the list: the issues of Twilio's own libraries, and <https://www.twilio.com/docs/usage/security>

pub mod mistake;

mod fields;
mod guess;
mod header;
mod keys;
mod origin;
mod reserialised;
mod search;
mod target;

use axum::http::HeaderValue;

use self::mistake::Mistake;
use self::search::{Match, Search};
use super::delivery::Delivery;
use super::form::FIELDS_MAX;
use crate::account::{Account, KeyName};
use crate::public_url::PublicUrl;

/// The most bytes that one examination signs: a second or two.
const EXAMINED_BYTES_MAX: usize = 512 << 20;

/// The most bytes that one hint signs: a few milliseconds, so that a flood of refusals stays cheap.
const HINT_BYTES_MAX: usize = 2 << 20;

/// The most mistakes at once that are tried. Four would take minutes, and nobody makes them.
const MISTAKES_MAX: usize = 3;

/// The most accounts whose tokens a hint tries.
const HINT_ACCOUNTS_MAX: usize = 32;

/// What the doctor is given.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The public URLs, as configured.
    pub urls: &'a [PublicUrl],
    /// The URL as it was typed, userinfo and fragment included, when it is at hand.
    pub typed: Option<&'a str>,
    /// The accounts and their tokens.
    pub accounts: &'a [Account],
    /// Path and query of the request; each public URL's own when nobody knows.
    pub target: Option<&'a str>,
    /// The request's `Host` or `X-Forwarded-Host`.
    pub host: Option<&'a str>,
    /// The body as it arrived.
    pub body: &'a [u8],
    /// `X-Twilio-Signature`.
    pub signature: &'a str,
}

/// What the doctor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The exporter takes this request.
    Verifies {
        /// The key that signed it.
        key: KeyName,
        /// The form of the URL that was signed.
        signed_url: String,
    },
    /// The exporter refuses it, and this is why.
    Explained(Explanation),
    /// The signature is none at all.
    NotASignature(NotASignature),
    /// None of the known mistakes, alone or together, gives this signature.
    Unexplained,
}

/// The mistakes that give the signature at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// One or more, in the order URL, body, key, signature.
    pub mistakes: Vec<Mistake>,
    /// The key that signed.
    pub key: KeyName,
    /// The URL that was signed; a password in it is masked.
    pub signed_url: String,
    /// Path and query that arrived are not those that were signed.
    target_changed: bool,
}

/// Why a text cannot be a signature, or a body no signed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASignature {
    /// Nothing there.
    #[error("the signature is empty: whatever stands in front removes X-Twilio-Signature, or Twilio did not send this")]
    Empty,
    /// 32 bytes.
    #[error(
        "the signature has 32 bytes, as HMAC-SHA256 gives; Twilio's webhooks are signed with HMAC-SHA1 unless a shared key is \
         configured for them, which this program does not know yet"
    )]
    Sha256,
    /// Any other text.
    #[error("the signature is not 28 characters of base64, as X-Twilio-Signature always is: it was cut or altered")]
    Shape,
    /// The body has more fields than the exporter reads.
    #[error("the body has more than {FIELDS_MAX} fields and cannot be a Debugging Event")]
    TooManyFields,
}

/// What to look at when no known mistake explains the signature, most probable first.
pub const ADVICE: [&str; 5] = [
    "the token: Twilio signs with the primary token of the account in AccountSid; a secondary one signs only once it is \
     promoted, and after a promotion the old one no longer does (accounts[].auth_token_files takes both)",
    "the account: a subaccount's events are signed with the subaccount's token, not with its parent's",
    "the URL: public_url must be, byte for byte, what stands in Twilio's console",
    "the body: it must be the bytes that arrived, before any framework or proxy has parsed it",
    "the sender: a request that Twilio did not send looks exactly like this",
];

/// Explains a signature, taking as long as a person at a terminal will wait.
#[must_use]
pub fn examine(case: &Case<'_>) -> Finding {
    let mac = match header::mac(case.signature) {
        Ok(mac) => mac,
        Err(fault) => return Finding::NotASignature(fault),
    };
    let Ok(search) = Search::new(case, usize::MAX) else {
        return Finding::NotASignature(NotASignature::TooManyFields);
    };
    match search.run(&mac, EXAMINED_BYTES_MAX, MISTAKES_MAX) {
        Some(found) => finding_of(found),
        None => Finding::Unexplained,
    }
}

/// One line for the log about a refused delivery: the mistake that explains it and its remedy, or nothing.
///
/// Tries single mistakes only and hashes at most 2 MiB, so the caller may afford it for a refusal now and then; it must still
/// be rate-limited, and belongs behind the answer: the time it takes depends on what it finds. `host` is the request's
/// `Host` or `X-Forwarded-Host`.
#[must_use]
pub fn hint(
    urls: &[PublicUrl],
    accounts: &[Account],
    delivery: &Delivery,
    host: Option<&HeaderValue>,
) -> Option<String> {
    let [signature] = delivery.signatures.as_slice() else {
        return None;
    };
    let target = Some(delivery.target.as_str());
    let signature = signature.to_str().ok()?;
    let host = host.and_then(|host| host.to_str().ok());
    let case = Case { urls, typed: None, accounts, target, host, body: &delivery.body, signature };
    let mac = header::mac(signature).ok()?;
    let found = Search::new(&case, HINT_ACCOUNTS_MAX).ok()?.run(&mac, HINT_BYTES_MAX, 1)?;
    match finding_of(found) {
        Finding::Explained(explanation) => Some(format!("{}; {}", explanation.cause(), explanation.setting())),
        _ => None,
    }
}

fn finding_of(found: Match) -> Finding {
    let Match { mistakes, key, signed_url, target_changed } = found;
    if mistakes.is_empty() {
        return Finding::Verifies { key, signed_url };
    }
    let signed_url = without_password(&signed_url);
    Finding::Explained(Explanation { mistakes, key, signed_url, target_changed })
}

impl Explanation {
    /// What is wrong, in a sentence without its full stop.
    #[must_use]
    pub fn cause(&self) -> String {
        let causes: Vec<_> = self.mistakes.iter().map(|mistake| mistake.cause()).collect();
        causes.join(", and ")
    }

    /// The setting, or the place in front of the exporter, that mends it.
    #[must_use]
    pub fn setting(&self) -> String {
        let mut settings: Vec<String> = Vec::new();
        for mistake in &self.mistakes {
            let setting = mistake.remedy().sentence(&self.signed_url, &self.key, self.target_changed);
            if !settings.contains(&setting) {
                settings.push(setting);
            }
        }
        settings.join("; ")
    }
}

/// Masks the password of a URL's userinfo: a finding is printed and logged.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rsplit_once('@') {
        Some((userinfo, host)) => {
            let user = userinfo.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{host}{}", &rest[authority_end..])
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
