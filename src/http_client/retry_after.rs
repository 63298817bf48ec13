//! How long a server asks us to wait.

use std::time::Duration;

use jiff::Timestamp;

/// Reads the value of `Retry-After`, seconds or a date, and cuts it to `max`; none if it is neither. `now` is for the date.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp, max: Duration) -> Option<Duration> {
    let text = value.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        // More seconds than a number holds.
        Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => max,
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(date.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(max))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::retry_after;

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().expect("RFC 3339");
        for (text, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("86400", Some(60)),
            ("99999999999999999999999", Some(60)),
            ("Sat, 21 Nov 2026 10:00:30 GMT", Some(30)),
            ("Sat, 21 Nov 2026 09:00:00 GMT", Some(0)),
            ("Sat, 21 Nov 2076 10:00:30 GMT", Some(60)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now, Duration::from_mins(1)), seconds.map(Duration::from_secs), "{text:?}");
        }
    }
}
