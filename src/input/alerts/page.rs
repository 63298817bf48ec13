//! One page of a list of alerts: its rows, each still as it came, and where the next page is.
//!
//! A row is not looked into here, so that one that is not understood cannot take its neighbours with it. The address of the next page
//! is the server's to say, and is only believed where it leads to the server that was configured: whoever is asked is sent a
//! credential.
//!
//! Source: <https://www.twilio.com/docs/usage/twilios-response#pagination>

use std::borrow::Cow;

use reqwest::Url;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A page, borrowed from its text.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// Its rows, newest first, each some JSON.
    pub(super) rows: Vec<&'a str>,
    /// What comes after it.
    pub(super) next: Next,
}

/// What comes after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it was the last.
    End,
    /// Another.
    Page(Url),
    /// The address of something else, which is never asked: the origin it would have been.
    Foreign(String),
}

#[derive(Deserialize)]
struct Wrapper<'a> {
    #[serde(borrow)]
    alerts: Vec<&'a RawValue>,
    #[serde(borrow)]
    meta: Meta<'a>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    next_page_url: Option<Cow<'a, str>>,
}

impl<'a> Page<'a> {
    /// Reads the answer to a request for `list`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without a word of it.
    pub(super) fn parse(text: &'a [u8], list: &Url) -> Result<Self, String> {
        let Wrapper { alerts, meta } = serde_json::from_slice(text)
            .map_err(|error| format!("no list of alerts (column {} of line {})", error.column(), error.line()))?;
        let next = meta.next_page_url.filter(|next| !next.is_empty()).map_or(Next::End, |next| next_of(&next, list));
        Ok(Self { rows: alerts.into_iter().map(RawValue::get).collect(), next })
    }
}

fn next_of(next: &str, list: &Url) -> Next {
    match list.join(next) {
        // The scheme, the host and the port.
        Ok(url) if url.origin() == list.origin() && url.path() == list.path() && has_no_user(&url) => Next::Page(url),
        Ok(url) => Next::Foreign(format!("{}{}", url.origin().ascii_serialization(), url.path())),
        Err(_) => Next::Foreign("no URL".to_owned()),
    }
}

fn has_no_user(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::{Next, Page};

    fn list() -> Url {
        Url::parse("https://monitor.twilio.com/v1/Alerts?PageSize=1000").expect("a URL")
    }

    fn next(url: &str) -> Next {
        let text = format!(r#"{{"alerts":[],"meta":{{"next_page_url":{url}}}}}"#);
        Page::parse(text.as_bytes(), &list()).expect("a page").next
    }

    #[test]
    fn the_documented_page_is_read() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/feeds/alerts-page.json");
        let text = std::fs::read(file).expect("it is there");
        let page = Page::parse(&text, &list()).expect("a page");
        assert_eq!((page.rows.len(), page.next), (1, Next::End));
        assert!(page.rows[0].contains("NO00000000000000000000000000000031"));
    }

    #[test]
    fn a_row_that_is_anything_leaves_its_neighbours() {
        let text = br#"{"meta":{"next_page_url":null},"alerts":[{"sid":"NO1"},7,null,[],{"sid":2}]}"#;
        let page = Page::parse(text, &list()).expect("a page");
        assert_eq!(page.rows, [r#"{"sid":"NO1"}"#, "7", "null", "[]", r#"{"sid":2}"#]);
    }

    #[test]
    fn the_next_page_is_only_ever_the_same_list() {
        let same = "https://monitor.twilio.com/v1/Alerts?PageSize=1000&Page=1&PageToken=PANO1";
        for url in
            [same, "/v1/Alerts?PageSize=1000&Page=1&PageToken=PANO1", "https://monitor.twilio.com:443/v1/Alerts?Page=1"]
        {
            assert!(matches!(next(&format!("\"{url}\"")), Next::Page(_)), "{url}");
        }
        for (url, told) in [
            ("http://monitor.twilio.com/v1/Alerts?Page=1", "http://monitor.twilio.com/v1/Alerts"),
            ("https://monitor.twilio.com:8443/v1/Alerts?Page=1", "https://monitor.twilio.com:8443/v1/Alerts"),
            ("https://monitor.twilio.com.example.com/v1/Alerts", "https://monitor.twilio.com.example.com/v1/Alerts"),
            ("//169.254.169.254/v1/Alerts", "https://169.254.169.254/v1/Alerts"),
            ("https://user:secret@monitor.twilio.com/v1/Alerts", "https://monitor.twilio.com/v1/Alerts"),
            ("https://monitor.twilio.com/v1/Alerts/../../x?secret", "https://monitor.twilio.com/x"),
            ("file:///etc/passwd", "null/etc/passwd"),
            ("https://", "no URL"),
        ] {
            assert_eq!(next(&format!("\"{url}\"")), Next::Foreign(told.to_owned()), "{url}");
        }
        assert_eq!(next("null"), Next::End);
        assert_eq!(next("\"\""), Next::End);
    }

    #[test]
    fn what_is_no_page_is_said_without_a_word_of_it() {
        for text in
            ["", "<html>secret</html>", "{}", r#"{"alerts":[]}"#, r#"{"alerts":{},"meta":{}}"#, "[]", "{\"alerts\":["]
        {
            let fault = Page::parse(text.as_bytes(), &list()).expect_err(text);
            assert!(fault.starts_with("no list of alerts") && !fault.contains("secret"), "{fault}");
        }
        let without = Page::parse(br#"{"alerts":[],"meta":{}}"#, &list()).expect("the end, however it is said");
        assert_eq!(without.next, Next::End);
    }
}
