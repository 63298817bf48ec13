//! Checks a body that is not a form: Twilio adds a hash of its bytes to the URL, and signs the URL.
//!
//! So both are checked: that the hash is the body's, and that the URL with the hash is signed. The hash comes first: whoever cannot give
//! it has not even copied a request of Twilio's.
//!
//! Which key to try, only the body can say, which nobody has believed yet. What is looked for there is as little as can be: texts that
//! are the Sids of configured accounts, wherever they stand. That needs no parser, costs less than the hash, and finds the account also
//! where the body is not the JSON that it should be. For which events the key counts is asked later, see [`Verifier::opens`].
//!
//! Source: <https://www.twilio.com/docs/usage/security#validating-requests>

use std::borrow::Cow;

use bytes::Bytes;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Key, Refusal, Verified, Verifier, signature_of};
use crate::account::KeyName;
use crate::input::delivery::Delivery;
use crate::sid::AccountSid;

/// The most accounts whose keys are tried for one body.
const ACCOUNTS_TRIED_MAX: usize = 8;

/// The parameter in which Twilio sends the hash.
const HASH_PARAMETER: &str = "bodySHA256";

impl Verifier {
    /// Believes a delivery whose body is not a form, or says why not.
    ///
    /// The keys are those of the first eight configured accounts that the body names. One that names no account at all
    /// (the test event of a sink does not) is checked with the keys of the first accounts of the configuration.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; the sender is told none of it.
    pub fn verify_body(&self, delivery: &Delivery) -> Result<Verified<Bytes>, Refusal> {
        let mac = signature_of(delivery)?;
        // Asked for before anything is computed: a stranger without it costs nothing.
        let named = named_hash(&delivery.target).ok_or(Refusal::BadSignature)?;
        if !bool::from(Sha256::digest(&delivery.body).as_slice().ct_eq(&named)) {
            return Err(Refusal::BadSignature);
        }
        let keys = self.keys_for(&delivery.body)?;
        // As it was requested, and as Twilio makes it of what was typed: a URL without a path is requested with one.
        let parameter = format!("{HASH_PARAMETER}={}", HEXLOWER.encode(&named));
        let key = self.key_that_signed(
            delivery.path(),
            |url| vec![Cow::Borrowed(delivery.target.as_str()), Cow::Owned(url.target_with(&parameter))],
            &[Vec::new()],
            &mac,
            &keys,
        );
        let key = key.ok_or(Refusal::BadSignature)?.clone();
        Ok(Verified { body: delivery.body.clone(), mac, key })
    }

    /// Whether `key` signs for an account: for its own, and for its subaccounts that have no key of their own. The same rule as for a
    /// form, asked after the signature instead of before.
    #[must_use]
    pub fn opens(&self, key: &KeyName, account: &AccountSid, parent: Option<&AccountSid>) -> bool {
        key.account_sid == *account || (!self.keys.contains_key(account) && parent == Some(&key.account_sid))
    }

    fn keys_for(&self, body: &[u8]) -> Result<Vec<&Key>, Refusal> {
        let mut named: Vec<&AccountSid> = Vec::new();
        let mut names_strangers = false;
        for sid in sids_in(body) {
            match self.keys.get_key_value(&sid) {
                Some((known, _)) if !named.contains(&known) => named.push(known),
                Some(_) => {}
                None => names_strangers |= sid.as_str().len() == AccountSid::LENGTH,
            }
            if named.len() == ACCOUNTS_TRIED_MAX {
                break;
            }
        }
        if named.is_empty() && !names_strangers {
            named.extend(self.order.iter().take(ACCOUNTS_TRIED_MAX));
        }
        if named.is_empty() {
            return Err(Refusal::UnknownAccount);
        }
        Ok(named.into_iter().filter_map(|sid| self.keys.get(sid)).flatten().collect())
    }
}

/// The one hash that the query names, as hexadecimal digits of either case.
fn named_hash(target: &str) -> Option<[u8; 32]> {
    let (_, query) = target.split_once('?')?;
    let mut hashes = query.split('&').filter_map(|pair| pair.strip_prefix(HASH_PARAMETER)?.strip_prefix('='));
    let (Some(named), None) = (hashes.next(), hashes.next()) else {
        return None;
    };
    HEXLOWER_PERMISSIVE.decode(named.as_bytes()).ok()?.try_into().ok()
}

/// Every text of a body that is an account's Sid.
fn sids_in(body: &[u8]) -> impl Iterator<Item = AccountSid> {
    body.split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|word| word.starts_with(b"AC"))
        .filter_map(|word| AccountSid::parse(std::str::from_utf8(word).ok()?).ok())
}

#[cfg(test)]
mod tests;
