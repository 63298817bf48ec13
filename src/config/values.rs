//! Texts and numbers to typed values: one function a kind of setting, each with a sentence for what it cannot take.
//!
//! A variable or a flag is always a text, a YAML value may be a number or a truth value; both are taken everywhere.

use std::fmt::Display;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::error_code::ErrorCode;
use crate::level::Level;

/// What a value is when it is no text, number or truth value.
const NOT_A_SCALAR: &str = "must be a single value, not a list or a section";

/// A text, not empty.
pub(crate) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.trim().is_empty() => Err("must not be empty".into()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(NOT_A_SCALAR.into()),
    }
}

/// A path, as it is typed.
pub(crate) fn path(value: &Value) -> Result<PathBuf, String> {
    text(value).map(PathBuf::from)
}

/// The path of a file that can be read.
pub(crate) fn readable_file(value: &Value) -> Result<PathBuf, String> {
    let path = path(value)?;
    let opened = File::open(&path).and_then(|file| file.metadata());
    match opened {
        Ok(metadata) if metadata.is_dir() => Err(format!("{} is a directory", path.display())),
        Ok(_) => Ok(path),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// An address and a port; `:9979` is that port on every interface, as Prometheus writes it.
pub(crate) fn address(value: &Value) -> Result<SocketAddr, String> {
    let text = text(value)?;
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.clone() };
    full.parse().map_err(|_| format!("must be an IP address and a port, such as 0.0.0.0:8080, not {}", shown(&text)))
}

/// The address of an API, to which a credential is sent: over TLS, unless it is on this machine.
pub(crate) fn api_url(value: &Value) -> Result<Url, String> {
    let url: Url = text(value)?.parse().map_err(|_| "is no URL")?;
    let host = url.host_str().ok_or("has no host")?;
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    let is_here = address.map_or(host == "localhost", |address| address.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if is_here => {}
        _ => return Err("must start with https://; only on this machine may it be http://".into()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or a password; credentials stand with their account".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment, which cannot stand before the path that is appended".into());
    }
    Ok(url)
}

/// `true` or `false`.
pub(crate) fn truth(value: &Value) -> Result<bool, String> {
    let text = text(value)?;
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("must be true or false, not {}", shown(&text))),
    }
}

/// A whole number within `range`.
pub(crate) fn count<T>(range: RangeInclusive<T>) -> impl Fn(&Value) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    move |value| {
        let text = text(value)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            format!("must be a whole number from {} to {}, not {}", range.start(), range.end(), shown(&text))
        })
    }
}

/// A number of bytes within `range`: `524288`, `512KiB`, `1GiB`.
pub(crate) fn bytes(range: RangeInclusive<u64>) -> impl Fn(&Value) -> Result<u64, String> {
    move |value| {
        let text = text(value)?;
        parse_bytes(&text).filter(|bytes| range.contains(bytes)).ok_or_else(|| {
            format!(
                "must be a number of bytes from {} to {}, also as 512KiB or 1GiB, not {}",
                range.start(),
                range.end(),
                shown(&text)
            )
        })
    }
}

/// [`bytes`], for what is held in memory.
pub(crate) fn size(range: RangeInclusive<u64>) -> impl Fn(&Value) -> Result<usize, String> {
    let bytes = bytes(range);
    move |value| usize::try_from(bytes(value)?).map_err(|_| "is more than this machine can address".to_owned())
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A length of time within `range`: `10s`, `7d`, `1h 30m`.
pub(crate) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&Value) -> Result<Duration, String> {
    move |value| {
        let text = text(value)?;
        let duration = humantime::parse_duration(&text)
            .map_err(|_| format!("must be a duration with a unit, such as 10s or 7d, not {}", shown(&text)))?;
        if range.contains(&duration) {
            return Ok(duration);
        }
        let [least, most] = [range.start(), range.end()].map(|bound| humantime::format_duration(*bound));
        Err(format!("must be a duration from {least} to {most}, not {}", shown(&text)))
    }
}

/// One of a few words.
pub(crate) fn word<T: Copy>(words: &[(&str, T)]) -> impl Fn(&Value) -> Result<T, String> {
    move |value| {
        let text = text(value)?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)).map(|(_, meaning)| *meaning);
        found.ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("must be {}, not {}", words.join(" or "), shown(&text))
        })
    }
}

/// Texts: a list, or one text with commas where only a text can be given (a variable, a flag).
pub(crate) fn texts(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        value => {
            Ok(text(value)?.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
        }
    }
}

/// A level, or a filter by module as `tracing` has it.
pub(crate) fn log_filter(value: &Value) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let text = text(value)?;
    let level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(&text));
    // A word alone would be a filter that shows nothing but the module of that name.
    if level || (text.contains('=') && text.parse::<EnvFilter>().is_ok()) {
        return Ok(text);
    }
    Err(format!("must be {}, or a filter such as warn,hyper=debug, not {}", LEVELS.join(", "), shown(&text)))
}

/// Twilio's error codes, without repetition.
pub(crate) fn error_codes(value: &Value) -> Result<Vec<u32>, String> {
    let mut codes = Vec::new();
    for text in texts(value)? {
        let ErrorCode::Code(code) = ErrorCode::parse(&text) else {
            return Err(format!("must list codes of 1 to 6 digits, and {} is none", shown(&text)));
        };
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    Ok(codes)
}

/// Twilio's levels, at least one.
pub(crate) fn levels(value: &Value) -> Result<Vec<Level>, String> {
    // What has another word is `other`, which is for nobody to choose.
    const WORDS: &str = "must list error, warning, info or debug";
    let mut levels = Vec::new();
    for text in texts(value)? {
        match Level::parse(&text) {
            Level::Other => return Err(format!("{WORDS}, and {} is none", shown(&text))),
            level if !levels.contains(&level) => levels.push(level),
            _ => {}
        }
    }
    if levels.is_empty() { Err(format!("{WORDS}, and lists nothing")) } else { Ok(levels) }
}

/// A value as an error quotes it: short, and on one line.
pub(crate) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    let short: String = text.chars().take(CHARACTERS_MAX).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{address, bytes, duration, error_codes, log_filter, shown};
    use crate::level::Level;

    #[test]
    fn sizes_have_units_of_both_kinds() {
        let size = bytes(0..=u64::MAX);
        for (typed, read) in [("0", 0), ("512KiB", 524_288), ("1 GiB", 1 << 30), ("5MB", 5_000_000), ("7B", 7)] {
            assert_eq!(size(&json!(typed)), Ok(read), "{typed}");
        }
        assert_eq!(size(&json!(1024)), Ok(1024));
        for typed in [json!("1gib"), json!("-1"), json!("1.5GiB"), json!("99999999999GiB"), json!([1]), json!("")] {
            size(&typed).expect_err("no size");
        }
    }

    #[test]
    fn durations_have_units_and_bounds() {
        let within = duration(Duration::from_secs(1)..=Duration::from_secs(60));
        assert_eq!(within(&json!("1m")), Ok(Duration::from_secs(60)));
        let fault = within(&json!("2m")).expect_err("too long");
        assert_eq!(fault, "must be a duration from 1s to 1m, not \"2m\"");
        within(&json!(5)).expect_err("no unit");
    }

    #[test]
    fn codes_are_a_list_or_a_text_with_commas() {
        let codes = |value| error_codes(&value);
        assert_eq!(codes(json!(["11200", 30007, "011200"])), Ok(vec![11200, 30007]));
        assert_eq!(codes(json!("11200, 30007,")), Ok(vec![11200, 30007]));
        assert_eq!(codes(json!(11200)), Ok(vec![11200]));
        for value in [json!(["1234567"]), json!([-1]), json!([1.5]), json!("a"), json!([[1]])] {
            error_codes(&value).expect_err("no code");
        }
    }

    #[test]
    fn levels_are_those_that_twilio_names() {
        let levels = |value| super::levels(&value);
        assert_eq!(levels(json!("warn,ERROR,warning")), Ok(vec![Level::Warning, Level::Error]));
        assert_eq!(levels(json!(["info"])), Ok(vec![Level::Info]));
        for value in [json!([]), json!("other"), json!(["fatal"]), json!({})] {
            levels(value).expect_err("no levels");
        }
    }

    #[test]
    fn an_api_is_asked_over_tls_unless_it_is_here() {
        for text in [
            "https://monitor.twilio.com",
            "https://proxy.example.com/monitor",
            "http://127.0.0.1:8081",
            "http://[::1]/",
            "http://localhost:1",
        ] {
            super::api_url(&json!(text)).expect(text);
        }
        for text in [
            "",
            "monitor.twilio.com",
            "http://monitor.twilio.com",
            "http://127.0.0.1.example.com",
            "ftp://127.0.0.1",
            "https://user@monitor.twilio.com",
            "https://monitor.twilio.com/?a=b",
            "https://monitor.twilio.com/#a",
        ] {
            super::api_url(&json!(text)).expect_err(text);
        }
    }

    #[test]
    fn a_port_alone_is_that_port_everywhere() {
        assert_eq!(address(&json!(":9979")).map(|address| address.to_string()), Ok("0.0.0.0:9979".into()));
        assert_eq!(address(&json!("[::1]:1")).map(|address| address.to_string()), Ok("[::1]:1".into()));
        for typed in ["localhost:80", "1.2.3.4", ":65536", "8080"] {
            address(&json!(typed)).expect_err(typed);
        }
    }

    #[test]
    fn a_mistyped_level_is_no_filter() {
        for typed in ["info", "WARN", "warn,hyper=debug", "twilio_debugger_exporter=trace"] {
            assert_eq!(log_filter(&json!(typed)), Ok(typed.to_owned()));
        }
        for typed in ["inof", "a=b=c", "warn,hyper"] {
            log_filter(&json!(typed)).expect_err(typed);
        }
    }

    #[test]
    fn a_quoted_value_is_short_and_on_one_line() {
        assert_eq!(shown("a\nb"), "\"a\\nb\"");
        assert_eq!(shown(&"é".repeat(50)).chars().count(), 43);
    }
}
