//! Intakes that wait for the writer, and how a group of them is kept and answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::super::disk::CommitError;
use super::super::documents::BUFFER_BYTES_MAX;
use super::super::fold::fold;
use super::super::prepared::Prepared;
use super::Writer;
use crate::intake::{ACCEPT_TIMEOUT, AcceptError, Intake, Receipt};

/// The most bytes of documents that are committed together; a single larger intake is a group of its own.
const GROUP_BYTES_MAX: usize = 16 << 20;

type Answer = Result<Vec<Receipt>, AcceptError>;

/// An intake in the queue.
#[derive(Debug)]
pub(in crate::store) struct Waiting {
    prepared: Prepared,
    claim: Claim,
    answer: oneshot::Sender<Answer>,
}

/// Whose the intake is: the writer's once it is being written, the sender's once it has given up. Never both.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Claim(Arc<AtomicU8>);

const FREE: u8 = 0;
const TAKEN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Claim {
    fn take(&self) -> bool {
        self.0.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The sender stops waiting: true if the intake is withdrawn, false if the writer has it and may yet store it.
    pub(in crate::store) fn give_up(&self) -> bool {
        self.0.compare_exchange(FREE, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Acquire) == GIVEN_UP
    }
}

impl Waiting {
    pub(in crate::store) fn new(intake: Intake) -> (Self, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        (Self { prepared: Prepared::new(intake), claim: Claim::default(), answer }, answered)
    }

    pub(in crate::store) fn claim(&self) -> Claim {
        self.claim.clone()
    }

    fn answer(self, answer: Answer) {
        // A sender that has gone needs no answer.
        let _ = self.answer.send(answer);
    }
}

/// Takes from the front of `waiting` what is committed together.
fn next_group(waiting: &mut Vec<Waiting>) -> Vec<Waiting> {
    let mut bytes = 0;
    let fits = |waiting: &&Waiting| {
        let is_first = bytes == 0;
        bytes += waiting.prepared.bytes();
        is_first || bytes <= GROUP_BYTES_MAX
    };
    let length = waiting.iter().take_while(fits).count();
    let rest = waiting.split_off(length);
    std::mem::replace(waiting, rest)
}

impl Writer {
    /// Keeps everything that waits, in as few commits as can be. An error is fatal; a full disk is none, nor is a lock.
    pub(super) fn keep_all(&mut self, mut waiting: Vec<Waiting>) -> Result<(), CommitError> {
        while !waiting.is_empty() {
            let group = next_group(&mut waiting);
            self.keep(group)?;
        }
        Ok(())
    }

    /// Commits a group and answers it.
    fn keep(&mut self, mut group: Vec<Waiting>) -> Result<(), CommitError> {
        if self.state.knows_all(prepared(&group)) {
            group.retain(|waiting| waiting.claim.take());
            let mut change = fold(&self.state, Timestamp::now(), prepared(&group), String::new());
            self.metrics.count(std::mem::take(&mut change.gains), self.state.admission.len());
            let receipts = change.receipts;
            answer_each(group, receipts);
            return Ok(());
        }
        let deadline = Instant::now() + ACCEPT_TIMEOUT;
        let was_empty = self.state.numbers.events == 0;
        loop {
            match self.commit(&mut group) {
                Ok(receipts) => {
                    answer_each(group, receipts);
                    self.stored.send_replace(self.state.numbers.last_seq);
                    if was_empty && self.state.numbers.events > 0 {
                        self.show_oldest()?;
                    }
                    return self.look_after_room();
                }
                Err(CommitError::Locked) => {
                    self.note_foreign_lock(true);
                    // Each sender gives up in its own time; at the deadline the last one has, but for who does not look at the time.
                    group.retain(|waiting| !waiting.claim.is_given_up());
                    if group.is_empty() || Instant::now() >= deadline {
                        answer_all(group, AcceptError::Timeout);
                        return Ok(());
                    }
                }
                Err(CommitError::Full) => {
                    answer_all(group, AcceptError::Full);
                    return self.maintain();
                }
                Err(error @ CommitError::Failed(_)) => {
                    answer_all(group, AcceptError::Failed);
                    return Err(error);
                }
            }
        }
    }

    /// Writes and counts what `group` changes, without those who have given up by the time the lock is there.
    fn commit(&mut self, group: &mut Vec<Waiting>) -> Result<Vec<Receipt>, CommitError> {
        let Self { disk, state, room, packed, documents, .. } = self;
        let used = disk.bytes();
        let (mut change, forgotten) = disk.commit(|statements| {
            // Only now: who is told 503 while somebody else holds the lock must find nothing stored.
            group.retain(|waiting| waiting.claim.take());
            let change = fold(state, Timestamp::now(), prepared(group), std::mem::take(documents));
            packed.pack(&change.documents);
            let bytes = packed.as_bytes().len() + change.quarantined_bytes();
            if change.is_to_be_written() && !room.has_room(used, bytes) {
                return Err(CommitError::Full);
            }
            let forgotten = statements.change(&state.numbers, &change, packed)?;
            Ok((change, forgotten))
        })?;
        state.apply(&mut change, &forgotten);
        if change.documents.capacity() <= BUFFER_BYTES_MAX {
            // The next group's will be about as long.
            *documents = std::mem::take(&mut change.documents);
            documents.clear();
        }
        // Counted only now, and before anybody is told: a crash can take back neither.
        self.metrics.count(std::mem::take(&mut change.gains), state.admission.len());
        let receipts = change.receipts;
        self.note_foreign_lock(false);
        Ok(receipts)
    }
}

fn prepared(group: &[Waiting]) -> impl Iterator<Item = &Prepared> {
    group.iter().map(|waiting| &waiting.prepared)
}

/// Answers each of `group` with its part of the receipts.
fn answer_each(group: Vec<Waiting>, receipts: Vec<Receipt>) {
    let mut receipts = receipts.into_iter();
    for waiting in group {
        let own = receipts.by_ref().take(waiting.prepared.items.len()).collect();
        waiting.answer(Ok(own));
    }
}

/// Answers everybody alike, also those whose arrivals are duplicates: of some of what was not stored.
fn answer_all(group: Vec<Waiting>, error: AcceptError) {
    for waiting in group {
        waiting.answer(Err(error));
    }
}
