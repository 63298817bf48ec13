//! What may stand in one part of what is signed: the values that the exporter accepts, and guesses at others.

use std::ops::Deref;

use super::mistake::Mistake;

/// A value that may have been signed, and the mistake it would take; none for a value that the exporter accepts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guess<T> {
    pub(super) value: T,
    pub(super) mistake: Option<Mistake>,
}

impl<T> Guess<T> {
    pub(super) fn right(value: T) -> Self {
        Self { value, mistake: None }
    }

    pub(super) fn wrong(value: T, mistake: Mistake) -> Self {
        Self { value, mistake: Some(mistake) }
    }

    /// The same guess at a borrowed value.
    pub(super) fn as_deref(&self) -> Guess<&T::Target>
    where
        T: Deref,
    {
        Guess { value: &self.value, mistake: self.mistake }
    }
}

/// Every value that one part may have.
#[derive(Debug)]
pub(super) struct Guesses<T> {
    right: Vec<Guess<T>>,
    wrong: Vec<Guess<T>>,
}

impl<T> Guesses<T> {
    pub(super) fn new(right: impl IntoIterator<Item = T>, wrong: Vec<Guess<T>>) -> Self {
        Self { right: right.into_iter().map(Guess::right).collect(), wrong }
    }

    /// Those that are wrong, or those that are right.
    pub(super) fn of(&self, wrong: bool) -> &[Guess<T>] {
        if wrong { &self.wrong } else { &self.right }
    }
}
