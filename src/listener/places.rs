//! How many connections a listener holds at one time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The connections of a listener, and the most there may be.
#[derive(Debug)]
pub(super) struct Places {
    taken: AtomicUsize,
    max: AtomicUsize,
    freed: Notify,
}

/// One of the allowed connections; free again when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Places>);

impl Places {
    pub(super) fn new(max: usize) -> Self {
        Self { taken: AtomicUsize::new(0), max: AtomicUsize::new(max), freed: Notify::new() }
    }

    /// Changes the limit; connections above a lower one are not closed.
    pub(super) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
        self.freed.notify_one();
    }

    /// Waits until one more connection is allowed. Those that wait stay in the kernel's queue.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        loop {
            let freed = self.freed.notified();
            if self.taken.load(Ordering::Relaxed) < self.max.load(Ordering::Relaxed) {
                self.taken.fetch_add(1, Ordering::Relaxed);
                return Place(self.clone());
            }
            freed.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_one();
    }
}
