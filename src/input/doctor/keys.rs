//! Tokens: which may have signed, and in which wrong spelling.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;

use super::guess::{Guess, Guesses};
use super::mistake::Mistake;
use crate::account::{Account, KeyName};
use crate::input::form::Form;
use crate::input::signature::{SigningKey, account_sids};

/// A key and its name.
pub(super) type NamedKey = (KeyName, SigningKey);

/// The keys that may sign for the accounts that `form` names, and every other guess. Tokens of at most `others_max` other
/// accounts are among them. A JSON body (`form` is none) names no account here, and any key may sign it.
pub(super) fn guesses(accounts: &[Account], form: Option<&Form>, others_max: usize) -> Guesses<NamedKey> {
    let named: Vec<_> = match form {
        Some(form) => {
            ["AccountSid", "ParentAccountSid"].into_iter().flat_map(|name| account_sids(form, name)).collect()
        }
        None => Vec::new(),
    };
    let names_one = form.is_some_and(|form| form.values("AccountSid").next().is_some());
    let (own, others): (Vec<_>, Vec<_>) =
        accounts.iter().partition(|account| form.is_none() || named.contains(&account.sid));
    let mut guesses = Vec::new();
    let other_mistake = if names_one { Mistake::OtherAccount } else { Mistake::NoAccount };
    for account in others.iter().take(others_max) {
        guesses.extend(tokens_of(account).map(|(name, token)| Guess::wrong((name, key(token)), other_mistake)));
    }
    for account in &own {
        guesses.extend(tokens_of(account).flat_map(|(name, token)| misspelt(&name, token)));
        let name = KeyName { account_sid: account.sid.clone(), position: 0 };
        guesses.push(Guess::wrong((name, key(account.sid.as_str())), Mistake::SidAsToken));
    }
    Guesses::new(own.into_iter().flat_map(tokens_of).map(|(name, token)| (name, key(token))), guesses)
}

fn tokens_of(account: &Account) -> impl Iterator<Item = (KeyName, &str)> {
    account
        .auth_tokens
        .iter()
        .enumerate()
        .map(|(position, token)| (KeyName { account_sid: account.sid.clone(), position }, token.expose_secret()))
}

fn key(token: &str) -> SigningKey {
    SigningKey::new(token.as_bytes())
}

fn misspelt(name: &KeyName, token: &str) -> Vec<Guess<NamedKey>> {
    let bare = token.trim().trim_matches(['"', '\'']).trim();
    let spaced = ["\n", "\r\n", " "].map(|space| format!("{bare}{space}"));
    let spaced =
        spaced.into_iter().chain([bare.to_owned(), format!(" {bare}"), format!("\"{bare}\""), format!("'{bare}'")]);
    let mut guesses: Vec<(Vec<u8>, Mistake)> = spaced.map(|text| (text.into_bytes(), Mistake::TokenSpace)).collect();
    guesses.push((bare.to_ascii_lowercase().into_bytes(), Mistake::TokenCase));
    guesses.push((bare.to_ascii_uppercase().into_bytes(), Mistake::TokenCase));
    guesses.push((STANDARD.encode(bare).into_bytes(), Mistake::TokenEncoded));
    if let Ok(decoded) = STANDARD.decode(bare) {
        guesses.push((decoded.trim_ascii().to_vec(), Mistake::TokenEncoded));
        guesses.push((decoded, Mistake::TokenEncoded));
    }
    guesses.retain(|(text, _)| text != token.as_bytes());
    guesses.into_iter().map(|(text, mistake)| Guess::wrong((name.clone(), SigningKey::new(&text)), mistake)).collect()
}
