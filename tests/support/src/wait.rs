//! Waiting for a condition with a deadline.

use std::time::{Duration, Instant};

/// Long enough for the slowest machine; a test that needs it has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Polls `condition` until it gives a value; panics with `what` after [`DEADLINE`].
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, condition: impl FnMut() -> F) -> T {
    until_within(DEADLINE, what, condition).await
}

/// As [`until`], with a deadline of its own.
pub async fn until_within<T, F: Future<Output = Option<T>>>(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + deadline;
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < end, "waited {deadline:?} in vain for {what}");
        pause.tick().await;
    }
}
