//! The known mistakes: what each is called, and what mends it.
//!
//! The sentences are read by people in a terminal and in a log line, and searched for: they do not change without need.

use crate::account::KeyName;

/// One way in which what was signed differs from what is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// `http` for `https`, or the reverse.
    Scheme,
    /// A port added, removed or replaced.
    Port,
    /// Both.
    SchemeAndPort,
    /// Another host.
    Host,
    /// The host in other letters.
    HostCase,
    /// No scheme and no host.
    HostMissing,
    /// `user:password@` signed along.
    Userinfo,
    /// A slash at the end of the path, too many or too few.
    TrailingSlash,
    /// The beginning of the path stripped or added.
    PathPrefix,
    /// `/index.php` stripped or added.
    PathIndex,
    /// Another path.
    PathRewritten,
    /// A request for a path that is not public.
    PathNotPublic,
    /// The path in another percent-encoding.
    PathEncoding,
    /// The query, or a part of it, did not arrive.
    QueryDropped,
    /// More query arrived than was signed.
    QueryAdded,
    /// The query in another percent-encoding.
    QueryEncoding,
    /// The query's parameters in another order.
    QueryOrder,
    /// `#…` signed along.
    Fragment,
    /// A JSON body, and no `bodySHA256`.
    BodyHashMissing,
    /// A `bodySHA256` that is not the signed one.
    BodyHashReplaced,
    /// A body that does not hash to the signed `bodySHA256`.
    BodyAltered,
    /// A line break at the end of the body.
    BodyNewline,
    /// A form of which the signature covers nothing.
    FieldsUnsigned,
    /// A JSON body signed as a form.
    JsonAsForm,
    /// An empty field that was signed did not arrive, or the reverse.
    EmptyField,
    /// White space around a value.
    FieldsTrimmed,
    /// A space for a plus, or the reverse.
    PlusDecoding,
    /// Values signed encoded, or decoded twice.
    PercentDecoding,
    /// Of a repeated field, one value only, or its values joined.
    RepeatedFields,
    /// Fields in another order.
    FieldOrder,
    /// `Payload` parsed and written again.
    PayloadReserialised,
    /// Line breaks of another kind, or none.
    LineBreaks,
    /// The token of another configured account.
    OtherAccount,
    /// A body that names no account.
    NoAccount,
    /// White space or quotes around the token.
    TokenSpace,
    /// The token in base64.
    TokenEncoded,
    /// The token in other letters.
    TokenCase,
    /// The account's Sid in the place of its token.
    SidAsToken,
    /// Base64 with `-` and `_`, or without its `=`.
    SignatureBase64Url,
    /// Hexadecimal.
    SignatureHex,
    /// White space, quotes or a prefix around it.
    SignatureWrapped,
}

/// Where a mistake is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// `public_url` in the configuration.
    PublicUrl,
    /// The URL in Twilio's console.
    Console,
    /// Whatever changes the path or query on the way.
    TargetOnTheWay,
    /// Whatever changes the body on the way.
    BodyOnTheWay,
    /// `accounts` in the configuration: the token belongs to this account.
    Accounts,
    /// The token as it is stored.
    StoredToken,
    /// The program that signs.
    Sender,
    /// Whatever changes the header on the way.
    HeaderOnTheWay,
}

impl Mistake {
    /// What is wrong: a sentence that never changes, without its full stop.
    #[must_use]
    pub fn cause(self) -> &'static str {
        match self {
            Self::Scheme => "Twilio signed the other scheme, as when a proxy or tunnel turns https into http",
            Self::Port => "Twilio signed another port, or none where one is configured",
            Self::SchemeAndPort => "Twilio signed another scheme and another port, as when a proxy or tunnel ends TLS",
            Self::Host => "Twilio signed another host",
            Self::HostCase => "Twilio signed the host in other capital and small letters",
            Self::HostMissing => "only path and query were signed, without scheme and host",
            Self::Userinfo => "the user name and password in the URL were signed along",
            Self::TrailingSlash => "the signed path differs by a slash at its end",
            Self::PathPrefix => "the beginning of the path was stripped or added on the way",
            Self::PathIndex => "/index.php was stripped or added on the way",
            Self::PathRewritten => "the path was rewritten on the way",
            Self::PathNotPublic => "the request's path is not that of public_url",
            Self::PathEncoding => "the path was percent-encoded differently on the way",
            Self::QueryDropped => "the query, or a part of it, was dropped on the way",
            Self::QueryAdded => "query parameters were added on the way",
            Self::QueryEncoding => "the query was percent-encoded differently on the way",
            Self::QueryOrder => "the query's parameters were put into another order on the way",
            Self::Fragment => "the URL's fragment was signed along",
            Self::BodyHashMissing => "the body is JSON and the query has no bodySHA256, so the body is not signed",
            Self::BodyHashReplaced => "the query's bodySHA256 is not the one that was signed",
            Self::BodyAltered => "the URL was signed, but the body does not hash to its bodySHA256",
            Self::BodyNewline => "the body at hand ends with a line break that was not signed",
            Self::FieldsUnsigned => "only the URL was signed, as for a JSON body, and the body is a form",
            Self::JsonAsForm => "the JSON body was signed as if it were a form",
            Self::EmptyField => "an empty field was dropped before the body arrived, or before it was signed",
            Self::FieldsTrimmed => "white space around a field's value was trimmed",
            Self::PlusDecoding => "a plus in the body was decoded to a space where it stood for itself, or the reverse",
            Self::PercentDecoding => "the fields were signed without decoding them, or decoded twice",
            Self::RepeatedFields => "of a field that is there several times, not every value was signed by itself",
            Self::FieldOrder => "the fields were not sorted by their names' bytes before they were signed",
            Self::PayloadReserialised => "Payload was parsed and written again, with other spaces, order or escapes",
            Self::LineBreaks => "the line breaks in a field were changed or removed",
            Self::OtherAccount => "it was signed with the token of another configured account",
            Self::NoAccount => {
                "the body names no AccountSid, so it is not a Debugging Event; a configured token signed it"
            }
            Self::TokenSpace => "the token has white space or quotes around it, here or where it was signed",
            Self::TokenEncoded => "the token is stored in base64, as a Kubernetes Secret that was encoded twice",
            Self::TokenCase => "the token is stored in other capital and small letters",
            Self::SidAsToken => "it was signed with the account's Sid in the place of its token",
            Self::SignatureBase64Url => "the signature is base64url or lacks its padding",
            Self::SignatureHex => "the signature is hexadecimal where Twilio sends base64",
            Self::SignatureWrapped => "the signature has white space, quotes or a prefix around it",
        }
    }

    /// Where it is mended.
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::Scheme | Self::Port | Self::SchemeAndPort | Self::Host | Self::HostCase => Remedy::PublicUrl,
            Self::Userinfo | Self::Fragment => Remedy::Console,
            Self::TrailingSlash
            | Self::PathPrefix
            | Self::PathIndex
            | Self::PathRewritten
            | Self::PathNotPublic
            | Self::PathEncoding
            | Self::QueryDropped
            | Self::QueryAdded
            | Self::QueryEncoding
            | Self::QueryOrder
            | Self::BodyHashReplaced => Remedy::TargetOnTheWay,
            Self::BodyAltered
            | Self::BodyNewline
            | Self::EmptyField
            | Self::FieldsTrimmed
            | Self::PlusDecoding
            | Self::PayloadReserialised
            | Self::LineBreaks => Remedy::BodyOnTheWay,
            Self::OtherAccount => Remedy::Accounts,
            Self::TokenSpace | Self::TokenEncoded | Self::TokenCase => Remedy::StoredToken,
            Self::HostMissing
            | Self::BodyHashMissing
            | Self::FieldsUnsigned
            | Self::JsonAsForm
            | Self::PercentDecoding
            | Self::RepeatedFields
            | Self::FieldOrder
            | Self::NoAccount
            | Self::SidAsToken => Remedy::Sender,
            Self::SignatureBase64Url | Self::SignatureHex | Self::SignatureWrapped => Remedy::HeaderOnTheWay,
        }
    }
}

impl Remedy {
    /// What to do, with the values to do it with.
    pub(super) fn sentence(self, signed_url: &str, key: &KeyName, target_changed: bool) -> String {
        let account = key.account_sid.as_str();
        match self {
            Self::TargetOnTheWay if target_changed => format!(
                "have the proxy pass path and query on unchanged: Twilio calls {signed_url}, and that belongs into public_url"
            ),
            Self::PublicUrl | Self::TargetOnTheWay => format!("set public_url: {signed_url}"),
            Self::Console => "take it out of the URL in Twilio's console; it must not be part of what is signed".into(),
            Self::BodyOnTheWay => "have proxies and middleware pass the body on byte for byte".into(),
            Self::Accounts => format!(
                "list the token under the account that the event names: accounts[].auth_token_files; it stands under {account}"
            ),
            Self::StoredToken => {
                format!("store the token of {account} in accounts[].auth_token_files as Twilio shows it")
            }
            Self::Sender => "mend the program that signs; Twilio itself does not sign so".into(),
            Self::HeaderOnTheWay => "pass X-Twilio-Signature on as Twilio sends it".into(),
        }
    }
}
