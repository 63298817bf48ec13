//! A Twilio account, the tokens that sign its events, and what such a signature is.

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
    /// What Twilio's API is asked with in the place of a token.
    pub api_key: Option<ApiKey>,
}

/// An API key of an account.
///
/// Source: <https://www.twilio.com/docs/iam/api-keys>
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its id, `SK` and 32 hexadecimal digits.
    pub sid: String,
    /// Its secret.
    pub secret: SecretString,
}

/// Which token: the account it belongs to and its place in the configuration, never the token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName {
    /// The account the token belongs to.
    pub account_sid: AccountSid,
    /// Counted from 0, in the order of the configuration.
    pub position: usize,
}

/// The 20 bytes of a signature, decoded.
pub type Mac = [u8; 20];
