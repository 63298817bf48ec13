//! Debugging Events as Twilio would send them.

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;

/// The account and token that exporters of the tests are configured with.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The public URL that exporters of the tests are configured with.
pub const PUBLIC_URL: &str = "https://hooks.example.com/twilio";

/// The fields of one event, in the order of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub fields: Vec<(String, String)>,
}

impl Event {
    /// An error with a Sid made of `number`.
    pub fn new(number: u64, error_code: &str) -> Self {
        let payload = format!(
            r#"{{"resource_sid":"CA{number:032x}","service_sid":null,"error_code":"{error_code}","more_info":{{"Msg":"Got HTTP 502 response","LogLevel":"ERROR"}}}}"#
        );
        Self::of(&[
            ("AccountSid", ACCOUNT),
            ("Level", "ERROR"),
            ("ParentAccountSid", ""),
            ("Payload", &payload),
            ("PayloadType", "application/json"),
            ("Sid", &format!("NO{number:032x}")),
            ("Timestamp", "2026-01-02T03:04:05.678Z"),
        ])
    }

    /// An event of exactly these fields.
    pub fn of(fields: &[(&str, &str)]) -> Self {
        Self { fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
    }

    /// The same event with a field replaced, or added at the end.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match self.fields.iter_mut().find(|(found, _)| found == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// The same event without a field.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(found, _)| found != name);
        self
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// The body of the request.
    pub fn body(&self) -> String {
        form(&self.fields)
    }

    /// The signature of the request, by a straightforward reading of Twilio's documentation.
    pub fn signature(&self) -> String {
        self.signature_for(PUBLIC_URL, TOKEN)
    }

    /// The signature under another URL or token.
    pub fn signature_for(&self, url: &str, token: &str) -> String {
        let mut fields = self.fields.clone();
        fields.sort();
        fields.dedup();
        let mut hmac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("any length");
        hmac.update(url.as_bytes());
        for (name, value) in fields {
            hmac.update(name.as_bytes());
            hmac.update(value.as_bytes());
        }
        base64::engine::general_purpose::STANDARD.encode(hmac.finalize().into_bytes())
    }
}

/// Fields as a form's body and a URL's query have them.
pub fn form(fields: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let encoded = fields.iter().map(|(name, value)| format!("{}={}", encode(name.as_ref()), encode(value.as_ref())));
    encoded.collect::<Vec<_>>().join("&")
}
