//! Batches of Event Streams as Twilio would send them.

use base64::Engine as _;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::event::{ACCOUNT, PUBLIC_URL, TOKEN};
use crate::post::Post;

/// What Twilio says of its batches.
pub const JSON: &str = "application/json";

/// The body of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub body: String,
}

impl Batch {
    /// A batch of these events.
    pub fn of(events: &[Value]) -> Self {
        Self { body: json!(events).to_string() }
    }

    /// Signed for the public URL of the tests.
    pub fn post(&self) -> Post {
        self.post_for(PUBLIC_URL, TOKEN)
    }

    /// Signed for another URL or with another token, by a straightforward reading of Twilio's documentation.
    pub fn post_for(&self, url: &str, token: &str) -> Post {
        let query = format!("?bodySHA256={}", HEXLOWER.encode(&Sha256::digest(&self.body)));
        let mut hmac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("any length");
        hmac.update(format!("{url}{query}").as_bytes());
        let signature = base64::engine::general_purpose::STANDARD.encode(hmac.finalize().into_bytes());
        Post { target: format!("/twilio{query}"), signature, content_type: JSON, body: self.body.clone() }
    }
}

/// An error log with a Sid made of `number`: the very event that [`crate::Event::new`] makes of it.
pub fn error_log(number: u64, error_code: &str) -> Value {
    let sid = format!("NO{number:032x}");
    let payload = json!({"resource_sid": format!("CA{number:032x}"), "error_code": error_code, "message": "Got HTTP 502 response"});
    json!({
        "specversion": "1.0",
        "type": "com.twilio.error-logs.error.logged",
        "source": "AB00000000000000000000000000001",
        "id": sid,
        "dataschema": "https://events-schemas.twilio.com/ErrorLogs.Error/2",
        "datacontenttype": "application/json",
        "time": "2026-01-02T03:04:05.678Z",
        "data": {
            "sid": sid,
            "account_sid": ACCOUNT,
            "date_created": "2026-01-02T03:04:05.678Z",
            "level": "ERROR",
            "service_sid": null,
            "product_name": "Programmable Voice",
            "error_code": error_code,
            "payload": payload.to_string(),
        },
    })
}
