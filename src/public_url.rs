//! The URL that stands in Twilio's console: what Twilio signs, and the only URL this program verifies against.
//!
//! It is taken apart by hand and put together again byte for byte. A URL parser normalises (lower-cases the host, adds a
//! slash, escapes an apostrophe), and Twilio signs what was typed.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The most characters of the URL in the Debugger's settings, by Twilio's documentation. It is the field of the console that is
/// so long, fragment and userinfo included; Event Streams take longer ones, so this is a remark and no fault.
const DEBUGGER_URL_CHARS_MAX: usize = 100;

/// A public URL of the webhook, without fragment and userinfo, otherwise exactly as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: &'static str,
    host: String,
    port: Option<String>,
    target: String,
    remarks: Vec<&'static str>,
}

/// A text that cannot be a public URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Neither `http://` nor `https://`.
    #[error("does not start with https:// or http://")]
    Scheme,
    /// Nothing between the scheme and the path.
    #[error("has no host")]
    Host,
    /// A port that is no number from 1 to 65535.
    #[error("has a port that is not a number from 1 to 65535")]
    Port,
    /// White space, a control character, a quotation mark, a back-tick, or one of `<>\^{|}`.
    #[error("holds a character that no URL may hold; percent-encode it")]
    Character,
}

impl PublicUrl {
    /// Takes a URL as it stands in Twilio's console.
    ///
    /// The fragment (Twilio's connection overrides, `#rc=5`) and the userinfo are dropped: neither travels in a request, and
    /// neither is signed.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`], for a text that no HTTP client could send to.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let scheme = ["https", "http"]
            .into_iter()
            .find(|scheme| starts_with_ignoring_case(text, &format!("{scheme}://")))
            .ok_or(InvalidUrl::Scheme)?;
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || "\"<>\\^`{|}".contains(c)) {
            return Err(InvalidUrl::Character);
        }
        let mut remarks = Vec::new();
        if text.chars().count() > DEBUGGER_URL_CHARS_MAX {
            remarks.push("is longer than 100 characters, the most that Twilio's Debugger takes for its webhook");
        }
        if scheme == "http" {
            remarks.push("is not https: Twilio's events, and their personal data, travel in clear");
        }
        let (rest, fragment) = split_at_any(&text[scheme.len() + 3..], &['#']);
        if !fragment.is_empty() {
            remarks.push("has a fragment, which Twilio does not sign: it is left out");
        }
        let (authority, target) = split_at_any(rest, &['/', '?']);
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| {
            remarks.push("has a user name or password, which Twilio does not sign: it is left out");
            host
        });
        if !target.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/?&=%".contains(&byte)) {
            remarks.push(
                "holds characters that Twilio and proxies encode in different ways; keep to letters, digits, - . _ ~ /",
            );
        }
        let (host, port) = split_port(host_and_port)?;
        Ok(Self { scheme, host: host.to_owned(), port: port.map(str::to_owned), target: target.to_owned(), remarks })
    }

    /// What an operator should know about this URL; empty for a plain one.
    #[must_use]
    pub fn remarks(&self) -> &[&'static str] {
        &self.remarks
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The host, in the case it was typed in.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if one was typed.
    #[must_use]
    pub fn port(&self) -> Option<&str> {
        self.port.as_deref()
    }

    /// Path and query exactly as typed; may be empty.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path a request must have, at least `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        match split_at_any(&self.target, &['?']).0 {
            "" => "/",
            path => path,
        }
    }

    /// Path and query of a request to this URL: a path that was not typed is requested as `/`.
    #[must_use]
    pub fn request_target(&self) -> String {
        format!("{}{}", self.path(), split_at_any(&self.target, &['?']).1)
    }

    /// Scheme, host and port in the two forms that Twilio is known to sign: as typed, and with the port the other way.
    ///
    /// A typed port may be missing from the signed URL, and a missing one may stand in it as 443 or 80; Twilio's own
    /// libraries try both. Source: <https://www.twilio.com/docs/usage/security#a-few-notes>
    #[must_use]
    pub fn origins(&self) -> [String; 2] {
        let without = format!("{}://{}", self.scheme, self.host);
        if let Some(port) = &self.port {
            return [format!("{without}:{port}"), without];
        }
        let with = format!("{without}:{}", self.default_port());
        [without, with]
    }

    /// The port of the scheme.
    #[must_use]
    pub fn default_port(&self) -> &'static str {
        if self.scheme == "https" { "443" } else { "80" }
    }

    /// The targets that may have been signed for a request to `requested`: the request's own, and the typed one where both
    /// say the same in different percent-encoding.
    ///
    /// Twilio signs an unescaped `'` where the wire carries `%27`, or the reverse (twilio-node #1059).
    pub fn targets<'a>(&'a self, requested: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::once(requested).chain(Some(self.target.as_str()).filter(|typed| *typed != requested).filter(
            |typed| {
                // A URL typed without a path is requested as `/` and signed without it.
                let slash = if typed.starts_with('/') { "" } else { "/" };
                slash.bytes().chain(percent_decode_str(typed)).eq(percent_decode_str(requested))
            },
        ))
    }

    /// The target as it was typed, with one parameter more.
    #[must_use]
    pub fn target_with(&self, parameter: &str) -> String {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        format!("{}{separator}{parameter}", self.target)
    }

    /// Whether a request to `path` is meant for this URL.
    #[must_use]
    pub fn has_path(&self, path: &str) -> bool {
        path == self.path() || percent_decode_str(path).eq(percent_decode_str(self.path()))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [origin, _] = self.origins();
        write!(f, "{origin}{}", self.target)
    }
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Splits before the first of `separators`; the second half is empty when there is none.
fn split_at_any<'a>(text: &'a str, separators: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(separators).unwrap_or(text.len()))
}

/// Splits a port off, leaving the colons of a bracketed IPv6 address alone.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), InvalidUrl> {
    let after_bracket = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[after_bracket..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_bracket + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    };
    if host.is_empty() {
        return Err(InvalidUrl::Host);
    }
    let valid = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    match port {
        Some(port) if !valid(port) => Err(InvalidUrl::Port),
        port => Ok((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidUrl, PublicUrl};

    fn url(text: &str) -> PublicUrl {
        PublicUrl::parse(text).expect(text)
    }

    #[test]
    fn only_fragment_and_userinfo_are_removed() {
        for (typed, kept) in [
            ("https://MyCompany.com/myapp.php?foo=1&bar=2", "https://MyCompany.com/myapp.php?foo=1&bar=2"),
            ("https://user:p@ss@h:8443/p#rc=5&rp=all", "https://h:8443/p"),
            ("https://example.com", "https://example.com"),
            ("https://example.com//a/", "https://example.com//a/"),
            ("https://h?", "https://h?"),
            ("https://[2001:db8::1]:444/p", "https://[2001:db8::1]:444/p"),
            ("HTTPS://h/%7Ea%2fb", "https://h/%7Ea%2fb"),
        ] {
            assert_eq!(url(typed).to_string(), kept);
        }
    }

    #[test]
    fn both_port_forms_are_offered() {
        assert_eq!(url("https://h/p").origins(), ["https://h", "https://h:443"]);
        assert_eq!(url("http://h/p").origins(), ["http://h", "http://h:80"]);
        assert_eq!(url("https://h:1234/p").origins(), ["https://h:1234", "https://h"]);
        assert_eq!(url("https://[::1]:1234/p").origins(), ["https://[::1]:1234", "https://[::1]"]);
    }

    #[test]
    fn an_operator_is_told_what_is_odd() {
        assert!(url("https://h/twilio").remarks().is_empty());
        for odd in ["http://h/p", "https://h/p#rc=1", "https://u:p@h/p", "https://h/it's", "https://h/ñ"] {
            assert_eq!(url(odd).remarks().len(), 1, "{odd}");
        }
    }

    /// What the console cuts off is not what Twilio posts to, and not what it signs.
    #[test]
    fn a_url_longer_than_the_debugger_takes_is_told() {
        let of_length = |length: usize| format!("https://h/{}", "a".repeat(length - "https://h/".len()));
        assert!(url(&of_length(100)).remarks().is_empty());
        assert_eq!(url(&of_length(101)).remarks().len(), 1);
        let with_fragment = format!("{}#rc=1", of_length(96));
        assert_eq!(url(&with_fragment).remarks().len(), 2, "the fragment stands in the console's field, too");
    }

    #[test]
    fn what_no_client_can_send_to_is_refused() {
        for (text, fault) in [
            ("", InvalidUrl::Scheme),
            ("ftp://h/", InvalidUrl::Scheme),
            ("h/p", InvalidUrl::Scheme),
            ("https:///p", InvalidUrl::Host),
            ("https://:80/p", InvalidUrl::Host),
            ("https://h:0/p", InvalidUrl::Port),
            ("https://h:65536/p", InvalidUrl::Port),
            ("https://h:+80/p", InvalidUrl::Port),
            ("https://h:/p", InvalidUrl::Port),
            ("https://h/a b", InvalidUrl::Character),
            ("https://h/a\n", InvalidUrl::Character),
            ("https://h/{id}", InvalidUrl::Character),
        ] {
            assert_eq!(PublicUrl::parse(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn the_typed_target_is_offered_when_it_means_the_same() {
        let quoted = url("https://h/p?Body=It's+amazing");
        assert_eq!(
            quoted.targets("/p?Body=It%27s+amazing").collect::<Vec<_>>(),
            ["/p?Body=It%27s+amazing", "/p?Body=It's+amazing"]
        );
        assert_eq!(quoted.targets("/p?Body=other").collect::<Vec<_>>(), ["/p?Body=other"]);
        assert_eq!(url("https://h").targets("/").collect::<Vec<_>>(), ["/", ""]);
        assert_eq!(url("https://h/p").targets("/p").collect::<Vec<_>>(), ["/p"]);
    }

    #[test]
    fn a_path_matches_in_any_encoding_of_the_same_bytes() {
        assert!(url("https://h").has_path("/"));
        assert!(url("https://h/~a?x=1").has_path("/%7Ea"));
        assert!(!url("https://h/a").has_path("/a/"));
    }
}
