//! Which error codes have a series of their own, and what stands for the others.
//!
//! Twilio adds codes without notice, and a label with any number of values ends in a Prometheus that cannot be queried. So the
//! first `error_codes_max` codes are admitted, with `account_label` the first pairs of code and account; what comes later is counted
//! under `overflow`, and the sum stays exact. The set only grows, so no series ever moves.

use std::collections::HashSet;

use super::series_labels::{OVERFLOW, SeriesLabels};
use crate::error_code::ErrorCode;
use crate::level::Level;
use crate::sid::AccountSid;

/// A code, with `account_label` for one account, that has a series of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AdmittedCode {
    error_code: String,
    account_sid: String,
}

/// The admitted codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    admitted: HashSet<AdmittedCode>,
    admitted_max: usize,
    account_label: bool,
}

impl Admission {
    /// Starts with nothing admitted.
    #[must_use]
    pub fn new(admitted_max: usize, account_label: bool) -> Self {
        Self { admitted: HashSet::new(), admitted_max, account_label }
    }

    /// How many have been admitted, of at most `admitted_max`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.admitted.len()
    }

    /// Whether nothing has been admitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.admitted.is_empty()
    }

    /// Whether series are told apart by account.
    #[must_use]
    pub fn has_account_label(&self) -> bool {
        self.account_label
    }

    /// The labels under which an event is counted, if `new` were admitted as well; what has to be admitted for it is added to `new`.
    ///
    /// Nothing changes here until [`Self::admit`]: the labels are stored with the count, and may never be.
    #[must_use]
    pub fn labels(
        &self,
        level: Level,
        code: ErrorCode,
        account: &AccountSid,
        new: &mut Vec<AdmittedCode>,
    ) -> SeriesLabels {
        let account_sid = if self.account_label { account.to_string() } else { String::new() };
        let wanted = AdmittedCode { error_code: code.to_string(), account_sid };
        let known = takes_no_place(&wanted) || self.admitted.contains(&wanted) || new.contains(&wanted);
        if !known && self.admitted.len() + new.len() >= self.admitted_max {
            let account_sid = if self.account_label { OVERFLOW.to_owned() } else { String::new() };
            return SeriesLabels { level, error_code: OVERFLOW.to_owned(), account_sid };
        }
        let AdmittedCode { error_code, account_sid } = wanted.clone();
        if !known {
            new.push(wanted);
        }
        SeriesLabels { level, error_code, account_sid }
    }

    /// Admits what [`Self::labels`] has asked for.
    pub fn admit(&mut self, new: impl IntoIterator<Item = AdmittedCode>) {
        self.admitted.extend(new);
    }

    /// Admits the code of a series that the store has brought, as far as the limit allows: it may be lower than it was.
    pub fn admit_stored(&mut self, labels: &SeriesLabels) {
        let SeriesLabels { error_code, account_sid, .. } = labels.clone();
        let code = AdmittedCode { error_code, account_sid };
        if !takes_no_place(&code) && self.admitted.len() < self.admitted_max {
            self.admitted.insert(code);
        }
    }
}

/// Whether the labels stand for something that no limit keeps out: they are few, whatever is sent.
fn takes_no_place(code: &AdmittedCode) -> bool {
    let reserved = matches!(code.error_code.as_str(), "none" | "invalid" | OVERFLOW);
    (reserved && code.account_sid.is_empty()) || code.error_code == OVERFLOW
}
