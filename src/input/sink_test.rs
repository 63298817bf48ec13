//! The tests of Event Streams sinks: Twilio sends one when it is asked to, and takes the sink into use once it has been told the id.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// A test that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkTest {
    /// What Twilio wants to be told; empty where the test has brought no id that can be shown.
    pub id: String,
    /// When it came.
    pub at: Timestamp,
}

/// The last test, for the page and in the log.
#[derive(Debug, Default)]
pub struct SinkTests(Mutex<Option<SinkTest>>);

impl SinkTests {
    /// Notes a test.
    pub(super) fn note(&self, id: String) {
        tracing::info!(
            test_id = id,
            "the test event of an Event Streams sink has come: confirm the sink with this id, POST /v1/Sinks/{{Sid}}/Validate"
        );
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(SinkTest { id, at: Timestamp::now() });
    }

    /// The last one.
    #[must_use]
    pub fn last(&self) -> Option<SinkTest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
