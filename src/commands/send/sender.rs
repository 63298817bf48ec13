//! Posts as Twilio's proxy does.
//!
//! Credentials of the URL are given after a challenge, never before. Redirects are not followed: Twilio follows them without the
//! event, so to the sender they are failures.
//!
//! Source: <https://www.twilio.com/docs/usage/security#http-authentication>

use percent_encoding::percent_decode_str;
use reqwest::header::{ACCEPT, CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE};
use reqwest::{Client, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use super::super::CommandError;
use super::sample::Sample;
use crate::http_client;

/// Posts as Twilio does.
#[derive(Debug)]
pub(in crate::commands) struct Sender {
    client: Client,
    url: Url,
    credentials: Option<(String, SecretString)>,
}

impl Sender {
    /// Prepares for `url`. Its user name and password are kept for a challenge.
    pub(in crate::commands) fn new(url: &str) -> Result<Self, CommandError> {
        let mut url = Url::parse(url).map_err(|error| CommandError::Usage(format!("the URL is none: {error}")))?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = (!url.username().is_empty())
            .then(|| (decoded(url.username()), SecretString::from(decoded(url.password().unwrap_or_default()))));
        // Only a URL without a host refuses, and there is nothing to take out of that.
        let _ = (url.set_username(""), url.set_password(None));
        let client = http_client::for_command().map_err(|error| CommandError::failed("cannot send", &error))?;
        Ok(Self { client, url, credentials })
    }

    /// Posts one event and gives the status of the answer.
    ///
    /// # Errors
    ///
    /// What kept the answer away, without the URL, which holds credentials.
    pub(in crate::commands) async fn post(
        &self,
        sample: &Sample,
        signature: &str,
    ) -> Result<StatusCode, reqwest::Error> {
        let token = uuid();
        let request = || {
            self.client
                .post(self.url.clone())
                .header(USER_AGENT, "TwilioProxy/1.1")
                .header(ACCEPT, "*/*")
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
                .header("I-Twilio-Idempotency-Token", &token)
                .header("X-Twilio-Signature", signature)
                .body(sample.body())
        };
        let answer = request().send().await.map_err(reqwest::Error::without_url)?;
        let challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let basic = challenges
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic")));
        match &self.credentials {
            Some((user, password)) if answer.status() == StatusCode::UNAUTHORIZED && basic => {
                let again = request().basic_auth(user, Some(password.expose_secret())).send().await;
                Ok(again.map_err(reqwest::Error::without_url)?.status())
            }
            _ => Ok(answer.status()),
        }
    }
}

/// A random UUID, version 4.
fn uuid() -> String {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{Sender, uuid};

    #[test]
    fn an_idempotency_token_is_a_uuid() {
        let token = uuid();
        let parts: Vec<usize> = token.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&token[14..15], "4");
        assert!("89ab".contains(&token[19..20]), "{token}");
    }

    #[test]
    fn credentials_wait_for_a_challenge_outside_the_url() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sender = Sender::new("https://us%40er:p%3Ass@example.com/twilio#rc=5").expect("a URL");
        let (user, password) = sender.credentials.as_ref().expect("credentials");
        assert_eq!((user.as_str(), password.expose_secret()), ("us@er", "p:ss"));
        assert_eq!(sender.url.as_str(), "https://example.com/twilio#rc=5");
        assert!(!format!("{sender:?}").contains("p:ss"));
    }
}
