//! How events come in: every input turns what it receives into the same vocabulary.
//!
//! [`delivery`] is what anyone can send, [`signature`] turns it into a [`signature::Verified`], [`debugger_form`] and [`event_streams`]
//! read events from that, and [`webhook`] is the handler that tells the story. [`rejection`] is the one place that knows every refusal.

pub mod alerts;
pub mod debugger_form;
pub mod delivery;
pub mod doctor;
pub mod event_streams;
pub mod form;
pub mod framing;
mod loose;
mod payload;
pub mod reception;
pub mod recent_rejections;
pub mod rejection;
pub mod signature;
pub mod sink_test;
pub mod webhook;
