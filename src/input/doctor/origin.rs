//! Scheme, host and port: how else Twilio may have signed them.

use super::guess::Guess;
use super::mistake::Mistake;
use crate::public_url::PublicUrl;

/// Ports that proxies, tunnels and listeners use.
const PORTS: [&str; 8] = ["443", "80", "8080", "8443", "3000", "5000", "8000", "4040"];

/// Every other origin for `url`. `typed` is its text with userinfo, `host` the request's.
pub(super) fn guesses(url: &PublicUrl, typed: Option<&str>, host: Option<&str>) -> Vec<Guess<String>> {
    let accepted = url.origins();
    let mut guesses = Vec::new();
    let mut guess = |origin: String, mistake| {
        if !accepted.contains(&origin) {
            guesses.push(Guess::wrong(origin, mistake));
        }
    };
    let other_scheme = if url.scheme() == "https" { "http" } else { "https" };
    let name = url.host();
    guess(format!("{other_scheme}://{name}"), Mistake::Scheme);
    guess(format!("{other_scheme}://{name}:{}", default_port(other_scheme)), Mistake::Scheme);
    if let Some(port) = url.port() {
        guess(format!("{other_scheme}://{name}:{port}"), Mistake::Scheme);
        guess(format!("{}://{name}:{}", url.scheme(), url.default_port()), Mistake::Port);
    }
    let (host_name, host_port) = host.map_or((None, None), |host| {
        let (name, port) = split_port(host);
        (Some(name), port)
    });
    for port in host_port.into_iter().chain(PORTS) {
        guess(format!("{}://{name}:{port}", url.scheme()), Mistake::Port);
        guess(format!("{other_scheme}://{name}:{port}"), Mistake::SchemeAndPort);
    }
    let lower = name.to_ascii_lowercase();
    for (scheme, port) in product(url, other_scheme) {
        if lower != name {
            guess(format!("{scheme}://{lower}{port}"), Mistake::HostCase);
        }
        for other in host_name.into_iter().map(str::to_owned).chain(with_or_without_www(name)) {
            let mistake = if other.eq_ignore_ascii_case(name) { Mistake::HostCase } else { Mistake::Host };
            let typed_port = host_port.map(|port| format!(":{port}")).unwrap_or_default();
            if other != name {
                guess(format!("{scheme}://{other}{port}"), mistake);
                guess(format!("{scheme}://{other}{typed_port}"), mistake);
            }
        }
    }
    guess(String::new(), Mistake::HostMissing);
    for origin in with_userinfo(url, typed) {
        guess(origin, Mistake::Userinfo);
    }
    guesses
}

fn product<'a>(url: &PublicUrl, other_scheme: &'a str) -> Vec<(&'a str, String)> {
    let mut pairs = Vec::new();
    for scheme in [url.scheme(), other_scheme] {
        let typed = url.port().map(|port| format!(":{port}"));
        for port in [Some(String::new()), typed, Some(format!(":{}", default_port(scheme)))].into_iter().flatten() {
            pairs.push((scheme, port));
        }
    }
    pairs
}

/// The origin as typed, credentials included, with and without its port.
fn with_userinfo(url: &PublicUrl, typed: Option<&str>) -> Vec<String> {
    let Some((scheme, rest)) = typed.and_then(|typed| typed.split_once("://")) else {
        return Vec::new();
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let Some((userinfo, host)) = authority.rsplit_once('@') else {
        return Vec::new();
    };
    let (name, _) = split_port(host);
    let mut origins = vec![format!("{scheme}://{authority}")];
    for port in [None, Some(url.default_port()), url.port()] {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        origins.push(format!("{scheme}://{userinfo}@{name}{port}"));
    }
    origins
}

fn with_or_without_www(host: &str) -> Option<String> {
    match host.strip_prefix("www.") {
        Some(bare) => Some(bare.to_owned()),
        None if host.contains('.') => Some(format!("www.{host}")),
        None => None,
    }
}

fn default_port(scheme: &str) -> &'static str {
    if scheme == "https" { "443" } else { "80" }
}

/// Splits a port off, leaving the colons of a bracketed IPv6 address alone.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (name, Some(port)),
        _ => (host, None),
    }
}
