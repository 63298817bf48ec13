//! A Twilio account and the tokens that sign its events.

use secrecy::SecretString;

use crate::sid::AccountSid;

/// An account whose events are taken, with every token that may sign them.
///
/// Several tokens, because a rotation changes the signing one at a moment nobody can foresee: hold the old and the new.
#[derive(Debug, Clone)]
pub struct Account {
    /// The account.
    pub sid: AccountSid,
    /// At least one token, none of them empty, in the order of the configuration.
    pub auth_tokens: Vec<SecretString>,
}
