//! A Debugging Event as Twilio writes it: the fields, their encoding, and the signature.
//!
//! Pure: the Sid and the time come in as values.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::error_code::ErrorCode;
use crate::input::form::Form;
use crate::input::signature::{encode_mac, sign, signed_texts};
use crate::level::Level;
use crate::sid::AccountSid;

/// What `application/x-www-form-urlencoded` leaves as it is, besides letters and digits.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// The fields in the order in which Twilio posts them; others follow in the order of their names.
const ORDER: [&str; 8] =
    ["ParentAccountSid", "Level", "Timestamp", "TimeStamp", "PayloadType", "AccountSid", "Sid", "Payload"];

/// A file that holds no event to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::commands) enum InvalidSample {
    /// JSON without the object.
    #[error("is JSON without an object `form` of texts")]
    Form,
    /// Neither JSON nor a form.
    #[error("is neither JSON with an object `form` nor a form body of at most 64 fields")]
    Body,
}

/// An event to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) enum Sample {
    /// Field by field.
    Fields(Vec<(String, String)>),
    /// A body as it is.
    Body(Vec<u8>),
}

impl Sample {
    /// The event of Twilio's documentation, with these values.
    pub(super) fn documented(
        account: &AccountSid,
        parent: Option<&AccountSid>,
        level: Level,
        code: ErrorCode,
        sid: &str,
        at: Timestamp,
    ) -> Self {
        let level = level.as_str().to_ascii_uppercase();
        let (url, code) = ("https://app.example.com/voice", code.to_string());
        let message = format!("An attempt to retrieve content from {url} returned the HTTP status code 404");
        let payload = json!({
            "resource_sid": format!("CA{}", &sid.get(2..).unwrap_or_default()),
            "service_sid": null,
            "error_code": code,
            "more_info": {
                "msg": message, "Msg": message, "sourceComponent": "12000", "ErrorCode": code, "httpResponse": "404",
                "url": url, "LogLevel": level,
            },
            "webhook": { "type": "application/json", "request": { "url": url, "method": "POST" } },
        });
        let parent = parent.map(AccountSid::as_str).unwrap_or_default();
        let at = format!("{at:.3}");
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self::Fields(vec![
            field("ParentAccountSid", parent),
            field("Level", &level),
            field("Timestamp", &at),
            field("PayloadType", "application/json"),
            field("AccountSid", account.as_str()),
            field("Sid", sid),
            field("Payload", &payload.to_string()),
        ])
    }

    /// Reads a file: JSON with an object `form` of texts, or a form body.
    pub(in crate::commands) fn parse(content: &[u8]) -> Result<Self, InvalidSample> {
        match serde_json::from_slice::<Value>(content) {
            Ok(Value::Object(file)) => file
                .get("form")
                .and_then(Value::as_object)
                .and_then(fields_of)
                .map(Self::Fields)
                .ok_or(InvalidSample::Form),
            Ok(_) => Err(InvalidSample::Form),
            Err(_) if content.contains(&b'=') && Form::decode(content).is_ok() => Ok(Self::Body(content.to_owned())),
            Err(_) => Err(InvalidSample::Body),
        }
    }

    /// Puts `value` in the place of the field `name`; false for a body, which is sent as it is.
    pub(in crate::commands) fn set(&mut self, name: &str, value: &str) -> bool {
        let Self::Fields(fields) = self else {
            return false;
        };
        match fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => fields.push((name.to_owned(), value.to_owned())),
        }
        true
    }

    /// The value of the first field called `name`, if it is text.
    pub(in crate::commands) fn value(&self, name: &str) -> Option<String> {
        let body = self.body();
        let form = Form::decode(&body).ok()?;
        let value = form.values(name).next()?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// The body to post.
    pub(super) fn body(&self) -> Vec<u8> {
        match self {
            Self::Body(body) => body.clone(),
            Self::Fields(fields) => {
                let field = |(name, value): &(String, String)| format!("{}={}", encoded(name), encoded(value));
                fields.iter().map(field).collect::<Vec<_>>().join("&").into_bytes()
            }
        }
    }

    /// `X-Twilio-Signature` of this event, posted to `url`.
    pub(in crate::commands) fn signature(&self, token: &str, url: &str) -> String {
        let texts = Form::decode(&self.body()).map(|form| signed_texts(&form)).unwrap_or_default();
        encode_mac(&sign(token, url, texts.first().map(Vec::as_slice).unwrap_or_default()))
    }
}

fn fields_of(form: &Map<String, Value>) -> Option<Vec<(String, String)>> {
    let mut fields: Vec<(String, String)> =
        form.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect::<Option<_>>()?;
    fields.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()));
    Some(fields)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string().replace("%20", "+")
}

/// A Sid of 32 random hexadecimal digits.
pub(super) fn fresh_sid() -> String {
    format!("NO{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests {
    use super::{InvalidSample, Sample};
    use crate::error_code::ErrorCode;
    use crate::input::form::Form;
    use crate::level::Level;
    use crate::sid::AccountSid;

    const SID: &str = "NO00000000000000000000000000000001";

    fn documented() -> Sample {
        let account = AccountSid::parse("AC00000000000000000000000000000001").expect("a Sid");
        let at = "2026-01-02T03:04:05.678Z".parse().expect("a time");
        Sample::documented(&account, None, Level::Warning, ErrorCode::Code(30007), SID, at)
    }

    #[test]
    fn the_documented_event_has_twilios_fields_in_twilios_order() {
        let body = documented().body();
        let form = Form::decode(&body).expect("few fields");
        let names: Vec<_> = form.fields().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["ParentAccountSid", "Level", "Timestamp", "PayloadType", "AccountSid", "Sid", "Payload"]);
        for (name, value) in
            [("Level", "WARNING"), ("ParentAccountSid", ""), ("Timestamp", "2026-01-02T03:04:05.678Z"), ("Sid", SID)]
        {
            assert_eq!(documented().value(name).as_deref(), Some(value));
        }
        let payload: serde_json::Value =
            serde_json::from_str(&documented().value("Payload").expect("there")).expect("JSON");
        assert_eq!(payload["error_code"], "30007");
        assert_eq!(payload["resource_sid"], "CA00000000000000000000000000000001");
    }

    #[test]
    fn a_body_is_encoded_as_twilio_encodes_it() {
        let sample = Sample::Fields(vec![("a b".into(), "1+2=ñ&*-._~\n".into())]);
        assert_eq!(String::from_utf8_lossy(&sample.body()), "a+b=1%2B2%3D%C3%B1%26*-._%7E%0A");
    }

    #[test]
    fn a_file_is_a_form_object_or_a_body() {
        let json = br#"{"origin": "x", "form": {"Payload": "{}", "Sid": "NO1", "X": "y", "ParentAccountSid": ""}}"#;
        let mut sample = Sample::parse(json).expect("a form");
        assert_eq!(sample.body(), b"ParentAccountSid=&Sid=NO1&Payload=%7B%7D&X=y");
        assert!(sample.set("Sid", "NO2") && sample.set("New", "z"));
        assert_eq!(sample.body(), b"ParentAccountSid=&Sid=NO2&Payload=%7B%7D&X=y&New=z");
        let mut body = Sample::parse(b"b=%41&a=").expect("a body");
        assert_eq!(body.body(), b"b=%41&a=", "sent as it is");
        assert!(!body.set("Sid", "NO2"));
        assert_eq!(body.value("b").as_deref(), Some("A"));
        for (content, fault) in [
            (&b"{}"[..], InvalidSample::Form),
            (b"[1]", InvalidSample::Form),
            (b"{\"form\": {\"a\": 1}}", InvalidSample::Form),
            (b"", InvalidSample::Body),
            (b"no form", InvalidSample::Body),
        ] {
            assert_eq!(Sample::parse(content), Err(fault));
        }
    }

    #[test]
    fn it_is_signed_like_the_public_vector() {
        let fields = [("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234")];
        let fields = fields.into_iter().chain([("From", "+14158675309"), ("To", "+18005551212")]);
        let sample = Sample::Fields(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        assert_eq!(sample.signature("12345", url), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    }
}
