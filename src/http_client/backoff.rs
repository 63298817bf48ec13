//! How long to wait before the next try.

use std::time::Duration;

/// Exponential back-off with full jitter: each wait is drawn from zero to twice the last bound, so that many clients of one
/// server do not come back together.
#[derive(Debug)]
pub struct Backoff {
    bound: Duration,
    max: Duration,
    tries: u32,
}

impl Backoff {
    /// Waits of up to `min` at first, and of up to `max` in the end.
    #[must_use]
    pub fn new(min: Duration, max: Duration) -> Self {
        Self { bound: min, max, tries: 0 }
    }

    /// Whether nothing has failed yet.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.tries == 0
    }

    /// The next wait; what the server asks for, if it does, and up to a tenth more.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        self.tries += 1;
        if let Some(asked) = asked {
            return asked + asked.mul_f64(fastrand::f64() / 10.0);
        }
        let wait = self.bound.mul_f64(fastrand::f64());
        self.bound = (self.bound * 2).min(self.max);
        wait
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn waits_grow_to_the_limit_and_no_further() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_mins(1));
        assert!(backoff.is_first());
        let mut longest = Duration::ZERO;
        for _ in 0..1000 {
            longest = longest.max(backoff.next(None));
        }
        assert!(longest <= Duration::from_mins(1), "{longest:?}");
        assert!(longest > Duration::from_secs(50), "{longest:?}");
        assert!(!backoff.is_first());
    }

    #[test]
    fn what_the_server_asks_for_is_never_cut_short() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_mins(1));
        for _ in 0..100 {
            let wait = backoff.next(Some(Duration::from_secs(7)));
            assert!((7.0..=7.7).contains(&wait.as_secs_f64()), "{wait:?}");
        }
    }
}
