//! How long a group waits for others to join it, before it is committed.
//!
//! One sync for all costs less than one for each half of them. But whoever waits for a sync sends nothing new, so if everybody
//! were in one group there would be nothing to work on while it syncs. A group is enough when three quarters of those who are
//! about have joined it; a request that is alone, and was before, is not kept waiting.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How long a group waits without anybody joining it. Longer than it takes to answer the group before.
const QUIET_MAX: Duration = Duration::from_micros(500);

/// How long a group waits at all, as far as the writer looks: it does so every [`QUIET_MAX`].
const WAIT_MAX: Duration = Duration::from_millis(2);

/// What is awaited by a writer that does not wait.
const NOT_WAITING: usize = 0;

/// Where requests meet the writer.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Gathering(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// How many requests in the queue end the writer's wait; [`NOT_WAITING`] when it does not wait.
    awaited: AtomicUsize,
    writer: OnceLock<Thread>,
}

impl Gathering {
    /// Wakes the writer if it waits and the `queued` requests are enough.
    ///
    /// The writer goes first then, where both have one processor: what it has to do ends in a sync, beside which there is time
    /// for everything else. A wake-up that is missed costs [`QUIET_MAX`] at most.
    pub(in crate::store) fn joined(&self, queued: usize) {
        let awaited = self.0.awaited.load(Ordering::Relaxed);
        let completes = awaited != NOT_WAITING && queued >= awaited;
        if completes && self.0.awaited.swap(NOT_WAITING, Ordering::Relaxed) != NOT_WAITING {
            if let Some(writer) = self.0.writer.get() {
                writer.unpark();
            }
            std::thread::yield_now();
        }
    }

    /// Waits, on the writer's thread, until `queued` says that there are those `awaited`; false if others stopped coming before.
    pub(super) fn wait(&self, awaited: usize, queued: impl Fn() -> usize) -> bool {
        self.0.writer.get_or_init(std::thread::current);
        let started = Instant::now();
        let (mut last, mut joined_at) = (queued(), started);
        let have_come = loop {
            self.0.awaited.store(awaited, Ordering::Relaxed);
            let (found, now) = (queued(), Instant::now());
            if found >= awaited {
                break true;
            }
            // Before the time is looked at as a whole: who wakes up late may find both, and that nobody came is what tells more.
            if found > last {
                (last, joined_at) = (found, now);
            } else if now >= joined_at + QUIET_MAX {
                break false;
            }
            if now >= started + WAIT_MAX {
                break true;
            }
            std::thread::park_timeout(QUIET_MAX);
        };
        self.0.awaited.store(NOT_WAITING, Ordering::Relaxed);
        have_come
    }
}

/// How many clients are about, as far as the groups tell.
#[derive(Debug, Default)]
pub(super) struct Clients(usize);

impl Clients {
    /// How many make a group.
    pub(super) fn group_size(&self) -> usize {
        self.0 - self.0 / 4
    }

    /// Those of a group wait for their answer, and those who are `queued` behind it as well: so many there are at least.
    pub(super) fn saw_waiting(&mut self, group: usize, queued: usize) {
        self.0 = self.0.max(group + queued);
    }

    /// Nobody came any more, so the group is all there are.
    pub(super) fn saw_all(&mut self, group: usize) {
        self.0 = group;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Clients, Gathering, WAIT_MAX};

    #[test]
    fn a_group_waits_for_three_quarters_of_those_about() {
        let mut clients = Clients::default();
        clients.saw_all(1);
        assert_eq!(clients.group_size(), 1, "a lone request is not kept waiting");
        clients.saw_waiting(40, 24);
        assert_eq!(clients.group_size(), 48);
        clients.saw_waiting(48, 10);
        assert_eq!(clients.group_size(), 48, "six of them may just have been answered");
        clients.saw_all(3);
        assert_eq!(clients.group_size(), 3);
    }

    /// A writer that was off the processor for longer than it may wait at all.
    #[test]
    fn who_wakes_up_late_still_sees_that_nobody_came() {
        let late = || {
            std::thread::sleep(WAIT_MAX);
            1
        };
        assert!(!Gathering::default().wait(2, late));
    }

    #[test]
    fn the_wait_ends_with_the_one_who_is_missing_and_otherwise_when_nobody_comes() {
        let gathering = Gathering::default();
        let queued = std::sync::atomic::AtomicUsize::new(1);
        let count = || queued.load(std::sync::atomic::Ordering::SeqCst);
        assert!(!gathering.wait(2, count));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                queued.store(2, std::sync::atomic::Ordering::SeqCst);
                gathering.joined(2);
            });
            // It may wait before the other one comes or after; it is a wait with an end in any case.
            let started = Instant::now();
            while !gathering.wait(2, count) {
                assert!(started.elapsed() < 1000 * WAIT_MAX, "the other one never came");
            }
        });
    }
}
