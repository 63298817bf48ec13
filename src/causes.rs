//! How an error is told: each type says its own part, and the causes are joined here and nowhere else.

use std::error::Error;

/// An error and every cause behind it, as one sentence.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        parts.push(cause.to_string());
        next = cause.source();
    }
    // Some crates' errors show their cause as their own text: said once, it is said.
    parts.dedup();
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::with_causes;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("cannot start")]
        Says(#[source] io::Error),
        #[error("{0}")]
        Repeats(#[source] io::Error),
    }

    #[test]
    fn every_cause_is_told_once() {
        let cause = || io::Error::other("no such thing");
        assert_eq!(with_causes(&cause()), "no such thing");
        assert_eq!(with_causes(&Outer::Says(cause())), "cannot start: no such thing");
        assert_eq!(with_causes(&Outer::Repeats(cause())), "no such thing");
    }
}
