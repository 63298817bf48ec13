//! What a key says about its value: whether it is a person's, a secret, or harmless.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Request parameters whose values name no person and say nothing free: kept. Those that end in `Sid` are kept too.
const HARMLESS_PARAMETERS: [&str; 25] = [
    "ApiVersion",
    "AnsweredBy",
    "CallDuration",
    "CallStatus",
    "CallbackSource",
    "CallerCountry",
    "CalledCountry",
    "ConferenceStatus",
    "Direction",
    "Duration",
    "ErrorCode",
    "EventType",
    "FromCountry",
    "MessageStatus",
    "NumMedia",
    "NumSegments",
    "QueueTime",
    "RecordingStatus",
    "SequenceNumber",
    "SipResponseCode",
    "SmsStatus",
    "StatusCallbackEvent",
    "ToCountry",
    "error",
    "provider",
];

/// Keys of what opens something, and of what nobody needs.
const DROPPED_KEYS: [&str; 5] =
    ["Authorization", "Proxy-Authorization", "X-Twilio-Signature", "X-Forwarded-For", "Body"];

/// Keys of a person's address.
const ADDRESS_KEYS: [&str; 13] = [
    "Author",
    "Called",
    "Caller",
    "ChannelToAddress",
    "ChannelFromAddress",
    "ForwardedFrom",
    "From",
    "Identity",
    "PhoneNumber",
    "Recipient",
    "To",
    "WaId",
    "Username",
];

/// Parts of a key that give a credential away.
pub(super) const CREDENTIAL_PARTS: [&str; 10] =
    ["token", "secret", "passw", "pwd", "jwt", "session", "cookie", "apikey", "api-key", "api_key"];

static CREDENTIAL_SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).build(CREDENTIAL_PARTS).expect("a few constant words")
});

/// Where in the payload a value stands, as far as it decides what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    Parameters,
}

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Masked, or its elements are.
    Mask,
    /// Masked as far as it is a telephone number, and replaced otherwise.
    MaskNumber,
    /// Masked as a URL: without what its query and its userinfo say.
    MaskUrl,
    /// Judged entry by entry if it is an object, whose keys say what its values are; replaced otherwise.
    Descend,
    /// Replaced, whatever it says; null and an empty text say nothing.
    Drop,
}

pub(super) fn action_for(key: &str, place: Place) -> Action {
    let is_one_of = |keys: &[&str]| keys.iter().any(|known| known.eq_ignore_ascii_case(key));
    let ends_in_sid = key.len() >= 3 && key.as_bytes()[key.len() - 3..].eq_ignore_ascii_case(b"sid");
    if is_one_of(&DROPPED_KEYS) {
        Action::Drop
    } else if is_one_of(&["parameters", "headers"]) {
        Action::Descend
    } else if is_one_of(&["url"]) {
        Action::MaskUrl
    } else if is_one_of(&ADDRESS_KEYS) {
        Action::MaskNumber
    } else if ends_in_sid || (place == Place::Parameters && HARMLESS_PARAMETERS.contains(&key)) {
        Action::Mask
    } else if place == Place::Parameters || has_credential_part(key) {
        Action::Drop
    } else {
        Action::Mask
    }
}

pub(super) fn has_credential_part(key: &str) -> bool {
    CREDENTIAL_SEARCH.is_match(key)
}
