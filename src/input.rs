//! How events come in: today the Debugger webhook; every input turns what it receives into the same vocabulary.
//!
//! [`delivery`] is what anyone can send, [`signature`] turns it into a [`signature::Verified`], [`debugger_form`] reads an event from
//! that, and [`webhook`] is the handler that tells the story. [`rejection`] is the one place that knows every refusal.

pub mod debugger_form;
pub mod delivery;
pub mod doctor;
pub mod form;
pub mod framing;
mod loose;
pub mod recent_rejections;
pub mod rejection;
pub mod signature;
pub mod webhook;
